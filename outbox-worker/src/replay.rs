//! Replays: sends stored events again to the members that are live, as rows of `replays` request.
//!
//! A replay's row holds the `position` up to which it may be sent. One node at a time, the driver, advances the position
//! at the replay's rate and no faster than its own members accept events. If the driver reports nothing for
//! `TAKEOVER_S`, another node takes over. Every node follows each replay in its own task: it sends its own members the
//! events between its own position and the row's. A node that starts while a replay runs begins at the row's position.
//!
//! **Order.** A replay is sent in order. It locks a feed for one event at a time and fills only part of a member's buffer.
//! So live events keep their order, and wait only for what is ahead of them in that buffer. Replayed events move no
//! position.
//!
//! **On failure.** While the database is unavailable, replays pause. When a node dies, only its own sockets miss events.
//! A member that accepts no event for the stall timeout is closed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use uuid::Uuid;

use crate::db::{Db, with_query_timeout};
use crate::feeds::Feeds;
use crate::log::{self, LogError};
use crate::subscriber::Subscriber;

/// How often the rows are read.
const PERIOD: Duration = Duration::from_millis(250);
/// Seconds after which another node takes over from a silent driver.
const TAKEOVER_S: f64 = 2.0;
/// Seconds of a pause that a replay makes up for. After a longer outage it continues at its rate.
const MAX_CATCH_UP_S: f64 = 1.0;
/// Seconds for which a finished replay is still followed, by nodes that have not seen the end yet.
const FOLLOW_FINISHED_S: f64 = 30.0;
/// Events per read.
const PAGE_SIZE: i64 = 100;
/// The delay before an event is offered again to members without room.
const RETRY_DELAY: Duration = Duration::from_millis(5);

/// A replay, as this node follows it.
#[derive(Debug, Clone)]
struct Replay {
    id: Uuid,
    vault: VaultId,
    kind: Option<EventType>,
    user: Option<UserId>,
    /// The last event that this node has sent, or need not send.
    position: Seq,
}

/// The state shared by the replay tasks of this node.
struct ReplayRunner<S: Subscriber> {
    pool: Db,
    feeds: Arc<Feeds<S>>,
    node: Uuid,
    /// How long a member may go without accepting an event.
    stall_timeout: Duration,
}

/// Sends replays on this node, forever. Closes a member that accepts no event for `stall_timeout`.
pub async fn run<S: Subscriber>(pool: Db, feeds: Arc<Feeds<S>>, node: Uuid, stall_timeout: Duration) {
    let runner = Arc::new(ReplayRunner { pool, feeds, node, stall_timeout });
    let started = Instant::now();
    let mut period = polling_interval();
    let mut tasks = JoinSet::new();
    let mut followed = HashSet::new();
    loop {
        period.tick().await;
        while let Some(ended) = tasks.try_join_next() {
            // A panic in a task is a defect. It ends the process like a panic in any other task.
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        let active = match runner.active_replays(started.elapsed()).await {
            Ok(active) => active,
            Err(error) => {
                tracing::debug!(%error, "reading the replays failed");
                continue;
            }
        };
        followed.retain(|id| active.iter().any(|replay| replay.id == *id));
        for replay in active {
            if followed.insert(replay.id) {
                let runner = Arc::clone(&runner);
                tasks.spawn(async move { runner.follow(replay).await });
            }
        }
    }
}

fn polling_interval() -> Interval {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    period
}

impl<S: Subscriber> ReplayRunner<S> {
    /// Returns the replays that are running or finished a moment ago. A replay that was created after this node started,
    /// `uptime` ago, is followed from its first event.
    async fn active_replays(&self, uptime: Duration) -> Result<Vec<Replay>, LogError> {
        let rows = sqlx::query!(
            r#"SELECT id, vault_id, type, user_id,
                      CASE WHEN created_at > clock_timestamp() - $1 * interval '1 second' THEN from_seq - 1
                           ELSE position END AS "place!"
               FROM replays WHERE state = 'running'
                   OR state = 'done' AND ended_at > clock_timestamp() - $2 * interval '1 second'"#,
            uptime.as_secs_f64(),
            FOLLOW_FINISHED_S,
        )
        .fetch_all(&self.pool);
        with_query_timeout(rows)
            .await?
            .into_iter()
            .map(|row| {
                Ok(Replay {
                    id: row.id,
                    vault: row.vault_id.into(),
                    kind: row.r#type.map(|name| name.parse()).transpose()?,
                    user: row.user_id.map(UserId::from),
                    position: row.place.try_into()?,
                })
            })
            .collect()
    }

    /// Follows one replay to its end.
    async fn follow(&self, mut replay: Replay) {
        let mut period = polling_interval();
        loop {
            period.tick().await;
            match self.run_step(&mut replay).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, replay = %replay.id, "the replay pauses"),
            }
        }
    }

    /// Advances the replay's position if this node is the driver, and sends the events up to that position. Returns true
    /// once the replay is over.
    async fn run_step(&self, replay: &mut Replay) -> Result<bool, LogError> {
        with_query_timeout(self.drive(replay.id)).await?;
        let row = sqlx::query!("SELECT state, position FROM replays WHERE id = $1", replay.id);
        let row = with_query_timeout(row.fetch_optional(&self.pool)).await?;
        let Some(row) = row.filter(|row| row.state != "cancelled") else { return Ok(true) };
        let position = Seq::new(row.position)?;
        while replay.position < position {
            let page = log::read_page(&self.pool, replay.vault, replay.position, position, PAGE_SIZE).await?;
            let last = page.last().map_or(position, |last| last.seq);
            for event in page {
                let is_requested = replay.kind.is_none_or(|kind| kind == event.kind);
                // A snapshot replaces other events; clients do not know its type.
                if is_requested && event.kind != EventType::VaultSnapshot {
                    self.send(replay, &event).await;
                }
            }
            replay.position = last;
        }
        Ok(row.state == "done")
    }

    /// Sends one event to the selected members, and waits for those without room.
    async fn send(&self, replay: &Replay, event: &Event) {
        let Some(feed) = self.feeds.get(replay.vault) else { return };
        let deadline = Instant::now() + self.stall_timeout;
        let mut full = feed.replay(event, replay.id, |member| replay.user.is_none_or(|user| user == member.user()));
        while !full.is_empty() {
            if Instant::now() >= deadline {
                feed.drop_members(&full);
                break;
            }
            tokio::time::sleep(RETRY_DELAY).await;
            full = feed.replay(event, replay.id, |member| full.contains(&member.id()));
        }
        self.feeds.remove_if_idle(replay.vault);
    }

    /// Advances the position according to the rate, if this node is the driver or there is none. Marks a replay that has
    /// been at its end for a while as done.
    async fn drive(&self, id: Uuid) -> Result<(), LogError> {
        sqlx::query!(
            "UPDATE replays r SET driver = $2, driven_at = clock_timestamp(),
                 position = least(to_seq, position + floor(g.gain)::bigint), credit = g.gain - floor(g.gain),
                 state = CASE WHEN position = to_seq THEN 'done' ELSE state END,
                 ended_at = CASE WHEN position = to_seq THEN clock_timestamp() END
             FROM (SELECT credit + rate
                          * least($4::float8, extract(epoch FROM clock_timestamp() - coalesce(driven_at, created_at))::float8)
                          AS gain
                   FROM replays WHERE id = $1) AS g
             WHERE r.id = $1 AND state = 'running' AND (driver = $2 OR driver IS NULL
                 OR driven_at < clock_timestamp() - $3 * interval '1 second')
                 AND (position < to_seq OR driven_at < clock_timestamp() - interval '1 second')",
            id,
            self.node,
            TAKEOVER_S,
            MAX_CATCH_UP_S,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
