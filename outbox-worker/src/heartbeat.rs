//! The heartbeat: a row in `nodes` that shows operators this node, and that the node renews every few seconds.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::db::{Db, with_query_timeout};
use crate::feeds::Feeds;
use crate::log::LogError;
use crate::metrics;
use crate::subscriber::Subscriber;
use crate::sweep::{self, total_lag};

/// How often the node renews its row.
const PERIOD: Duration = Duration::from_secs(5);
/// Seconds without renewal after which a node counts as dead.
pub const DEAD_AFTER_S: f64 = 15.0;

/// Renews the row of `node`, forever. `sockets` returns the number of connections of this node.
pub async fn run<S: Subscriber>(
    pool: Db,
    feeds: Arc<Feeds<S>>,
    node: Uuid,
    version: &'static str,
    sockets: impl Fn() -> usize + Send,
) {
    let mut period = tokio::time::interval(PERIOD);
    loop {
        period.tick().await;
        if let Err(error) = with_query_timeout(renew(&pool, &feeds, node, version, sockets())).await {
            tracing::debug!(%error, "the heartbeat failed");
        }
    }
}

async fn renew<S: Subscriber>(
    pool: &Db,
    feeds: &Feeds<S>,
    node: Uuid,
    version: &str,
    sockets: usize,
) -> Result<(), LogError> {
    let positions = feeds.positions();
    let lag = total_lag(&sweep::find_lagging(pool, &positions).await?);
    // The relay sets these metrics too, but not while it waits for a read.
    metrics::set_sweep_result(positions.len(), lag);
    sqlx::query!(
        "INSERT INTO nodes (id, version, sockets, vaults_in_use, lag_events) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT nodes_pkey DO UPDATE
         SET seen_at = clock_timestamp(), sockets = $3, vaults_in_use = $4, lag_events = $5",
        node,
        version,
        sockets as i64,
        positions.len() as i64,
        lag,
    )
    .execute(pool)
    .await?;
    // Operators no longer need nodes that have been dead for a day.
    sqlx::query!("DELETE FROM nodes WHERE seen_at < clock_timestamp() - interval '1 day'").execute(pool).await?;
    Ok(())
}

/// Deletes the row of a node that shuts down.
///
/// # Errors
/// The database is unavailable; the row's age then shows that the node is dead.
pub async fn remove(pool: &Db, node: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM nodes WHERE id = $1", node).execute(pool).await?;
    Ok(())
}
