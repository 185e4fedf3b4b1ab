//! Tells the other processes which vaults have news: one task, coalesced NOTIFY, outside any write transaction.
//!
//! NOTIFY inside the write transaction would take a cluster-wide lock across its commit and end group commit, so it is
//! sent here, after commit, for all vaults marked since the last round. A failed send is dropped: the other processes'
//! sweep finds the events (I8).

use std::sync::Arc;
use std::time::Duration;

use syncscript_types::VaultId;
use uuid::Uuid;

use crate::{Db, Wake, log, metric};

/// The channel on which processes hear of each other's appends.
pub const CHANNEL: &str = "syncscript_outbox";

/// Least time between two rounds. The first mark after a quiet time is sent at once; under load this bounds the cost
/// (about 12% of write throughput at 1000 notifications/s, far less at 200).
const PAUSE: Duration = Duration::from_millis(5);

/// Postgres refuses payloads of 8000 bytes. The sender takes 37 and each id as many.
const VAULTS_PER_NOTIFY: usize = 200;

/// Sends what is marked in `news`, for ever. `node` names this process, so that it can skip its own notifications.
pub async fn run(pool: Db, news: Arc<Wake>, node: Uuid) {
    loop {
        let dirty = news.next().await;
        let vaults: Vec<VaultId> = dirty.vaults.into_iter().collect();
        metric::notified(vaults.len().div_ceil(VAULTS_PER_NOTIFY), vaults.len(), dirty.marks);
        for some in vaults.chunks(VAULTS_PER_NOTIFY) {
            let sent = sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, payload(node, some)).execute(&pool);
            let sent = log::bounded(sent).await;
            if let Err(error) = sent {
                tracing::debug!(%error, vaults = some.len(), "NOTIFY failed; the sweep of the other nodes will do");
            }
        }
        tokio::time::sleep(PAUSE).await;
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

/// What a notification says: its sender, and the vaults with news. Parts that are no ids are passed over, since anyone
/// with access to the database may send on the channel.
#[must_use]
pub fn parse(payload: &str) -> (Option<Uuid>, Vec<VaultId>) {
    let mut parts = payload.split(',');
    let node = parts.next().and_then(|text| text.trim().parse().ok());
    (node, parts.filter_map(|text| text.trim().parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_payload_fits_postgres_and_reads_back() {
        let node = Uuid::new_v4();
        let vaults: Vec<VaultId> = (0..VAULTS_PER_NOTIFY).map(|_| Uuid::new_v4().into()).collect();
        let text = payload(node, &vaults);
        assert!(text.len() < 8000, "{} bytes", text.len());
        assert_eq!(parse(&text), (Some(node), vaults));
    }

    #[test]
    fn strangers_notifications_do_no_harm() {
        assert_eq!(parse(""), (None, vec![]));
        assert_eq!(parse("hello,world"), (None, vec![]));
    }
}
