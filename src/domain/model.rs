//! The data that handlers return. Times are UTC with milliseconds, in the same format as in events.

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use syncscript_types::{Seq, SourceId, UserId, VaultId, Version};
use utoipa::ToSchema;

use super::role::Role;

/// A user, as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "id": "0198f1a1-40e5-7c02-9d1a-5b7f3e6a8c20", "name": "Ada", "email": "ada@example.com" }))]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The name that others see.
    pub name: String,
    /// The address that the user signs in with.
    pub email: String,
}

/// The signed-in user, and when the session ends.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Session {
    /// The user.
    pub user: User,
    /// When the session ends.
    #[serde(serialize_with = "serialize_time")]
    pub expires: DateTime<Utc>,
}

/// A vault as one of its members sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0198f1a2-7b1c-7d3e-8f00-3c5a9d2e4b61", "name": "Reading list", "role": "owner", "headSeq": 42,
    "createdAt": "2026-01-31T09:30:00.123Z", "updatedAt": "2026-01-31T09:30:00.123Z"
}))]
pub struct Vault {
    /// The vault's id.
    pub id: VaultId,
    /// The vault's name.
    pub name: String,
    /// The role of the requesting member.
    pub role: Role,
    /// Position of the newest event.
    pub head_seq: Seq,
    /// When the vault was created.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
    /// When the vault's name last changed.
    #[serde(serialize_with = "serialize_time")]
    pub updated_at: DateTime<Utc>,
}

/// A member of a vault.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "userId": "0198f1a1-40e5-7c02-9d1a-5b7f3e6a8c20", "name": "Ada", "email": "ada@example.com",
    "role": "contributor", "createdAt": "2026-01-31T09:30:00.123Z"
}))]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
    /// The user's address.
    pub email: String,
    /// What the member may do.
    pub role: Role,
    /// When the membership began.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
}

/// A source, in the same shape as in events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0198f1a2-9c44-7a10-b2f3-6e8d1c0a5f72", "title": "A paper", "fileUrl": "https://example.com/paper.pdf",
    "vaultId": "0198f1a2-7b1c-7d3e-8f00-3c5a9d2e4b61", "createdAt": "2026-01-31T09:30:00.123Z", "updatedAt": "2026-01-31T09:30:00.123Z",
    "version": 1
}))]
pub struct Source {
    /// The source's id.
    pub id: SourceId,
    /// The source's title.
    pub title: String,
    /// The URL of the source's file.
    pub file_url: String,
    /// The vault that contains the source.
    pub vault_id: VaultId,
    /// When the source was created.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
    /// When the source was last changed.
    #[serde(serialize_with = "serialize_time")]
    pub updated_at: DateTime<Utc>,
    /// How many times the source was written.
    pub version: Version,
}

/// A mutation that was applied: its result, and the position of its event in the vault's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Applied<T> {
    /// The vault whose log has the event.
    pub vault_id: VaultId,
    /// The event's seq.
    pub seq: Seq,
    /// The result.
    pub value: T,
}

/// Serializes a time in the format that events use.
pub fn serialize_time<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
