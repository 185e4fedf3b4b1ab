//! Sources that are asked for while others are being written wait for each other, and share a transaction.
//!
//! A commit costs Postgres several times what it takes to create a source. So a few lanes, one a core, each write what
//! has gathered since their last transaction; while nothing waits, a creation is written at once, alone.
//!
//! **State.** A lane: the creations that wait, and whether a task writes for it. A vault belongs to one lane, so that the
//! lanes of a node do not meet at a vault.
//! **A vault that someone else has** (another node, an update, an operator's tool) is not waited for in the lane: its
//! creations go on in a transaction of their own, and hold nobody up.
//! **On failure.** What the database refuses for one creation is told to that one alone. If it fails the whole, which it
//! has rolled back then, each is tried alone. If the connection breaks or goes silent, nobody knows whether the commit
//! arrived: all are told that the database is not available, as one alone would be. A task that panics drops the
//! creations it had, which says the same, and the next creation starts another.
//! A client that goes away is not noticed: what it asked for is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::histogram;
use outbox_worker::Db;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Marks;
use crate::domain::{Applied, Source, VaultId};
use crate::store::sources::{Created, Creation, create_each};
use crate::store::{Result, StoreError};

/// Most creations in one transaction. It bounds how long the vaults in it are held: some milliseconds.
const MOST: usize = 64;
/// How long a transaction may take that waits for no vault.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long one may take that waits for its vault.
const PATIENCE: Duration = Duration::from_secs(30);

/// A creation, and who waits for it.
struct Asked {
    creation: Creation,
    answer: oneshot::Sender<Result<Applied<Source>>>,
}

impl AsRef<Creation> for Asked {
    fn as_ref(&self) -> &Creation {
        &self.creation
    }
}

#[derive(Default)]
struct Lane {
    waiting: Vec<Asked>,
    /// Whether a task writes what waits.
    at_work: bool,
}

/// Creates sources. Clones share the lanes.
#[derive(Clone)]
pub struct Creations {
    lanes: Arc<[Mutex<Lane>]>,
    writer: Writer,
    /// Where the tasks run: a worker of the HTTP server may stop before the others.
    runtime: Handle,
}

/// What a task needs to write.
#[derive(Clone)]
struct Writer {
    pool: Db,
    marks: Marks,
}

impl Creations {
    /// Runs its tasks where it is called.
    #[must_use]
    pub fn new(pool: Db, marks: Marks) -> Self {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            writer: Writer { pool, marks },
            runtime: Handle::current(),
        }
    }

    /// Creates a source. It is created also if nobody waits for the answer any more.
    ///
    /// # Errors
    /// NotFound, Forbidden.
    pub async fn create(&self, creation: Creation) -> Result<Applied<Source>> {
        let index = (creation.vault.get().as_u128() % self.lanes.len() as u128) as usize;
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut lane = self.lane(index);
            lane.waiting.push(Asked { creation, answer });
            !std::mem::replace(&mut lane.at_work, true)
        };
        if starts {
            self.runtime.spawn(self.clone().work(index));
        }
        answered.await.unwrap_or_else(|_| Err(unknown()))
    }

    /// Writes what waits in a lane until nothing does.
    async fn work(self, index: usize) {
        let mut shift = Shift { lane: &self.lanes[index], over: false };
        while let Some(batch) = shift.next() {
            self.writer.write(batch).await;
        }
    }

    fn lane(&self, index: usize) -> MutexGuard<'_, Lane> {
        lock(&self.lanes[index])
    }
}

/// A task at work on a lane. However it ends, the next creation finds that nobody is.
struct Shift<'l> {
    lane: &'l Mutex<Lane>,
    over: bool,
}

impl Shift<'_> {
    fn next(&mut self) -> Option<Vec<Asked>> {
        let mut lane = lock(self.lane);
        if lane.waiting.is_empty() {
            // With the lane locked: whoever comes next starts another task.
            lane.at_work = false;
            self.over = true;
            return None;
        }
        let some = lane.waiting.len().min(MOST);
        Some(lane.waiting.drain(..some).collect())
    }
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        if !self.over {
            let mut lane = lock(self.lane);
            lane.at_work = false;
            // They would wait for a creation to come, perhaps for ever.
            lane.waiting.clear();
        }
    }
}

impl Writer {
    /// Writes creations of many vaults, and waits for none of these.
    async fn write(&self, batch: Vec<Asked>) {
        histogram!("syncscript_creations_together").record(batch.len() as f64);
        match bounded(TIMEOUT, create_each(&self.pool, &batch, false)).await {
            Ok(outcomes) => {
                let mut busy: HashMap<VaultId, Vec<Asked>> = HashMap::new();
                for asked in self.answer(batch, outcomes) {
                    busy.entry(asked.creation.vault).or_default().push(asked);
                }
                for asked in busy.into_values() {
                    tokio::spawn(self.clone().write_one_vault(asked));
                }
            }
            Err(error) if is_rolled_back(&error) => self.write_each(batch),
            Err(error) => fail(batch, error),
        }
    }

    /// Writes creations of one vault, once it is free.
    async fn write_one_vault(self, batch: Vec<Asked>) {
        match bounded(PATIENCE, create_each(&self.pool, &batch, true)).await {
            // None is busy, since it waited.
            Ok(outcomes) => drop(self.answer(batch, outcomes)),
            Err(error) if batch.len() > 1 && is_rolled_back(&error) => self.write_each(batch),
            Err(error) => fail(batch, error),
        }
    }

    /// Writes each alone.
    fn write_each(&self, batch: Vec<Asked>) {
        for asked in batch {
            let writer = self.clone();
            // Boxed: it may come back here.
            tokio::spawn(Box::pin(writer.write_one_vault(vec![asked])) as futures_util::future::BoxFuture<'static, ()>);
        }
    }

    /// Tells what became of them, and the relays of what is new. Returns those whose vaults are busy.
    fn answer(&self, batch: Vec<Asked>, outcomes: Vec<Created>) -> Vec<Asked> {
        let mut busy = Vec::new();
        self.marks.mark(outcomes.iter().filter_map(|outcome| match outcome {
            Created::Done(applied) => Some(applied.vault_id),
            _ => None,
        }));
        for (asked, outcome) in batch.into_iter().zip(outcomes) {
            // It may be that nobody waits any more.
            match outcome {
                Created::Done(applied) => drop(asked.answer.send(Ok(applied))),
                Created::Refused(refusal) => drop(asked.answer.send(Err(StoreError::Refused(refusal)))),
                Created::Busy => busy.push(asked),
            }
        }
        busy
    }
}

async fn bounded<T>(limit: Duration, write: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, write).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
}

/// Whether Postgres said so itself: then nothing of it is there.
fn is_rolled_back(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(sqlx::Error::Database(_)) | StoreError::Internal(sqlx::Error::Database(_)))
}

/// Tells all that it failed.
fn fail(batch: Vec<Asked>, error: StoreError) {
    let mut batch = batch.into_iter();
    if let Some(first) = batch.next() {
        first.answer.send(Err(error)).ok();
    }
    // An error cannot be copied, and one of them in the log is enough.
    batch.for_each(|asked| drop(asked.answer.send(Err(unknown()))));
}

fn unknown() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Protocol("the transaction that it shared with others has failed".to_owned()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every step leaves the lane whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
