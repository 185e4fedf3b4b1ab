//! Sends a backlog at the pace of the socket, and closes a socket that reads no data (I5).
//!
//! The engine does not report when a full buffer has room again, so the sender retries. The write timeout of a
//! websocket's connection (`guarded_stream`) also cuts a websocket that reads nothing. A long-polling client has no such
//! timeout: if it stops polling during a backlog, this module closes it.

use std::time::Duration;

use serde::Serialize;
use socketioxide::extract::SocketRef;
use tokio::time::Instant;

use super::connections::Connections;
use super::emit::{EmitOutcome, emit};
use super::socket_session::SocketSession;

/// How long to wait before a full buffer is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// The socket is closed, or was cut because it read no data.
pub struct Disconnected;

/// Sends to one socket, and waits while its buffer is full.
pub struct PacedSender<'a> {
    socket: &'a SocketRef,
    session: &'a SocketSession,
    connections: &'a Connections,
    /// How long the socket may go without reading data.
    write_stall: Duration,
    /// Whether the buffer was full since it last drained.
    was_full: bool,
    /// The socket's drain count before the last message was put into its buffer.
    drain_count: u64,
}

impl<'a> PacedSender<'a> {
    pub fn new(
        socket: &'a SocketRef,
        session: &'a SocketSession,
        connections: &'a Connections,
        write_stall: Duration,
    ) -> Self {
        Self { socket, session, connections, write_stall, was_full: false, drain_count: 0 }
    }

    /// Returns the socket's current drain count.
    pub fn current_drain_count(&self) -> u64 {
        self.connections.drain_count(self.socket)
    }

    /// Records that the buffer was full when the socket's drain count was `drain_count`.
    pub fn record_full(&mut self, drain_count: u64) {
        (self.was_full, self.drain_count) = (true, drain_count);
    }

    /// If the buffer was full, waits until it drains. A backlog sent at the pace of the socket leaves the buffer full,
    /// and the first live event would find no room.
    ///
    /// # Errors
    /// [`Disconnected`]
    pub async fn wait_for_drain(&mut self) -> Result<(), Disconnected> {
        if !std::mem::take(&mut self.was_full) {
            return Ok(());
        }
        let deadline = Instant::now() + self.write_stall;
        // If the client reads, the message that was sent last is written, and the count changes.
        while self.current_drain_count() == self.drain_count {
            if self.session.is_closed() {
                return Err(Disconnected);
            }
            if Instant::now() >= deadline {
                self.connections.cut_slow_reader(self.socket);
                return Err(Disconnected);
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        Ok(())
    }

    /// Sends a message, and waits while the buffer is full. Cuts the socket if the buffer stays full for too long.
    ///
    /// # Errors
    /// [`Disconnected`]
    pub async fn send<T: Serialize + ?Sized>(&mut self, event: &str, payload: &T) -> Result<(), Disconnected> {
        let deadline = Instant::now() + self.write_stall;
        loop {
            if self.was_full {
                self.drain_count = self.current_drain_count();
            }
            match emit(self.socket, event, payload) {
                EmitOutcome::Queued => return Ok(()),
                EmitOutcome::Closed => return Err(Disconnected),
                EmitOutcome::Full if self.session.is_closed() => return Err(Disconnected),
                EmitOutcome::Full if Instant::now() >= deadline => {
                    self.connections.cut_slow_reader(self.socket);
                    return Err(Disconnected);
                }
                EmitOutcome::Full => {
                    self.was_full = true;
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }
}
