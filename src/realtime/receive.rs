//! Queues the events that a client sends, or rejects them.
//!
//! The engine calls [`EventReceiver`] while it reads the connection, so events arrive in order. Nothing here waits.
//! **On failure.** An event that is too large, or exceeds the rate or the queue, is rejected with an `error` event and
//! the acknowledgement. If the socket's buffer is full, the rejection is dropped.

use std::sync::Arc;

use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::handler::{FromMessageParts, MessageHandler, Value as EngineValue};
use socketioxide::socket::Socket;

use super::emit::{EmitOutcome, emit};
use super::limits::MAX_MESSAGE_BYTES;
use super::socket_session::{ClientEvent, SocketSession};
use super::wire::{ErrorAck, ErrorBody};
use crate::error::Error;

/// Receives all events of one socket.
pub struct EventReceiver {
    session: Arc<SocketSession>,
}

impl EventReceiver {
    pub fn new(session: Arc<SocketSession>) -> Self {
        Self { session }
    }
}

impl MessageHandler<LocalAdapter, SocketSession> for EventReceiver {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: EngineValue, ack_id: Option<i64>) {
        let too_large = matches!(&value, EngineValue::Str(text, _) if text.len() > MAX_MESSAGE_BYTES);
        let event = match read(&socket, &mut value, ack_id) {
            Ok(event) => event,
            // The engine reads the event's name before it calls this, so this cannot happen.
            Err(error) => return tracing::error!(%error, "received an event without a name"),
        };
        // The engine enforces the limit on websockets only. One body of long-polling may contain several messages.
        if too_large {
            return reject(event, &Error::TooLarge { limit: MAX_MESSAGE_BYTES });
        }
        if let Err(event) = self.session.enqueue_event(event) {
            reject(event, &Error::RateLimited);
        }
    }
}

fn read(
    socket: &Arc<Socket<LocalAdapter>>,
    value: &mut EngineValue,
    ack_id: Option<i64>,
) -> Result<ClientEvent, Box<dyn std::error::Error>> {
    let Event(name) = Event::from_message_parts(socket, value, &ack_id)?;
    let TryData(data) = TryData::from_message_parts(socket, value, &ack_id)?;
    let ack = AckSender::from_message_parts(socket, value, &ack_id)?;
    Ok(ClientEvent { socket: SocketRef::from_message_parts(socket, value, &ack_id)?, name, data: data.ok(), ack })
}

/// Rejects an event that was not handled.
fn reject(event: ClientEvent, error: &Error) {
    let body = ErrorBody { code: error.code().to_owned(), message: error.to_string(), vault_id: None };
    // A full buffer means that this client reads less than it sends. The event is rejected without a message.
    if emit(&event.socket, "error", &body) == EmitOutcome::Queued {
        event.ack.send(&ErrorAck::new(body)).ok();
    }
}
