//! Closes the sockets whose session ends, on every node within 1 s (I6).
//!
//! Every 250 ms, sockets whose session has expired by the clock are cut, and so are sockets whose session changed in the
//! database and no longer exists: its row is gone or, where the token itself is the session, the token was revoked or its
//! user deleted. The changes are read with an overlap that is much longer than a commit takes. After an outage of the
//! database that lasted longer than half the overlap, all sessions are looked up once.
//!
//! **On failure.** While the database is unavailable, logouts are not noticed; sessions still expire by the clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use outbox_worker::{Db, with_query_timeout};
use tokio::time::{Instant, MissedTickBehavior};

use super::connections::Connections;
use super::roster::Roster;
use crate::auth::Auth;
use crate::store::session_changes::{self, SessionChange};
use crate::store::{self, encrypted_sessions};

/// How often the sockets are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How far back changes of sessions are read.
const CHANGES_WINDOW: Duration = Duration::from_secs(30);

/// Closes sockets whose session ends. Never returns.
pub async fn run(roster: Arc<Roster>, pool: Db, auth: Auth, connections: Arc<Connections>) {
    let mut interval = tokio::time::interval(CHECK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_read = Instant::now();
    loop {
        interval.tick().await;
        roster.disconnect_cut_sockets(&connections);
        roster.cut_expired(&connections, Utc::now());
        let read_at = Instant::now();
        let changes = if read_at - last_read < CHANGES_WINDOW / 2 {
            with_query_timeout(session_changes::read_recent(&pool, CHANGES_WINDOW.as_secs_f64())).await
        } else {
            with_query_timeout(look_up_all(&roster, &pool)).await
        };
        match changes {
            Ok(changes) => {
                last_read = read_at;
                auth.apply_session_changes(&changes, read_at.into_std());
                roster.apply_changes(&connections, changes);
            }
            Err(error) => tracing::debug!(%error, "the changes of sessions could not be read"),
        }
    }
}

/// Looks up the sessions of all sockets, and returns the state of each as a change.
async fn look_up_all(roster: &Roster, pool: &Db) -> store::Result<Vec<SessionChange>> {
    let (rows, encrypted) = roster.tokens();
    let alive: HashMap<_, _> = session_changes::find_existing(pool, &rows).await?.into_iter().collect();
    let ended = encrypted_sessions::find_ended(pool, &encrypted).await?;
    let rows = rows.into_iter().map(|token| SessionChange::Session(token, alive.get(&token).copied()));
    Ok(rows.chain(ended.into_iter().map(|token| SessionChange::Session(token, None))).collect())
}
