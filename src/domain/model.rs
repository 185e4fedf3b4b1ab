//! What handlers answer with. Times are UTC with milliseconds, written as in events.

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Role, Seq, UserId, VaultId};

/// A source; unique across vaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(transparent)]
pub struct SourceId(Uuid);

impl SourceId {
    /// A new one. Version 7, so that rows created together stand together in the index.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The UUID itself, for the store.
    #[must_use]
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for SourceId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

/// How often a source was written: 1 at creation. The ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(transparent)]
#[schema(minimum = 1)]
pub struct Version(#[schemars(range(min = 1))] i32);

impl Version {
    /// The number itself, for the store.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl From<i32> for Version {
    fn from(version: i32) -> Self {
        Self(version)
    }
}

/// A user as one sees oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "id": "0198f1a1-40e5-7c02-9d1a-5b7f3e6a8c20", "name": "Ada", "email": "ada@example.com" }))]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// Shown to others.
    pub name: String,
    /// The address to sign in with.
    pub email: String,
}

/// Who is signed in, and until when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Session {
    /// The user.
    pub user: User,
    /// When it ends.
    #[serde(serialize_with = "time")]
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
    /// Its name.
    pub name: String,
    /// The role of the member who asks.
    pub role: Role,
    /// Position of the newest event.
    pub head_seq: Seq,
    /// When it was created.
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    /// When its name last changed.
    #[serde(serialize_with = "time")]
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
    /// Since when.
    #[serde(serialize_with = "time")]
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
    /// Its title.
    pub title: String,
    /// Where its file is.
    pub file_url: String,
    /// The vault it is in.
    pub vault_id: VaultId,
    /// When it was created.
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    #[serde(serialize_with = "time")]
    pub updated_at: DateTime<Utc>,
    /// How often it was written.
    pub version: Version,
}

/// What a mutation gave: its result, and the place of its event in the vault's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Applied<T> {
    /// The vault whose log grew.
    pub vault_id: VaultId,
    /// The event's seq.
    pub seq: Seq,
    /// What is there now.
    pub value: T,
}

/// Writes a time as events do.
pub fn time<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}
