//! The hash of the session token, which every request computes first. Run by `cargo bench -p syncscript`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use syncscript::store::sessions::TokenHash;

fn token_hash(criterion: &mut Criterion) {
    let token = "a".repeat(43);
    criterion.bench_function("hash of a session's token", |bencher| {
        bencher.iter(|| TokenHash::of(black_box(&token)));
    });
}

criterion_group!(benches, token_hash);
criterion_main!(benches);
