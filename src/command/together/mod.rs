//! Mutations of sources that are asked for while others are being written share a transaction.
//!
//! A commit costs Postgres several times what it takes to write a source. So a few lanes, one a core, each write what
//! has gathered since their last transaction; while nothing waits, a mutation is written at once, alone.
//!
//! **State.** A lane: the mutations that wait, and whether a task writes for it. Those that would wait for each other are
//! in the same lane, as far as that is known before they are written. Then the vaults that someone else has (another
//! lane, another node, an operator's tool): a lane does not wait for such a vault, but puts its mutations here; one task a
//! vault waits, with one connection, and writes what has gathered. So a vault that is held delays no other.
//! **Who changes it.** Whoever asks adds to a lane; its task takes from it, and adds to a vault; the vault's task takes
//! from there. Never across an await. A task ends when nothing waits, with the queue locked: who comes next starts another.
//! **On failure.** What the database refuses to one is told to that one alone. If it fails the whole, which is rolled
//! back then, each is tried alone. If the connection breaks or goes silent, nobody knows whether the commit arrived: all
//! are told that the database is not available, as one alone would be; and so are those whose turn comes too late. A
//! task that panics drops what waits for it, which says the same.
//! A client that goes away is not noticed: what it asked for is done.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::histogram;
use outbox_worker::Db;
use syncscript_types::VaultId;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::Marks;
use crate::domain::{Applied, Source};
use crate::store::source_writes::{SourceWrite, WriteOutcome};
use crate::store::{Result, StoreError};

/// Most mutations in one transaction. It bounds how long the vaults in it are held: some milliseconds.
const MOST: usize = 64;
/// How long a transaction may take that waits for no vault.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a mutation may wait in its lane: as long as for a connection.
const TURN: Duration = Duration::from_secs(3);
/// How long a mutation may wait for its vault, and a transaction that waits for one may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mutation, and who waits for it.
struct Asked<W> {
    write: W,
    since: Instant,
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
    /// What waits for a vault that someone else has. Each of these has its task.
    held: Mutex<HashMap<VaultId, Vec<Asked<W>>>>,
    pool: Db,
    marks: Marks,
    /// Where the tasks run: a worker of the HTTP server may stop before the others.
    runtime: Handle,
}

impl<W: SourceWrite> Together<W> {
    /// Runs its tasks where it is called.
    #[must_use]
    pub fn new(pool: Db, marks: Marks) -> Arc<Self> {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            lanes: (0..lanes).map(|_| Mutex::new(Lane { waiting: Vec::new(), at_work: false })).collect(),
            held: Mutex::default(),
            pool,
            marks,
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
            lane.waiting.push(Asked { write, since: Instant::now(), answer });
            !std::mem::replace(&mut lane.at_work, true)
        };
        if starts {
            self.runtime.spawn(Arc::clone(self).work(index));
        }
        answered.await.unwrap_or_else(|_| Err(unknown()))
    }

    /// Writes what waits in a lane until nothing does.
    async fn work(self: Arc<Self>, index: usize) {
        let shift = Shift { lane: &self.lanes[index] };
        while let Some(batch) = shift.next() {
            let batch = in_time(batch, TURN);
            if !batch.is_empty() {
                histogram!("syncscript_commit_events").record(batch.len() as f64);
                self.transact(batch, false).await;
            }
        }
    }

    /// Writes what waits for a vault, once it is free, until nothing does.
    async fn wait_for(self: Arc<Self>, vault: VaultId) {
        let turn = Turn { held: &self.held, vault };
        while let Some(batch) = turn.next() {
            let batch = in_time(batch, PATIENCE);
            if !batch.is_empty() {
                self.transact(batch, true).await;
            }
        }
    }

    /// One transaction. With `wait`, all are of one vault.
    async fn transact(self: &Arc<Self>, batch: Vec<Asked<W>>, wait: bool) {
        match self.attempt(&batch, wait).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(error) if is_rolled_back(&error) && !(wait && batch.len() == 1) => {
                for asked in batch {
                    self.runtime.spawn(Arc::clone(self).alone(asked));
                }
            }
            Err(error) => fail(batch, error),
        }
    }

    /// As [`Self::transact`] with one that waits, but without a way back here: that future would contain itself.
    async fn alone(self: Arc<Self>, asked: Asked<W>) {
        let batch = vec![asked];
        match self.attempt(&batch, true).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(error) => fail(batch, error),
        }
    }

    async fn attempt(&self, batch: &[Asked<W>], wait: bool) -> Result<Vec<WriteOutcome>> {
        let writes: Vec<&W> = batch.iter().map(|asked| &asked.write).collect();
        let limit = if wait { PATIENCE } else { TIMEOUT };
        let attempt = timeout(limit, W::write_batch(&self.pool, &writes, wait));
        attempt.await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Tells what became of them, and the relays of what is new. Those whose vault is busy wait for it.
    fn answer(self: &Arc<Self>, batch: Vec<Asked<W>>, outcomes: Vec<WriteOutcome>) {
        self.marks.mark(outcomes.iter().filter_map(|outcome| match outcome {
            WriteOutcome::Done(applied) => Some(applied.vault_id),
            _ => None,
        }));
        for (asked, outcome) in batch.into_iter().zip(outcomes) {
            // It may be that nobody waits any more.
            match outcome {
                WriteOutcome::Done(applied) => drop(asked.answer.send(Ok(applied))),
                WriteOutcome::Rejected(rejection) => drop(asked.answer.send(Err(StoreError::Rejected(rejection)))),
                WriteOutcome::Busy(vault) => self.hold(vault, asked),
            }
        }
    }

    fn hold(self: &Arc<Self>, vault: VaultId, asked: Asked<W>) {
        match lock(&self.held).entry(vault) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push(asked),
            Entry::Vacant(none) => {
                none.insert(vec![asked]);
                self.runtime.spawn(Arc::clone(self).wait_for(vault));
            }
        }
    }
}

/// A task at work on a lane. However it ends, the next mutation finds that nobody is.
struct Shift<'l, W> {
    lane: &'l Mutex<Lane<W>>,
}

impl<W> Shift<'_, W> {
    fn next(&self) -> Option<Vec<Asked<W>>> {
        let mut lane = lock(self.lane);
        lane.at_work = !lane.waiting.is_empty();
        lane.at_work.then(|| some(&mut lane.waiting))
    }
}

impl<W> Drop for Shift<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.lane) = Lane { waiting: Vec::new(), at_work: false };
        }
    }
}

/// A task that waits for a vault.
struct Turn<'t, W> {
    held: &'t Mutex<HashMap<VaultId, Vec<Asked<W>>>>,
    vault: VaultId,
}

impl<W> Turn<'_, W> {
    fn next(&self) -> Option<Vec<Asked<W>>> {
        let mut held = lock(self.held);
        let batch = held.get_mut(&self.vault).map(some).filter(|batch| !batch.is_empty());
        if batch.is_none() {
            held.remove(&self.vault);
        }
        batch
    }
}

impl<W> Drop for Turn<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.held).remove(&self.vault);
        }
    }
}

/// As many as go into a transaction, those first that have waited longest.
fn some<W>(waiting: &mut Vec<Asked<W>>) -> Vec<Asked<W>> {
    waiting.drain(..waiting.len().min(MOST)).collect()
}

/// Those that have not waited too long; to the others it is said that the database is not available.
fn in_time<W>(batch: Vec<Asked<W>>, limit: Duration) -> Vec<Asked<W>> {
    let (late, in_time): (Vec<_>, Vec<_>) = batch.into_iter().partition(|asked| asked.since.elapsed() > limit);
    fail(late, sqlx::Error::PoolTimedOut.into());
    in_time
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
    // Every step leaves the queue whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
