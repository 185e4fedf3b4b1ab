//! The payloads of events, as the append functions write them (`migrations/`).
//!
//! The server passes payloads on as they are stored and never parses a whole one. These types exist for the OpenAPI and
//! AsyncAPI documents, and for the clients' types generated from them. `tests/contract` checks what a live server sends
//! against these documents.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use syncscript_types::{Seq, SourceId, UserId, VaultId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Source, serialize_time};
use super::role::Role;

/// The user who made a change, with the name and role at that moment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub user_name: String,
    /// The user's role in the vault.
    pub role: Role,
}

/// A member, as it appears in events: without an email address, because the log is permanent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Member")]
pub struct EventMember {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub user_name: String,
    /// The member's role.
    pub role: Role,
    /// When the membership began.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
}

/// A vault, as it appears in events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultInfo {
    /// The vault's id.
    pub id: VaultId,
    /// The vault's name.
    pub name: String,
    /// When the vault was created.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
    /// When the vault's name last changed.
    #[serde(serialize_with = "serialize_time")]
    pub updated_at: DateTime<Utc>,
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $variant:ident = $name:tt { $($(#[$about:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $variant {
                $($(#[$about])* pub $field: $type,)*
                /// The user who made the change.
                pub actor: Actor,
                /// When the change was made.
                #[serde(serialize_with = "serialize_time")]
                pub timestamp: DateTime<Utc>,
                /// The position in the vault's log, which has no gaps: 1, 2, 3, …
                pub seq: Seq,
                /// The event's permanent id.
                pub event_id: Uuid,
                /// The replay's id, only in an event that an operator sent again. It does not advance the position.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(with = "Uuid")]
                #[schema(nullable = false)]
                pub replay: Option<Uuid>,
            }
        )*

        /// An event's type and payload.
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(tag = "type", content = "payload")]
        #[schema(as = Event)]
        pub enum EventPayload {
            $($(#[$doc])* #[serde(rename = $name)] $variant($variant),)*
            /// The vault's content at this position; replaces the log before it.
            #[serde(rename = "vault:snapshot")]
            VaultSnapshot(VaultSnapshot),
        }

        /// Returns the events that sockets receive, each with its schema.
        #[must_use]
        pub fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema)> {
            vec![$(($name, generator.subschema_for::<$variant>())),*]
        }
    };
}

payloads! {
    /// A vault was created: the first event of every log.
    VaultCreated = "vault:created" {
        /// The vault's id.
        vault_id: VaultId,
        /// The vault.
        vault: VaultInfo,
        /// The vault's owner.
        member: EventMember,
    }
    /// A vault was renamed.
    VaultUpdated = "vault:updated" {
        /// The vault's id.
        vault_id: VaultId,
        /// The vault as it is now.
        vault: VaultInfo,
    }
    /// A vault was deleted: the last event of its log.
    VaultDeleted = "vault:deleted" {
        /// The vault's id.
        vault_id: VaultId,
    }
    /// A user became a member.
    MemberAdded = "member:added" {
        /// The vault's id.
        vault_id: VaultId,
        /// The new member.
        member: EventMember,
    }
    /// A member's role changed.
    MemberUpdated = "member:updated" {
        /// The vault's id.
        vault_id: VaultId,
        /// The member as it is now.
        member: EventMember,
    }
    /// A membership ended. The removed user receives `vault:left` instead.
    MemberRemoved = "member:removed" {
        /// The vault's id.
        vault_id: VaultId,
        /// The user who is no longer a member.
        user_id: UserId,
    }
    /// A source was added.
    SourceCreated = "source:created" {
        /// The source.
        source: Source,
    }
    /// A source was changed.
    SourceUpdated = "source:updated" {
        /// The source as it is now.
        source: Source,
    }
    /// A source was deleted.
    SourceDeleted = "source:deleted" {
        /// The source's id.
        source_id: SourceId,
        /// The vault that contained the source.
        vault_id: VaultId,
    }
}

/// The first event of a compacted log; never sent to sockets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultSnapshot {
    /// The vault's id.
    pub vault_id: VaultId,
    /// The vault.
    pub vault: VaultInfo,
    /// The vault's members.
    pub members: Vec<EventMember>,
    /// The vault's sources.
    pub sources: Vec<Source>,
    /// When the log was compacted.
    #[serde(serialize_with = "serialize_time")]
    pub timestamp: DateTime<Utc>,
    /// The position in the vault's log.
    pub seq: Seq,
    /// The snapshot's permanent id.
    pub event_id: Uuid,
}
