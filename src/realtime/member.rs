//! A socket in a vault's room: takes each event, or falls behind and catches up from the log (I5), and goes when it
//! must (I6).

use std::sync::Arc;

use metrics::counter;
use outbox_worker::{Delivery, Subscriber};
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};
use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

use super::Realtime;
use super::inbox::Client;
use super::wire::{Joined, Left};

/// Replayed events that may wait in a socket's buffer of 128; the rest of it is for what is live.
const REPLAYED_AHEAD: u32 = 48;

/// A socket that receives a vault's events.
pub struct RoomMember {
    socket: SocketRef,
    client: Arc<Client>,
    realtime: Arc<Realtime>,
    vault: VaultId,
    /// What `vault:joined` says; none if the socket was told before.
    pub greeting: Option<Joined>,
    /// Replayed events sent since the buffer was found emptied, and what showed that.
    replayed: u32,
    drains: u64,
}

/// How a send went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is in the socket's buffer, which the engine empties in order.
    Queued,
    /// The buffer is full: it was not sent.
    Full,
    /// The socket is gone.
    Closed,
}

/// Sends one event to one socket.
pub fn send<T: Serialize + ?Sized>(socket: &SocketRef, event: &str, payload: &T) -> Sent {
    match socket.emit(event, payload) {
        Ok(()) => Sent::Queued,
        Err(SendError::Socket(SocketError::InternalChannelFull)) => Sent::Full,
        Err(SendError::Socket(SocketError::Closed)) => Sent::Closed,
        Err(SendError::Serialize(error)) => {
            // Stored JSON is valid JSON. Were it not, closing the socket is better than leaving the event out.
            tracing::error!(%error, event, "an event could not be encoded");
            Sent::Full
        }
    }
}

impl RoomMember {
    pub fn new(socket: SocketRef, client: Arc<Client>, realtime: Arc<Realtime>, vault: VaultId) -> Self {
        Self { socket, client, realtime, vault, greeting: None, replayed: 0, drains: 0 }
    }

    fn offer<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Delivery {
        match send(&self.socket, event, payload) {
            Sent::Queued => Delivery::Taken,
            Sent::Closed => Delivery::Gone,
            Sent::Full => Delivery::Full,
        }
    }
}

/// The stored payload with one field more, which tells it from a live one. A payload that is no object cannot be marked,
/// and is better not sent than taken for a live event.
fn marked(event: &Event, replay: Uuid) -> Option<Box<RawValue>> {
    let body = event.payload.get().trim_end().strip_suffix('}')?;
    RawValue::from_string(format!("{body},\"replay\":\"{replay}\"}}")).ok()
}

impl Subscriber for RoomMember {
    type Id = Sid;

    fn id(&self) -> Sid {
        self.socket.id
    }

    fn entered(&mut self) -> Delivery {
        self.greeting.take().map_or(Delivery::Taken, |greeting| self.offer("vault:joined", &greeting))
    }

    fn deliver(&self, event: &Event) -> Delivery {
        let Some(revocation) = event.revocation_for(self.client.user.id) else {
            return self.offer(event.kind.as_str(), &event.payload);
        };
        let deleted = event.kind == EventType::VaultDeleted;
        if deleted {
            let told = self.offer(event.kind.as_str(), &event.payload);
            if told != Delivery::Taken {
                return told;
            }
        }
        match self.offer("vault:left", &Left { vault_id: self.vault, reason: Some(revocation) }) {
            // Half of it was sent, so this cannot be taken up from the log: the client comes again.
            Delivery::Full if deleted => self.realtime.close_slow(&self.socket),
            Delivery::Full => return Delivery::Full,
            Delivery::Taken | Delivery::Gone => {}
        }
        counter!("syncscript_revocations_total", "reason" => revocation.reason()).increment(1);
        self.client.left(self.vault);
        Delivery::Gone
    }

    fn user(&self) -> UserId {
        self.client.user.id
    }

    fn replay(&mut self, event: &Event, replay: Uuid) -> Delivery {
        let drains = self.realtime.lines.drains(&self.socket);
        if drains != self.drains {
            (self.drains, self.replayed) = (drains, 0);
        }
        if self.replayed == REPLAYED_AHEAD {
            return if self.client.is_closed() { Delivery::Gone } else { Delivery::Full };
        }
        let Some(payload) = marked(event, replay) else { return Delivery::Taken };
        self.replayed += 1;
        self.offer(event.kind.as_str(), &payload)
    }

    fn behind(self, has: Seq) {
        counter!("syncscript_members_behind_total").increment(1);
        self.client.resume(&self.realtime, self.socket, self.vault, has);
    }

    fn lost(&self) {
        self.realtime.lines.cut(&self.socket);
    }
}
