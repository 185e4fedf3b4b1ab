//! The connections under the sockets, so that any of them can be cut at once, whatever its buffers hold.
//!
//! The engine cannot close a socket whose outgoing buffer is full, and a writer stuck on a dead peer outlives its
//! heartbeat. So each websocket's connection has a [`Line`]: cutting it fails the pending read and write, and the
//! engine then cleans up as after any lost connection. A long-polling session has no connection of its own; it is
//! barred, and its next request finds it unknown.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use tokio_util::sync::CancellationToken;

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
    barred: HashSet<Sid>,
}

impl Lines {
    /// The session goes over to this line.
    pub fn upgrade(&self, session: Sid, line: Line) {
        self.lock().upgraded.insert(session, line);
    }

    /// Whether the session may still poll.
    pub fn is_barred(&self, session: Sid) -> bool {
        self.lock().barred.contains(&session)
    }

    /// Cuts the socket's connection. Its client sees a lost connection, and comes again.
    pub fn cut(&self, socket: &SocketRef) {
        let own = socket.req_parts().extensions.get::<Line>();
        let mut state = self.lock();
        if let Some(line) = own.or_else(|| state.upgraded.get(&socket.id)) {
            line.0.cancel();
        } else {
            // Kept until the engine's heartbeat, which cannot reach the client either, ends the session.
            state.barred.insert(socket.id);
        }
    }

    /// The session is over.
    pub fn forget(&self, session: Sid) {
        let mut state = self.lock();
        state.upgraded.remove(&session);
        state.barred.remove(&session);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
