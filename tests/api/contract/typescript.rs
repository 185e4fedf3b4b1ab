//! Generates the TypeScript types of the clients from the AsyncAPI document, and checks that the checked-in file
//! matches.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use syncscript::realtime::asyncapi;

const FILE: &str = "clients/typescript/src/protocol.ts";
const UPDATE: &str = "SYNCSCRIPT_UPDATE=1 cargo test --test api typescript";

#[test]
fn the_typescript_types_match_the_server() {
    let generated = generate(&asyncapi::document());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("SYNCSCRIPT_UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("a writable file");
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == generated, "{FILE} does not match the server. Update it: {UPDATE}");
}

fn generate(document: &Value) -> String {
    let types = Types { schemas: &document["components"]["schemas"] };
    let mut out = format!(
        "// Generated from the types of the server, as GET /api/asyncapi.json has them; do not edit.\n// To bring it up to \
         date: {UPDATE}\n"
    );
    for (name, schema) in types.schemas.as_object().expect("schemas") {
        out += &types.declaration(name, schema);
    }
    let (mut events, mut received, mut sent) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let messages = document["components"]["messages"].as_object().expect("messages");
    for (key, message) in messages {
        let (kind, name) = key.split_once('.').expect("a kind and a name");
        let (payload, summary) = (types.of(&message["payload"]), message["summary"].as_str().expect("a summary"));
        match kind {
            "event" => {
                events.insert(name, format!("{};", payload));
                received.insert(name, (None, format!("(payload: {payload}) => void;")));
            }
            // An event of Socket.IO itself, which its client already types.
            "answer" if name == "connect_error" => {}
            "answer" => {
                received.insert(name, (Some(summary), format!("(payload: {payload}) => void;")));
            }
            "request" => {
                let ack = format!("{}Ack", pascal(name));
                sent.insert(
                    name,
                    (Some(summary), format!("(request: {payload}, ack?: (answer: {ack}) => void) => void;")),
                );
            }
            "ack" => {
                write!(
                    out,
                    "\n/** The acknowledgement of `{name}`. */\nexport type {}Ack = {payload};\n",
                    pascal(name)
                )
                .expect("written");
            }
            _ => panic!("unknown kind of message: {key}"),
        }
    }
    out += "\n/** The payload of each event in a vault's log. */\nexport interface VaultEventPayloads {\n";
    for (name, payload) in events {
        writeln!(out, "  \"{name}\": {payload}").expect("written");
    }
    out += "}\n";
    out += &map("ServerToClientEvents", "Events from the server, for the types of socket.io-client.", received);
    out += &map("ClientToServerEvents", "Events from clients, for the types of socket.io-client.", sent);
    out
}

fn map(name: &str, about: &str, members: BTreeMap<&str, (Option<&str>, String)>) -> String {
    let mut out = format!("\n/** {about} */\nexport interface {name} {{\n");
    for (name, (summary, signature)) in members {
        out += &comment(summary, "  ");
        writeln!(out, "  \"{name}\": {signature}").expect("written");
    }
    out + "}\n"
}

struct Types<'a> {
    schemas: &'a Value,
}

impl Types<'_> {
    /// Declares a named type. Returns nothing for plain strings and numbers, which are inlined where they are used.
    fn declaration(&self, name: &str, schema: &Value) -> String {
        if is_plain(schema) {
            return String::new();
        }
        let about = comment(schema["description"].as_str(), "");
        match schema.get("properties") {
            Some(_) => format!("\n{about}export interface {name} {}\n", self.object(schema, "\n", "  ")),
            None => format!("\n{about}export type {name} = {};\n", self.of(schema)),
        }
    }

    fn of(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
            let target = &self.schemas[name];
            return if is_plain(target) { self.of(target) } else { name.to_owned() };
        }
        if let Some(only) = schema["allOf"].as_array().filter(|all| all.len() == 1) {
            return self.of(&only[0]);
        }
        if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let union = choices.iter().map(|choice| self.of(choice)).collect::<Vec<_>>().join(" | ");
            return if schema.get("properties").is_some() {
                format!("{} & ({union})", self.object(schema, " ", ""))
            } else {
                union
            };
        }
        if let Some(value) = schema.get("const") {
            return value.to_string();
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
        }
        match &schema["type"] {
            Value::String(name) => self.simple(name, schema),
            Value::Array(names) => {
                let names = names.iter().map(|name| self.simple(name.as_str().expect("a type"), schema));
                names.collect::<Vec<_>>().join(" | ")
            }
            _ => panic!("unsupported schema: {schema}"),
        }
    }

    fn simple(&self, name: &str, schema: &Value) -> String {
        match name {
            "object" => self.object(schema, " ", ""),
            "array" => format!("Array<{}>", self.of(&schema["items"])),
            "integer" => "number".to_owned(),
            "string" | "number" | "boolean" | "null" => name.to_owned(),
            _ => panic!("unsupported type: {schema}"),
        }
    }

    fn object(&self, schema: &Value, end: &str, indent: &str) -> String {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut out = format!("{{{end}");
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if !indent.is_empty() {
                out += &comment(property["description"].as_str(), indent);
            }
            let mark = if required.iter().any(|required| required == name) { "" } else { "?" };
            write!(out, "{indent}{name}{mark}: {};{end}", self.of(property)).expect("written");
        }
        out + "}"
    }
}

fn is_plain(schema: &Value) -> bool {
    matches!(schema["type"].as_str(), Some("string" | "integer")) && schema.get("enum").is_none()
}

fn comment(text: Option<&str>, indent: &str) -> String {
    text.map(|text| format!("{indent}/** {} */\n", text.replace('\n', " "))).unwrap_or_default()
}

/// `vault:join` as `VaultJoin`.
fn pascal(name: &str) -> String {
    name.split(':').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
