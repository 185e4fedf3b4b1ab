//! The queues of the group commit: pending writes per lane and per busy vault, and the guards of their tasks.
//!
//! At most one task works on a queue. If the task panics, its guard drops the writes that wait, which their callers
//! see as unavailable, and the next write starts a new task.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use syncscript_types::VaultId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::{Applied, Source};
use crate::store::{Result, StoreError};

/// Maximum number of writes in one transaction, so that their vaults are locked for a few milliseconds only.
pub const MAX_BATCH: usize = 64;

/// A write, and the caller who waits for it.
pub struct PendingWrite<W> {
    pub write: W,
    pub queued_at: Instant,
    pub reply: oneshot::Sender<Result<Applied<Source>>>,
}

/// The writes that share a task.
pub struct Lane<W> {
    pub waiting: Vec<PendingWrite<W>>,
    /// Whether a task works on the lane.
    pub has_worker: bool,
}

impl<W> Lane<W> {
    pub const fn new() -> Self {
        Self { waiting: Vec::new(), has_worker: false }
    }
}

/// The writes that wait for busy vaults. Each vault in the map has a task.
pub type BusyVaults<W> = HashMap<VaultId, Vec<PendingWrite<W>>>;

/// Held by the task that works on a lane. When the task ends, even by a panic, the lane has no worker.
pub struct LaneGuard<'l, W> {
    pub lane: &'l Mutex<Lane<W>>,
}

impl<W> LaneGuard<'_, W> {
    /// Takes the next batch. If there is none, the task must end.
    pub fn next(&self) -> Option<Vec<PendingWrite<W>>> {
        let mut lane = lock(self.lane);
        lane.has_worker = !lane.waiting.is_empty();
        lane.has_worker.then(|| take_batch(&mut lane.waiting))
    }
}

impl<W> Drop for LaneGuard<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.lane) = Lane::new();
        }
    }
}

/// Held by the task that waits for a busy vault. When the task ends, even by a panic, the vault leaves the map.
pub struct VaultGuard<'v, W> {
    pub busy: &'v Mutex<BusyVaults<W>>,
    pub vault: VaultId,
}

impl<W> VaultGuard<'_, W> {
    /// Takes the next batch. If there is none, the task must end.
    pub fn next(&self) -> Option<Vec<PendingWrite<W>>> {
        let mut busy = lock(self.busy);
        let batch = busy.get_mut(&self.vault).map(take_batch).filter(|batch| !batch.is_empty());
        if batch.is_none() {
            busy.remove(&self.vault);
        }
        batch
    }
}

impl<W> Drop for VaultGuard<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.busy).remove(&self.vault);
        }
    }
}

/// Takes as many writes as fit into a transaction, oldest first.
fn take_batch<W>(waiting: &mut Vec<PendingWrite<W>>) -> Vec<PendingWrite<W>> {
    waiting.drain(..waiting.len().min(MAX_BATCH)).collect()
}

/// Returns the writes that have not waited for longer than `limit`. The others fail as unavailable.
pub fn drop_expired<W>(batch: Vec<PendingWrite<W>>, limit: Duration) -> Vec<PendingWrite<W>> {
    let (expired, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|write| write.queued_at.elapsed() > limit);
    fail_all(expired, sqlx::Error::PoolTimedOut.into());
    rest
}

/// Fails all writes of a batch.
pub fn fail_all<W>(batch: Vec<PendingWrite<W>>, error: StoreError) {
    let mut batch = batch.into_iter();
    if let Some(first) = batch.next() {
        first.reply.send(Err(error)).ok();
    }
    // An error cannot be cloned, and logging it once is enough.
    batch.for_each(|write| drop(write.reply.send(Err(shared_failure()))));
}

/// Returns the error of a write whose transaction failed, and whose own outcome is unknown.
pub fn shared_failure() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Protocol("the transaction shared with other writes failed".to_owned()))
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every step leaves the queue valid, so a panic elsewhere does not corrupt it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
