//! One socket's queue of tasks: at most one task per socket runs at a time, in the order in which they came.
//!
//! The engine starts a task for each event that it reads, and these tasks can overtake each other: a leave could run
//! before the join that was sent ahead of it. Therefore events are queued while the engine still reads in order
//! (`receive`), and one worker per socket takes them from the queue. When a room member falls behind, its rejoin goes
//! through the same queue, so that it never overlaps with a join or leave of the same socket (I3).
//!
//! **State.** The queue, and whether a worker runs; the vaults whose room the socket is in or on its way into; whether
//! the connection is closed. Each has its own lock, never held across an await.
//! **On failure.** A full queue or an exceeded rate gives the event back to the caller. A rejoin is never rejected.
//! The [`SessionWorker`] handles the events; this module only orders them.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};
use syncscript_types::{Seq, VaultId};

use crate::domain::User;
use crate::error::Error;
use crate::rate_limit::{Rate, TokenBucket};

/// Maximum number of events that may wait. Further events are rejected until earlier ones have run.
const MAX_QUEUED_EVENTS: usize = 64;

/// Runs the tasks of a session.
pub trait SessionWorker: Send + Sync {
    /// Spawns a task that runs [`SocketSession::next_task`] until the queue is empty. Must not block: the caller may
    /// hold a feed's lock.
    fn spawn(self: Arc<Self>, session: Arc<SocketSession>);
}

/// The state that the events of one connected socket share. Holds no socket, since the socket holds this.
pub struct SocketSession {
    /// The user who connected.
    pub user: User,
    worker: Arc<dyn SessionWorker>,
    queue: Mutex<Queue>,
    vaults: Mutex<HashSet<VaultId>>,
    closed: AtomicBool,
    rate: Rate,
    bucket: Mutex<TokenBucket>,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    has_worker: bool,
}

/// Something to do for a socket.
pub enum Task {
    /// Handle an event that the client sent.
    Event(ClientEvent),
    /// Send what the socket missed after `position`, and put it back into the room that it fell behind in.
    Rejoin { socket: SocketRef, vault: VaultId, position: Seq },
}

impl Queue {
    /// Returns true if no worker runs: the caller must spawn one.
    fn push(&mut self, task: Task) -> bool {
        self.tasks.push_back(task);
        !std::mem::replace(&mut self.has_worker, true)
    }
}

/// One event that a client sent.
pub struct ClientEvent {
    /// The socket that sent the event.
    pub socket: SocketRef,
    /// The event's name.
    pub name: String,
    /// The event's first argument; `None` if the argument is not valid JSON.
    pub data: Option<Value>,
    /// Sends the acknowledgement.
    pub ack: AckSender,
}

impl SocketSession {
    pub fn new(user: User, worker: Arc<dyn SessionWorker>, rate: Rate) -> Arc<Self> {
        Arc::new(Self {
            user,
            worker,
            queue: Mutex::default(),
            vaults: Mutex::default(),
            closed: AtomicBool::new(false),
            rate,
            bucket: Mutex::new(TokenBucket::full(rate, Instant::now())),
        })
    }

    /// Queues an event.
    ///
    /// # Errors
    /// Returns the event if too many wait, or the client sends too fast.
    pub fn enqueue_event(self: &Arc<Self>, event: ClientEvent) -> Result<(), ClientEvent> {
        if lock(&self.bucket).take(self.rate, Instant::now()).is_err() {
            return Err(event);
        }
        let needs_worker = {
            let mut queue = lock(&self.queue);
            if queue.tasks.len() >= MAX_QUEUED_EVENTS {
                return Err(event);
            }
            queue.push(Task::Event(event))
        };
        if needs_worker {
            self.spawn_worker();
        }
        Ok(())
    }

    /// Queues the rejoin of a socket that had no room for the event after `position`, and left the vault's room.
    pub fn enqueue_rejoin(self: &Arc<Self>, socket: SocketRef, vault: VaultId, position: Seq) {
        let needs_worker = lock(&self.queue).push(Task::Rejoin { socket, vault, position });
        if needs_worker {
            self.spawn_worker();
        }
    }

    fn spawn_worker(self: &Arc<Self>) {
        Arc::clone(&self.worker).spawn(Arc::clone(self));
    }

    /// Takes the next task from the queue. If there is none, the worker must end.
    pub fn next_task(&self) -> Option<Task> {
        let mut queue = lock(&self.queue);
        let next = queue.tasks.pop_front();
        queue.has_worker = next.is_some();
        next
    }

    /// Records that the socket is on its way into the vault's room.
    ///
    /// # Errors
    /// TooManyVaults if the socket is in `limit` others.
    pub fn add_vault(&self, vault: VaultId, limit: usize) -> Result<(), Error> {
        let mut vaults = lock(&self.vaults);
        if !vaults.contains(&vault) && vaults.len() >= limit {
            return Err(Error::TooManyVaults);
        }
        vaults.insert(vault);
        Ok(())
    }

    /// Records that the socket is no longer in the vault's room.
    pub fn remove_vault(&self, vault: VaultId) {
        lock(&self.vaults).remove(&vault);
    }

    /// Returns whether the socket is in the vault's room, or on its way into it.
    pub fn has_vault(&self, vault: VaultId) -> bool {
        lock(&self.vaults).contains(&vault)
    }

    /// Returns whether the connection is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Records that the connection is closed, and returns the vaults of the socket. Sets `closed` first: a join in
    /// progress either has its vault in the returned set, or sees that the connection is closed.
    pub fn close(&self) -> HashSet<VaultId> {
        self.closed.store(true, Ordering::SeqCst);
        std::mem::take(&mut *lock(&self.vaults))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every step leaves the value valid, so a panic elsewhere does not corrupt it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
