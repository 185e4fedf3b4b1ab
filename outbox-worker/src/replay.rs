//! Sends stored events again to the members that are live, as rows of `replays` ask for.
//!
//! **State.** A replay's row says how far it may be sent (`position`). One node at a time moves it, at the replay's
//! rate and no faster than that node's own members take it; if that node is not heard of for [`TAKEOVER_S`], another
//! goes on. Every node follows in a task a replay: it sends to its own members what lies between its own place and the
//! position. A node that starts while a replay runs begins at the position.
//! **Order.** A replay is in order. It holds a feed for one event at a time, and a member has no more than a part of
//! its buffer filled by it, so live events keep their own order and are delayed by no more than what is ahead of them
//! there. Replayed events move no position.
//! **On failure.** With the database away the replay stands still. A node that dies takes nothing with it but its own
//! sockets. A member that takes nothing for as long as a stalled connection may is closed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::log::{self, LogError};
use crate::{Db, Feeds, Subscriber};

/// How often the rows are looked at.
const PERIOD: Duration = Duration::from_millis(250);
/// Seconds after which another node moves a replay on.
const TAKEOVER_S: f64 = 2.0;
/// Seconds of standing still that a replay makes up for: after an outage it goes on at its rate.
const MADE_UP_S: f64 = 1.0;
/// Seconds for which one that is done is still followed, by a node that had not looked.
const FOLLOWED_S: f64 = 30.0;
/// Events of one read.
const PAGE: i64 = 100;
/// How long to wait for members without room.
const PACE: Duration = Duration::from_millis(5);

/// One replay, as it was when this node first saw it.
#[derive(Debug, Clone)]
struct Replay {
    id: Uuid,
    vault: VaultId,
    kind: Option<EventType>,
    user: Option<UserId>,
    /// The last event that this node's members need not be sent.
    place: Seq,
}

/// What the tasks of this node share.
struct Replays<S: Subscriber> {
    pool: Db,
    feeds: Arc<Feeds<S>>,
    node: Uuid,
    /// How long a member may take nothing.
    patience: Duration,
}

/// Sends replays on this node, for ever. A member that takes nothing for `patience` is closed.
pub async fn run<S: Subscriber>(pool: Db, feeds: Arc<Feeds<S>>, node: Uuid, patience: Duration) {
    let replays = Arc::new(Replays { pool, feeds, node, patience });
    let started = Instant::now();
    let mut period = interval();
    let mut tasks = JoinSet::new();
    let mut known = HashSet::new();
    loop {
        period.tick().await;
        while let Some(ended) = tasks.try_join_next() {
            // A task that panicked is a defect, and ends the process like any other of its tasks.
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        let recent = match replays.recent(started.elapsed()).await {
            Ok(recent) => recent,
            Err(error) => {
                tracing::debug!(%error, "the replays could not be read");
                continue;
            }
        };
        known.retain(|id| recent.iter().any(|replay| replay.id == *id));
        for replay in recent {
            if known.insert(replay.id) {
                let replays = Arc::clone(&replays);
                tasks.spawn(async move { replays.follow(replay).await });
            }
        }
    }
}

fn interval() -> tokio::time::Interval {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    period
}

impl<S: Subscriber> Replays<S> {
    /// Those that run, or were done a moment ago.
    async fn recent(&self, age: Duration) -> Result<Vec<Replay>, LogError> {
        let rows = sqlx::query!(
            r#"SELECT id, vault_id, type, user_id,
                      CASE WHEN created_at > clock_timestamp() - $1 * interval '1 second' THEN from_seq - 1
                           ELSE position END AS "place!"
               FROM replays WHERE state = 'running'
                   OR state = 'done' AND ended_at > clock_timestamp() - $2 * interval '1 second'"#,
            age.as_secs_f64(),
            FOLLOWED_S,
        )
        .fetch_all(&self.pool);
        log::bounded(rows)
            .await?
            .into_iter()
            .map(|row| {
                Ok(Replay {
                    id: row.id,
                    vault: row.vault_id.into(),
                    kind: row.r#type.map(|name| name.parse()).transpose()?,
                    user: row.user_id.map(UserId::from),
                    place: row.place.try_into()?,
                })
            })
            .collect()
    }

    /// Follows one to its end.
    async fn follow(&self, mut replay: Replay) {
        let mut period = interval();
        loop {
            period.tick().await;
            match self.step(&mut replay).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, replay = %replay.id, "a replay stands still"),
            }
        }
    }

    /// Moves it on, if that is on this node, and sends up to where it is. True when it is over.
    async fn step(&self, replay: &mut Replay) -> Result<bool, LogError> {
        log::bounded(self.drive(replay.id)).await?;
        let row = sqlx::query!("SELECT state, position FROM replays WHERE id = $1", replay.id);
        let row = log::bounded(row.fetch_optional(&self.pool)).await?;
        let Some(row) = row.filter(|row| row.state != "cancelled") else { return Ok(true) };
        let position = Seq::new(row.position)?;
        while replay.place < position {
            let page = log::read_page(&self.pool, replay.vault, replay.place, position, PAGE).await?;
            let last = page.last().map_or(position, |last| last.seq);
            for event in page {
                // A snapshot stands where events were; clients do not know it.
                let other = replay.kind.is_some_and(|kind| kind != event.kind);
                if !other && event.kind != EventType::VaultSnapshot {
                    self.send(replay, &event).await;
                }
            }
            replay.place = last;
        }
        Ok(row.state == "done")
    }

    /// Sends one event to the members meant, waiting for those without room.
    async fn send(&self, replay: &Replay, event: &Event) {
        let Some(feed) = self.feeds.get(replay.vault) else { return };
        let give_up = Instant::now() + self.patience;
        let mut full = feed.replay(event, replay.id, |member| replay.user.is_none_or(|user| user == member.user()));
        while !full.is_empty() {
            if Instant::now() >= give_up {
                feed.expel(&full);
                break;
            }
            tokio::time::sleep(PACE).await;
            full = feed.replay(event, replay.id, |member| full.contains(&member.id()));
        }
        self.feeds.tidy(replay.vault);
    }

    /// Moves it on by what its rate has gained, if this node drives it, or nobody does. One that has been at its end
    /// for a while is done.
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
            MADE_UP_S,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
