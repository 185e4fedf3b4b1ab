//! Puts one message into one socket's outgoing buffer, without waiting.

use serde::Serialize;
use socketioxide::extract::SocketRef;
use socketioxide::{SendError, SocketError};

/// The outcome of sending a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmitOutcome {
    /// The message is in the socket's buffer, which the engine writes in order.
    Queued,
    /// The buffer is full. Nothing was sent.
    Full,
    /// The socket is closed.
    Closed,
}

/// Sends one message to one socket.
pub fn emit<T: Serialize + ?Sized>(socket: &SocketRef, event: &str, payload: &T) -> EmitOutcome {
    match socket.emit(event, payload) {
        Ok(()) => EmitOutcome::Queued,
        Err(SendError::Socket(SocketError::InternalChannelFull)) => EmitOutcome::Full,
        Err(SendError::Socket(SocketError::Closed)) => EmitOutcome::Closed,
        Err(SendError::Serialize(error)) => {
            // Stored JSON is valid, so this cannot happen. If it does, closing the socket is better than skipping the
            // event.
            tracing::error!(%error, event, "an event could not be encoded");
            EmitOutcome::Full
        }
    }
}
