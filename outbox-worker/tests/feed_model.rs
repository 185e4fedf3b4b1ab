//! I3 and I4 under arbitrary interleavings: commits, wake-ups lost, doubled or late, joins with any `after`, leaves and
//! kills, against a log that is a plain list. What each subscriber saw must be the log from its join point on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use outbox_worker::{Delivery, Entry, Feeds, Joining, Subscriber};
use proptest::prelude::*;
use serde_json::value::RawValue;
use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

const VAULT: Uuid = Uuid::from_u128(1);

fn vault() -> VaultId {
    VAULT.into()
}

fn at(seq: i64) -> Seq {
    Seq::new(seq).expect("not negative")
}

fn event(seq: i64) -> Event {
    Event {
        vault_id: vault(),
        seq: at(seq),
        event_id: Uuid::from_u128(seq.unsigned_abs().into()),
        kind: EventType::SourceCreated,
        payload: RawValue::from_string("{}".to_owned()).expect("valid JSON"),
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// What one socket saw, from the outside.
#[derive(Debug, Default)]
struct Seen {
    /// Everything it was sent, backlog and live, in order.
    events: Vec<i64>,
    joined: bool,
    /// How often it was to be told that it has entered.
    asked: u32,
    /// How many more events it can take.
    room: usize,
    /// It had no room for the event after this, and is to catch up.
    behind: Option<i64>,
    closed: bool,
}

struct Socket {
    id: u32,
    seen: Arc<Mutex<Seen>>,
}

impl Subscriber for Socket {
    type Id = u32;

    fn id(&self) -> u32 {
        self.id
    }

    fn entered(&mut self) -> Delivery {
        let mut seen = self.seen.lock().expect("lock");
        // Every other time there is no room for it at first.
        seen.asked += 1;
        if seen.asked % 2 == 1 && self.id % 2 == 1 {
            return Delivery::Full;
        }
        seen.joined = true;
        Delivery::Taken
    }

    fn deliver(&self, event: &Event) -> Delivery {
        let mut seen = self.seen.lock().expect("lock");
        if seen.room == 0 {
            return Delivery::Full;
        }
        seen.room -= 1;
        seen.events.push(event.seq.get());
        Delivery::Taken
    }

    fn user(&self) -> UserId {
        Uuid::nil().into()
    }

    /// Replayed events are no part of what is checked: they must not disturb it.
    fn replay(&mut self, _: &Event, _: Uuid) -> Delivery {
        Delivery::Taken
    }

    fn behind(self, has: Seq) {
        self.seen.lock().expect("lock").behind = Some(has.get());
    }

    fn lost(&self) {
        self.seen.lock().expect("lock").closed = true;
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// This many events are committed.
    Commit(i64),
    /// The relay reads, at most so many events, of the log as it stood this many events ago: a late or doubled wake-up.
    Relay { limit: i64, late: i64 },
    /// A socket begins to join, having everything up to a point this far from the head; none joins without `after`.
    Begin { after: Option<i64>, room: usize },
    /// A joiner (chosen by number) takes one step on its way.
    Advance(usize),
    /// A socket leaves.
    Leave(usize),
    /// A joiner gives up.
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_i64).prop_map(Step::Commit),
        4 => (1..6_i64, 0..4_i64).prop_map(|(limit, late)| Step::Relay { limit, late }),
        2 => (prop::option::of(0..20_i64), prop_oneof![3 => Just(usize::MAX), 1 => 0..6_usize])
            .prop_map(|(after, room)| Step::Begin { after, room }),
        6 => (0..8_usize).prop_map(Step::Advance),
        1 => (0..8_usize).prop_map(Step::Leave),
        1 => (0..8_usize).prop_map(Step::GiveUp),
    ]
}

/// The join protocol of the server, step by step, with the log as a number.
struct Joiner {
    joining: Joining<Socket>,
    socket: Option<Socket>,
    seen: Arc<Mutex<Seen>>,
    from: i64,
    has: i64,
    head: Option<i64>,
    after: Option<i64>,
    /// It was a member, and fell behind: it goes on from what it has.
    resumes: bool,
}

impl Joiner {
    /// One step; true when it is over.
    fn advance(&mut self, log: i64) -> bool {
        let Some(head) = self.head else {
            // The head is read some time after the joining began.
            self.head = Some(log);
            let _ = self.joining.start(at(log));
            if self.resumes {
                return false;
            }
            self.from = self.after.map_or(log, |back| (log - back).max(0));
            self.has = self.from;
            return false;
        };
        if self.has < head {
            self.read_log(head);
            return false;
        }
        let socket = self.socket.take().expect("a joiner has its socket until it has entered");
        match self.joining.enter(socket, at(self.has)) {
            Entry::Entered | Entry::Gone => return true,
            Entry::Full(socket) => self.socket = Some(socket),
            Entry::Behind(socket, events) => {
                for event in events {
                    self.bring(event.seq.get());
                }
                self.socket = Some(socket);
            }
            Entry::ReadLog(socket, upto) => {
                self.socket = Some(socket);
                assert!(upto.get() <= log, "told to read what is not committed");
                self.read_log(upto.get());
            }
        }
        false
    }

    /// A page of at most three.
    fn read_log(&mut self, upto: i64) {
        for seq in self.has + 1..=upto.min(self.has + 3) {
            self.bring(seq);
        }
    }

    /// Backlog is paced: it waits for room, so it is not counted against it.
    fn bring(&mut self, seq: i64) {
        self.seen.lock().expect("lock").events.push(seq);
        self.has = seq;
    }
}

struct World {
    feeds: Arc<Feeds<Socket>>,
    log: i64,
    joiners: Vec<(u32, Joiner)>,
    sockets: HashMap<u32, (i64, Arc<Mutex<Seen>>)>,
    next: u32,
}

impl World {
    /// With a tail so short that joiners fall off it.
    fn new() -> Self {
        let feeds = Arc::new(Feeds::with_tail(3));
        Self { feeds, log: 0, joiners: Vec::new(), sockets: HashMap::new(), next: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Commit(count) => self.log += count,
            Step::Relay { limit, late } => {
                self.relay(limit, self.log - late);
                self.resume();
            }
            Step::Begin { after, room } => {
                let seen = Arc::new(Mutex::new(Seen { room, ..Seen::default() }));
                let socket = Socket { id: self.next, seen: Arc::clone(&seen) };
                let joining = self.feeds.begin(vault());
                let joiner =
                    Joiner { joining, socket: Some(socket), seen, from: 0, has: 0, head: None, after, resumes: false };
                self.joiners.push((self.next, joiner));
                self.next += 1;
            }
            Step::Advance(which) if !self.joiners.is_empty() => {
                let which = which % self.joiners.len();
                if self.joiners[which].1.advance(self.log) {
                    let (id, joiner) = self.joiners.remove(which);
                    self.sockets.insert(id, (joiner.from, joiner.seen));
                }
            }
            Step::GiveUp(which) if !self.joiners.is_empty() => {
                let which = which % self.joiners.len();
                let (_, joiner) = self.joiners.remove(which);
                check(joiner.from, &joiner.seen.lock().expect("lock").events);
            }
            Step::Leave(which) if !self.sockets.is_empty() => {
                let mut ids: Vec<u32> = self.sockets.keys().copied().collect();
                ids.sort_unstable();
                let id = ids[which % ids.len()];
                self.feeds.leave(vault(), id);
                let (from, seen) = self.sockets.remove(&id).expect("listed");
                check(from, &seen.lock().expect("lock").events);
            }
            _ => {}
        }
    }

    /// What the relay does for one vault: reads after the emitted position, and hands over.
    fn relay(&self, limit: i64, upto: i64) {
        let Some(feed) = self.feeds.get(vault()) else { return };
        let Some(emitted) = feed.emitted() else { return };
        // A doubled wake-up hands over again what was emitted before.
        let from = (emitted.get() - 1).max(0);
        let events = (from + 1..=upto.min(from + limit)).map(event).collect();
        feed.advance(events).expect("the log has no hole");
        self.feeds.tidy(vault());
    }

    /// Those who had no room set out again, with room for some events more.
    fn resume(&mut self) {
        let behind = |(id, (_, seen)): (&u32, &(i64, Arc<Mutex<Seen>>))| {
            seen.lock().expect("lock").behind.take().map(|has| (*id, has))
        };
        let behind: Vec<(u32, i64)> = self.sockets.iter().filter_map(behind).collect();
        for (id, has) in behind {
            let (from, seen) = self.sockets.remove(&id).expect("listed");
            check(from, &seen.lock().expect("lock").events);
            assert_eq!(has, from + seen.lock().expect("lock").events.len() as i64, "it is told what it has");
            seen.lock().expect("lock").room = 5;
            let socket = Some(Socket { id, seen: Arc::clone(&seen) });
            let joining = self.feeds.begin(vault());
            self.joiners
                .push((id, Joiner { joining, socket, seen, from, has, head: None, after: None, resumes: true }));
        }
    }
}

/// Contiguous and ascending from the join point on, each once.
fn check(from: i64, events: &[i64]) {
    let expected: Vec<i64> = (from + 1..).take(events.len()).collect();
    assert_eq!(events, expected, "joined after {from}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_subscriber_sees_the_log_from_its_join_point_on(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        // In the end everyone arrives, the relay catches up, and all have everything; those who fall behind meanwhile
        // arrive again.
        loop {
            while let Some((id, mut joiner)) = world.joiners.pop() {
                while !joiner.advance(world.log) {}
                world.sockets.insert(id, (joiner.from, joiner.seen));
            }
            for _ in 0..=world.log {
                world.relay(1000, world.log);
            }
            world.resume();
            if world.joiners.is_empty() {
                break;
            }
        }
        for (from, seen) in world.sockets.values() {
            let seen = seen.lock().expect("lock");
            check(*from, &seen.events);
            prop_assert!(seen.joined, "it was told that it had joined");
            if !seen.closed {
                prop_assert_eq!(*from + seen.events.len() as i64, world.log, "it has everything");
            }
        }
    }
}

#[test]
fn a_gap_in_the_log_ends_memberships_instead_of_being_skipped() {
    let feeds: Arc<Feeds<Socket>> = Arc::default();
    let seen = Arc::new(Mutex::new(Seen { room: usize::MAX, ..Seen::default() }));
    let joining = feeds.begin(vault());
    assert!(joining.start(at(5)), "the first to say where the log stands");
    assert!(matches!(joining.enter(Socket { id: 2, seen: Arc::clone(&seen) }, at(5)), Entry::Entered));
    drop(joining);
    let feed = feeds.get(vault()).expect("in use");
    assert!(feed.advance(vec![event(6), event(8)]).is_err());
    let seen = seen.lock().expect("lock");
    assert!(seen.closed && seen.events == [6]);
    feeds.tidy(vault());
    assert!(feeds.get(vault()).is_none(), "nobody is left");
}

#[test]
fn a_vault_that_nobody_uses_keeps_no_feed() {
    let feeds: Arc<Feeds<Socket>> = Arc::default();
    drop(feeds.begin(vault()));
    assert!(feeds.get(vault()).is_none());
    assert!(feeds.positions().is_empty());
}
