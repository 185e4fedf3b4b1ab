//! The AsyncAPI 3.0 document of the Socket.IO interface, generated from the types that the server reads and writes.
//! The clients' TypeScript types are generated from the document (`tests/api/contract/`).
//!
//! An acknowledgement is the reply of an operation; its message has the name of the event that it answers.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::wire::{
    Ack, ConnectError, EmptyBody, ErrorBody, JoinOutcome, Resync, SourceDeleted, SourceRequest, SourceWritten,
    VaultJoined, VaultLeft, VaultRef, VaultRequest,
};
use crate::commands::{NewSourceBody, SourceChangeBody};
use crate::domain::payload;

/// The path of the schemas.
const SCHEMAS: &str = "#/components/schemas";

/// Generates the document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = format!("{SCHEMAS}/").into();
        settings.meta_schema = None;
    });
    let mut parts = DocumentParts { generator: settings.into_generator(), ..DocumentParts::default() };
    parts.add_requests();
    parts.add_answers();
    parts.add_events();
    parts.finish()
}

/// The parts of the document, filled message by message.
#[derive(Default)]
struct DocumentParts {
    generator: SchemaGenerator,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
    /// The messages of each channel.
    server: Map<String, Value>,
    room: Map<String, Value>,
    acks: Map<String, Value>,
}

impl DocumentParts {
    /// Adds the events that clients send.
    fn add_requests(&mut self) {
        self.add_request::<VaultRef, JoinOutcome>(
            "vault:join",
            "Enter a vault's room. With `after`, the events after it come first; then `vault:joined`.",
            json!({ "vaultId": VAULT, "after": 41 }),
        );
        self.add_request::<VaultRef, VaultLeft>("vault:leave", "Leave a vault's room.", json!(VAULT));
        self.add_request::<VaultRequest<NewSourceBody>, SourceWritten>(
            "source:created",
            "Add a source, as POST /api/vaults/{vaultId}/sources does.",
            json!({ "vaultId": VAULT, "title": "A paper", "fileUrl": "https://example.com/paper.pdf" }),
        );
        self.add_request::<SourceRequest<SourceChangeBody>, SourceWritten>(
            "source:updated",
            "Change a source, as PATCH /api/sources/{sourceId} does.",
            json!({ "sourceId": SOURCE, "title": "A better title" }),
        );
        self.add_request::<SourceRequest<EmptyBody>, SourceDeleted>(
            "source:deleted",
            "Delete a source, as DELETE /api/sources/{sourceId} does.",
            json!({ "sourceId": SOURCE }),
        );
    }

    /// Adds the messages that the server sends to one socket.
    fn add_answers(&mut self) {
        self.add_answer::<VaultJoined>(
            "vault:joined",
            "The socket is in the room, and receives events from here on.",
            json!({ "vaultId": VAULT, "role": "viewer", "seq": 42 }),
        );
        self.add_answer::<VaultLeft>(
            "vault:left",
            "The socket has left the room: at its own request, or because its user lost access.",
            json!({ "vaultId": VAULT, "reason": "membership-revoked" }),
        );
        self.add_answer::<Resync>(
            "vault:resync",
            "Precedes `vault:joined` if the missed events are not available.",
            json!({ "vaultId": VAULT, "seq": 20_041 }),
        );
        self.add_answer::<ErrorBody>(
            "error",
            "An event of this client was rejected.",
            json!({ "code": "ACCESS_DENIED", "message": "Access denied to vault", "vaultId": VAULT }),
        );
        self.add_answer::<ConnectErrorPayload>(
            "connect_error",
            "The connection was rejected. The client does not reconnect by itself.",
            json!({ "message": "UNAUTHORIZED" }),
        );
    }

    /// Adds the messages that the server sends to all sockets in a room: the events of the log.
    fn add_events(&mut self) {
        for (name, schema) in payload::schemas(&mut self.generator) {
            let key = format!("event.{name}");
            self.add_message(&key, name, "An event of the vault's log, as stored.", schema);
            self.room.insert(key.clone(), reference("messages", &key));
            self.operations.insert(
                format!("hear.{name}"),
                json!({ "action": "send", "channel": channel("room"), "messages": [in_channel("room", &key)] }),
            );
        }
    }

    fn add_request<T: JsonSchema, A: JsonSchema>(&mut self, name: &str, summary: &str, example: Value) {
        let (key, ack) = (format!("request.{name}"), format!("ack.{name}"));
        let (sent, answered) = (self.generator.subschema_for::<T>(), self.generator.subschema_for::<Ack<A>>());
        self.add_message(&key, name, summary, sent);
        self.add_example(&key, example);
        self.add_message(&ack, name, "Acknowledges the event, if the client asked for it.", answered);
        self.server.insert(key.clone(), reference("messages", &key));
        self.acks.insert(ack.clone(), reference("messages", &ack));
        self.operations.insert(
            format!("ask.{name}"),
            json!({
                "action": "receive", "summary": summary,
                "channel": channel("socket"), "messages": [in_channel("socket", &key)],
                "reply": { "channel": channel("acks"), "messages": [in_channel("acks", &ack)] },
            }),
        );
    }

    fn add_answer<T: JsonSchema>(&mut self, name: &str, summary: &str, example: Value) {
        let key = format!("answer.{name}");
        let schema = self.generator.subschema_for::<T>();
        self.add_message(&key, name, summary, schema);
        self.add_example(&key, example);
        self.server.insert(key.clone(), reference("messages", &key));
        self.operations.insert(
            format!("hear.{name}"),
            json!({ "action": "send", "channel": channel("socket"), "messages": [in_channel("socket", &key)] }),
        );
    }

    fn add_example(&mut self, key: &str, payload: Value) {
        if let Some(message) = self.messages.get_mut(key) {
            message["examples"] = json!([{ "payload": payload }]);
        }
    }

    fn add_message(&mut self, key: &str, name: &str, summary: &str, mut payload: Schema) {
        // The generator does the same with the schemas in the components.
        for transform in self.generator.transforms_mut() {
            transform.transform(&mut payload);
        }
        self.messages.insert(key.to_owned(), json!({ "name": name, "summary": summary, "payload": payload }));
    }

    fn finish(mut self) -> Value {
        json!({
            "asyncapi": "3.0.0",
            "id": "urn:syncscript:socket.io",
            "info": {
                "title": "SyncScript over Socket.IO",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "MIT" },
                "description": "For official Socket.IO clients of version 4. The handshake carries the session cookie of \
                    REST. The members in a vault's room receive the events of its log in order and without a gap. \
                    /api/openapi.json describes REST.",
            },
            "defaultContentType": "application/json",
            "servers": {
                "here": {
                    "host": "{host}", "pathname": "/socket.io/", "protocol": "socketio",
                    "description": "Websocket, long-polling, and the upgrade between them",
                    "variables": { "host": { "default": "localhost:3000" } },
                    "security": [{ "$ref": "#/components/securitySchemes/session" }],
                },
            },
            "channels": {
                "socket": {
                    "address": "/", "title": "The namespace",
                    "description": "Messages that one socket sends, and messages to it alone", "messages": self.server,
                },
                "room": {
                    "address": "vault:{vaultId}", "title": "A vault's room",
                    "description": "Messages to every socket that has joined the vault", "messages": self.room,
                    "parameters": { "vaultId": { "description": "The vault" } },
                },
                "acks": {
                    "address": null, "title": "Acknowledgements",
                    "description": "Answers to the events that clients send", "messages": self.acks,
                },
            },
            "operations": self.operations,
            "components": {
                "messages": self.messages,
                "schemas": self.generator.take_definitions(true),
                "securitySchemes": {
                    "session": {
                        "type": "httpApiKey", "in": "cookie", "name": "authjs.session-token",
                        "description": "Set by POST /api/auth/login; its name begins with __Secure- if the server \
                            is reached by https",
                    },
                },
            },
        })
    }
}

/// The error that a client gets with `connect_error`.
#[derive(JsonSchema)]
#[schemars(rename = "ConnectError")]
#[allow(dead_code, reason = "the engine writes it")]
struct ConnectErrorPayload {
    /// Sign in first; the database is unavailable, try again; this user has too many sockets.
    message: ConnectError,
}

const VAULT: &str = "0198f1a2-7b1c-7d3e-8f00-3c5a9d2e4b61";
const SOURCE: &str = "0198f1a2-9c44-7a10-b2f3-6e8d1c0a5f72";

fn reference(kind: &str, key: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{key}") })
}

fn channel(name: &str) -> Value {
    json!({ "$ref": format!("#/channels/{name}") })
}

fn in_channel(name: &str, key: &str) -> Value {
    json!({ "$ref": format!("#/channels/{name}/messages/{key}") })
}
