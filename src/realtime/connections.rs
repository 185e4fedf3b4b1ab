//! The connections under the sockets. Any connection can be cut at once, whatever its buffers hold.
//!
//! The engine cannot close a socket whose outgoing buffer is full, and a writer stuck on a dead peer outlives its
//! heartbeat. Therefore each websocket connection has a [`KillSwitch`]: triggering it fails the pending read and write,
//! and the engine then cleans up as after any lost connection. A long-polling session has no connection of its own.
//! It is blocked instead: its next request is answered as an unknown session.
//!
//! **State.** The kill switches of sessions that upgraded from long-polling, the blocked sessions, and the number of
//! answered polls per session; all under one lock that is never held across an await. The kill switch of a session
//! that began as a websocket is in the extensions of its handshake request.
//! **On failure.** Nothing here can fail. Cutting a closed connection does nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a session stays blocked. Exceeds the time for which the engine keeps a session that does not poll: its
/// heartbeat gives up after 45 s.
const BLOCK_DURATION: Duration = Duration::from_secs(120);

/// Number of kill switches at which the switches of closed connections are removed.
const PRUNE_AT: usize = 1024;

/// Cuts one websocket connection, and counts how often its outgoing buffer drained.
#[derive(Debug, Clone, Default)]
pub struct KillSwitch {
    token: CancellationToken,
    drain_count: Arc<AtomicU64>,
}

impl KillSwitch {
    /// Fails all reads and all blocked writes of the connection, pending and later ones.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Returns whether the connection was cut or is closed.
    pub fn is_triggered(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes once the connection is cut.
    pub fn triggered(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// Records that the engine has written everything that was in the socket's buffer.
    pub fn record_drain(&self) {
        self.drain_count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Cuts connections by socket, and holds the blocked sessions.
#[derive(Debug, Default)]
pub struct Connections {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The kill switches of sessions that upgraded from long-polling to a websocket.
    upgraded: HashMap<Sid, KillSwitch>,
    blocked: HashMap<Sid, Instant>,
    /// Number of upgraded connections at which to remove the closed ones.
    prune_at: usize,
    /// Answered polls per long-polling session: each poll takes everything that is in the buffer.
    polls: HashMap<Sid, u64>,
}

impl State {
    fn block(&mut self, session: Sid) {
        self.blocked.retain(|_, since| since.elapsed() < BLOCK_DURATION);
        self.blocked.insert(session, Instant::now());
    }
}

impl Connections {
    /// Registers the websocket that the session upgrades to.
    pub fn upgrade(&self, session: Sid, kill_switch: KillSwitch) {
        let mut state = self.lock();
        if state.upgraded.len() >= state.prune_at.max(PRUNE_AT) {
            // Anyone can name a session that does not exist. The engine soon closes such connections.
            state.upgraded.retain(|_, kill_switch| !kill_switch.is_triggered());
            state.prune_at = state.upgraded.len() * 2;
        }
        // The engine rejects a second upgrade of a session, so the second must not replace the first.
        state.upgraded.entry(session).or_insert(kill_switch);
    }

    /// Returns whether the session's polls must be rejected.
    pub fn is_blocked(&self, session: Sid) -> bool {
        let state = self.lock();
        // After an upgrade that broke off, the engine answers the session's polls with empty responses forever.
        state.blocked.contains_key(&session) || state.upgraded.get(&session).is_some_and(KillSwitch::is_triggered)
    }

    /// Rejects all later requests of a long-polling session.
    pub fn block(&self, session: Sid) {
        self.lock().block(session);
    }

    /// Records that a poll of the session was answered.
    pub fn record_poll(&self, session: Sid) {
        *self.lock().polls.entry(session).or_default() += 1;
    }

    /// Returns a counter that increases each time the socket's outgoing buffer drains.
    pub fn drain_count(&self, socket: &SocketRef) -> u64 {
        let handshake_switch = socket.req_parts().extensions.get::<KillSwitch>();
        let state = self.lock();
        let writes = handshake_switch
            .or_else(|| state.upgraded.get(&socket.id))
            .map_or(0, |kill_switch| kill_switch.drain_count.load(Ordering::Relaxed));
        writes + state.polls.get(&socket.id).copied().unwrap_or_default()
    }

    /// Cuts the socket's connection. The client sees a lost connection, and connects again.
    pub fn cut(&self, socket: &SocketRef) {
        let handshake_switch = socket.req_parts().extensions.get::<KillSwitch>();
        let mut state = self.lock();
        if let Some(kill_switch) = handshake_switch.or_else(|| state.upgraded.get(&socket.id)) {
            kill_switch.trigger();
        } else {
            state.block(socket.id);
        }
    }

    /// Cuts a socket that reads no data, so that its client connects again and resumes (I5).
    pub fn cut_slow_reader(&self, socket: &SocketRef) {
        if !self.is_cut(socket) {
            tracing::info!(socket = %socket.id, "closed a socket that reads no data");
            counter!("syncscript_slow_readers_closed_total").increment(1);
            self.cut(socket);
        }
    }

    /// Returns whether the socket's connection was cut or is closed.
    pub fn is_cut(&self, socket: &SocketRef) -> bool {
        let handshake_switch = socket.req_parts().extensions.get::<KillSwitch>();
        let state = self.lock();
        match handshake_switch.or_else(|| state.upgraded.get(&socket.id)) {
            Some(kill_switch) => kill_switch.is_triggered(),
            None => state.blocked.contains_key(&socket.id),
        }
    }

    /// Removes the poll counter of the session.
    pub fn forget_polls(&self, session: Sid) {
        self.lock().polls.remove(&session);
    }

    /// Removes a session that ended. A blocked session stays blocked, since its client may not have noticed the end.
    pub fn forget(&self, session: Sid) {
        let mut state = self.lock();
        state.polls.remove(&session);
        if state.upgraded.remove(&session).is_some() {
            state.block(session);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid after each step, so a panic elsewhere does not corrupt it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
