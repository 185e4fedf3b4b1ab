//! One socket's events, one after the other.
//!
//! The engine starts a task for each event it reads, and these tasks may overtake each other: a leave could run before
//! the join sent ahead of it. So [`InboxHandler`] queues them, called while the engine still reads in order, and at most
//! one task a socket works through the queue, from the first event until it is empty. A room that the socket fell behind
//! in stands in the same queue, so that bringing it back there meets no join or leave half done.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::handler::{FromMessageParts, MessageHandler, Value as EngineValue};
use socketioxide::socket::Socket;
use syncscript_types::{Seq, VaultId};

use super::{INBOUND_LIMIT, Realtime, handle, join};
use crate::domain::User;
use crate::error::Error;
use crate::limit::{Bucket, Rate};

/// Events that may wait. A client that sends more without waiting for answers has them refused.
const QUEUE_LIMIT: usize = 64;

/// What a connected socket's events share. Holds no socket: the socket holds this.
pub struct Client {
    /// Whose socket it is.
    pub user: User,
    queue: Mutex<Queue>,
    vaults: Mutex<HashSet<VaultId>>,
    closed: AtomicBool,
    rate: Rate,
    bucket: Mutex<Bucket>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    at_work: bool,
}

/// What is to be done for a socket, one after the other.
enum Task {
    /// An event that the client sent.
    Event(Inbound),
    /// A room fell behind: bring the socket back into it from the log.
    Resume { socket: SocketRef, vault: VaultId, has: Seq },
}

impl Queue {
    /// True if nobody works through it: the caller is to.
    fn push(&mut self, task: Task) -> bool {
        self.waiting.push_back(task);
        !std::mem::replace(&mut self.at_work, true)
    }
}

/// One event that a client sent.
pub struct Inbound {
    /// The socket it came from.
    pub socket: SocketRef,
    /// Its name.
    pub event: String,
    /// Its first argument; none if that could not be read.
    pub data: Option<Value>,
    /// Where an acknowledgement goes.
    pub ack: AckSender,
}

impl Client {
    pub fn new(user: User, rate: Rate) -> Arc<Self> {
        Arc::new(Self {
            user,
            queue: Mutex::default(),
            vaults: Mutex::default(),
            closed: AtomicBool::new(false),
            rate,
            bucket: Mutex::new(Bucket::full(rate, Instant::now())),
        })
    }

    /// Queues an event. `Ok(true)` if the caller is to work through the queue.
    ///
    /// # Errors
    /// The event, if too many wait, or too many came lately.
    fn push(&self, inbound: Inbound) -> Result<bool, Inbound> {
        if lock(&self.bucket).take(self.rate, Instant::now()).is_err() {
            return Err(inbound);
        }
        let mut queue = lock(&self.queue);
        if queue.waiting.len() == QUEUE_LIMIT {
            return Err(inbound);
        }
        Ok(queue.push(Task::Event(inbound)))
    }

    /// The socket had no room for the event after `has`, and is out of the vault's room: it catches up from the log.
    pub fn resume(self: &Arc<Self>, realtime: &Arc<Realtime>, socket: SocketRef, vault: VaultId, has: Seq) {
        let begins = lock(&self.queue).push(Task::Resume { socket, vault, has });
        if begins {
            self.work(realtime);
        }
    }

    /// Works through the queue until it is empty.
    fn work(self: &Arc<Self>, realtime: &Arc<Realtime>) {
        let (client, realtime) = (Arc::clone(self), Arc::clone(realtime));
        tokio::spawn(async move {
            while let Some(task) = client.pop() {
                match task {
                    Task::Event(inbound) => handle::handle(&realtime, &client, inbound).await,
                    Task::Resume { socket, vault, has } => join::resume(&realtime, &client, &socket, vault, has).await,
                }
            }
        });
    }

    /// What comes next; none ends the work.
    fn pop(&self) -> Option<Task> {
        let mut queue = lock(&self.queue);
        let next = queue.waiting.pop_front();
        queue.at_work = next.is_some();
        next
    }

    /// Notes that the socket is on its way into the vault's room.
    ///
    /// # Errors
    /// It is in `limit` others.
    pub fn joining(&self, vault: VaultId, limit: usize) -> Result<(), Error> {
        let mut vaults = lock(&self.vaults);
        if !vaults.contains(&vault) && vaults.len() >= limit {
            return Err(Error::TooManyVaults);
        }
        vaults.insert(vault);
        Ok(())
    }

    /// Notes that the socket is not in the vault's room any more.
    pub fn left(&self, vault: VaultId) {
        lock(&self.vaults).remove(&vault);
    }

    /// Whether the socket is in the vault's room, or on its way there.
    pub fn is_in(&self, vault: VaultId) -> bool {
        lock(&self.vaults).contains(&vault)
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The connection is over: says which rooms the socket was in. Closed is noted first, so that a join under way
    /// either is found here or finds it closed.
    pub fn close(&self) -> HashSet<VaultId> {
        self.closed.store(true, Ordering::SeqCst);
        std::mem::take(&mut *lock(&self.vaults))
    }
}

/// Puts what the engine reads into the inbox. The engine calls it while it reads, so in order.
pub struct InboxHandler {
    realtime: Arc<Realtime>,
    client: Arc<Client>,
}

impl InboxHandler {
    pub fn new(realtime: Arc<Realtime>, client: Arc<Client>) -> Self {
        Self { realtime, client }
    }
}

impl MessageHandler<LocalAdapter, Client> for InboxHandler {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: EngineValue, ack_id: Option<i64>) {
        let too_large = matches!(&value, EngineValue::Str(text, _) if text.len() > INBOUND_LIMIT);
        let inbound = match read(&socket, &mut value, ack_id) {
            Ok(inbound) => inbound,
            // An event's name is read by the engine before this is called, so this cannot be.
            Err(error) => return tracing::error!(%error, "an event without a name"),
        };
        // Over a websocket the engine has seen to this; over long-polling several messages may share a body.
        if too_large {
            return handle::refuse(inbound, &Error::TooLarge { limit: INBOUND_LIMIT });
        }
        match self.client.push(inbound) {
            Ok(true) => self.client.work(&self.realtime),
            Ok(false) => {}
            Err(refused) => handle::refuse(refused, &Error::RateLimited),
        }
    }
}

fn read(
    socket: &Arc<Socket<LocalAdapter>>,
    value: &mut EngineValue,
    ack_id: Option<i64>,
) -> Result<Inbound, Box<dyn std::error::Error>> {
    let Event(event) = Event::from_message_parts(socket, value, &ack_id)?;
    let TryData(data) = TryData::from_message_parts(socket, value, &ack_id)?;
    let ack = AckSender::from_message_parts(socket, value, &ack_id)?;
    Ok(Inbound { socket: SocketRef::from_message_parts(socket, value, &ack_id)?, event, data: data.ok(), ack })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
