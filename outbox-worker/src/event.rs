//! One row of the outbox, as subscribers receive it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Seq, UserId, VaultId};

/// An event of one vault's log.
#[derive(Debug)]
pub struct Event {
    /// The vault whose log this is in.
    pub vault_id: VaultId,
    /// Position in that log.
    pub seq: Seq,
    /// The event's name for ever.
    pub event_id: Uuid,
    /// What happened.
    pub kind: EventType,
    /// The stored JSON, passed on to the byte.
    pub payload: Box<RawValue>,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
}

/// Why a user who could read a vault no longer can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// The user's membership ended.
    MembershipRevoked,
    /// The vault was deleted.
    VaultDeleted,
}

impl Revocation {
    /// The `reason` that clients read in `vault:left`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MembershipRevoked => "membership-revoked",
            Self::VaultDeleted => "vault-deleted",
        }
    }
}

impl Event {
    /// Whether this event ends `user`'s right to hear of the vault: no later event may reach that user (I6).
    #[must_use]
    pub fn revokes(&self, user: UserId) -> Option<Revocation> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Removed {
            user_id: UserId,
        }
        match self.kind {
            EventType::VaultDeleted => Some(Revocation::VaultDeleted),
            // A payload that cannot be read revokes: to close one socket too many is safe, to leave one open is not.
            EventType::MemberRemoved => match serde_json::from_str::<Removed>(self.payload.get()) {
                Ok(removed) if removed.user_id != user => None,
                _ => Some(Revocation::MembershipRevoked),
            },
            _ => None,
        }
    }
}

impl Event {
    /// The role that this event gives to `user`, by its name.
    #[must_use]
    pub fn grants(&self, user: UserId) -> Option<String> {
        #[derive(Deserialize)]
        struct Granted {
            member: Member,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Member {
            user_id: UserId,
            role: String,
        }
        if !matches!(self.kind, EventType::MemberAdded | EventType::MemberUpdated) {
            return None;
        }
        let Granted { member } = serde_json::from_str(self.payload.get()).ok()?;
        (member.user_id == user).then_some(member.role)
    }
}

macro_rules! event_types {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// The closed set of event types. Folding them gives the vault, its members and its sources (I7).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum EventType { $($variant),* }

        impl EventType {
            /// The name in the log and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl FromStr for EventType {
            type Err = UnknownEventType;
            fn from_str(name: &str) -> Result<Self, UnknownEventType> {
                match name { $($name => Ok(Self::$variant),)* _ => Err(UnknownEventType(name.to_owned())) }
            }
        }
    };
}

event_types! {
    VaultCreated = "vault:created",
    VaultUpdated = "vault:updated",
    VaultDeleted = "vault:deleted",
    VaultSnapshot = "vault:snapshot",
    MemberAdded = "member:added",
    MemberUpdated = "member:updated",
    MemberRemoved = "member:removed",
    SourceCreated = "source:created",
    SourceUpdated = "source:updated",
    SourceDeleted = "source:deleted",
}

/// The log holds an event type of a newer version of the product.
#[derive(Debug, thiserror::Error)]
#[error("unknown event type {0:?}")]
pub struct UnknownEventType(String);
