//! What the events of the log say, as the append functions write it (`migrations/`). The server passes payloads on as
//! they are stored and reads them nowhere as a whole: these types are what the documents and the clients' types are
//! made of. `tests/contract` holds what a live server sends against them.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use syncscript_types::{Seq, SourceId, UserId, VaultId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Source, serialize_time};
use super::role::Role;

/// Who made a change, with the name and role of that moment.
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

/// A member, as events tell of it: without an address, since the log is for ever.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Member")]
pub struct EventMember {
    /// The user.
    pub user_id: UserId,
    /// The user's name.
    pub user_name: String,
    /// What the member may do.
    pub role: Role,
    /// Since when.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
}

/// A vault, as events tell of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultInfo {
    /// The vault's id.
    pub id: VaultId,
    /// Its name.
    pub name: String,
    /// When it was created.
    #[serde(serialize_with = "serialize_time")]
    pub created_at: DateTime<Utc>,
    /// When its name last changed.
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
                /// Who did it.
                pub actor: Actor,
                /// When.
                #[serde(serialize_with = "serialize_time")]
                pub timestamp: DateTime<Utc>,
                /// Position in the vault's log, which has no holes: 1, 2, 3, …
                pub seq: Seq,
                /// Names the event for ever.
                pub event_id: Uuid,
                /// Only in an event that an operator sent again: the replay's id. Such an event moves no position.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schemars(with = "Uuid")]
                #[schema(nullable = false)]
                pub replay: Option<Uuid>,
            }
        )*

        /// What happened, and what is told of it.
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(tag = "type", content = "payload")]
        #[schema(as = Event)]
        pub enum EventPayload {
            $($(#[$doc])* #[serde(rename = $name)] $variant($variant),)*
            /// What was there at this position; the log before it is gone.
            #[serde(rename = "vault:snapshot")]
            VaultSnapshot(VaultSnapshot),
        }

        /// The events that sockets hear of, each with its schema.
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
        /// Its owner.
        member: EventMember,
    }
    /// A vault has a new name.
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
    /// A member has another role.
    MemberUpdated = "member:updated" {
        /// The vault's id.
        vault_id: VaultId,
        /// The member as it is now.
        member: EventMember,
    }
    /// A membership ended. The user concerned hears `vault:left` instead.
    MemberRemoved = "member:removed" {
        /// The vault's id.
        vault_id: VaultId,
        /// Who is no member any more.
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
        /// The vault it was in.
        vault_id: VaultId,
    }
}

/// The beginning of a compacted log; never sent to sockets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultSnapshot {
    /// The vault's id.
    pub vault_id: VaultId,
    /// The vault.
    pub vault: VaultInfo,
    /// Its members.
    pub members: Vec<EventMember>,
    /// Its sources.
    pub sources: Vec<Source>,
    /// When the log was compacted.
    #[serde(serialize_with = "serialize_time")]
    pub timestamp: DateTime<Utc>,
    /// The position.
    pub seq: Seq,
    /// Names the snapshot for ever.
    pub event_id: Uuid,
}
