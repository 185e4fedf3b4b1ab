//! The set of vaults that may have new events: filled from anywhere, drained by one task.
//!
//! Marking a vault never blocks or fails. Marks made while nobody waits are kept. A mark is a hint (I8): a false mark
//! costs a read that finds nothing, a missing mark costs one sweep interval.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncscript_types::VaultId;
use tokio::sync::Notify;

/// Collects marks for one consumer.
///
/// ```
/// use outbox_worker::WakeSignal;
/// use syncscript_types::VaultId;
/// use uuid::Uuid;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (signal, vault) = (WakeSignal::default(), VaultId::from(Uuid::new_v4()));
/// signal.mark(vault);
/// signal.mark(vault);
/// let pending = signal.wait().await;
/// assert_eq!((pending.vaults.len(), pending.marks), (1, 2));
/// # });
/// ```
#[derive(Debug, Default)]
pub struct WakeSignal {
    pending: Mutex<PendingVaults>,
    notify: Notify,
}

/// The marks since the consumer's last round.
#[derive(Debug, Default, Clone)]
pub struct PendingVaults {
    /// The marked vaults.
    pub vaults: HashSet<VaultId>,
    /// How many marks were made, repeated ones included.
    pub marks: u64,
    /// Whether to sweep: notifications may have been missed, so compare every vault in use with its head.
    pub sweep: bool,
}

impl PendingVaults {
    /// No marked vault, but a sweep.
    #[must_use]
    pub fn sweep() -> Self {
        Self { sweep: true, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.vaults.is_empty() && !self.sweep
    }
}

impl WakeSignal {
    /// Marks one vault.
    pub fn mark(&self, vault: VaultId) {
        self.mark_many([vault]);
    }

    /// Marks several vaults.
    pub fn mark_many(&self, vaults: impl IntoIterator<Item = VaultId>) {
        {
            let mut pending = self.lock();
            let mut marks = 0;
            pending.vaults.extend(vaults.into_iter().inspect(|_| marks += 1));
            pending.marks += marks;
        }
        self.notify.notify_one();
    }

    /// Requests a sweep, because any vault may have new events.
    pub fn mark_all(&self) {
        self.lock().sweep = true;
        self.notify.notify_one();
    }

    /// Waits until there is a mark, and takes all marks.
    pub async fn wait(&self) -> PendingVaults {
        loop {
            let pending = std::mem::take(&mut *self.lock());
            if !pending.is_empty() {
                return pending;
            }
            // notify_one stores a permit while nobody waits, so a mark made between the check and here is not lost.
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, PendingVaults> {
        // The set is valid at every step, so a panic elsewhere does not corrupt it.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
