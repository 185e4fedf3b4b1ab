//! Hears of other processes' appends by LISTEN.
//!
//! Registers first and marks everything afterwards, at the start and after each lost connection: what was notified
//! while nobody listened is found by that sweep.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use uuid::Uuid;

use crate::notify::{self, CHANNEL};
use crate::{Wake, retry};

/// Marks in `wake` what other processes notify, for ever. Notifications of `own_node` are passed over: its appends were
/// marked directly.
pub async fn run(options: PgConnectOptions, wake: Arc<Wake>, own_node: Uuid) {
    loop {
        let mut listener = retry::until_ok("LISTEN", || connect(&options)).await;
        wake.mark_all();
        loop {
            match listener.try_recv().await {
                Ok(Some(notification)) => match notify::parse(notification.payload()) {
                    (Some(node), _) if node == own_node => {}
                    (_, vaults) => wake.mark_many(vaults),
                },
                Ok(None) => {
                    tracing::warn!("the LISTEN connection was lost");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "the LISTEN connection was lost");
                    break;
                }
            }
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // The listener wants a pool of sqlx; one that holds nothing else.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&own).await?;
    // Reconnecting is done above, where the missed notifications are made good.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
