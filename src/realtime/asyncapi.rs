//! What the server and its clients say over Socket.IO, as an AsyncAPI 3.0 document, made from the types that are
//! written and read. The clients' TypeScript types are made from the document (`tests/api/contract/`).
//!
//! An acknowledgement is the reply of an operation; its message is named after the event it answers.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::connect::Refused;
use super::wire::{
    Ack, Deleted, InVault, JoinEnd, Joined, Left, Nothing, OfSource, Refusal, Resync, VaultRef, Written,
};
use crate::command::{NewSourceBody, SourceChangeBody};
use crate::domain::payload;

/// Where schemas are.
const SCHEMAS: &str = "#/components/schemas";

/// Makes the document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = format!("{SCHEMAS}/").into();
        settings.meta_schema = None;
    });
    let mut parts = Parts { generator: settings.into_generator(), ..Parts::default() };
    parts.requests();
    parts.answers();
    parts.events();
    parts.finish()
}

/// The parts of the document that are gathered message by message.
#[derive(Default)]
struct Parts {
    generator: SchemaGenerator,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
    /// The messages of each channel.
    server: Map<String, Value>,
    room: Map<String, Value>,
    acks: Map<String, Value>,
}

impl Parts {
    /// What clients send.
    fn requests(&mut self) {
        self.request::<VaultRef, JoinEnd>(
            "vault:join",
            "Enter a vault's room. With `after`, the events after it come first; then `vault:joined`.",
            json!({ "vaultId": VAULT, "after": 41 }),
        );
        self.request::<VaultRef, Left>("vault:leave", "Leave a vault's room.", json!(VAULT));
        self.request::<InVault<NewSourceBody>, Written>(
            "source:created",
            "Add a source, as POST /api/vaults/{vaultId}/sources does.",
            json!({ "vaultId": VAULT, "title": "A paper", "fileUrl": "https://example.com/paper.pdf" }),
        );
        self.request::<OfSource<SourceChangeBody>, Written>(
            "source:updated",
            "Change a source, as PATCH /api/sources/{sourceId} does.",
            json!({ "sourceId": SOURCE, "title": "A better title" }),
        );
        self.request::<OfSource<Nothing>, Deleted>(
            "source:deleted",
            "Delete a source, as DELETE /api/sources/{sourceId} does.",
            json!({ "sourceId": SOURCE }),
        );
    }

    /// What the server says to one socket.
    fn answers(&mut self) {
        self.answer::<Joined>(
            "vault:joined",
            "The socket is in the room: live from here on.",
            json!({ "vaultId": VAULT, "role": "viewer", "seq": 42 }),
        );
        self.answer::<Left>(
            "vault:left",
            "The socket is out of the room: as it wished, or since its user's right ended.",
            json!({ "vaultId": VAULT, "reason": "membership-revoked" }),
        );
        self.answer::<Resync>(
            "vault:resync",
            "Comes before `vault:joined` where the backlog cannot be given.",
            json!({ "vaultId": VAULT, "seq": 20_041 }),
        );
        self.answer::<Refusal>(
            "error",
            "An event of this client was refused.",
            json!({ "code": "ACCESS_DENIED", "message": "Access denied to vault", "vaultId": VAULT }),
        );
        self.answer::<ConnectError>(
            "connect_error",
            "The connection was refused. The client must connect again itself.",
            json!({ "message": "UNAUTHORIZED" }),
        );
    }

    /// What the server says to all in a room: the log.
    fn events(&mut self) {
        for (name, schema) in payload::schemas(&mut self.generator) {
            let key = format!("event.{name}");
            self.message(&key, name, "An event of the vault's log, as it is stored.", schema);
            self.room.insert(key.clone(), reference("messages", &key));
            self.operations.insert(
                format!("hear.{name}"),
                json!({ "action": "send", "channel": channel("room"), "messages": [in_channel("room", &key)] }),
            );
        }
    }

    fn request<T: JsonSchema, A: JsonSchema>(&mut self, name: &str, summary: &str, example: Value) {
        let (key, ack) = (format!("request.{name}"), format!("ack.{name}"));
        let (sent, answered) = (self.generator.subschema_for::<T>(), self.generator.subschema_for::<Ack<A>>());
        self.message(&key, name, summary, sent);
        self.example(&key, example);
        self.message(&ack, name, "Acknowledges the event, if the client asked for that.", answered);
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

    fn answer<T: JsonSchema>(&mut self, name: &str, summary: &str, example: Value) {
        let key = format!("answer.{name}");
        let schema = self.generator.subschema_for::<T>();
        self.message(&key, name, summary, schema);
        self.example(&key, example);
        self.server.insert(key.clone(), reference("messages", &key));
        self.operations.insert(
            format!("hear.{name}"),
            json!({ "action": "send", "channel": channel("socket"), "messages": [in_channel("socket", &key)] }),
        );
    }

    fn example(&mut self, key: &str, payload: Value) {
        if let Some(message) = self.messages.get_mut(key) {
            message["examples"] = json!([{ "payload": payload }]);
        }
    }

    fn message(&mut self, key: &str, name: &str, summary: &str, mut payload: Schema) {
        // As the generator does with what it puts into the components.
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
                "description": "For official Socket.IO clients of version 4. The session cookie of REST goes with the \
                    handshake. Events of a vault's log reach the members in its room in order and without a hole; \
                    /api/openapi.json describes REST.",
            },
            "defaultContentType": "application/json",
            "servers": {
                "here": {
                    "host": "{host}", "pathname": "/socket.io/", "protocol": "socketio",
                    "description": "By websocket, long-polling, and the upgrade between them",
                    "variables": { "host": { "default": "localhost:3000" } },
                    "security": [{ "$ref": "#/components/securitySchemes/session" }],
                },
            },
            "channels": {
                "socket": {
                    "address": "/", "title": "The namespace",
                    "description": "What one socket says, and what is said to it alone", "messages": self.server,
                },
                "room": {
                    "address": "vault:{vaultId}", "title": "A vault's room",
                    "description": "What is said to every socket that has joined the vault", "messages": self.room,
                    "parameters": { "vaultId": { "description": "The vault" } },
                },
                "acks": {
                    "address": null, "title": "Acknowledgements",
                    "description": "Go back with the event that they answer", "messages": self.acks,
                },
            },
            "operations": self.operations,
            "components": {
                "messages": self.messages,
                "schemas": self.generator.take_definitions(true),
                "securitySchemes": {
                    "session": {
                        "type": "httpApiKey", "in": "cookie", "name": "authjs.session-token",
                        "description": "Set by POST /api/auth/login; its name begins with __Secure- where the server \
                            is reached by https",
                    },
                },
            },
        })
    }
}

/// What a client reads as the error of `connect_error`.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "the engine writes it")]
struct ConnectError {
    /// Sign in first; the database is away, try again; too many sockets of this user.
    message: Refused,
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
