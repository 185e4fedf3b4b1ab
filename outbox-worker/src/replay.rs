//! Sends stored events again to the members that are live, as rows of `replays` ask for.
//!
//! **State.** A replay's row says how far it may be sent (`position`). One node at a time moves it, at the replay's
//! rate; if that node is not heard of for [`TAKEOVER`], another goes on. Every node sends to its own members what lies
//! between its own place and the position. A node that starts while a replay runs begins at the position.
//! **Order.** A replay is in order. It takes a feed for at most [`BATCH`] events at a time, so a live event waits for
//! no more than that many sends; live events keep their own order, and replayed ones move no position.
//! **On failure.** With the database away the replay stands still. A node that dies takes nothing with it but its own
//! sockets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::log::{self, LogError};
use crate::{EventType, Feeds, Seq, Subscriber, UserId, VaultId};

/// How often the rows are looked at.
const PERIOD: Duration = Duration::from_millis(250);
/// Seconds after which another node moves a replay on.
const TAKEOVER_S: f64 = 2.0;
/// Most events sent while a feed is held.
const BATCH: i64 = 50;
/// Most events a replay may move on in one period, whatever its rate and however long it stood still.
const STRIDE: i64 = 1000;

/// A replay that runs.
#[derive(Debug)]
struct Running {
    id: Uuid,
    vault: VaultId,
    kind: Option<EventType>,
    user: Option<UserId>,
    position: Seq,
    /// Where a node begins that was there from the start.
    from: Seq,
    is_new: bool,
}

/// Sends replays on this node, for ever.
pub async fn run<S: Subscriber>(pool: PgPool, feeds: Arc<Feeds<S>>, node: Uuid) {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut places: HashMap<Uuid, Seq> = HashMap::new();
    let started = Instant::now();
    loop {
        period.tick().await;
        let age = started.elapsed().as_secs_f64();
        if let Err(error) = round(&pool, &feeds, node, age, &mut places).await {
            tracing::debug!(%error, "the replays could not be read");
        }
    }
}

async fn round<S: Subscriber>(
    pool: &PgPool,
    feeds: &Feeds<S>,
    node: Uuid,
    age: f64,
    places: &mut HashMap<Uuid, Seq>,
) -> Result<(), LogError> {
    drive(pool, node).await?;
    let running = running(pool, age).await?;
    places.retain(|id, _| running.iter().any(|replay| replay.id == *id));
    for replay in running {
        // One that began before this node did is taken up where it stands.
        let place = places.entry(replay.id).or_insert(if replay.is_new { replay.from } else { replay.position });
        while *place < replay.position {
            let page = log::read_page(pool, replay.vault, *place, replay.position, BATCH).await?;
            *place = page.last().map_or(replay.position, |last| last.seq);
            let events = page.iter().filter(|event| replay.kind.is_none_or(|kind| kind == event.kind));
            if let Some(feed) = feeds.get(replay.vault) {
                feed.replay(events, replay.user, replay.id);
            }
            feeds.tidy(replay.vault);
        }
    }
    Ok(())
}

/// Moves on the replays that this node drives, and takes over those that nobody does. One that has been at its end for
/// some periods, so that every node has followed, is done.
async fn drive(pool: &PgPool, node: Uuid) -> Result<(), LogError> {
    sqlx::query!(
        "UPDATE replays SET driver = $1, driven_at = clock_timestamp(),
             position = least(to_seq, position + least($3, greatest(1, ceil(rate
                 * extract(epoch FROM clock_timestamp() - coalesce(driven_at, created_at)))))::bigint),
             state = CASE WHEN position = to_seq THEN 'done' ELSE state END,
             ended_at = CASE WHEN position = to_seq THEN clock_timestamp() END
         WHERE state = 'running' AND (driver = $1 OR driver IS NULL
             OR driven_at < clock_timestamp() - $2 * interval '1 second')
             AND (position < to_seq OR driven_at < clock_timestamp() - interval '1 second')",
        node,
        TAKEOVER_S,
        STRIDE as f64,
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn running(pool: &PgPool, age: f64) -> Result<Vec<Running>, LogError> {
    let rows = sqlx::query!(
        r#"SELECT id, vault_id, from_seq, type, user_id, position,
                  created_at > clock_timestamp() - $1 * interval '1 second' AS "is_new!"
           FROM replays WHERE state = 'running'"#,
        age
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Running {
                id: row.id,
                vault: row.vault_id.into(),
                kind: row.r#type.map(|name| name.parse()).transpose()?,
                user: row.user_id.map(UserId::from),
                position: row.position.into(),
                from: Seq::from(row.from_seq - 1),
                is_new: row.is_new,
            })
        })
        .collect()
}
