//! Caches sessions, so that a client that sends many requests does not cost a query per request.
//!
//! **State.** Sessions by the hash of their token, each with the time it was read; and the time up to which the changes
//! of sessions are known. Requests read the cache, look-ups fill it, and the watch over session changes empties it.
//! **Staleness.** The next read of the changes, every 250 ms, removes a session that ended on another node. The cache
//! is used only if such a read succeeded within the last second. Other data, such as a name, is at most five seconds
//! old. An expired session is never returned.
//! **On failure.** Without reads of the changes, every request queries the database, as if there were no cache.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use syncscript_types::UserId;

use crate::domain::Session;
use crate::store::session_changes::SessionChange;
use crate::store::sessions::TokenHash;

/// The maximum age of an entry: much shorter than the window in which changes are read.
const MAX_AGE: Duration = Duration::from_secs(5);
/// The maximum age of the last read of the changes.
const MAX_CHANGES_AGE: Duration = Duration::from_secs(1);
/// The maximum number of entries, which take a few megabytes.
const MAX_ENTRIES: usize = 16_384;

/// The recently read sessions of this node's clients.
#[derive(Debug, Default)]
pub struct SessionCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<TokenHash, (Session, Instant)>,
    /// When the last successful read of the changes began.
    changes_read_at: Option<Instant>,
}

impl SessionCache {
    /// Returns the session if it is cached, fresh and not expired.
    pub fn get(&self, token: TokenHash) -> Option<Session> {
        let state = self.lock();
        let fresh = state.changes_read_at.is_some_and(|read_at| read_at.elapsed() < MAX_CHANGES_AGE);
        let (session, read_at) = state.sessions.get(&token).filter(|_| fresh)?;
        (read_at.elapsed() < MAX_AGE && session.expires > Utc::now()).then(|| session.clone())
    }

    /// Adds a session. `read_at` is when its look-up began.
    pub fn insert(&self, token: TokenHash, session: Session, read_at: Instant) {
        let mut state = self.lock();
        if state.sessions.len() >= MAX_ENTRIES {
            state.sessions.retain(|_, (_, read_at)| read_at.elapsed() < MAX_AGE);
        }
        if state.sessions.len() < MAX_ENTRIES {
            state.sessions.insert(token, (session, read_at));
        }
    }

    /// Removes a session.
    pub fn remove(&self, token: TokenHash) {
        self.lock().sessions.remove(&token);
    }

    /// Removes the sessions that changed. `read_at` is when the read of these changes began.
    pub fn apply_changes(&self, changes: &[SessionChange], read_at: Instant) {
        let mut state = self.lock();
        for change in changes {
            match change {
                SessionChange::Session(token, _) => drop(state.sessions.remove(token)),
                SessionChange::User(user) => state.remove_user(*user),
            }
        }
        state.changes_read_at = Some(read_at);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove_user(&mut self, user: UserId) {
        self.sessions.retain(|_, (session, _)| session.user.id != user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::User;

    fn session(user: UserId, for_s: i64) -> Session {
        let user = User { id: user, name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
        Session { user, expires: Utc::now() + chrono::Duration::seconds(for_s) }
    }

    /// A cache that returns a session, with its user and its token.
    fn filled_cache() -> (SessionCache, UserId, TokenHash) {
        let (cache, user, token) = (SessionCache::default(), uuid::Uuid::from_u128(1).into(), TokenHash::of("token"));
        cache.insert(token, session(user, 60), Instant::now());
        assert!(cache.get(token).is_none(), "the changes were never read");
        cache.apply_changes(&[], Instant::now());
        assert!(cache.get(token).is_some());
        (cache, user, token)
    }

    #[test]
    fn a_change_a_deleted_user_an_expiry_and_a_logout_remove_a_session() {
        let (changed, _, token) = filled_cache();
        changed.apply_changes(&[SessionChange::Session(token, None)], Instant::now());
        assert!(changed.get(token).is_none());

        let (user_deleted, user, token) = filled_cache();
        user_deleted.apply_changes(&[SessionChange::User(user)], Instant::now());
        assert!(user_deleted.get(token).is_none());

        let (expired, user, token) = filled_cache();
        expired.insert(token, session(user, 0), Instant::now());
        assert!(expired.get(token).is_none());

        let (logged_out, _, token) = filled_cache();
        logged_out.remove(token);
        assert!(logged_out.get(token).is_none());
    }

    #[test]
    fn an_old_entry_is_not_used_and_none_is_after_a_second_without_a_read_of_the_changes() {
        let (old, user, token) = filled_cache();
        old.insert(token, session(user, 60), Instant::now() - MAX_AGE);
        assert!(old.get(token).is_none());

        let (unwatched, _, token) = filled_cache();
        unwatched.apply_changes(&[], Instant::now() - MAX_CHANGES_AGE);
        assert!(unwatched.get(token).is_none());
    }
}
