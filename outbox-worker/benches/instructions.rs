//! The hot paths, as often as is asked for, so that their instructions can be counted: `scripts/test-instructions`.

mod hot;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use hot::{Sink, event, feed_of};
use outbox_worker::{Entry, Feeds, notify};
use syncscript_types::{Seq, VaultId};
use uuid::Uuid;

fn main() {
    let mut words = std::env::args().skip(1);
    let (path, times) = (words.next(), words.next().and_then(|times| times.parse::<u32>().ok()));
    match (path.as_deref(), times) {
        (Some("advance"), Some(times)) => advance(times),
        (Some("join"), Some(times)) => join(times),
        (Some("notification"), Some(times)) => notification(times),
        // As a benchmark without arguments, it has nothing to time.
        _ => drop(writeln!(std::io::stdout(), "usage: instructions advance|join|notification TIMES")),
    }
}

/// An event goes to a thousand members.
fn advance(times: u32) {
    let (vault, feed) = feed_of(1000);
    for _ in 0..times {
        let next = feed.emitted().expect("it has begun").next();
        black_box(feed.advance(vec![event(vault, next)]).ok());
    }
}

/// A socket comes into a vault that nobody else uses, and leaves.
fn join(times: u32) {
    let (vault, feeds) = (VaultId::from(Uuid::nil()), Arc::new(Feeds::default()));
    let head = Seq::new(7).expect("a seq");
    for _ in 0..times {
        let joining = feeds.begin(vault);
        assert!(joining.start(head));
        assert!(matches!(joining.enter(Sink(1), head), Entry::Entered));
        drop(joining);
        feeds.leave(vault, 1);
    }
}

/// Another node tells of a hundred vaults.
fn notification(times: u32) {
    let mut payload = Uuid::nil().to_string();
    for number in 0..100 {
        payload.push_str(&format!(",{}", Uuid::from_u128(number)));
    }
    for _ in 0..times {
        black_box(notify::parse(black_box(&payload)));
    }
}
