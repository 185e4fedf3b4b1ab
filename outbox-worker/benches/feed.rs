//! The cost of the feed itself: one event to all members of a vault. Run with `cargo bench -p outbox-worker`.

mod hot;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use hot::{event, feed_of};

fn advance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one event to members");
    for members in [1, 100, 1000] {
        let (vault, feed) = feed_of(members);
        group.throughput(Throughput::Elements(members.into()));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            let next = || vec![event(vault, feed.position().expect("the feed has a position").next())];
            bencher.iter_batched(next, |events| feed.advance(events), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, advance);
criterion_main!(benches);
