//! The sockets of this node and their sessions: a socket ends with its session, on every node within a second (I6).
//!
//! **State.** Who is connected, by which session, until when. Sockets enter before their session is looked up, so that
//! a session that ends in between is found, and leave when their connection is over.
//! **How it ends.** Four times a second: sockets whose session is over by the clock are cut, and so are those whose session
//! changed in the database and is gone: its row, or, where the token is the session itself, by a revocation or the end of
//! its user. The changes are read with an overlap far longer than a commit takes. After a
//! time without the database longer than that, every session is asked for once.
//! **On failure.** With the database away nothing is learnt of logouts; the clock still ends sessions.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outbox_worker::Db;
use outbox_worker::log::bounded;
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use syncscript_types::UserId;
use tokio::time::{Instant, MissedTickBehavior};

use super::lines::Lines;
use crate::auth::Auth;
use crate::store::session_changes::{self, SessionChange};
use crate::store::{self, encrypted_sessions, sessions::TokenHash};

/// How often the roster is looked through.
const PERIOD: Duration = Duration::from_millis(250);
/// How far back changes are read.
const WINDOW: Duration = Duration::from_secs(30);

/// Everyone who is connected to this node.
#[derive(Default)]
pub struct Roster {
    present: Mutex<HashMap<Sid, Present>>,
}

struct Present {
    socket: SocketRef,
    token: TokenHash,
    /// Whether the session has no row, but is the token itself.
    sealed: bool,
    /// None while the session is being looked up.
    session: Option<(UserId, DateTime<Utc>)>,
}

impl Roster {
    /// A socket has come, and its session is about to be looked up.
    pub fn enter(&self, socket: SocketRef, token: TokenHash, sealed: bool) {
        self.lock().insert(socket.id, Present { socket, token, sealed, session: None });
    }

    /// Its session was found. False, and it is out again, if the user has `limit` others.
    pub fn admit(&self, id: Sid, user: UserId, expires: DateTime<Utc>, limit: usize, lines: &Lines) -> bool {
        let mut present = self.lock();
        // One that was cut is as good as gone, though the engine may take its time to notice.
        let others = present
            .values()
            .filter(|other| other.session.is_some_and(|(other, _)| other == user) && !lines.is_cut(&other.socket))
            .count();
        if others >= limit {
            present.remove(&id);
            return false;
        }
        if let Some(entry) = present.get_mut(&id) {
            entry.session = Some((user, expires));
        }
        true
    }

    /// Whether the socket is here.
    pub fn has(&self, id: Sid) -> bool {
        self.lock().contains_key(&id)
    }

    /// The connection is over.
    pub fn leave(&self, id: Sid) {
        self.lock().remove(&id);
    }

    /// Cuts everyone off: the server stops.
    pub fn cut_all(&self, lines: &Lines) {
        self.cut_where(lines, |_| true);
    }

    /// Looks through the roster for ever.
    pub async fn watch(&self, pool: &Db, auth: &Auth, lines: &Lines) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Instant::now();
        loop {
            period.tick().await;
            self.sweep_out_the_dead(lines);
            let now = Utc::now();
            self.cut_where(lines, |present| present.session.is_some_and(|(_, expires)| expires <= now));
            let asked = Instant::now();
            let learnt = if asked - seen < WINDOW / 2 {
                bounded(session_changes::read_recent(pool, WINDOW.as_secs_f64())).await
            } else {
                bounded(self.ask_for_all(pool)).await
            };
            match learnt {
                Ok(changes) => {
                    seen = asked;
                    auth.apply_session_changes(&changes, asked.into_std());
                    self.learn(lines, changes);
                }
                Err(error) => tracing::debug!(%error, "the changes of sessions could not be read"),
            }
        }
    }

    async fn ask_for_all(&self, pool: &Db) -> store::Result<Vec<SessionChange>> {
        let (rows, sealed) = self.tokens();
        let alive: HashMap<_, _> = session_changes::find_existing(pool, &rows).await?.into_iter().collect();
        let gone = encrypted_sessions::find_ended(pool, &sealed).await?;
        let rows = rows.into_iter().map(|token| SessionChange::Session(token, alive.get(&token).copied()));
        Ok(rows.chain(gone.into_iter().map(|token| SessionChange::Session(token, None))).collect())
    }

    /// Whose sessions are rows, and whose are not. Of the latter those that are still being looked up are left out: the
    /// look-up tells them.
    fn tokens(&self) -> (Vec<TokenHash>, Vec<(TokenHash, UserId)>) {
        let present = self.lock();
        let rows = present.values().filter(|present| !present.sealed).map(|present| present.token).collect();
        let sealed = present.values().filter(|present| present.sealed);
        let sealed = sealed.filter_map(|present| Some((present.token, present.session?.0))).collect();
        (rows, sealed)
    }

    fn learn(&self, lines: &Lines, changes: Vec<SessionChange>) {
        if changes.is_empty() {
            return;
        }
        let mut ends: HashMap<TokenHash, Option<DateTime<Utc>>> = HashMap::new();
        let mut deleted: HashSet<UserId> = HashSet::new();
        for change in changes {
            match change {
                SessionChange::Session(token, end) => drop(ends.insert(token, end)),
                SessionChange::User(user) => drop(deleted.insert(user)),
            }
        }
        for present in self.lock().values_mut() {
            if let (Some((_, expires)), Some(Some(end))) = (&mut present.session, ends.get(&present.token)) {
                *expires = *end;
            }
        }
        let now = Utc::now();
        // One that is still being looked up is told by the look-up.
        self.cut_where(lines, |present| {
            present.session.is_some_and(|(user, _)| deleted.contains(&user))
                || present.session.is_some()
                    && ends.get(&present.token).is_some_and(|end| end.is_none_or(|end| end <= now))
        });
    }

    /// How many sockets there are: by websocket, and by long-polling.
    pub fn count(&self) -> (usize, usize) {
        let present = self.lock();
        let polling = present.values().filter(|p| p.socket.transport_type() == TransportType::Polling).count();
        (present.len() - polling, polling)
    }

    /// Two kinds of sockets the engine does not clean up after, or not soon: one whose connection was lost while its
    /// session was looked up, and a long-polling one that is barred.
    fn sweep_out_the_dead(&self, lines: &Lines) {
        let dead: Vec<SocketRef> = {
            let present = self.lock();
            present.values().filter(|present| lines.is_cut(&present.socket)).map(|p| p.socket.clone()).collect()
        };
        for socket in dead {
            if socket.disconnect().is_err() {
                tracing::debug!("a dead socket is being closed by the engine");
            }
        }
    }

    fn cut_where(&self, lines: &Lines, condition: impl Fn(&Present) -> bool) {
        // Outside the lock: cutting wakes the engine, which may call back in here.
        let chosen: Vec<SocketRef> =
            self.lock().values().filter(|present| condition(present)).map(|p| p.socket.clone()).collect();
        for socket in chosen {
            lines.cut(&socket);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the roster, as a task of the node.
pub async fn watch(roster: Arc<Roster>, pool: Db, auth: Auth, lines: Arc<Lines>) {
    roster.watch(&pool, &auth, &lines).await;
}
