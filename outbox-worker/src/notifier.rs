//! The NOTIFY sender: tells the other processes which vaults have new events.
//!
//! One task sends coalesced notifications outside any write transaction. A NOTIFY inside the write transaction would
//! hold a cluster-wide lock across its commit and prevent group commit. So this task sends after the commit, for all
//! vaults marked since its last round. It drops a failed notification: the other processes' sweep finds the events (I8).

use std::sync::Arc;
use std::time::Duration;

use syncscript_types::VaultId;
use uuid::Uuid;

use crate::db::{Db, with_query_timeout};
use crate::metrics;
use crate::wake::WakeSignal;

/// The channel on which processes announce new events to each other.
pub const CHANNEL: &str = "syncscript_outbox";

/// The minimum time between two rounds. The first mark after a quiet period is sent at once. Under load this limits the
/// cost (about 12% of the write throughput at 1000 notifications per second, far less at 200).
const MIN_INTERVAL: Duration = Duration::from_millis(5);

/// Postgres rejects payloads of 8000 bytes or more. The sender's id takes 36 bytes, each vault 37 more.
const VAULTS_PER_NOTIFY: usize = 200;

/// Sends the vaults marked in `signal`, forever. `node` identifies this process, so that it can ignore its own
/// notifications.
pub async fn run(pool: Db, signal: Arc<WakeSignal>, node: Uuid) {
    loop {
        let pending = signal.wait().await;
        let vaults: Vec<VaultId> = pending.vaults.into_iter().collect();
        metrics::count_notified(vaults.len().div_ceil(VAULTS_PER_NOTIFY), vaults.len(), pending.marks);
        for batch in vaults.chunks(VAULTS_PER_NOTIFY) {
            let sent = sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, payload(node, batch)).execute(&pool);
            if let Err(error) = with_query_timeout(sent).await {
                tracing::debug!(%error, vaults = batch.len(), "NOTIFY failed; the sweep of the other nodes will find the events");
            }
        }
        tokio::time::sleep(MIN_INTERVAL).await;
    }
}

fn payload(node: Uuid, vaults: &[VaultId]) -> String {
    let mut text = node.to_string();
    for vault in vaults {
        text.push(',');
        text.push_str(&vault.to_string());
    }
    text
}

/// Returns a notification's sender and the vaults it announces. Ignores parts that are not ids, because anyone with
/// access to the database may send on the channel.
///
/// ```
/// let (sender, vaults) = outbox_worker::notifier::parse_payload("not an id");
/// assert!(sender.is_none() && vaults.is_empty());
/// ```
#[must_use]
pub fn parse_payload(payload: &str) -> (Option<Uuid>, Vec<VaultId>) {
    let mut parts = payload.split(',');
    let node = parts.next().and_then(|text| text.trim().parse().ok());
    (node, parts.filter_map(|text| text.trim().parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_payload_fits_postgres_and_parses_back() {
        let node = Uuid::new_v4();
        let vaults: Vec<VaultId> = (0..VAULTS_PER_NOTIFY).map(|_| Uuid::new_v4().into()).collect();
        let text = payload(node, &vaults);
        assert!(text.len() < 8000, "{} bytes", text.len());
        assert_eq!(parse_payload(&text), (Some(node), vaults));
    }

    #[test]
    fn notifications_of_other_programs_are_ignored() {
        assert_eq!(parse_payload(""), (None, vec![]));
        assert_eq!(parse_payload("hello,world"), (None, vec![]));
    }
}
