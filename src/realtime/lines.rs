//! The connections under the sockets, so that any of them can be cut at once, whatever its buffers hold.
//!
//! The engine cannot close a socket whose outgoing buffer is full, and a writer stuck on a dead peer outlives its
//! heartbeat. So each websocket's connection has a [`Line`]: cutting it fails the pending read and write, and the
//! engine then cleans up as after any lost connection. A long-polling session has no connection of its own; it is
//! barred, and its next request finds it unknown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Longer than the engine keeps a session that does not poll: its heartbeat gives up after 45 s.
const BARRED_FOR: Duration = Duration::from_secs(120);

/// Lines kept before dead ones are looked for.
const PRUNE_AT: usize = 1024;

/// One websocket's connection: cuts it, and counts how often its outgoing buffer was empty.
#[derive(Debug, Clone, Default)]
pub struct Line {
    cut: CancellationToken,
    drains: Arc<AtomicU64>,
}

impl Line {
    /// Fails what is pending on the connection, and all that comes after.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Whether it was cut, or is gone.
    pub fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Ready once it is cut.
    pub fn cut_off(&self) -> WaitForCancellationFutureOwned {
        self.cut.clone().cancelled_owned()
    }

    /// The engine has written all that was in the socket's buffer.
    pub fn drained(&self) {
        self.drains.fetch_add(1, Ordering::Relaxed);
    }
}

/// The lines of sessions that began by long polling and went over to a websocket, and the sessions that are barred.
#[derive(Debug, Default)]
pub struct Lines {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    upgraded: HashMap<Sid, Line>,
    barred: HashMap<Sid, Instant>,
    /// At how many upgraded lines to look for dead ones.
    prune_at: usize,
    /// Per long-polling session, how many polls were answered: each takes all that is in the buffer.
    polls: HashMap<Sid, u64>,
}

impl State {
    fn bar(&mut self, session: Sid) {
        self.barred.retain(|_, since| since.elapsed() < BARRED_FOR);
        self.barred.insert(session, Instant::now());
    }
}

impl Lines {
    /// The session goes over to this line.
    pub fn upgrade(&self, session: Sid, line: Line) {
        let mut state = self.lock();
        if state.upgraded.len() >= state.prune_at.max(PRUNE_AT) {
            // Anyone may name a session that does not exist; such lines are soon cut by the engine.
            state.upgraded.retain(|_, line| !line.is_cut());
            state.prune_at = state.upgraded.len() * 2;
        }
        // A second upgrade of a session is refused by the engine: it must not take the place of the first.
        state.upgraded.entry(session).or_insert(line);
    }

    /// Whether the session may still poll.
    pub fn is_barred(&self, session: Sid) -> bool {
        let state = self.lock();
        // A session whose upgrade was broken off is deaf: the engine answers its polls with nothing, for ever.
        state.barred.contains_key(&session) || state.upgraded.get(&session).is_some_and(Line::is_cut)
    }

    /// The session ends with this: its next request is refused, and what is left of it is cleaned up.
    pub fn bar(&self, session: Sid) {
        self.lock().bar(session);
    }

    /// A poll of the session was answered.
    pub fn polled(&self, session: Sid) {
        *self.lock().polls.entry(session).or_default() += 1;
    }

    /// A number that changes whenever the socket's outgoing buffer was emptied.
    pub fn drains(&self, socket: &SocketRef) -> u64 {
        let own = socket.req_parts().extensions.get::<Line>();
        let state = self.lock();
        let line = own.or_else(|| state.upgraded.get(&socket.id)).map_or(0, |line| line.drains.load(Ordering::Relaxed));
        line + state.polls.get(&socket.id).copied().unwrap_or_default()
    }

    /// Cuts the socket's connection. Its client sees a lost connection, and comes again.
    pub fn cut(&self, socket: &SocketRef) {
        let own = socket.req_parts().extensions.get::<Line>();
        let mut state = self.lock();
        if let Some(line) = own.or_else(|| state.upgraded.get(&socket.id)) {
            line.cut();
        } else {
            state.bar(socket.id);
        }
    }

    /// Whether the socket's connection was cut, or is gone.
    pub fn is_cut(&self, socket: &SocketRef) -> bool {
        let own = socket.req_parts().extensions.get::<Line>();
        let state = self.lock();
        match own.or_else(|| state.upgraded.get(&socket.id)) {
            Some(line) => line.is_cut(),
            None => state.barred.contains_key(&socket.id),
        }
    }

    /// The polls of this session need not be counted.
    pub fn forget_polls(&self, session: Sid) {
        self.lock().polls.remove(&session);
    }

    /// The session is over. If it is barred it stays so: its client may not have noticed.
    pub fn forget(&self, session: Sid) {
        let mut state = self.lock();
        state.polls.remove(&session);
        if state.upgraded.remove(&session).is_some() {
            state.bar(session);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
