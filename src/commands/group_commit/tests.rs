//! Tests of the queues with scripted writes: they fail at moments at which a real database cannot be made to fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outbox_worker::{Db, WakeSignal};
use sqlx::PgExecutor;
use sqlx::postgres::PgConnectOptions;
use syncscript_types::{Seq, SourceId, VaultId, Version};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::queue::{MAX_BATCH, lock};
use super::writer::{GroupCommit, TRANSACTION_TIMEOUT, VAULT_TIMEOUT};
use crate::commands::commit_notifier::CommitNotifier;
use crate::domain::{Applied, Source};
use crate::store::source_writes::{SourceWrite, WriteOutcome};
use crate::store::{Result, StoreError};

/// Stands in for the database of one test.
#[derive(Default)]
struct FakeDatabase {
    transactions: AtomicUsize,
    written: Mutex<Vec<u32>>,
    /// Frees the vault that a [`Behaviour::Busy`] write waits for.
    free: Notify,
}

#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Succeed,
    Panic,
    /// Never returns.
    Hang,
    /// Succeeds after this many seconds.
    Take(u64),
    /// The vault is busy until [`FakeDatabase::free`].
    Busy,
}

struct ScriptedWrite {
    number: u32,
    behaviour: Behaviour,
    database: Arc<FakeDatabase>,
}

impl SourceWrite for ScriptedWrite {
    /// All writes share one lane.
    fn lane(&self) -> u128 {
        0
    }

    async fn write_batch<'e>(_: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<WriteOutcome>> {
        let database = Arc::clone(&writes[0].database);
        database.transactions.fetch_add(1, Ordering::Relaxed);
        match writes[0].behaviour {
            Behaviour::Panic => panic!("as scripted"),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Take(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Behaviour::Busy if wait => database.free.notified().await,
            Behaviour::Busy | Behaviour::Succeed => {}
        }
        let outcomes = writes.iter().map(|write| match write.behaviour {
            Behaviour::Busy if !wait => WriteOutcome::Busy(Uuid::nil().into()),
            _ => {
                database.written.lock().expect("no test panicked while it held the lock").push(write.number);
                WriteOutcome::Done(applied())
            }
        });
        Ok(outcomes.collect())
    }
}

fn applied() -> Applied<Source> {
    let (id, vault_id): (SourceId, VaultId) = (Uuid::nil().into(), Uuid::nil().into());
    let (title, file_url, at) = (String::new(), String::new(), chrono::DateTime::UNIX_EPOCH);
    let version = Version::new(1).expect("valid");
    let value = Source { id, title, file_url, vault_id, created_at: at, updated_at: at, version };
    Applied { vault_id, seq: Seq::START.next(), value }
}

type WriteTask = JoinHandle<Result<Applied<Source>>>;

/// Submits numbered writes, one after the other.
struct Submitter {
    group: Arc<GroupCommit<ScriptedWrite>>,
    database: Arc<FakeDatabase>,
    count: u32,
}

impl Submitter {
    fn new() -> Self {
        // Connects to nothing: scripted writes need no connection.
        let pool = Db::new(PgConnectOptions::new_without_pgpass(), 1);
        let notifier = CommitNotifier::new(Arc::new(WakeSignal::default()), Arc::new(WakeSignal::default()));
        Self { group: GroupCommit::new(pool, notifier), database: Arc::default(), count: 0 }
    }

    /// Submits a write, and lets every task run until it waits.
    async fn submit(&mut self, behaviour: Behaviour) -> WriteTask {
        let (group, database, number) = (Arc::clone(&self.group), Arc::clone(&self.database), self.count);
        self.count += 1;
        let task = tokio::spawn(async move { group.write(ScriptedWrite { number, behaviour, database }).await });
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        task
    }

    fn transactions(&self) -> usize {
        self.database.transactions.load(Ordering::Relaxed)
    }

    fn written(&self) -> Vec<u32> {
        self.database.written.lock().expect("no test panicked while it held the lock").clone()
    }
}

async fn outcome(task: WriteTask) -> Result<Applied<Source>> {
    // The clock of these tests is paused, and advances only when every task waits.
    timeout(Duration::from_secs(3600), task).await.expect("every write is answered").expect("no caller panics")
}

fn is_unavailable(outcome: &Result<Applied<Source>>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test(start_paused = true)]
async fn writes_that_arrive_during_a_transaction_go_into_the_next_one() {
    let mut submitter = Submitter::new();
    let mut tasks = vec![submitter.submit(Behaviour::Take(1)).await];
    for _ in 0..MAX_BATCH + 5 {
        tasks.push(submitter.submit(Behaviour::Succeed).await);
    }
    assert_eq!(submitter.transactions(), 1);
    for task in tasks {
        outcome(task).await.expect("written");
    }
    assert_eq!(submitter.transactions(), 3);
    assert_eq!(submitter.written(), (0..MAX_BATCH as u32 + 6).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_the_callers_are_answered_and_the_lane_continues() {
    let mut submitter = Submitter::new();
    let slow = submitter.submit(Behaviour::Take(1)).await;
    let (panics, beside) = (submitter.submit(Behaviour::Panic).await, submitter.submit(Behaviour::Succeed).await);
    outcome(slow).await.expect("written");
    assert!(is_unavailable(&outcome(panics).await) && is_unavailable(&outcome(beside).await));
    outcome(submitter.submit(Behaviour::Succeed).await).await.expect("written");
    assert_eq!(submitter.written(), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_blocks_its_lane_until_the_transaction_timeout() {
    let mut submitter = Submitter::new();
    let silent = submitter.submit(Behaviour::Hang).await;
    let behind = submitter.submit(Behaviour::Succeed).await;
    let begun = Instant::now();
    assert!(is_unavailable(&outcome(silent).await));
    // It waited for five seconds, longer than the lane's timeout, so it is no longer written.
    assert!(is_unavailable(&outcome(behind).await));
    assert_eq!(begun.elapsed().as_secs(), TRANSACTION_TIMEOUT.as_secs());
    outcome(submitter.submit(Behaviour::Succeed).await).await.expect("written");
    assert_eq!(submitter.written(), [2]);
}

#[tokio::test(start_paused = true)]
async fn one_transaction_waits_for_a_busy_vault_and_the_lane_continues() {
    let mut submitter = Submitter::new();
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(submitter.submit(Behaviour::Busy).await);
        outcome(submitter.submit(Behaviour::Succeed).await).await.expect("not delayed by the busy vault");
    }
    // Five that found the vault busy, five of the others, and the one that waits.
    assert_eq!(submitter.transactions(), 11);
    submitter.database.free.notify_one();
    outcome(waiting.remove(0)).await.expect("written");
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    // All writes that gathered while the first one waited.
    assert_eq!(submitter.transactions(), 12);
    submitter.database.free.notify_one();
    for task in waiting {
        outcome(task).await.expect("written");
    }
    assert_eq!(submitter.written(), [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]);
    assert!(lock(&submitter.group.busy).is_empty());
}

#[tokio::test(start_paused = true)]
async fn writes_for_a_vault_that_stays_busy_fail_after_the_vault_timeout() {
    let mut submitter = Submitter::new();
    let (first, second) = (submitter.submit(Behaviour::Busy).await, submitter.submit(Behaviour::Busy).await);
    let begun = Instant::now();
    assert!(is_unavailable(&outcome(first).await));
    assert_eq!(begun.elapsed().as_secs(), VAULT_TIMEOUT.as_secs());
    assert!(is_unavailable(&outcome(second).await));
    assert!(lock(&submitter.group.busy).is_empty());
    assert!(submitter.written().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_runs_although_its_caller_stopped_waiting() {
    let mut submitter = Submitter::new();
    let slow = submitter.submit(Behaviour::Take(1)).await;
    submitter.submit(Behaviour::Succeed).await.abort();
    outcome(slow).await.expect("written");
    outcome(submitter.submit(Behaviour::Succeed).await).await.expect("written");
    assert_eq!(submitter.written(), [0, 1, 2]);
}
