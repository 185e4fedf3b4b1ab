//! The loop that carries committed events to their subscribers: wait for a mark or the sweep, read, emit.
//!
//! Its only inputs are the marks and the clock. A round may be repeated at any time, because positions move only when
//! events were handed over. It reads only committed rows (I1). Even if every notification is lost, the sweep finds each
//! event (I8).
//!
//! **On failure.** After a failed read, it reads the same vaults again after a growing delay. Marks made in between wait.

use std::sync::Arc;
use std::time::Duration;

use syncscript_types::{Event, Seq, VaultId};
use tokio::time::MissedTickBehavior;

use crate::db::Db;
use crate::feeds::Feeds;
use crate::lag::RelayLag;
use crate::log::{self, LogError};
use crate::subscriber::Subscriber;
use crate::sweep::{self, total_lag};
use crate::wake::{PendingVaults, WakeSignal};
use crate::{metrics, retry};

/// How many events of one vault a read returns at most. More events take several rounds, so that one vault's burst does
/// not fill memory, delay the other vaults, or overflow the buffers of sockets that do read: those hold 128 packets each.
const EVENTS_PER_VAULT: i64 = 64;

/// The relay's settings.
#[derive(Debug, Clone, Copy)]
pub struct RelaySettings {
    /// How often the relay compares every vault in use with its head.
    pub sweep: Duration,
}

/// Tails the outbox for the vaults in use on this node.
///
/// ```no_run
/// # use outbox_worker::Subscriber;
/// # async fn start<S: Subscriber>() -> Result<(), sqlx::Error> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use outbox_worker::{Db, Feeds, Relay, RelaySettings, WakeSignal, listener};
/// use uuid::Uuid;
///
/// let options: sqlx::postgres::PgConnectOptions = "postgres://localhost/syncscript".parse()?;
/// let signal = Arc::new(WakeSignal::default());
/// let feeds = Arc::new(Feeds::<S>::default());
///
/// let db = Db::new(options.clone(), 5);
/// let settings = RelaySettings { sweep: Duration::from_secs(1) };
/// let relay = Relay::new(db, Arc::clone(&feeds), Arc::clone(&signal), settings);
/// tokio::spawn(relay.run());
/// // Other processes announce their commits; this process marks its own with `signal.mark(vault)`.
/// tokio::spawn(listener::run(options, signal, Uuid::new_v4()));
/// # Ok(())
/// # }
/// ```
pub struct Relay<S: Subscriber> {
    pool: Db,
    feeds: Arc<Feeds<S>>,
    signal: Arc<WakeSignal>,
    settings: RelaySettings,
    lag: Arc<RelayLag>,
}

impl<S: Subscriber> Relay<S> {
    /// Creates a relay that advances `feeds` for the vaults marked in `signal`.
    #[must_use]
    pub fn new(pool: Db, feeds: Arc<Feeds<S>>, signal: Arc<WakeSignal>, settings: RelaySettings) -> Self {
        Self { pool, feeds, signal, settings, lag: Arc::default() }
    }

    /// Returns the lag, which stays readable while the relay runs.
    #[must_use]
    pub fn lag(&self) -> Arc<RelayLag> {
        Arc::clone(&self.lag)
    }

    /// Runs forever.
    pub async fn run(self) {
        let mut sweep = tokio::time::interval(self.settings.sweep);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pending = tokio::select! {
                pending = self.signal.wait() => pending,
                _ = sweep.tick() => PendingVaults::sweep(),
            };
            // While the database is unavailable, the only thing known is how long events may have been waiting.
            self.lag.start();
            retry::until_ok("reading the outbox", || self.run_round(&pending)).await;
        }
    }

    /// Reads and emits once, with one query for all pending vaults. A vault with more than one page is marked again, so
    /// it waits its turn.
    async fn run_round(&self, pending: &PendingVaults) -> Result<(), LogError> {
        let positions = self.positions_to_read(pending).await?;
        if positions.is_empty() {
            self.lag.finish(None);
            return Ok(());
        }
        let events = log::read_after(&self.pool, &positions, EVENTS_PER_VAULT).await?;
        metrics::record_read(&events);
        let groups = group_by_vault(events);
        let full_pages = groups.iter().filter(|(_, events)| is_full_page(events));
        let last_read = full_pages.filter_map(|(_, events)| events.last());
        self.lag.finish(last_read.min_by_key(|event| event.created_at));
        for (vault, events) in groups {
            if is_full_page(&events) {
                self.signal.mark(vault);
            }
            self.emit(vault, events);
        }
        Ok(())
    }

    /// Returns the vaults in use that may have new events, with their positions.
    async fn positions_to_read(&self, pending: &PendingVaults) -> Result<Vec<(VaultId, Seq)>, LogError> {
        let mut vaults = pending.vaults.clone();
        if pending.sweep {
            let positions = self.feeds.positions();
            let lagging = sweep::find_lagging(&self.pool, &positions).await?;
            metrics::set_sweep_result(positions.len(), total_lag(&lagging));
            vaults.extend(lagging.into_iter().map(|lagging| lagging.vault));
        }
        Ok(vaults.into_iter().filter_map(|vault| Some((vault, self.feeds.get(vault)?.position()?))).collect())
    }

    fn emit(&self, vault: VaultId, events: Vec<Event>) {
        let Some(feed) = self.feeds.get(vault) else { return };
        match feed.advance(events) {
            Ok(count) => tracing::trace!(%vault, count, "emitted"),
            Err(gap) => tracing::error!(%gap, "the outbox has a gap; its subscribers must join again"),
        }
        self.feeds.remove_if_idle(vault);
    }
}

fn is_full_page(events: &[Event]) -> bool {
    events.len() as i64 == EVENTS_PER_VAULT
}

/// Splits events that are ordered by vault into one list per vault.
fn group_by_vault(events: Vec<Event>) -> Vec<(VaultId, Vec<Event>)> {
    let mut groups: Vec<(VaultId, Vec<Event>)> = Vec::new();
    for event in events {
        match groups.last_mut() {
            Some((vault, group)) if *vault == event.vault_id => group.push(event),
            _ => groups.push((event.vault_id, vec![event])),
        }
    }
    groups
}
