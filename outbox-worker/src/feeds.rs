//! All feeds of this process, and joining one without missing an event or receiving one twice (I3, I4).
//!
//! A [`Feed`] exists while its vault is in use, that is, while it has a member or a joiner. Only the relay advances it.
//! Only a [`PendingJoin`] adds a member. A member is removed by [`Feeds::leave`], by returning
//! [`Delivery::Closed`](crate::Delivery::Closed), by falling behind, or by a gap in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncscript_types::{Seq, VaultId};

use crate::feed::{Admission, Feed};
use crate::subscriber::Subscriber;

/// How many events a feed keeps while someone is joining. Enough to cover the duration of one read of the log at
/// thousands of events per second. A joiner that falls further behind reads the log again.
const RECENT_LIMIT: usize = 1024;

/// All feeds of this process.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use outbox_worker::{Admission, Delivery, Feeds, Subscriber};
/// use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
/// use uuid::Uuid;
///
/// /// Collects the seqs it receives.
/// struct Collector(Arc<Mutex<Vec<i64>>>);
///
/// impl Subscriber for Collector {
///     type Id = u32;
///     fn id(&self) -> u32 { 1 }
///     fn user(&self) -> UserId { Uuid::nil().into() }
///     fn confirm_join(&mut self) -> Delivery { Delivery::Accepted }
///     fn deliver(&self, event: &Event) -> Delivery {
///         self.0.lock().unwrap().push(event.seq.get());
///         Delivery::Accepted
///     }
///     fn deliver_replayed(&mut self, _: &Event, _: Uuid) -> Delivery { Delivery::Accepted }
///     fn fell_behind(self, _: Seq) {}
///     fn feed_lost(&self) {}
/// }
///
/// let event = |seq| Event {
///     vault_id: Uuid::nil().into(),
///     seq,
///     event_id: Uuid::new_v4(),
///     kind: EventType::SourceCreated,
///     payload: serde_json::value::to_raw_value("{}").unwrap(),
///     created_at: chrono::Utc::now(),
/// };
///
/// let (vault, received) = (VaultId::from(Uuid::nil()), Arc::default());
/// let feeds = Arc::new(Feeds::default());
///
/// // 1. Begin to join. From here on, the feed keeps what it emits.
/// let join = feeds.begin_join(vault);
/// // 2. Read the head of the log, and send the subscriber everything up to there. Here, the log is empty.
/// let head = Seq::START;
/// join.init_position(head);
/// // 3. Enter, or get what was emitted in between.
/// let admission = join.enter(Collector(Arc::clone(&received)), head);
/// assert!(matches!(admission, Admission::Admitted));
/// drop(join);
///
/// // The relay advances the feed. A repeated event is ignored.
/// let feed = feeds.get(vault).expect("in use");
/// let (first, second) = (head.next(), head.next().next());
/// feed.advance(vec![event(first)])?;
/// feed.advance(vec![event(first), event(second)])?;
/// assert_eq!(*received.lock().unwrap(), [1, 2]);
///
/// feeds.leave(vault, 1);
/// assert!(feeds.get(vault).is_none());
/// # Ok::<(), outbox_worker::LogGap>(())
/// ```
pub struct Feeds<S: Subscriber> {
    // Locked before a feed's own lock, so that no feed is removed while someone begins to join it.
    map: Mutex<HashMap<VaultId, Arc<Feed<S>>>>,
    recent_limit: usize,
}

impl<S: Subscriber> Default for Feeds<S> {
    fn default() -> Self {
        Self::with_recent_limit(RECENT_LIMIT)
    }
}

impl<S: Subscriber> Feeds<S> {
    /// Creates an empty set of feeds, each of which keeps at most `recent_limit` events for joiners.
    #[must_use]
    pub fn with_recent_limit(recent_limit: usize) -> Self {
        Self { map: Mutex::new(HashMap::new()), recent_limit }
    }

    /// Begins a join: from now on the vault is in use, and its feed keeps recent events. Call this before reading the
    /// vault's head, so that no event committed in between is missed.
    #[must_use]
    pub fn begin_join(self: &Arc<Self>, vault: VaultId) -> PendingJoin<S> {
        let mut map = self.lock();
        let feed = map.entry(vault).or_insert_with(|| Arc::new(Feed::new(vault, self.recent_limit)));
        feed.add_joiner();
        PendingJoin { feed: Arc::clone(feed), feeds: Arc::clone(self) }
    }

    /// Ends a membership, if there is one.
    pub fn leave(&self, vault: VaultId, id: S::Id) {
        self.update(vault, |feed| feed.remove_member(id));
    }

    /// Returns whether the subscriber is a member of the vault's feed.
    #[must_use]
    pub fn is_member(&self, vault: VaultId, id: S::Id) -> bool {
        self.get(vault).is_some_and(|feed| feed.is_member(id))
    }

    /// Returns the feed of a vault, if the vault is in use.
    #[must_use]
    pub fn get(&self, vault: VaultId) -> Option<Arc<Feed<S>>> {
        self.lock().get(&vault).cloned()
    }

    /// Returns the positions of all vaults in use.
    #[must_use]
    pub fn positions(&self) -> Vec<(VaultId, Seq)> {
        self.lock().iter().filter_map(|(vault, feed)| Some((*vault, feed.position()?))).collect()
    }

    /// Removes the vault's feed if the vault is no longer in use.
    pub fn remove_if_idle(&self, vault: VaultId) {
        self.update(vault, Feed::is_idle);
    }

    /// Updates a feed, and removes it if `update` returns that it is idle.
    fn update(&self, vault: VaultId, update: impl FnOnce(&Feed<S>) -> bool) {
        let mut map = self.lock();
        let Some(feed) = map.get(&vault) else { return };
        if update(feed) {
            map.remove(&vault);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VaultId, Arc<Feed<S>>>> {
        // The map is valid at each step, so a panic elsewhere does not corrupt it.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A join in progress. Dropping it ends the attempt; a subscriber that was admitted stays.
pub struct PendingJoin<S: Subscriber> {
    feeds: Arc<Feeds<S>>,
    feed: Arc<Feed<S>>,
}

impl<S: Subscriber> PendingJoin<S> {
    /// Sets the position of a feed that has none to `head`, the log's head at a moment after [`Feeds::begin_join`].
    ///
    /// Returns true if the feed had no position. Then mark the vault for the relay, which ignored it until now.
    #[must_use]
    pub fn init_position(&self, head: Seq) -> bool {
        self.feed.init_position(head)
    }

    /// Makes `subscriber`, which has all events up to `position`, a member if no event is missing before the next one to
    /// be emitted. Otherwise returns what to send to it first. A subscriber that is ahead of this node's relay is
    /// admitted at its own position.
    pub fn enter(&self, subscriber: S, position: Seq) -> Admission<S> {
        self.feed.admit(subscriber, position)
    }
}

impl<S: Subscriber> Drop for PendingJoin<S> {
    fn drop(&mut self) {
        self.feeds.update(self.feed.vault(), Feed::remove_joiner);
    }
}
