//! The sockets of this node and their sessions: a socket ends with its session, on every node within 1 s (I6).
//!
//! **State.** Per socket: its session's token, user and expiry. A socket is added before its session is looked up, so
//! that a session that ends in between is noticed, and removed when its connection is closed. One lock, never held
//! across an await.
//! **How sockets end.** Every 250 ms, sockets whose session has expired by the clock are cut, and so are sockets whose
//! session changed in the database and no longer exists: its row is gone or, where the token itself is the session, the
//! token was revoked or its user deleted. The changes are read with an overlap that is much longer than a commit takes.
//! After an outage of the database that lasted longer than half the overlap, all sessions are looked up once.
//! **On failure.** While the database is unavailable, logouts are not noticed; sessions still expire by the clock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outbox_worker::{Db, with_query_timeout};
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use syncscript_types::UserId;
use tokio::time::{Instant, MissedTickBehavior};

use super::connections::Connections;
use crate::auth::Auth;
use crate::store::session_changes::{self, SessionChange};
use crate::store::{self, encrypted_sessions, sessions::TokenHash};

/// How often the roster is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How far back changes of sessions are read.
const CHANGES_WINDOW: Duration = Duration::from_secs(30);

/// The sockets that are connected to this node.
#[derive(Default)]
pub struct Roster {
    entries: Mutex<HashMap<Sid, RosterEntry>>,
}

struct RosterEntry {
    socket: SocketRef,
    token: TokenHash,
    /// Whether the session has no row: the encrypted token itself is the session.
    encrypted: bool,
    /// The user and the expiry; `None` while the session is being looked up.
    session: Option<(UserId, DateTime<Utc>)>,
}

impl Roster {
    /// Adds a socket whose session is about to be looked up.
    pub fn add(&self, socket: SocketRef, token: TokenHash, encrypted: bool) {
        self.lock().insert(socket.id, RosterEntry { socket, token, encrypted, session: None });
    }

    /// Records the session that was found. Removes the socket and returns false if the user has `limit` others.
    pub fn activate(
        &self,
        id: Sid,
        user: UserId,
        expires: DateTime<Utc>,
        limit: usize,
        connections: &Connections,
    ) -> bool {
        let mut entries = self.lock();
        // A socket that was cut does not count, though the engine may need some time to notice.
        let others = entries
            .values()
            .filter(|other| other.session.is_some_and(|(other, _)| other == user) && !connections.is_cut(&other.socket))
            .count();
        if others >= limit {
            entries.remove(&id);
            return false;
        }
        if let Some(entry) = entries.get_mut(&id) {
            entry.session = Some((user, expires));
        }
        true
    }

    /// Returns whether the socket is connected.
    pub fn contains(&self, id: Sid) -> bool {
        self.lock().contains_key(&id)
    }

    /// Removes a socket.
    pub fn remove(&self, id: Sid) {
        self.lock().remove(&id);
    }

    /// Cuts all sockets.
    pub fn cut_all(&self, connections: &Connections) {
        self.cut_where(connections, |_| true);
    }

    async fn watch(&self, pool: &Db, auth: &Auth, connections: &Connections) {
        let mut interval = tokio::time::interval(CHECK_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_read = Instant::now();
        loop {
            interval.tick().await;
            self.disconnect_cut_sockets(connections);
            let now = Utc::now();
            self.cut_where(connections, |entry| entry.session.is_some_and(|(_, expires)| expires <= now));
            let read_at = Instant::now();
            let changes = if read_at - last_read < CHANGES_WINDOW / 2 {
                with_query_timeout(session_changes::read_recent(pool, CHANGES_WINDOW.as_secs_f64())).await
            } else {
                with_query_timeout(self.look_up_all(pool)).await
            };
            match changes {
                Ok(changes) => {
                    last_read = read_at;
                    auth.apply_session_changes(&changes, read_at.into_std());
                    self.apply_changes(connections, changes);
                }
                Err(error) => tracing::debug!(%error, "the changes of sessions could not be read"),
            }
        }
    }

    async fn look_up_all(&self, pool: &Db) -> store::Result<Vec<SessionChange>> {
        let (rows, encrypted) = self.tokens();
        let alive: HashMap<_, _> = session_changes::find_existing(pool, &rows).await?.into_iter().collect();
        let ended = encrypted_sessions::find_ended(pool, &encrypted).await?;
        let rows = rows.into_iter().map(|token| SessionChange::Session(token, alive.get(&token).copied()));
        Ok(rows.chain(ended.into_iter().map(|token| SessionChange::Session(token, None))).collect())
    }

    /// Returns the tokens whose sessions have a row, and the encrypted tokens with their users. Leaves out encrypted
    /// tokens that are still being looked up: that look-up sees whether they ended.
    fn tokens(&self) -> (Vec<TokenHash>, Vec<(TokenHash, UserId)>) {
        let entries = self.lock();
        let rows = entries.values().filter(|entry| !entry.encrypted).map(|entry| entry.token).collect();
        let encrypted = entries.values().filter(|entry| entry.encrypted);
        let encrypted = encrypted.filter_map(|entry| Some((entry.token, entry.session?.0))).collect();
        (rows, encrypted)
    }

    fn apply_changes(&self, connections: &Connections, changes: Vec<SessionChange>) {
        if changes.is_empty() {
            return;
        }
        let mut expiries: HashMap<TokenHash, Option<DateTime<Utc>>> = HashMap::new();
        let mut deleted: HashSet<UserId> = HashSet::new();
        for change in changes {
            match change {
                SessionChange::Session(token, expires) => drop(expiries.insert(token, expires)),
                SessionChange::User(user) => drop(deleted.insert(user)),
            }
        }
        for entry in self.lock().values_mut() {
            if let (Some((_, expires)), Some(Some(changed))) = (&mut entry.session, expiries.get(&entry.token)) {
                *expires = *changed;
            }
        }
        let now = Utc::now();
        // A socket whose session is still being looked up is skipped: that look-up sees whether the session ended.
        self.cut_where(connections, |entry| {
            entry.session.is_some_and(|(user, _)| deleted.contains(&user))
                || entry.session.is_some()
                    && expiries.get(&entry.token).is_some_and(|expires| expires.is_none_or(|expires| expires <= now))
        });
    }

    /// Returns the number of sockets by websocket, and by long-polling.
    pub fn count(&self) -> (usize, usize) {
        let entries = self.lock();
        let polling = entries.values().filter(|entry| entry.socket.transport_type() == TransportType::Polling).count();
        (entries.len() - polling, polling)
    }

    /// Disconnects the sockets that the engine cleans up late or never: those whose connection was lost while
    /// their session was looked up, and blocked long-polling sessions.
    fn disconnect_cut_sockets(&self, connections: &Connections) {
        let cut: Vec<SocketRef> = {
            let entries = self.lock();
            let cut = entries.values().filter(|entry| connections.is_cut(&entry.socket));
            cut.map(|entry| entry.socket.clone()).collect()
        };
        for socket in cut {
            if socket.disconnect().is_err() {
                tracing::debug!("the engine is already closing a cut socket");
            }
        }
    }

    fn cut_where(&self, connections: &Connections, condition: impl Fn(&RosterEntry) -> bool) {
        // Cuts after the lock is released: cutting wakes the engine, which may call this module again.
        let chosen: Vec<SocketRef> =
            self.lock().values().filter(|entry| condition(entry)).map(|entry| entry.socket.clone()).collect();
        for socket in chosen {
            connections.cut(&socket);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, RosterEntry>> {
        // The map is valid after each step, so a panic elsewhere does not corrupt it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes sockets whose session ends. Never returns.
pub async fn watch(roster: Arc<Roster>, pool: Db, auth: Auth, connections: Arc<Connections>) {
    roster.watch(&pool, &auth, &connections).await;
}
