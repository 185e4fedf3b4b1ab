//! "These vaults may have news": a set that is filled from anywhere and emptied by one task.
//!
//! Marking never blocks and never fails, and marks made before anyone waits are kept. A mark is a hint (I8): a false
//! one costs a read that finds nothing, a missing one costs a sweep interval.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use syncscript_types::VaultId;
use tokio::sync::Notify;

/// Collects marks between two rounds of its consumer.
#[derive(Debug, Default)]
pub struct Wake {
    dirty: Mutex<Dirty>,
    notify: Notify,
}

/// What was marked since the last round.
#[derive(Debug, Default, Clone)]
pub struct Dirty {
    /// Vaults that were named.
    pub vaults: HashSet<VaultId>,
    /// How many marks that was.
    pub marks: u64,
    /// Notifications may have been missed: compare every vault in use with its head.
    pub sweep: bool,
}

impl Dirty {
    fn is_empty(&self) -> bool {
        self.vaults.is_empty() && !self.sweep
    }
}

impl Wake {
    /// This vault has a new event.
    pub fn mark(&self, vault: VaultId) {
        self.mark_many([vault]);
    }

    /// These vaults have new events.
    pub fn mark_many(&self, vaults: impl IntoIterator<Item = VaultId>) {
        {
            let mut dirty = self.lock();
            let mut marks = 0;
            dirty.vaults.extend(vaults.into_iter().inspect(|_| marks += 1));
            dirty.marks += marks;
        }
        self.notify.notify_one();
    }

    /// Any vault may have new events.
    pub fn mark_all(&self) {
        self.lock().sweep = true;
        self.notify.notify_one();
    }

    /// Waits until something is marked, and takes all of it.
    pub async fn next(&self) -> Dirty {
        loop {
            let dirty = std::mem::take(&mut *self.lock());
            if !dirty.is_empty() {
                return dirty;
            }
            // notify_one leaves a permit when nobody waits, so a mark made between the check and here is not lost.
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Dirty> {
        // The set is valid at every step, so a panic elsewhere while it was held does not spoil it.
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
