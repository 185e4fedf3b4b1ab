//! Runs a hot path a given number of times, so that `scripts/test-instructions` can count its instructions.

mod hot;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use hot::{Sink, event, feed_of};
use outbox_worker::{Admission, Feeds, notifier};
use syncscript_types::{Seq, VaultId};
use uuid::Uuid;

fn main() {
    let mut words = std::env::args().skip(1);
    let (path, times) = (words.next(), words.next().and_then(|times| times.parse::<u32>().ok()));
    match (path.as_deref(), times) {
        (Some("advance"), Some(times)) => advance(times),
        (Some("join"), Some(times)) => join(times),
        (Some("notification"), Some(times)) => notification(times),
        // Cargo runs it without arguments as a benchmark; there is nothing to time.
        _ => drop(writeln!(std::io::stdout(), "usage: instructions advance|join|notification TIMES")),
    }
}

/// Delivers an event to a thousand members.
fn advance(times: u32) {
    let (vault, feed) = feed_of(1000);
    for _ in 0..times {
        let next = feed.position().expect("the feed has a position").next();
        black_box(feed.advance(vec![event(vault, next)]).ok());
    }
}

/// Joins a vault that nobody else uses, and leaves it.
fn join(times: u32) {
    let (vault, feeds) = (VaultId::from(Uuid::nil()), Arc::new(Feeds::default()));
    let head = Seq::new(7).expect("a seq");
    for _ in 0..times {
        let join = feeds.begin_join(vault);
        assert!(join.init_position(head));
        assert!(matches!(join.enter(Sink(1), head), Admission::Admitted));
        drop(join);
        feeds.leave(vault, 1);
    }
}

/// Parses another node's notification of a hundred vaults.
fn notification(times: u32) {
    let mut payload = Uuid::nil().to_string();
    for number in 0..100 {
        payload.push_str(&format!(",{}", Uuid::from_u128(number)));
    }
    for _ in 0..times {
        black_box(notifier::parse_payload(black_box(&payload)));
    }
}
