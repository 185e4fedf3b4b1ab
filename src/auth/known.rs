//! Sessions that were looked up lately, so that a client that asks often does not cost a query each time.
//!
//! **State.** Sessions by their tokens' hashes, each with when it was read, and up to when the changes of sessions are
//! known. Read by every request, written by look-ups, emptied by what the watch over sessions learns.
//! **How old it may be.** A session that ended elsewhere is noticed with the next look at the changes, four times a
//! second; nothing is taken from here unless such a look succeeded within the last second. Everything else, such as a
//! name, is at most five seconds old. An end by the clock is always noticed.
//! **On failure.** Without looks at the changes every request asks the database, as if this were not here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use syncscript_types::UserId;

use crate::domain::Session;
use crate::store::session_changes::SessionChange;
use crate::store::sessions::TokenHash;

/// How long an entry may be used. Far less than the window in which changes are seen.
const KEPT: Duration = Duration::from_secs(5);
/// How long ago the changes may have been looked at.
const FRESH: Duration = Duration::from_secs(1);
/// Most entries: some megabytes.
const LIMIT: usize = 16_384;

/// The sessions of this node's clients.
#[derive(Debug, Default)]
pub struct Known {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<TokenHash, (Session, Instant)>,
    /// When the last look at the changes began that succeeded.
    learnt: Option<Instant>,
}

impl Known {
    /// The session, if it is known and may be relied on.
    pub fn get(&self, token: TokenHash) -> Option<Session> {
        let state = self.lock();
        let fresh = state.learnt.is_some_and(|learnt| learnt.elapsed() < FRESH);
        let (session, read) = state.sessions.get(&token).filter(|_| fresh)?;
        (read.elapsed() < KEPT && session.expires > Utc::now()).then(|| session.clone())
    }

    /// The session, as it was read by a look-up that began at `read`.
    pub fn put(&self, token: TokenHash, session: Session, read: Instant) {
        let mut state = self.lock();
        if state.sessions.len() >= LIMIT {
            state.sessions.retain(|_, (_, read)| read.elapsed() < KEPT);
        }
        if state.sessions.len() < LIMIT {
            state.sessions.insert(token, (session, read));
        }
    }

    /// This session is over.
    pub fn forget(&self, token: TokenHash) {
        self.lock().sessions.remove(&token);
    }

    /// These changes were found by a look that began at `asked`.
    pub fn learn(&self, changes: &[SessionChange], asked: Instant) {
        let mut state = self.lock();
        for change in changes {
            match change {
                SessionChange::Session(token, _) => drop(state.sessions.remove(token)),
                SessionChange::User(user) => state.forget_user(*user),
            }
        }
        state.learnt = Some(asked);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_user(&mut self, user: UserId) {
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

    /// A session that is known and relied on, its user and its token.
    fn known() -> (Known, UserId, TokenHash) {
        let (known, user, token) = (Known::default(), uuid::Uuid::from_u128(1).into(), TokenHash::of("token"));
        known.put(token, session(user, 60), Instant::now());
        assert!(known.get(token).is_none(), "the changes were never looked at");
        known.learn(&[], Instant::now());
        assert!(known.get(token).is_some());
        (known, user, token)
    }

    #[test]
    fn a_session_is_forgotten_with_its_change_its_user_and_its_end() {
        let (by_change, _, token) = known();
        by_change.learn(&[SessionChange::Session(token, None)], Instant::now());
        assert!(by_change.get(token).is_none());

        let (by_user, user, token) = known();
        by_user.learn(&[SessionChange::User(user)], Instant::now());
        assert!(by_user.get(token).is_none());

        let (by_end, user, token) = known();
        by_end.put(token, session(user, 0), Instant::now());
        assert!(by_end.get(token).is_none());

        let (by_logout, _, token) = known();
        by_logout.forget(token);
        assert!(by_logout.get(token).is_none());
    }

    #[test]
    fn nothing_is_relied_on_that_is_old_or_whose_changes_were_not_looked_at() {
        let (old, user, token) = known();
        old.put(token, session(user, 60), Instant::now() - KEPT);
        assert!(old.get(token).is_none());

        let (unwatched, _, token) = known();
        unwatched.learn(&[], Instant::now() - FRESH);
        assert!(unwatched.get(token).is_none());
    }
}
