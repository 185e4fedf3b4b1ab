//! The queues, with writes that do as they are told: what a database cannot be made to do at a given moment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use outbox_worker::Wake;
use sqlx::PgExecutor;
use sqlx::postgres::PgConnectOptions;
use syncscript_types::{Seq, SourceId, Version};
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;

/// What happens to the transactions of a test, which are counted.
#[derive(Default)]
struct World {
    transactions: AtomicUsize,
    written: Mutex<Vec<u32>>,
    /// Let go what waits for the vault.
    free: Notify,
}

#[derive(Clone, Copy, PartialEq)]
enum Does {
    Succeeds,
    Panics,
    /// Never answers.
    Hangs,
    /// Answers after so many seconds.
    Takes(u64),
    /// Its vault is busy, until [`World::free`].
    IsBusy,
}

struct Told {
    number: u32,
    does: Does,
    world: Arc<World>,
}

impl SourceWrite for Told {
    /// All in one.
    fn lane(&self) -> u128 {
        0
    }

    async fn write_batch<'e>(_: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<WriteOutcome>> {
        let world = Arc::clone(&writes[0].world);
        world.transactions.fetch_add(1, Ordering::Relaxed);
        match writes[0].does {
            Does::Panics => panic!("as told"),
            Does::Hangs => std::future::pending().await,
            Does::Takes(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Does::IsBusy if wait => world.free.notified().await,
            Does::IsBusy | Does::Succeeds => {}
        }
        let outcomes = writes.iter().map(|write| match write.does {
            Does::IsBusy if !wait => WriteOutcome::Busy(Uuid::nil().into()),
            _ => {
                world.written.lock().expect("no test panicked with it").push(write.number);
                WriteOutcome::Done(applied())
            }
        });
        Ok(outcomes.collect())
    }
}

fn applied() -> Applied<Source> {
    let (id, vault_id): (SourceId, VaultId) = (Uuid::nil().into(), Uuid::nil().into());
    let (title, file_url, at) = (String::new(), String::new(), chrono::DateTime::UNIX_EPOCH);
    let value = Source {
        id,
        title,
        file_url,
        vault_id,
        created_at: at,
        updated_at: at,
        version: Version::new(1).expect("valid"),
    };
    Applied { vault_id, seq: Seq::START.next(), value }
}

/// Writes that are asked for one after the other; each task answers how it went.
struct Asking {
    together: Arc<Together<Told>>,
    world: Arc<World>,
    count: u32,
}

impl Asking {
    fn new() -> Self {
        // No connection is made: these writes need none.
        let pool = Db::new(PgConnectOptions::new_without_pgpass(), 1);
        let marks = Marks { relay: Arc::new(Wake::default()), others: Arc::new(Wake::default()) };
        Self { together: Together::new(pool, marks), world: Arc::default(), count: 0 }
    }

    /// Asks, and lets everything that can go on go on.
    async fn ask(&mut self, does: Does) -> tokio::task::JoinHandle<Result<Applied<Source>>> {
        let (together, world, number) = (Arc::clone(&self.together), Arc::clone(&self.world), self.count);
        self.count += 1;
        let asked = tokio::spawn(async move { together.write(Told { number, does, world }).await });
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        asked
    }

    fn transactions(&self) -> usize {
        self.world.transactions.load(Ordering::Relaxed)
    }

    fn written(&self) -> Vec<u32> {
        self.world.written.lock().expect("no test panicked with it").clone()
    }
}

async fn outcome(asked: tokio::task::JoinHandle<Result<Applied<Source>>>) -> Result<Applied<Source>> {
    // The clock of these tests moves on when nothing else can.
    timeout(Duration::from_secs(3600), asked).await.expect("everyone is answered").expect("nobody who asks panics")
}

fn is_unavailable(outcome: &Result<Applied<Source>>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test(start_paused = true)]
async fn what_comes_during_a_transaction_goes_into_the_next_one() {
    let mut asking = Asking::new();
    let mut asked = vec![asking.ask(Does::Takes(1)).await];
    for _ in 0..MOST + 5 {
        asked.push(asking.ask(Does::Succeeds).await);
    }
    assert_eq!(asking.transactions(), 1);
    for asked in asked {
        outcome(asked).await.expect("written");
    }
    assert_eq!(asking.transactions(), 3);
    assert_eq!(asking.written(), (0..MOST as u32 + 6).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_answered_for_and_the_lane_goes_on() {
    let mut asking = Asking::new();
    let slow = asking.ask(Does::Takes(1)).await;
    let (panics, beside) = (asking.ask(Does::Panics).await, asking.ask(Does::Succeeds).await);
    outcome(slow).await.expect("written");
    assert!(is_unavailable(&outcome(panics).await) && is_unavailable(&outcome(beside).await));
    outcome(asking.ask(Does::Succeeds).await).await.expect("written");
    assert_eq!(asking.written(), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_holds_up_its_lane_for_seconds_only() {
    let mut asking = Asking::new();
    let silent = asking.ask(Does::Hangs).await;
    let behind = asking.ask(Does::Succeeds).await;
    let begun = Instant::now();
    assert!(is_unavailable(&outcome(silent).await));
    // Its turn came after five seconds, and it is not written any more.
    assert!(is_unavailable(&outcome(behind).await));
    assert_eq!(begun.elapsed().as_secs(), TIMEOUT.as_secs());
    outcome(asking.ask(Does::Succeeds).await).await.expect("written");
    assert_eq!(asking.written(), [2]);
}

#[tokio::test(start_paused = true)]
async fn one_transaction_waits_for_a_vault_and_the_lane_goes_on() {
    let mut asking = Asking::new();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(asking.ask(Does::IsBusy).await);
        outcome(asking.ask(Does::Succeeds).await).await.expect("held up by another's vault");
    }
    // Five that found it busy, five of the others, and the one that waits.
    assert_eq!(asking.transactions(), 11);
    asking.world.free.notify_one();
    outcome(held.remove(0)).await.expect("written");
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    // All that gathered meanwhile.
    assert_eq!(asking.transactions(), 12);
    asking.world.free.notify_one();
    for held in held {
        outcome(held).await.expect("written");
    }
    assert_eq!(asking.written(), [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]);
    assert!(lock(&asking.together.held).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_stays_held_is_given_up() {
    let mut asking = Asking::new();
    let (first, second) = (asking.ask(Does::IsBusy).await, asking.ask(Does::IsBusy).await);
    let begun = Instant::now();
    assert!(is_unavailable(&outcome(first).await));
    assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    assert!(is_unavailable(&outcome(second).await));
    assert!(lock(&asking.together.held).is_empty());
    assert!(asking.written().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_is_done_though_nobody_waits() {
    let mut asking = Asking::new();
    let slow = asking.ask(Does::Takes(1)).await;
    asking.ask(Does::Succeeds).await.abort();
    outcome(slow).await.expect("written");
    outcome(asking.ask(Does::Succeeds).await).await.expect("written");
    assert_eq!(asking.written(), [0, 1, 2]);
}
