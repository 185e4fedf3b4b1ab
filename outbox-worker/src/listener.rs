//! The LISTEN receiver: learns of other processes' commits.
//!
//! At the start and after each lost connection, it registers first and then requests a sweep. The sweep finds the
//! events that were announced in between.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use uuid::Uuid;

use crate::notifier::{self, CHANNEL};
use crate::retry;
use crate::wake::WakeSignal;

/// Marks in `signal` the vaults that other processes announce, forever. Ignores notifications of `own_node`, because its
/// commits are marked directly.
pub async fn run(options: PgConnectOptions, signal: Arc<WakeSignal>, own_node: Uuid) {
    loop {
        let mut listener = retry::until_ok("LISTEN", || connect(&options)).await;
        signal.mark_all();
        loop {
            match listener.try_recv().await {
                Ok(Some(notification)) => match notifier::parse_payload(notification.payload()) {
                    (Some(node), _) if node == own_node => {}
                    (_, vaults) => signal.mark_many(vaults),
                },
                Ok(None) => {
                    tracing::warn!("lost the LISTEN connection");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "lost the LISTEN connection");
                    break;
                }
            }
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // PgListener requires an sqlx pool. This one holds only its connection.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&own).await?;
    // The loop above reconnects, and requests the sweep that makes up for missed notifications.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
