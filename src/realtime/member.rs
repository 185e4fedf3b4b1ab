//! A socket in a vault's room.
//!
//! A member takes each event of the log in order (I3). A member whose buffer is full leaves the room at that event and
//! rejoins from the log (I5). A member whose access ends at an event gets `vault:left` and no later event (I6).
//!
//! The feed calls a member with the feed's lock held, so nothing here waits.
//! **On failure.** If the feed cannot continue the log, or only part of an event's messages fit into the buffer, the
//! connection is cut: the client connects again and resumes.

use std::sync::Arc;

use metrics::counter;
use outbox_worker::{Delivery, Subscriber};
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

use super::connections::Connections;
use super::emit::{EmitOutcome, emit};
use super::socket_session::SocketSession;
use super::wire::{VaultJoined, VaultLeft};

/// Maximum number of replayed events per drain of a socket's buffer of 128. The rest of the buffer is for live events.
const MAX_REPLAYED_PER_DRAIN: u32 = 48;

/// A socket that receives a vault's events.
pub struct RoomMember {
    socket: SocketRef,
    session: Arc<SocketSession>,
    connections: Arc<Connections>,
    vault: VaultId,
    /// The payload of `vault:joined`; `None` for a socket that rejoins.
    pub confirmation: Option<VaultJoined>,
    /// Replayed events since the buffer last drained.
    replayed: u32,
    /// The drain count at that time.
    drain_count: u64,
}

impl RoomMember {
    pub fn new(socket: SocketRef, session: Arc<SocketSession>, connections: Arc<Connections>, vault: VaultId) -> Self {
        Self { socket, session, connections, vault, confirmation: None, replayed: 0, drain_count: 0 }
    }

    fn offer<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Delivery {
        match emit(&self.socket, event, payload) {
            EmitOutcome::Queued => Delivery::Accepted,
            EmitOutcome::Closed => Delivery::Closed,
            EmitOutcome::Full => Delivery::Full,
        }
    }
}

/// Adds the field `replay`, which tells a replayed event from a live one, to the stored payload. Returns `None` if
/// the payload is not an object: such an event is not sent, since the client would take it for a live one.
fn mark_as_replay(event: &Event, replay: Uuid) -> Option<Box<RawValue>> {
    let body = event.payload.get().trim_end().strip_suffix('}')?;
    RawValue::from_string(format!("{body},\"replay\":\"{replay}\"}}")).ok()
}

impl Subscriber for RoomMember {
    type Id = Sid;

    fn id(&self) -> Sid {
        self.socket.id
    }

    fn confirm_join(&mut self) -> Delivery {
        self.confirmation.take().map_or(Delivery::Accepted, |confirmation| self.offer("vault:joined", &confirmation))
    }

    fn deliver(&self, event: &Event) -> Delivery {
        let Some(revocation) = event.revocation_for(self.session.user.id) else {
            return self.offer(event.kind.as_str(), &event.payload);
        };
        let deleted = event.kind == EventType::VaultDeleted;
        if deleted {
            let delivery = self.offer(event.kind.as_str(), &event.payload);
            if delivery != Delivery::Accepted {
                return delivery;
            }
        }
        match self.offer("vault:left", &VaultLeft { vault_id: self.vault, reason: Some(revocation) }) {
            // The first of two messages was sent, so a rejoin would repeat it: the client must connect again.
            Delivery::Full if deleted => self.connections.cut_slow_reader(&self.socket),
            Delivery::Full => return Delivery::Full,
            Delivery::Accepted | Delivery::Closed => {}
        }
        counter!("syncscript_revocations_total", "reason" => revocation.reason()).increment(1);
        self.session.remove_vault(self.vault);
        Delivery::Closed
    }

    fn user(&self) -> UserId {
        self.session.user.id
    }

    fn deliver_replayed(&mut self, event: &Event, replay: Uuid) -> Delivery {
        let drain_count = self.connections.drain_count(&self.socket);
        if drain_count != self.drain_count {
            (self.drain_count, self.replayed) = (drain_count, 0);
        }
        if self.replayed == MAX_REPLAYED_PER_DRAIN {
            return if self.session.is_closed() { Delivery::Closed } else { Delivery::Full };
        }
        let Some(payload) = mark_as_replay(event, replay) else { return Delivery::Accepted };
        self.replayed += 1;
        self.offer(event.kind.as_str(), &payload)
    }

    fn fell_behind(self, position: Seq) {
        counter!("syncscript_members_behind_total").increment(1);
        self.session.enqueue_rejoin(self.socket, self.vault, position);
    }

    fn feed_lost(&self) {
        self.connections.cut(&self.socket);
    }
}
