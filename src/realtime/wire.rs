//! The messages that clients and server exchange besides the events of the log, as they are on the wire. The events
//! themselves are sent as they are stored (`crate::domain::payload`).
//!
//! The AsyncAPI document and the clients' TypeScript types are generated from these types and their comments.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use syncscript_types::{Revocation, Seq, SourceId, VaultId};

use crate::domain::{Role, Source};

// Sent by clients -----------------------------------------------------------------------------------------------------

/// A vault: its id, either alone or in an object.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VaultRef {
    /// The id.
    Id(VaultId),
    /// An object with the id.
    Object(JoinBody),
}

/// A vault, and the position in its log that the client has reached.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(inline)]
pub struct JoinBody {
    /// The vault.
    pub vault_id: VaultId,
    /// The last seq that the client has; the events after it are sent first.
    #[serde(default)]
    #[schemars(with = "Seq")]
    // Any number, so that a negative one gets an error that names the rule.
    pub after: Option<i64>,
}

/// The body of a REST request, with the vault that it is for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct VaultRequest<B = Value> {
    /// The vault.
    pub vault_id: VaultId,
    /// The body of the REST request.
    #[serde(flatten)]
    pub body: B,
}

/// The body of a REST request, with the source that it is for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct SourceRequest<B = Value> {
    /// The source.
    pub source_id: SourceId,
    /// The body of the REST request.
    #[serde(flatten)]
    pub body: B,
}

/// No fields: the REST request has no body.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EmptyBody {}

// Sent by the server --------------------------------------------------------------------------------------------------

/// The socket is in the vault's room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Joined")]
pub struct VaultJoined {
    /// The vault.
    pub vault_id: VaultId,
    /// The user's role in the vault.
    pub role: Role,
    /// The last event that was sent or skipped: the next event is `seq + 1`.
    pub seq: Seq,
}

/// The socket has left the vault's room.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Left")]
pub struct VaultLeft {
    /// The vault.
    pub vault_id: VaultId,
    /// The reason. Absent in the answer to `vault:leave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Revocation")]
    pub reason: Option<Revocation>,
}

/// The events after `after` are not available: load the vault again.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resync {
    /// The vault.
    pub vault_id: VaultId,
    /// The position to continue from.
    pub seq: Seq,
}

/// An event of the client was rejected. `code` is for programs, and the same as over REST.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Refusal")]
pub struct ErrorBody {
    /// The error's code.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// The vault that the rejected event named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "VaultId")]
    pub vault_id: Option<VaultId>,
}

/// The message of `connect_error`: why the connection was rejected.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE", inline)]
pub enum ConnectError {
    /// No session.
    Unauthorized,
    /// The session could not be looked up.
    Unavailable,
    /// The user has reached the limit of open sockets.
    TooManySockets,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unavailable => "UNAVAILABLE",
            Self::TooManySockets => "TOO_MANY_SOCKETS",
        })
    }
}

// Acknowledgements ----------------------------------------------------------------------------------------------------

/// The acknowledgement of an event, for clients that ask for one.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "only the document needs both variants in one type")]
pub enum Ack<T> {
    /// The event was handled.
    Success(SuccessAck<T>),
    /// The event was rejected.
    Error(ErrorAck),
}

/// The event was handled.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SuccessAck<T> {
    ok: ConstBool<true>,
    #[serde(flatten)]
    answer: T,
}

/// The event was rejected.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ErrorAck {
    ok: ConstBool<false>,
    #[serde(flatten)]
    error: ErrorBody,
}

impl<T> SuccessAck<T> {
    pub const fn new(answer: T) -> Self {
        Self { ok: ConstBool, answer }
    }
}

impl ErrorAck {
    pub const fn new(error: ErrorBody) -> Self {
        Self { ok: ConstBool, error }
    }
}

/// A boolean field that always has this value.
struct ConstBool<const VALUE: bool>;

impl<const VALUE: bool> Serialize for ConstBool<VALUE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(VALUE)
    }
}

impl<const VALUE: bool> JsonSchema for ConstBool<VALUE> {
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
pub enum JoinOutcome {
    /// The socket is in the room.
    Joined(VaultJoined),
    /// The membership ended during the join.
    Left(LeftDuringJoin),
}

/// The membership ended during the join: the socket is not in the room.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct LeftDuringJoin {
    /// The vault.
    pub vault_id: VaultId,
    /// The reason.
    pub left: Revocation,
}

/// A source was created or changed.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub struct SourceWritten {
    /// The event's position in the vault's log.
    pub seq: Seq,
    /// The source after the change.
    pub source: Source,
}

/// A source was deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct SourceDeleted {
    /// The event's position in the vault's log.
    pub seq: Seq,
    /// The source.
    pub source_id: SourceId,
    /// The vault that contained the source.
    pub vault_id: VaultId,
}
