//! Per vault: how far the log was emitted on this node, and to whom. Where order, resumption and joining are decided.
//!
//! **State.** A [`Feed`] exists while its vault is in use, that is, has a member or a joiner. It holds the position
//! `emitted`; the members, each with the seq it has already; and, while anyone is joining, a tail of the last events.
//! **Who changes it.** Only the relay advances it ([`Feed::advance`]); only a [`Joining`] adds a member; a member goes
//! by [`Feeds::leave`] or by answering [`Delivery::Gone`]. All of it under the feed's own lock, never across an await.
//!
//! - I3: `advance` takes an event only at `emitted + 1`, and a member is offered only what is above its own seq.
//! - I4: [`Joining::enter`] admits a member only where nothing lies between what it has and what is emitted next.
//! - I5: a member that has no room for an event is out of the feed at that event, and told so by [`Subscriber::behind`]:
//!   it catches up from the log and enters again, or its connection is closed.
//! - I6: a member whose right ends at an event says [`Delivery::Gone`] there, and sees none above it.
//!
//! **On failure.** A gap in what the relay read ends every membership by [`Subscriber::lost`]: the clients come back
//! and are told by the join that the log cannot be continued. Never is an event skipped in silence.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

use crate::metric;

/// Events kept while someone is joining. Enough to bridge the time of one read of the log at thousands of events a
/// second; a joiner that falls further behind reads the log again.
const TAIL: usize = 1024;

/// One who receives a vault's events. Its methods are called with the feed held: they must not block.
pub trait Subscriber: Send + 'static {
    /// Names it within the feed.
    type Id: Copy + Eq + Hash + Send;
    /// Its name.
    fn id(&self) -> Self::Id;
    /// It is a member from here on: the next event it is offered is the one after what it has.
    fn entered(&mut self) -> Delivery;
    /// Offers the next event.
    fn deliver(&self, event: &Event) -> Delivery;
    /// Whose it is.
    fn user(&self) -> UserId;
    /// Offers an event that was emitted before, as part of a replay. It changes nothing of what the subscriber has.
    fn replay(&mut self, event: &Event, replay: Uuid) -> Delivery;
    /// It had no room for the event after `has`, and is a member no more.
    fn behind(self, has: Seq);
    /// The feed could not be continued; the subscriber must come again.
    fn lost(&self);
}

/// A subscriber's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It has the event.
    Taken,
    /// It has no room for the event now, and has nothing of it.
    Full,
    /// It takes no more: its connection is over, or it may not have the next.
    Gone,
}

/// All feeds of this process.
pub struct Feeds<S: Subscriber> {
    // Taken before a feed's own lock, so that a feed is not dropped from the map while someone begins to join it.
    map: Mutex<HashMap<VaultId, Arc<Feed<S>>>>,
    tail: usize,
}

/// One vault's feed.
pub struct Feed<S: Subscriber> {
    vault: VaultId,
    /// Most events that the tail holds.
    tail: usize,
    state: Mutex<State<S>>,
}

struct State<S: Subscriber> {
    /// None until the first joiner has read the vault's head.
    emitted: Option<Seq>,
    members: HashMap<S::Id, Member<S>>,
    joiners: usize,
    /// Contiguous, and ends at `emitted`.
    tail: VecDeque<Arc<Event>>,
}

struct Member<S> {
    subscriber: S,
    /// What it has already: the relay of this node may be behind what a joiner read.
    has: Seq,
}

/// What became of an attempt to enter.
#[derive(Debug)]
pub enum Entry<S> {
    /// It is a member, and was told so by [`Subscriber::entered`].
    Entered,
    /// These events come first; then try again.
    Behind(S, Vec<Arc<Event>>),
    /// The events up to this position come first, from the log; then try again.
    ReadLog(S, Seq),
    /// It had no room to be told that it has entered: make room, then try again.
    Full(S),
    /// It was gone when told that it had entered.
    Gone,
}

/// The log handed to a feed does not continue it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the log of vault {vault} goes on at seq {found} where {expected} was expected")]
pub struct Gap {
    vault: VaultId,
    expected: Seq,
    found: Seq,
}

impl<S: Subscriber> Default for Feeds<S> {
    fn default() -> Self {
        Self::with_tail(TAIL)
    }
}

impl<S: Subscriber> Feeds<S> {
    /// Feeds that keep at most `tail` events for joiners.
    #[must_use]
    pub fn with_tail(tail: usize) -> Self {
        Self { map: Mutex::new(HashMap::new()), tail }
    }

    /// Begins to join: from now on the vault is in use and its events are kept for the joiner. To be called before the
    /// vault's head is read, so that what is appended in between is not missed.
    #[must_use]
    pub fn begin(self: &Arc<Self>, vault: VaultId) -> Joining<S> {
        let mut map = lock(&self.map);
        let feed = map.entry(vault).or_insert_with(|| Arc::new(Feed::new(vault, self.tail)));
        lock(&feed.state).joiners += 1;
        Joining { feed: Arc::clone(feed), feeds: Arc::clone(self) }
    }

    /// Ends a membership, if there is one.
    pub fn leave(&self, vault: VaultId, id: S::Id) {
        self.change(vault, |state| {
            state.members.remove(&id);
        });
    }

    /// Whether there is such a membership.
    #[must_use]
    pub fn has(&self, vault: VaultId, id: S::Id) -> bool {
        self.get(vault).is_some_and(|feed| lock(&feed.state).members.contains_key(&id))
    }

    /// The feed of a vault in use.
    #[must_use]
    pub fn get(&self, vault: VaultId) -> Option<Arc<Feed<S>>> {
        lock(&self.map).get(&vault).cloned()
    }

    /// The emitted positions of all vaults in use.
    #[must_use]
    pub fn positions(&self) -> Vec<(VaultId, Seq)> {
        let map = lock(&self.map);
        map.iter().filter_map(|(vault, feed)| Some((*vault, feed.emitted()?))).collect()
    }

    /// Drops the feed of a vault that is no longer in use.
    pub fn tidy(&self, vault: VaultId) {
        self.change(vault, |_| {});
    }

    fn change(&self, vault: VaultId, change: impl FnOnce(&mut State<S>)) {
        let mut map = lock(&self.map);
        let Some(feed) = map.get(&vault) else { return };
        let idle = {
            let mut state = lock(&feed.state);
            change(&mut state);
            state.joiners == 0 && state.members.is_empty()
        };
        if idle {
            map.remove(&vault);
        }
    }
}

impl<S: Subscriber> Feed<S> {
    fn new(vault: VaultId, tail: usize) -> Self {
        let state = State { emitted: None, members: HashMap::new(), joiners: 0, tail: VecDeque::new() };
        Self { vault, tail, state: Mutex::new(state) }
    }

    /// How far this node has emitted; none before the first joiner has said where the log stands.
    #[must_use]
    pub fn emitted(&self) -> Option<Seq> {
        lock(&self.state).emitted
    }

    /// Emits `events`, which must ascend. Those emitted before are passed over, so a read may be repeated.
    ///
    /// # Errors
    /// [`Gap`] if an event is missing. Every member was then told [`Subscriber::lost`], and the feed goes on behind
    /// the gap.
    pub fn advance(&self, events: Vec<Event>) -> Result<usize, Gap> {
        let mut state = lock(&self.state);
        let Some(mut emitted) = state.emitted else { return Ok(0) };
        let mut count = 0;
        for event in events {
            if event.seq <= emitted {
                continue;
            }
            // A snapshot stands where events were: what they said is not told again.
            if event.seq != emitted.next() || event.kind == EventType::VaultSnapshot {
                for member in std::mem::take(&mut state.members).into_values() {
                    member.subscriber.lost();
                }
                state.tail.clear();
                let resume = if event.kind == EventType::VaultSnapshot { event.seq } else { event.seq.previous() };
                state.emitted = Some(resume);
                return Err(Gap { vault: self.vault, expected: emitted.next(), found: event.seq });
            }
            emitted = event.seq;
            state.emitted = Some(emitted);
            metric::emitted(state.members.len());
            state.offer(&event);
            count += 1;
            state.keep(event, self.tail);
        }
        Ok(count)
    }
}

impl<S: Subscriber> Feed<S> {
    /// Offers an event again to those members that `meant` chooses. Positions stay as they are. Returns who had no room.
    pub fn replay(&self, event: &Event, replay: Uuid, meant: impl Fn(&S) -> bool) -> Vec<S::Id> {
        let mut full = Vec::new();
        lock(&self.state).members.retain(|id, Member { subscriber, .. }| {
            let delivery = if meant(subscriber) { subscriber.replay(event, replay) } else { Delivery::Taken };
            if delivery == Delivery::Full {
                full.push(*id);
            }
            delivery != Delivery::Gone
        });
        full
    }

    /// Ends memberships by [`Subscriber::lost`].
    pub fn expel(&self, ids: &[S::Id]) {
        let mut state = lock(&self.state);
        for id in ids {
            if let Some(member) = state.members.remove(id) {
                member.subscriber.lost();
            }
        }
    }
}

impl<S: Subscriber> State<S> {
    /// Offers the next event to every member that has not got it already.
    fn offer(&mut self, event: &Event) {
        let mut full = Vec::new();
        self.members.retain(|id, member| {
            let delivery = if event.seq <= member.has { Delivery::Taken } else { member.subscriber.deliver(event) };
            if delivery == Delivery::Full {
                full.push(*id);
            }
            delivery != Delivery::Gone
        });
        for member in full.iter().filter_map(|id| self.members.remove(id)) {
            member.subscriber.behind(event.seq.previous());
        }
    }

    fn keep(&mut self, event: Event, limit: usize) {
        if self.joiners == 0 {
            self.tail.clear();
            return;
        }
        if self.tail.len() == limit {
            self.tail.pop_front();
        }
        self.tail.push_back(Arc::new(event));
    }

    /// The events after `has`, if the tail still holds all of them.
    fn after(&self, has: Seq) -> Option<Vec<Arc<Event>>> {
        let first = self.tail.front()?.seq;
        (first <= has.next()).then(|| self.tail.iter().filter(|event| event.seq > has).cloned().collect())
    }
}

/// One who is on the way in. Dropping it gives up.
pub struct Joining<S: Subscriber> {
    feeds: Arc<Feeds<S>>,
    feed: Arc<Feed<S>>,
}

impl<S: Subscriber> Joining<S> {
    /// Says where the log stood at a moment after [`Feeds::begin`]. True if the feed had no position until now: then
    /// the relay must be woken for this vault, since it passed over what was appended in between.
    #[must_use]
    pub fn start(&self, head: Seq) -> bool {
        let mut state = lock(&self.feed.state);
        let first = state.emitted.is_none();
        state.emitted.get_or_insert(head);
        first
    }

    /// Makes `subscriber`, who has all events up to `has`, a member, if nothing lies between that and the next event
    /// to be emitted; says otherwise what to bring first. One that is ahead of this node's relay enters where it is.
    pub fn enter(&self, mut subscriber: S, has: Seq) -> Entry<S> {
        let mut state = lock(&self.feed.state);
        match state.emitted {
            Some(emitted) if has < emitted => match state.after(has) {
                Some(events) => Entry::Behind(subscriber, events),
                None => Entry::ReadLog(subscriber, emitted),
            },
            Some(_) => match subscriber.entered() {
                Delivery::Taken => {
                    state.members.insert(subscriber.id(), Member { subscriber, has });
                    Entry::Entered
                }
                Delivery::Full => Entry::Full(subscriber),
                Delivery::Gone => Entry::Gone,
            },
            // Entering without having said where the log stands would join at an unknown place.
            None => Entry::ReadLog(subscriber, has),
        }
    }
}

impl<S: Subscriber> Drop for Joining<S> {
    fn drop(&mut self) {
        self.feeds.change(self.feed.vault, |state| state.joiners -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change leaves the state valid at each step, so a subscriber that panicked does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
