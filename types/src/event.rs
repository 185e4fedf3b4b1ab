//! One row of the outbox, as subscribers receive it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::event_type::EventType;
use crate::ids::{UserId, VaultId};
use crate::revocation::Revocation;
use crate::seq::Seq;

/// An event of one vault's log.
#[derive(Debug)]
pub struct Event {
    /// The vault whose log contains the event.
    pub vault_id: VaultId,
    /// The position in that log.
    pub seq: Seq,
    /// The event's permanent id.
    pub event_id: Uuid,
    /// What happened.
    pub kind: EventType,
    /// The stored JSON, which is passed on byte for byte.
    pub payload: Box<RawValue>,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
}

impl Event {
    /// Returns why this event ends `user`'s access to the vault, or `None` if access continues. No later event may reach
    /// a user whose access has ended (I6).
    #[must_use]
    pub fn revocation_for(&self, user: UserId) -> Option<Revocation> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RemovedMember {
            user_id: UserId,
        }
        match self.kind {
            EventType::VaultDeleted => Some(Revocation::VaultDeleted),
            // An unreadable payload revokes: closing one socket too many is safe, leaving one open is not.
            EventType::MemberRemoved => match serde_json::from_str::<RemovedMember>(self.payload.get()) {
                Ok(removed) if removed.user_id != user => None,
                _ => Some(Revocation::MembershipRevoked),
            },
            _ => None,
        }
    }

    /// Returns the name of the role that this event gives to `user`, if it gives one.
    #[must_use]
    pub fn role_granted_to(&self, user: UserId) -> Option<String> {
        #[derive(Deserialize)]
        struct MemberPayload {
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
        let MemberPayload { member } = serde_json::from_str(self.payload.get()).ok()?;
        (member.user_id == user).then_some(member.role)
    }
}
