//! The connections under the sockets, so that any of them can be cut at once, whatever its buffers hold.
//!
//! The engine cannot close a socket whose outgoing buffer is full, and a writer stuck on a dead peer outlives its
//! heartbeat. So each websocket's connection has a [`Line`]: cutting it fails the pending read and write, and the
//! engine then cleans up as after any lost connection. A long-polling session has no connection of its own; it is
//! barred, and its next request finds it unknown.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use tokio_util::sync::CancellationToken;

/// Longer than the engine keeps a session that does not poll: its heartbeat gives up after 45 s.
const BARRED_FOR: Duration = Duration::from_secs(120);

/// Cuts one websocket's connection.
#[derive(Debug, Clone, Default)]
pub struct Line(pub CancellationToken);

/// The lines of sessions that began by long polling and went over to a websocket, and the sessions that are barred.
#[derive(Debug, Default)]
pub struct Lines {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    upgraded: HashMap<Sid, Line>,
    barred: HashMap<Sid, Instant>,
}

impl Lines {
    /// The session goes over to this line.
    pub fn upgrade(&self, session: Sid, line: Line) {
        self.lock().upgraded.insert(session, line);
    }

    /// Whether the session may still poll.
    pub fn is_barred(&self, session: Sid) -> bool {
        self.lock().barred.contains_key(&session)
    }

    /// Cuts the socket's connection. Its client sees a lost connection, and comes again.
    pub fn cut(&self, socket: &SocketRef) {
        let own = socket.req_parts().extensions.get::<Line>();
        let mut state = self.lock();
        if let Some(line) = own.or_else(|| state.upgraded.get(&socket.id)) {
            line.0.cancel();
        } else {
            state.barred.retain(|_, since| since.elapsed() < BARRED_FOR);
            state.barred.insert(socket.id, Instant::now());
        }
    }

    /// Whether the socket's connection was cut, or is gone.
    pub fn is_cut(&self, socket: &SocketRef) -> bool {
        let own = socket.req_parts().extensions.get::<Line>();
        let state = self.lock();
        match own.or_else(|| state.upgraded.get(&socket.id)) {
            Some(line) => line.0.is_cancelled(),
            None => state.barred.contains_key(&socket.id),
        }
    }

    /// The session is over. If it is barred it stays so: its client may not have noticed.
    pub fn forget(&self, session: Sid) {
        self.lock().upgraded.remove(&session);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
