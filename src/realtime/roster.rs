//! The sockets of this node, each with the session that it depends on (I6).
//!
//! **State.** Per socket: its session's token, user and expiry. A socket is added before its session is looked up, so
//! that a session that ends in between is noticed, and removed when its connection is closed. One lock, never held
//! across an await.
//! `connect` adds and removes sockets; `session_watch` closes those whose session ends.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use syncscript_types::UserId;

use super::connections::Connections;
use crate::store::session_changes::SessionChange;
use crate::store::sessions::TokenHash;

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

    /// Cuts the sockets whose session expired before `now`.
    pub fn cut_expired(&self, connections: &Connections, now: DateTime<Utc>) {
        self.cut_where(connections, |entry| entry.session.is_some_and(|(_, expires)| expires <= now));
    }

    /// Returns the tokens whose sessions have a row, and the encrypted tokens with their users. Leaves out encrypted
    /// tokens that are still being looked up: that look-up sees whether they ended.
    pub fn tokens(&self) -> (Vec<TokenHash>, Vec<(TokenHash, UserId)>) {
        let entries = self.lock();
        let rows = entries.values().filter(|entry| !entry.encrypted).map(|entry| entry.token).collect();
        let encrypted = entries.values().filter(|entry| entry.encrypted);
        let encrypted = encrypted.filter_map(|entry| Some((entry.token, entry.session?.0))).collect();
        (rows, encrypted)
    }

    /// Takes over changed expiries, and cuts the sockets whose session or user no longer exists.
    pub fn apply_changes(&self, connections: &Connections, changes: Vec<SessionChange>) {
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
    pub fn disconnect_cut_sockets(&self, connections: &Connections) {
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
