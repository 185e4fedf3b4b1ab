//! Mutations of sources that are asked for while others are being written share a transaction.
//!
//! A commit costs Postgres several times what it takes to write a source. So a few lanes, one a core, each write what
//! has gathered since their last transaction; while nothing waits, a mutation is written at once, alone.
//!
//! **State.** A lane: the mutations that wait, and whether a task writes for it. Those that would wait for each other are
//! in the same lane, as far as that is known before they are written.
//! **A vault that someone else has** (another lane, another node, an operator's tool) is not waited for in the lane: its
//! mutations go on in a transaction of their own, and hold nobody up.
//! **On failure.** What the database refuses to one is told to that one alone. If it fails the whole, which is rolled
//! back then, each is tried alone. If the connection breaks or goes silent, nobody knows whether the commit arrived: all
//! are told that the database is not available, as one alone would be. A task that panics drops the mutations it had,
//! which says the same, and the next mutation starts another.
//! A client that goes away is not noticed: what it asked for is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use metrics::histogram;
use outbox_worker::Db;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Marks;
use crate::domain::{Applied, Source, VaultId};
use crate::store::source_writes::{Outcome, Write};
use crate::store::{Result, StoreError};

/// Most mutations in one transaction. It bounds how long the vaults in it are held: some milliseconds.
const MOST: usize = 64;
/// How long a transaction may take that waits for no vault.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long one may take that waits for its vault.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mutation, and who waits for it.
struct Asked<W> {
    write: W,
    answer: oneshot::Sender<Result<Applied<Source>>>,
}

struct Lane<W> {
    waiting: Vec<Asked<W>>,
    /// Whether a task writes what waits.
    at_work: bool,
}

/// Writes mutations of a kind.
pub struct Together<W> {
    lanes: Vec<Mutex<Lane<W>>>,
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

impl<W: Write> Together<W> {
    /// Runs its tasks where it is called.
    #[must_use]
    pub fn new(pool: Db, marks: Marks) -> Arc<Self> {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            lanes: (0..lanes).map(|_| Mutex::new(Lane { waiting: Vec::new(), at_work: false })).collect(),
            writer: Writer { pool, marks },
            runtime: Handle::current(),
        })
    }

    /// Writes one. It is written also if nobody waits for the answer any more.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn write(self: &Arc<Self>, write: W) -> Result<Applied<Source>> {
        let index = (write.lane() % self.lanes.len() as u128) as usize;
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut lane = lock(&self.lanes[index]);
            lane.waiting.push(Asked { write, answer });
            !std::mem::replace(&mut lane.at_work, true)
        };
        if starts {
            self.runtime.spawn(Arc::clone(self).work(index));
        }
        answered.await.unwrap_or_else(|_| Err(unknown()))
    }

    /// Writes what waits in a lane until nothing does.
    async fn work(self: Arc<Self>, index: usize) {
        let mut shift = Shift { lane: &self.lanes[index], over: false };
        while let Some(batch) = shift.next() {
            self.writer.write(batch).await;
        }
    }
}

/// A task at work on a lane. However it ends, the next mutation finds that nobody is.
struct Shift<'l, W> {
    lane: &'l Mutex<Lane<W>>,
    over: bool,
}

impl<W> Shift<'_, W> {
    fn next(&mut self) -> Option<Vec<Asked<W>>> {
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

impl<W> Drop for Shift<'_, W> {
    fn drop(&mut self) {
        if !self.over {
            let mut lane = lock(self.lane);
            lane.at_work = false;
            // They would wait for another to come, perhaps for ever.
            lane.waiting.clear();
        }
    }
}

impl Writer {
    /// Writes mutations of many vaults, and waits for none of these.
    async fn write<W: Write>(&self, batch: Vec<Asked<W>>) {
        histogram!("syncscript_commit_events").record(batch.len() as f64);
        match self.attempt(&batch, false).await {
            Ok(outcomes) => {
                for (vault, asked) in self.answer(batch, outcomes) {
                    tracing::trace!(%vault, count = asked.len(), "the vault is busy");
                    self.spawn(asked);
                }
            }
            Err(error) if is_rolled_back(&error) => batch.into_iter().for_each(|asked| self.spawn(vec![asked])),
            Err(error) => fail(batch, error),
        }
    }

    /// Has mutations of one vault written, once it is free.
    fn spawn<W: Write>(&self, batch: Vec<Asked<W>>) {
        let this = self.clone();
        let task: BoxFuture<'static, ()> = Box::pin(async move { this.write_one_vault(batch).await });
        tokio::spawn(task);
    }

    async fn write_one_vault<W: Write>(&self, batch: Vec<Asked<W>>) {
        match self.attempt(&batch, true).await {
            // Of those that name the same source, one is written at a time.
            Ok(outcomes) => self.answer(batch, outcomes).into_values().for_each(|asked| self.spawn(asked)),
            Err(error) if batch.len() > 1 && is_rolled_back(&error) => {
                batch.into_iter().for_each(|asked| self.spawn(vec![asked]));
            }
            Err(error) => fail(batch, error),
        }
    }

    async fn attempt<W: Write>(&self, batch: &[Asked<W>], wait: bool) -> Result<Vec<Outcome>> {
        let writes: Vec<&W> = batch.iter().map(|asked| &asked.write).collect();
        let limit = if wait { PATIENCE } else { TIMEOUT };
        let attempt = timeout(limit, W::write_each(&self.pool, &writes, wait));
        attempt.await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Tells what became of them, and the relays of what is new. Returns those whose vaults are busy.
    fn answer<W: Write>(&self, batch: Vec<Asked<W>>, outcomes: Vec<Outcome>) -> HashMap<VaultId, Vec<Asked<W>>> {
        self.marks.mark(outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Done(applied) => Some(applied.vault_id),
            _ => None,
        }));
        let mut busy: HashMap<VaultId, Vec<Asked<W>>> = HashMap::new();
        for (asked, outcome) in batch.into_iter().zip(outcomes) {
            // It may be that nobody waits any more.
            match outcome {
                Outcome::Done(applied) => drop(asked.answer.send(Ok(applied))),
                Outcome::Refused(refusal) => drop(asked.answer.send(Err(StoreError::Refused(refusal)))),
                Outcome::Busy(vault) => busy.entry(vault).or_default().push(asked),
            }
        }
        busy
    }
}

/// Whether Postgres said so itself: then nothing of it is there.
fn is_rolled_back(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(sqlx::Error::Database(_)) | StoreError::Internal(sqlx::Error::Database(_)))
}

/// Tells all that it failed.
fn fail<W>(batch: Vec<Asked<W>>, error: StoreError) {
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
