//! What sockets say and hear beside the events of the log, as it is on the wire. The events themselves are passed on as
//! they are stored (`crate::domain::payload`).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use syncscript_types::{Revocation, Seq, SourceId, VaultId};

use crate::domain::{Role, Source};

// What clients send ---------------------------------------------------------------------------------------------------

/// A vault: its id, alone or in an object.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VaultRef {
    /// The id.
    Id(VaultId),
    /// With a position.
    Object(JoinBody),
}

/// A vault, and what one has of its log.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub struct JoinBody {
    /// The vault.
    pub vault_id: VaultId,
    /// The last seq one has; the events after it are sent first.
    #[serde(default)]
    #[schemars(with = "Seq")]
    pub after: Option<i64>,
}

/// Something for a vault: the body of the REST request, and the vault it is for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct InVault<B = Value> {
    /// The vault.
    pub vault_id: VaultId,
    /// What REST takes as body.
    #[serde(flatten)]
    pub body: B,
}

/// Something about a source: the body of the REST request, and the source it is about.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct OfSource<B = Value> {
    /// The source.
    pub source_id: SourceId,
    /// What REST takes as body.
    #[serde(flatten)]
    pub body: B,
}

/// REST takes no body for this.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Nothing {}

// What the server says ------------------------------------------------------------------------------------------------

/// The socket is in the vault's room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The vault.
    pub vault_id: VaultId,
    /// What its user may do there.
    pub role: Role,
    /// The last event delivered or skipped: the next one is `seq + 1`.
    pub seq: Seq,
}

/// The socket is out of the vault's room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The vault.
    pub vault_id: VaultId,
    /// Why. Without it, this answers `vault:leave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Revocation")]
    pub reason: Option<Revocation>,
}

/// The events after `after` cannot be given: load the vault anew.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resync {
    /// The vault.
    pub vault_id: VaultId,
    /// Where the log stands.
    pub seq: Seq,
}

/// An event of the client was refused. `code` is for programs, and the same as over REST.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The name of the error.
    pub code: String,
    /// What to do about it.
    pub message: String,
    /// The vault that the refused event named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "VaultId")]
    pub vault_id: Option<VaultId>,
}

// What acknowledgements say -------------------------------------------------------------------------------------------

/// The answer to an event, for the client that asked for one.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "the document knows both halves, the code that answers one at a time")]
pub enum Ack<T> {
    /// It was done.
    Done(Done<T>),
    /// It was not.
    Refused(Refused),
}

/// It was done.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Done<T> {
    ok: Is<true>,
    #[serde(flatten)]
    answer: T,
}

/// It was refused.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Refused {
    ok: Is<false>,
    #[serde(flatten)]
    refusal: Refusal,
}

impl<T> Done<T> {
    pub const fn new(answer: T) -> Self {
        Self { ok: Is, answer }
    }
}

impl Refused {
    pub const fn new(refusal: Refusal) -> Self {
        Self { ok: Is, refusal }
    }
}

/// Always this value.
struct Is<const VALUE: bool>;

impl<const VALUE: bool> Serialize for Is<VALUE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(VALUE)
    }
}

impl<const VALUE: bool> JsonSchema for Is<VALUE> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        if VALUE { "True".into() } else { "False".into() }
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "const": VALUE })
    }
}

/// How a join ended.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum JoinEnd {
    /// In the room.
    Joined(Joined),
    /// The membership ended on the way.
    Left(LeftOnTheWay),
}

/// The membership ended within the backlog: the socket is in no room.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct LeftOnTheWay {
    /// The vault.
    pub vault_id: VaultId,
    /// Why.
    pub left: Revocation,
}

/// A source was written.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Written {
    /// The event's place in the vault's log.
    pub seq: Seq,
    /// The source as it is now.
    pub source: Source,
}

/// A source was deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Deleted {
    /// The event's place in the vault's log.
    pub seq: Seq,
    /// The source's id.
    pub source_id: SourceId,
    /// The vault it was in.
    pub vault_id: VaultId,
}
