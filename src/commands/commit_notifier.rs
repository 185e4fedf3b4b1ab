//! Announces committed events: to the relay of this process, and to the notifier that informs the other nodes.
//!
//! A lost announcement delays an event by a sweep, and never loses it (I8).

use std::sync::Arc;

use outbox_worker::WakeSignal;
use syncscript_types::VaultId;

/// Marks vaults that have new events.
#[derive(Clone)]
pub struct CommitNotifier {
    relay: Arc<WakeSignal>,
    other_nodes: Arc<WakeSignal>,
}

impl CommitNotifier {
    pub fn new(relay: Arc<WakeSignal>, other_nodes: Arc<WakeSignal>) -> Self {
        Self { relay, other_nodes }
    }

    /// Marks these vaults. Call this after the commit.
    pub fn mark(&self, vaults: impl Iterator<Item = VaultId> + Clone) {
        self.relay.mark_many(vaults.clone());
        self.other_nodes.mark_many(vaults);
    }
}
