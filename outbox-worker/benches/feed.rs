//! What the feed itself costs: one event to all members of a vault. `cargo bench -p outbox-worker`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use outbox_worker::{Delivery, Entry, Event, EventType, Feeds, Seq, Subscriber, UserId, VaultId};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Takes everything, and does nothing: what remains is the feed's own work.
#[derive(Debug)]
struct Sink(u32);

impl Subscriber for Sink {
    type Id = u32;

    fn id(&self) -> u32 {
        self.0
    }

    fn entered(&mut self) -> Delivery {
        Delivery::Taken
    }

    fn deliver(&self, event: &Event) -> Delivery {
        black_box(event.revokes(self.user()));
        Delivery::Taken
    }

    fn user(&self) -> UserId {
        Uuid::nil().into()
    }

    fn replay(&mut self, _: &Event, _: Uuid) -> Delivery {
        Delivery::Taken
    }

    fn behind(self, _: Seq) {}

    fn lost(&self) {}
}

fn event(vault: VaultId, seq: Seq) -> Event {
    let payload = RawValue::from_string(r#"{"source":{"title":"A paper","version":1},"seq":1}"#.to_owned());
    Event {
        vault_id: vault,
        seq,
        event_id: Uuid::nil(),
        kind: EventType::SourceCreated,
        payload: payload.expect("JSON"),
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn advance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one event to members");
    for members in [1, 100, 1000] {
        let (vault, feeds) = (VaultId::from(Uuid::nil()), Arc::new(Feeds::default()));
        let joining = feeds.begin(vault);
        assert!(joining.start(Seq::from(0)));
        for id in 0..members {
            assert!(matches!(joining.enter(Sink(id), Seq::from(0)), Entry::Entered));
        }
        drop(joining);
        let feed = feeds.get(vault).expect("it is in use");
        group.throughput(Throughput::Elements(members.into()));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            let next = || vec![event(vault, feed.emitted().expect("it has begun").next())];
            bencher.iter_batched(next, |events| feed.advance(events), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, advance);
criterion_main!(benches);
