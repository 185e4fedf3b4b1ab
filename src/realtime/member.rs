//! A socket in a vault's room: takes each event, or is closed so that it resumes (I5), and goes when it must (I6).

use std::sync::Arc;

use metrics::counter;
use outbox_worker::{Delivery, Event, EventType, Subscriber, UserId, VaultId};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};
use uuid::Uuid;

use super::inbox::Client;
use super::lines::Lines;

/// A socket that receives a vault's events.
pub struct RoomMember {
    socket: SocketRef,
    client: Arc<Client>,
    lines: Arc<Lines>,
    vault: VaultId,
    /// What `vault:joined` says.
    pub greeting: Value,
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
    pub fn new(socket: SocketRef, client: Arc<Client>, lines: Arc<Lines>, vault: VaultId) -> Self {
        Self { socket, client, lines, vault, greeting: Value::Null }
    }

    fn offer<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Delivery {
        match send(&self.socket, event, payload) {
            Sent::Queued => Delivery::Taken,
            Sent::Closed => Delivery::Gone,
            Sent::Full => {
                tracing::info!(vault = %self.vault, user = %self.client.user.id, "closed a socket that cannot keep up");
                counter!("syncscript_slow_readers_closed_total").increment(1);
                self.lines.cut(&self.socket);
                Delivery::Gone
            }
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
        let greeting = self.greeting.take();
        self.offer("vault:joined", &greeting)
    }

    fn deliver(&self, event: &Event) -> Delivery {
        let Some(revocation) = event.revokes(self.client.user.id) else {
            return self.offer(event.kind.as_str(), &event.payload);
        };
        counter!("syncscript_revocations_total", "reason" => revocation.reason()).increment(1);
        self.client.left(self.vault);
        if event.kind == EventType::VaultDeleted && self.offer(event.kind.as_str(), &event.payload) == Delivery::Gone {
            return Delivery::Gone;
        }
        self.offer("vault:left", &json!({ "vaultId": self.vault, "reason": revocation.reason() }));
        Delivery::Gone
    }

    fn user(&self) -> UserId {
        self.client.user.id
    }

    fn replay(&self, event: &Event, replay: Uuid) -> Delivery {
        match marked(event, replay) {
            Some(payload) => self.offer(event.kind.as_str(), &payload),
            None => Delivery::Taken,
        }
    }

    fn lost(&self) {
        self.lines.cut(&self.socket);
    }
}
