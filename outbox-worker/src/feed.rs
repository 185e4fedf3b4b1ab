//! One vault's feed: how far this node has emitted the log, and to which members.
//!
//! A feed holds the position of the last emitted event; the members, each with its own position; and, while anyone is
//! joining, the most recent events. Its lock is never held across an await.
//!
//! - I3: [`Feed::advance`] accepts an event only at the position after the last one, and offers a member only events
//!   above the member's position.
//! - I4: [`Feed::admit`] admits a subscriber only if no event is missing between its position and the next event.
//! - I5: a member without room for an event leaves the feed at that event and receives [`Subscriber::fell_behind`]. It
//!   then catches up from the log and joins again, or its connection is closed.
//! - I6: a member whose access ends at an event returns [`Delivery::Closed`] and gets no later event.
//!
//! **On failure.** If the relay's read has a gap, the feed removes every member with [`Subscriber::feed_lost`]. The
//! clients join again and learn from the join that the log cannot be continued. The feed never skips an event silently.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncscript_types::{Event, EventType, Seq, VaultId};
use uuid::Uuid;

use crate::metrics;
use crate::subscriber::{Delivery, Subscriber};

/// One vault's feed.
pub struct Feed<S: Subscriber> {
    vault: VaultId,
    recent_limit: usize,
    state: Mutex<State<S>>,
}

struct State<S: Subscriber> {
    /// The last event emitted. `None` until the first joiner has read the vault's head.
    position: Option<Seq>,
    members: HashMap<S::Id, Member<S>>,
    joiners: usize,
    /// Contiguous; ends at `position`. Empty while nobody joins.
    recent: VecDeque<Arc<Event>>,
}

struct Member<S> {
    subscriber: S,
    /// The last event the member has. It can be above the feed's position, because this node's relay may lag behind the
    /// log that the member read while joining.
    position: Seq,
}

/// The result of an attempt to enter a feed.
#[derive(Debug)]
pub enum Admission<S> {
    /// The subscriber is a member, and [`Subscriber::confirm_join`] confirmed it.
    Admitted,
    /// The subscriber needs these events first. Send them, then try again.
    MissingEvents(S, Vec<Arc<Event>>),
    /// The subscriber needs the events up to this position first. Read them from the log, then try again.
    ReadLog(S, Seq),
    /// The subscriber had no room for the confirmation. Wait for room, then try again.
    Full(S),
    /// The subscriber was closed when its join was confirmed.
    Closed,
}

/// The events handed to a feed do not continue it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the log of vault {vault} continues at seq {found} instead of {expected}")]
pub struct LogGap {
    vault: VaultId,
    expected: Seq,
    found: Seq,
}

impl<S: Subscriber> Feed<S> {
    /// A feed without position or members. It keeps at most `recent_limit` recent events for joiners.
    pub(crate) fn new(vault: VaultId, recent_limit: usize) -> Self {
        let state = State { position: None, members: HashMap::new(), joiners: 0, recent: VecDeque::new() };
        Self { vault, recent_limit, state: Mutex::new(state) }
    }

    /// Returns the vault.
    pub(crate) const fn vault(&self) -> VaultId {
        self.vault
    }

    /// Returns the seq of the last emitted event, or `None` before the first joiner has set the position.
    #[must_use]
    pub fn position(&self) -> Option<Seq> {
        self.lock().position
    }

    /// Emits `events`, which must ascend. Events that were emitted before are ignored, so a read may be repeated.
    /// Returns how many were emitted.
    ///
    /// # Errors
    /// [`LogGap`] if an event is missing. The feed has then removed every member with [`Subscriber::feed_lost`], and
    /// continues after the gap.
    pub fn advance(&self, events: Vec<Event>) -> Result<usize, LogGap> {
        let mut state = self.lock();
        let Some(mut position) = state.position else { return Ok(0) };
        let mut count = 0;
        for event in events {
            if event.seq <= position {
                continue;
            }
            // A snapshot replaced the events before it, which can no longer be sent.
            let is_snapshot = event.kind == EventType::VaultSnapshot;
            if event.seq != position.next() || is_snapshot {
                for member in std::mem::take(&mut state.members).into_values() {
                    member.subscriber.feed_lost();
                }
                state.recent.clear();
                state.position = Some(if is_snapshot { event.seq } else { event.seq.previous() });
                return Err(LogGap { vault: self.vault, expected: position.next(), found: event.seq });
            }
            position = event.seq;
            state.position = Some(position);
            metrics::count_emitted(state.members.len());
            state.deliver(&event);
            count += 1;
            state.keep_recent(event, self.recent_limit);
        }
        Ok(count)
    }

    /// Offers an event again to the members that `selects` chooses. Positions do not change. Returns the members that
    /// had no room.
    pub fn replay(&self, event: &Event, replay_id: Uuid, selects: impl Fn(&S) -> bool) -> Vec<S::Id> {
        let mut full = Vec::new();
        self.lock().members.retain(|id, Member { subscriber, .. }| {
            let delivery =
                if selects(subscriber) { subscriber.deliver_replayed(event, replay_id) } else { Delivery::Accepted };
            if delivery == Delivery::Full {
                full.push(*id);
            }
            delivery != Delivery::Closed
        });
        full
    }

    /// Removes these members with [`Subscriber::feed_lost`].
    pub fn drop_members(&self, ids: &[S::Id]) {
        let mut state = self.lock();
        for id in ids {
            if let Some(member) = state.members.remove(id) {
                member.subscriber.feed_lost();
            }
        }
    }

    /// Returns whether the subscriber is a member.
    pub(crate) fn is_member(&self, id: S::Id) -> bool {
        self.lock().members.contains_key(&id)
    }

    /// Removes the subscriber, if it is a member, without notifying it. Returns whether the feed is idle now.
    pub(crate) fn remove_member(&self, id: S::Id) -> bool {
        let mut state = self.lock();
        state.members.remove(&id);
        state.is_idle()
    }

    /// Counts a joiner. While there is one, the feed is in use and keeps recent events.
    pub(crate) fn add_joiner(&self) {
        self.lock().joiners += 1;
    }

    /// Counts a joiner down. Returns whether the feed is idle now.
    pub(crate) fn remove_joiner(&self) -> bool {
        let mut state = self.lock();
        state.joiners -= 1;
        state.is_idle()
    }

    /// Returns whether the feed has neither members nor joiners.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().is_idle()
    }

    /// Sets the position to `head` if there is none yet. Returns whether it did.
    pub(crate) fn init_position(&self, head: Seq) -> bool {
        let mut state = self.lock();
        let is_first = state.position.is_none();
        state.position.get_or_insert(head);
        is_first
    }

    /// Makes `subscriber`, which has all events up to `position`, a member if no event is missing before the next one to
    /// be emitted; otherwise returns what is missing. A subscriber ahead of this node's relay is admitted at its own
    /// position.
    pub(crate) fn admit(&self, mut subscriber: S, position: Seq) -> Admission<S> {
        let mut state = self.lock();
        match state.position {
            Some(emitted) if position < emitted => match state.recent_after(position) {
                Some(events) => Admission::MissingEvents(subscriber, events),
                None => Admission::ReadLog(subscriber, emitted),
            },
            Some(_) => match subscriber.confirm_join() {
                Delivery::Accepted => {
                    state.members.insert(subscriber.id(), Member { subscriber, position });
                    Admission::Admitted
                }
                Delivery::Full => Admission::Full(subscriber),
                Delivery::Closed => Admission::Closed,
            },
            // Without a position, the feed cannot tell which events are missing.
            None => Admission::ReadLog(subscriber, position),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        // Every change leaves the state valid at each step, so a subscriber's panic does not corrupt it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> State<S> {
    fn is_idle(&self) -> bool {
        self.joiners == 0 && self.members.is_empty()
    }

    /// Offers the next event to every member that does not have it yet.
    fn deliver(&mut self, event: &Event) {
        let mut full = Vec::new();
        self.members.retain(|id, member| {
            let has_event = event.seq <= member.position;
            let delivery = if has_event { Delivery::Accepted } else { member.subscriber.deliver(event) };
            if delivery == Delivery::Full {
                full.push(*id);
            }
            delivery != Delivery::Closed
        });
        for member in full.iter().filter_map(|id| self.members.remove(id)) {
            member.subscriber.fell_behind(event.seq.previous());
        }
    }

    fn keep_recent(&mut self, event: Event, limit: usize) {
        if self.joiners == 0 {
            self.recent.clear();
            return;
        }
        if self.recent.len() == limit {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::new(event));
    }

    /// Returns the events after `position`, or `None` if some of them are no longer kept.
    fn recent_after(&self, position: Seq) -> Option<Vec<Arc<Event>>> {
        let first = self.recent.front()?.seq;
        (first <= position.next()).then(|| self.recent.iter().filter(|event| event.seq > position).cloned().collect())
    }
}
