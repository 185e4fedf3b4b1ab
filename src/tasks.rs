//! The background tasks of a node. Each runs as long as the process: a task that ends is a defect, and stops the process,
//! since a server that accepts writes but sends no events is worse than none.

use std::future::Future;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use outbox_worker::Db;
use tokio::task::JoinSet;

use crate::store;

/// How often expired sessions and idempotency keys are deleted.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(600);
/// How often measurements are moved into their histograms.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// The running tasks. Dropping them stops them.
#[derive(Default)]
pub struct Tasks(JoinSet<&'static str>);

impl Tasks {
    /// Starts a task. The name is for the error message if the task ends.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until a task ends, and returns a sentence about it. Waits forever if there are no tasks.
    pub async fn wait_for_end(&mut self) -> String {
        match self.0.join_next().await {
            Some(Ok(name)) => format!("the {name} task ended"),
            Some(Err(error)) => format!("a background task failed: {error}"),
            None => std::future::pending().await,
        }
    }
}

/// Deletes expired sessions and idempotency keys, every ten minutes. A failure is retried the next time.
pub async fn housekeeping(pool: Db, key_lifetime: Duration) {
    let mut period = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    loop {
        period.tick().await;
        let cleaned = async {
            store::session_changes::delete_expired(&pool).await?;
            store::idempotency::delete_expired(&pool, key_lifetime.as_secs_f64()).await
        };
        if let Err(error) = cleaned.await {
            tracing::debug!(%error, "expired sessions and idempotency keys could not be deleted");
        }
    }
}

/// Moves measurements into their histograms. Without this, they accumulate in memory until someone requests them.
pub async fn metrics_upkeep(metrics: PrometheusHandle) {
    let mut period = tokio::time::interval(METRICS_INTERVAL);
    loop {
        period.tick().await;
        metrics.run_upkeep();
    }
}
