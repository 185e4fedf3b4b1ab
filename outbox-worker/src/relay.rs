//! The loop that makes committed events reach their subscribers: wait for a wake-up or the sweep, read, emit.
//!
//! It takes no input but the marks and the clock, and a round may be repeated at any time: positions only move when
//! events were handed over. On a failed read the same vaults are read again, after a pause that grows; marks made
//! meanwhile wait. I1: it reads nothing but committed rows. I8: with every notification lost, the sweep still finds
//! each event.

use std::sync::Arc;
use std::time::Duration;

use syncscript_types::{Event, Seq, VaultId};
use tokio::time::MissedTickBehavior;

use crate::log::{self, LogError};
use crate::metric::{self, Lag};
use crate::wake::Dirty;
use crate::{Db, Feeds, Subscriber, Wake, retry};

/// Events of one vault in one read. More than that are read in rounds, so that one vault's burst does not fill memory,
/// hold up the others, or run over the buffers of sockets that do read: they hold 128 packets each.
const PER_VAULT: i64 = 64;

/// What may be set.
#[derive(Debug, Clone, Copy)]
pub struct RelaySettings {
    /// How often every vault in use is compared with its head.
    pub sweep: Duration,
}

/// Tails the outbox for the vaults in use on this node.
pub struct Relay<S: Subscriber> {
    pool: Db,
    feeds: Arc<Feeds<S>>,
    wake: Arc<Wake>,
    settings: RelaySettings,
    lag: Arc<Lag>,
}

impl<S: Subscriber> Relay<S> {
    /// A relay that emits to `feeds` whatever is marked in `wake`.
    #[must_use]
    pub fn new(pool: Db, feeds: Arc<Feeds<S>>, wake: Arc<Wake>, settings: RelaySettings) -> Self {
        Self { pool, feeds, wake, settings, lag: Arc::default() }
    }

    /// How far it is behind, for whoever wants to know while it runs.
    #[must_use]
    pub fn lag(&self) -> Arc<Lag> {
        Arc::clone(&self.lag)
    }

    /// Runs for ever.
    pub async fn run(self) {
        let mut sweep = tokio::time::interval(self.settings.sweep);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let dirty = tokio::select! {
                dirty = self.wake.next() => dirty,
                _ = sweep.tick() => Dirty { sweep: true, ..Dirty::default() },
            };
            // While the database is away, nothing is known of the events but how long they may have been waiting.
            self.lag.begin();
            retry::until_ok("reading the outbox", || self.round(&dirty)).await;
        }
    }

    /// One read for all vaults that are due. A vault with more than one page is marked again, and so takes its turn.
    async fn round(&self, dirty: &Dirty) -> Result<(), LogError> {
        let positions = self.due(dirty).await?;
        if positions.is_empty() {
            self.lag.caught_up(None);
            return Ok(());
        }
        let events = log::read_after(&self.pool, &positions, PER_VAULT).await?;
        metric::read(&events);
        let mut groups = by_vault(events);
        let is_full = |(_, events): &&(VaultId, Vec<Event>)| events.len() as i64 == PER_VAULT;
        let left = groups.iter().filter(is_full).filter_map(|(_, events)| events.last());
        self.lag.caught_up(left.min_by_key(|event| event.created_at));
        for (vault, events) in groups.drain(..) {
            if events.len() as i64 == PER_VAULT {
                self.wake.mark(vault);
            }
            self.emit(vault, events);
        }
        Ok(())
    }

    /// The vaults in use that may have news, with the positions emitted.
    async fn due(&self, dirty: &Dirty) -> Result<Vec<(VaultId, Seq)>, LogError> {
        let mut due = dirty.vaults.clone();
        if dirty.sweep {
            let positions = self.feeds.positions();
            let behind = log::behind(&self.pool, &positions).await?;
            metric::swept(positions.len(), &behind);
            due.extend(behind.into_iter().map(|behind| behind.vault));
        }
        Ok(due.into_iter().filter_map(|vault| Some((vault, self.feeds.get(vault)?.emitted()?))).collect())
    }

    fn emit(&self, vault: VaultId, events: Vec<Event>) {
        let Some(feed) = self.feeds.get(vault) else { return };
        match feed.advance(events) {
            Ok(count) => tracing::trace!(%vault, count, "emitted"),
            Err(gap) => tracing::error!(%gap, "the outbox has a hole; its subscribers must come again"),
        }
        self.feeds.tidy(vault);
    }
}

/// Splits what is ordered by vault into one list a vault.
fn by_vault(events: Vec<Event>) -> Vec<(VaultId, Vec<Event>)> {
    let mut groups: Vec<(VaultId, Vec<Event>)> = Vec::new();
    for event in events {
        match groups.last_mut() {
            Some((vault, group)) if *vault == event.vault_id => group.push(event),
            _ => groups.push((event.vault_id, vec![event])),
        }
    }
    groups
}
