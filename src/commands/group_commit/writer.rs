//! The tasks of the group commit: take a batch from a queue, write it in one transaction, answer its callers.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::histogram;
use outbox_worker::Db;
use syncscript_types::VaultId;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::queue::{
    BusyVaults, Lane, LaneGuard, PendingWrite, VaultGuard, drop_expired, fail_all, lock, shared_failure,
};
use crate::commands::commit_notifier::CommitNotifier;
use crate::domain::{Applied, Source};
use crate::store::source_writes::{SourceWrite, WriteOutcome};
use crate::store::{Result, StoreError};

/// Maximum duration of a transaction that does not wait for a vault.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time that a write waits in its lane; the same as for a connection.
const LANE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time that a write waits for a busy vault, and maximum duration of a transaction that waits for one.
pub const VAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes mutations of one kind.
pub struct GroupCommit<W> {
    lanes: Vec<Mutex<Lane<W>>>,
    pub(super) busy: Mutex<BusyVaults<W>>,
    pool: Db,
    notifier: CommitNotifier,
    /// The runtime of the tasks. Not the caller's, because an HTTP worker may stop before the others.
    runtime: Handle,
}

impl<W: SourceWrite> GroupCommit<W> {
    /// Creates the lanes. Their tasks run on the runtime that calls this.
    #[must_use]
    pub fn new(pool: Db, notifier: CommitNotifier) -> Arc<Self> {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            lanes: (0..lanes).map(|_| Mutex::new(Lane::new())).collect(),
            busy: Mutex::default(),
            pool,
            notifier,
            runtime: Handle::current(),
        })
    }

    /// Writes one mutation. If the caller stops waiting, the write still runs.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch; outages.
    pub async fn write(self: &Arc<Self>, write: W) -> Result<Applied<Source>> {
        let index = (write.lane() % self.lanes.len() as u128) as usize;
        let (reply, replied) = oneshot::channel();
        let needs_worker = {
            let mut lane = lock(&self.lanes[index]);
            lane.waiting.push(PendingWrite { write, queued_at: Instant::now(), reply });
            !std::mem::replace(&mut lane.has_worker, true)
        };
        if needs_worker {
            self.runtime.spawn(Arc::clone(self).run_lane(index));
        }
        replied.await.unwrap_or_else(|_| Err(shared_failure()))
    }

    /// Writes what waits in a lane, until the lane is empty.
    async fn run_lane(self: Arc<Self>, index: usize) {
        let guard = LaneGuard { lane: &self.lanes[index] };
        while let Some(batch) = guard.next() {
            let batch = drop_expired(batch, LANE_TIMEOUT);
            if !batch.is_empty() {
                histogram!("syncscript_commit_events").record(batch.len() as f64);
                self.write_batch(batch, false).await;
            }
        }
    }

    /// Writes what waits for a busy vault once the vault is free, until nothing waits.
    async fn run_busy_vault(self: Arc<Self>, vault: VaultId) {
        let guard = VaultGuard { busy: &self.busy, vault };
        while let Some(batch) = guard.next() {
            let batch = drop_expired(batch, VAULT_TIMEOUT);
            if !batch.is_empty() {
                self.write_batch(batch, true).await;
            }
        }
    }

    /// Writes a batch in one transaction. With `wait`, all writes are for one vault, and the transaction waits for it.
    async fn write_batch(self: &Arc<Self>, batch: Vec<PendingWrite<W>>, wait: bool) {
        match self.try_write(&batch, wait).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(error) if is_rolled_back(&error) && !(wait && batch.len() == 1) => {
                for pending in batch {
                    self.runtime.spawn(Arc::clone(self).write_alone(pending));
                }
            }
            Err(error) => fail_all(batch, error),
        }
    }

    /// Does the same as [`Self::write_batch`] with one write that waits. Does not call it, because the future would
    /// then contain itself.
    async fn write_alone(self: Arc<Self>, pending: PendingWrite<W>) {
        let batch = vec![pending];
        match self.try_write(&batch, true).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(error) => fail_all(batch, error),
        }
    }

    async fn try_write(&self, batch: &[PendingWrite<W>], wait: bool) -> Result<Vec<WriteOutcome>> {
        let writes: Vec<&W> = batch.iter().map(|pending| &pending.write).collect();
        let limit = if wait { VAULT_TIMEOUT } else { TRANSACTION_TIMEOUT };
        let attempt = timeout(limit, W::write_batch(&self.pool, &writes, wait));
        attempt.await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Announces what was committed, then answers the callers. Writes whose vault is busy wait for the vault.
    fn answer(self: &Arc<Self>, batch: Vec<PendingWrite<W>>, outcomes: Vec<WriteOutcome>) {
        self.notifier.mark(outcomes.iter().filter_map(|outcome| match outcome {
            WriteOutcome::Done(applied) => Some(applied.vault_id),
            _ => None,
        }));
        for (pending, outcome) in batch.into_iter().zip(outcomes) {
            // The caller may have stopped waiting.
            match outcome {
                WriteOutcome::Done(applied) => drop(pending.reply.send(Ok(applied))),
                WriteOutcome::Rejected(rejection) => drop(pending.reply.send(Err(StoreError::Rejected(rejection)))),
                WriteOutcome::Busy(vault) => self.wait_for_vault(vault, pending),
            }
        }
    }

    fn wait_for_vault(self: &Arc<Self>, vault: VaultId, pending: PendingWrite<W>) {
        match lock(&self.busy).entry(vault) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push(pending),
            Entry::Vacant(none) => {
                none.insert(vec![pending]);
                self.runtime.spawn(Arc::clone(self).run_busy_vault(vault));
            }
        }
    }
}

/// Returns whether Postgres itself reported the error: then nothing of the transaction was committed.
fn is_rolled_back(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(sqlx::Error::Database(_)) | StoreError::Internal(sqlx::Error::Database(_)))
}
