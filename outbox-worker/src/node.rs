//! This node, as operators see it: a row that is renewed every few seconds.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::{Db, Feeds, Subscriber, log, metric};

/// How often the row is renewed.
const PERIOD: Duration = Duration::from_secs(5);
/// Seconds without renewal after which a node is called dead.
pub const DEAD_AFTER_S: f64 = 15.0;

/// Reports for ever. `sockets` counts the connections of this node.
pub async fn report<S: Subscriber>(
    pool: Db,
    feeds: Arc<Feeds<S>>,
    node: Uuid,
    version: &'static str,
    sockets: impl Fn() -> usize + Send,
) {
    let mut period = tokio::time::interval(PERIOD);
    loop {
        period.tick().await;
        if let Err(error) = log::bounded(renew(&pool, &feeds, node, version, sockets())).await {
            tracing::debug!(%error, "this node could not report itself");
        }
    }
}

async fn renew<S: Subscriber>(
    pool: &Db,
    feeds: &Feeds<S>,
    node: Uuid,
    version: &str,
    sockets: usize,
) -> Result<(), log::LogError> {
    let positions = feeds.positions();
    let behind = log::behind(pool, &positions).await?;
    // The relay says so itself, but not while it waits for a read.
    metric::swept(positions.len(), &behind);
    let lag: i64 = behind.iter().map(|behind| behind.events).sum();
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
    // Nodes that have been dead for a day are of no interest any more.
    sqlx::query!("DELETE FROM nodes WHERE seen_at < clock_timestamp() - interval '1 day'").execute(pool).await?;
    Ok(())
}

/// Takes the row away: the node stops in an orderly way.
///
/// # Errors
/// The database is away; the row is then marked dead by its age.
pub async fn leave(pool: &Db, node: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM nodes WHERE id = $1", node).execute(pool).await?;
    Ok(())
}
