//! I3 and I4 under arbitrary interleavings: commits, lost, repeated or late wake-ups, joins with any `after`, leaves and
//! aborted joins, against a log that is a plain list. Each subscriber must receive exactly the log from its join on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use outbox_worker::{Admission, Delivery, Feeds, PendingJoin, Subscriber};
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

/// The calls that one socket received from its feed.
#[derive(Debug, Default)]
struct SocketRecord {
    /// Every event it received, backlog and live, in order.
    events: Vec<i64>,
    joined: bool,
    /// How often the feed tried to confirm the join.
    confirmations: u32,
    /// How many more events it can take.
    room: usize,
    /// Set if the socket had no room for the event after this position, and must catch up.
    fell_behind_at: Option<i64>,
    closed: bool,
}

struct Socket {
    id: u32,
    record: Arc<Mutex<SocketRecord>>,
}

impl Subscriber for Socket {
    type Id = u32;

    fn id(&self) -> u32 {
        self.id
    }

    fn confirm_join(&mut self) -> Delivery {
        let mut record = self.record.lock().expect("lock");
        // Sockets with an odd id have no room for the confirmation at first.
        record.confirmations += 1;
        if record.confirmations % 2 == 1 && self.id % 2 == 1 {
            return Delivery::Full;
        }
        record.joined = true;
        Delivery::Accepted
    }

    fn deliver(&self, event: &Event) -> Delivery {
        let mut record = self.record.lock().expect("lock");
        if record.room == 0 {
            return Delivery::Full;
        }
        record.room -= 1;
        record.events.push(event.seq.get());
        Delivery::Accepted
    }

    fn user(&self) -> UserId {
        Uuid::nil().into()
    }

    /// The model does not check replayed events; they must not disturb the others.
    fn deliver_replayed(&mut self, _: &Event, _: Uuid) -> Delivery {
        Delivery::Accepted
    }

    fn fell_behind(self, position: Seq) {
        self.record.lock().expect("lock").fell_behind_at = Some(position.get());
    }

    fn feed_lost(&self) {
        self.record.lock().expect("lock").closed = true;
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// This many events are committed.
    Commit(i64),
    /// The relay reads at most `limit` events of the log as it was `late` events ago: a late or repeated wake-up.
    Relay { limit: i64, late: i64 },
    /// A socket begins to join. It has everything up to `after` events before the head; `None` joins without `after`.
    Begin { after: Option<i64>, room: usize },
    /// A joiner, chosen by number, takes one step.
    Advance(usize),
    /// A socket leaves.
    Leave(usize),
    /// A joiner aborts.
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
    join: PendingJoin<Socket>,
    socket: Option<Socket>,
    record: Arc<Mutex<SocketRecord>>,
    /// The position from which on the socket must have received every event.
    from: i64,
    position: i64,
    head: Option<i64>,
    after: Option<i64>,
    /// The socket was a member and fell behind, so it continues from its position.
    resumes: bool,
}

impl Joiner {
    /// Takes one step. Returns true once the join is over.
    fn advance(&mut self, log: i64) -> bool {
        let Some(head) = self.head else {
            // The head is read some time after the join began.
            self.head = Some(log);
            let _ = self.join.init_position(at(log));
            if self.resumes {
                return false;
            }
            self.from = self.after.map_or(log, |back| (log - back).max(0));
            self.position = self.from;
            return false;
        };
        if self.position < head {
            self.read_log(head);
            return false;
        }
        let socket = self.socket.take().expect("a joiner has its socket until it is admitted");
        match self.join.enter(socket, at(self.position)) {
            Admission::Admitted | Admission::Closed => return true,
            Admission::Full(socket) => self.socket = Some(socket),
            Admission::MissingEvents(socket, events) => {
                for event in events {
                    self.receive(event.seq.get());
                }
                self.socket = Some(socket);
            }
            Admission::ReadLog(socket, last) => {
                self.socket = Some(socket);
                assert!(last.get() <= log, "the feed refers only to committed events");
                self.read_log(last.get());
            }
        }
        false
    }

    /// Reads a page of at most three events.
    fn read_log(&mut self, last: i64) {
        for seq in self.position + 1..=last.min(self.position + 3) {
            self.receive(seq);
        }
    }

    /// Receives an event of the backlog. The backlog waits for room, so it does not use up `room`.
    fn receive(&mut self, seq: i64) {
        self.record.lock().expect("lock").events.push(seq);
        self.position = seq;
    }
}

struct World {
    feeds: Arc<Feeds<Socket>>,
    log: i64,
    joiners: Vec<(u32, Joiner)>,
    sockets: HashMap<u32, (i64, Arc<Mutex<SocketRecord>>)>,
    next: u32,
}

impl World {
    /// Feeds that keep so few recent events that joiners must read the log again.
    fn new() -> Self {
        let feeds = Arc::new(Feeds::with_recent_limit(3));
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
                let record = Arc::new(Mutex::new(SocketRecord { room, ..SocketRecord::default() }));
                let socket = Socket { id: self.next, record: Arc::clone(&record) };
                let join = self.feeds.begin_join(vault());
                let joiner = Joiner {
                    join,
                    socket: Some(socket),
                    record,
                    from: 0,
                    position: 0,
                    head: None,
                    after,
                    resumes: false,
                };
                self.joiners.push((self.next, joiner));
                self.next += 1;
            }
            Step::Advance(which) if !self.joiners.is_empty() => {
                let which = which % self.joiners.len();
                if self.joiners[which].1.advance(self.log) {
                    let (id, joiner) = self.joiners.remove(which);
                    self.sockets.insert(id, (joiner.from, joiner.record));
                }
            }
            Step::GiveUp(which) if !self.joiners.is_empty() => {
                let which = which % self.joiners.len();
                let (_, joiner) = self.joiners.remove(which);
                check(joiner.from, &joiner.record.lock().expect("lock").events);
            }
            Step::Leave(which) if !self.sockets.is_empty() => {
                let mut ids: Vec<u32> = self.sockets.keys().copied().collect();
                ids.sort_unstable();
                let id = ids[which % ids.len()];
                self.feeds.leave(vault(), id);
                let (from, record) = self.sockets.remove(&id).expect("listed");
                check(from, &record.lock().expect("lock").events);
            }
            _ => {}
        }
    }

    /// Does what the relay does for one vault: reads after the feed's position and advances the feed.
    fn relay(&self, limit: i64, last: i64) {
        let Some(feed) = self.feeds.get(vault()) else { return };
        let Some(position) = feed.position() else { return };
        // A repeated wake-up hands over events that were emitted before.
        let from = (position.get() - 1).max(0);
        let events = (from + 1..=last.min(from + limit)).map(event).collect();
        feed.advance(events).expect("the log has no gap");
        self.feeds.remove_if_idle(vault());
    }

    /// Lets the sockets that fell behind join again, with room for some more events.
    fn resume(&mut self) {
        let fell_behind = |(id, (_, record)): (&u32, &(i64, Arc<Mutex<SocketRecord>>))| {
            record.lock().expect("lock").fell_behind_at.take().map(|position| (*id, position))
        };
        let fell_behind: Vec<(u32, i64)> = self.sockets.iter().filter_map(fell_behind).collect();
        for (id, position) in fell_behind {
            let (from, record) = self.sockets.remove(&id).expect("listed");
            check(from, &record.lock().expect("lock").events);
            assert_eq!(
                position,
                from + record.lock().expect("lock").events.len() as i64,
                "the position it fell behind at"
            );
            record.lock().expect("lock").room = 5;
            let socket = Some(Socket { id, record: Arc::clone(&record) });
            let join = self.feeds.begin_join(vault());
            self.joiners
                .push((id, Joiner { join, socket, record, from, position, head: None, after: None, resumes: true }));
        }
    }
}

/// Asserts that the events are contiguous and ascending from the join on, each once.
fn check(from: i64, events: &[i64]) {
    let expected: Vec<i64> = (from + 1..).take(events.len()).collect();
    assert_eq!(events, expected, "joined after {from}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_subscriber_receives_the_log_from_its_join_on(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        // In the end every joiner is admitted, the relay catches up, and all have every event. Sockets that fall behind
        // in between join again.
        loop {
            while let Some((id, mut joiner)) = world.joiners.pop() {
                while !joiner.advance(world.log) {}
                world.sockets.insert(id, (joiner.from, joiner.record));
            }
            for _ in 0..=world.log {
                world.relay(1000, world.log);
            }
            world.resume();
            if world.joiners.is_empty() {
                break;
            }
        }
        for (from, record) in world.sockets.values() {
            let record = record.lock().expect("lock");
            check(*from, &record.events);
            prop_assert!(record.joined, "the join was confirmed");
            if !record.closed {
                prop_assert_eq!(*from + record.events.len() as i64, world.log, "the socket has every event");
            }
        }
    }
}

#[test]
fn a_gap_in_the_log_ends_all_memberships() {
    let feeds: Arc<Feeds<Socket>> = Arc::default();
    let record = Arc::new(Mutex::new(SocketRecord { room: usize::MAX, ..SocketRecord::default() }));
    let join = feeds.begin_join(vault());
    assert!(join.init_position(at(5)), "the feed had no position");
    assert!(matches!(join.enter(Socket { id: 2, record: Arc::clone(&record) }, at(5)), Admission::Admitted));
    drop(join);
    let feed = feeds.get(vault()).expect("the vault is in use");
    assert!(feed.advance(vec![event(6), event(8)]).is_err());
    let record = record.lock().expect("lock");
    assert!(record.closed && record.events == [6]);
    feeds.remove_if_idle(vault());
    assert!(feeds.get(vault()).is_none(), "nobody uses the vault");
}

#[test]
fn a_vault_that_nobody_uses_has_no_feed() {
    let feeds: Arc<Feeds<Socket>> = Arc::default();
    drop(feeds.begin_join(vault()));
    assert!(feeds.get(vault()).is_none());
    assert!(feeds.positions().is_empty());
}
