//! From the log into the room, without hole or double (I3, I4).
//!
//! The order of steps is what makes it right:
//! 1. Begin to join: from here on the vault is in use, and its feed keeps what it emits.
//! 2. Read, in one snapshot, the role and the head of the log. The role holds at that position; a removal after it is
//!    an event above it, and ends the join where it is met (I6).
//! 3. Bring the log from `after` up to the head, in pages, paced by the socket. No lock is held.
//! 4. Enter: the feed admits a socket only where nothing lies between what it has and what is emitted next. Else it
//!    says what is missing; bring that, and try again.
//!
//! A socket that had no room for an event of its vault goes the same way, from 3 on ([`resume`]): its rights hold at the
//! last event it has.
//!
//! On failure the socket is in no room, and is told so; a socket that takes no data is cut. A second join that fails
//! because the database is away leaves the first in force. A socket that cannot be brought back is cut, and comes again.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use outbox_worker::{Entry, Joining, log};
use socketioxide::extract::SocketRef;
use syncscript_types::{Event, EventType, Revocation, Seq, VaultId};
use tokio::time::Instant;

use super::Realtime;
use super::inbox::Client;
use super::member::{RoomMember, Sent, send};
use super::wire::{Joined, Left, Resync};
use crate::domain::Role;
use crate::error::Error;
use crate::store::{StoreError, vaults};

/// Events of one read of the log.
const PAGE: i64 = 500;
/// How long to wait before a full buffer is tried again.
const PACE: Duration = Duration::from_millis(2);

/// Why a socket did not get into the room.
pub enum JoinError {
    /// Not a member, or the database is away.
    Refused(Error),
    /// The database is away; a second join, so the socket is still in the room by its first.
    NotNow(Error),
    /// It was removed while on its way, and has been told.
    Left(Revocation),
    /// It is gone.
    Disconnected,
}

impl From<StoreError> for JoinError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// One socket on its way into one room.
struct Join<'a> {
    realtime: &'a Arc<Realtime>,
    client: &'a Arc<Client>,
    socket: &'a SocketRef,
    vault: VaultId,
    role: Role,
    /// Where its role was read: an event up to here says nothing about its rights.
    authorised_at: Seq,
    /// The last event it has, or has no need of.
    has: Seq,
    /// It asked for no backlog: what is emitted while it is on its way is looked at, and not sent.
    quiet: bool,
    /// It was in the room before: `vault:joined` is not said again.
    resumes: bool,
    /// Events sent on the way.
    brought: u64,
    /// The socket's buffer was full on the way.
    was_full: bool,
    /// How often the buffer had been emptied before the last event was put into it.
    drains: u64,
}

/// Brings a socket into a vault's room. Answers what `vault:joined` said.
pub async fn join(
    realtime: &Arc<Realtime>,
    client: &Arc<Client>,
    socket: &SocketRef,
    vault: VaultId,
    after: Option<Seq>,
) -> Result<Joined, JoinError> {
    client.joining(vault, realtime.limits.vaults_per_socket).map_err(JoinError::Refused)?;
    let outcome = bring_in(realtime, client, socket, vault, after).await;
    // The connection may have ended before the feed knew the socket: its clean-up did not find it there.
    let out = outcome.as_ref().is_err_and(|error| !matches!(error, JoinError::NotNow(_)));
    if out || client.is_closed() {
        realtime.feeds.leave(vault, socket.id);
        client.left(vault);
    }
    outcome
}

async fn bring_in(
    realtime: &Arc<Realtime>,
    client: &Arc<Client>,
    socket: &SocketRef,
    vault: VaultId,
    after: Option<Seq>,
) -> Result<Joined, JoinError> {
    let joining = realtime.feeds.begin(vault);
    let (role, head) = match log::bounded(vaults::membership(&realtime.pool, client.user.id, vault)).await {
        Ok(membership) => membership,
        // Nothing is known of the membership: a socket that is in the room stays there.
        Err(error @ StoreError::Unavailable(_)) if realtime.feeds.has(vault, socket.id) => {
            return Err(JoinError::NotNow(error.into()));
        }
        Err(error) => return Err(error.into()),
    };
    // A second join starts over: its `after` says what the client has.
    realtime.feeds.leave(vault, socket.id);
    if joining.start(head) {
        realtime.relay.mark(vault);
    }
    let mut join = Join {
        realtime,
        client,
        socket,
        vault,
        role,
        authorised_at: head,
        has: head,
        quiet: after.is_none(),
        resumes: false,
        brought: 0,
        was_full: false,
        drains: 0,
    };
    if let Some(after) = after {
        if after > head || head.get() - after.get() > realtime.limits.backlog {
            join.resync(head).await?;
        } else {
            join.has = after;
            join.read_log(head).await?;
        }
    }
    let joined = join.enter(&joining).await?;
    counter!("syncscript_joins_total").increment(1);
    if after.is_some() {
        histogram!("syncscript_catch_up_events").record(join.brought as f64);
    }
    Ok(joined)
}

/// Brings a socket back into the room that it fell behind in.
pub async fn resume(realtime: &Arc<Realtime>, client: &Arc<Client>, socket: &SocketRef, vault: VaultId, has: Seq) {
    // It may have left meanwhile, or joined anew.
    if client.is_closed() || !client.is_in(vault) || realtime.feeds.has(vault, socket.id) {
        return;
    }
    let brought = bring_back(realtime, client, socket, vault, has).await;
    match brought {
        Ok(()) => {}
        Err(JoinError::Left(_)) => client.left(vault),
        Err(JoinError::Refused(_) | JoinError::NotNow(_) | JoinError::Disconnected) => realtime.lines.cut(socket),
    }
    // The connection may have ended before the feed knew the socket: its clean-up did not find it there.
    if client.is_closed() {
        realtime.feeds.leave(vault, socket.id);
    }
}

async fn bring_back(
    realtime: &Arc<Realtime>,
    client: &Arc<Client>,
    socket: &SocketRef,
    vault: VaultId,
    has: Seq,
) -> Result<(), JoinError> {
    let joining = realtime.feeds.begin(vault);
    let head = log::bounded(vaults::head(&realtime.pool, vault)).await?;
    if joining.start(head) {
        realtime.relay.mark(vault);
    }
    let mut join = Join {
        realtime,
        client,
        socket,
        vault,
        // Not told again.
        role: Role::Viewer,
        authorised_at: has,
        has,
        quiet: false,
        resumes: true,
        brought: 0,
        was_full: true,
        drains: realtime.lines.drains(socket),
    };
    join.read_log(head).await?;
    join.enter(&joining).await.map(drop)
}

impl Join<'_> {
    async fn enter(&mut self, joining: &Joining<RoomMember>) -> Result<Joined, JoinError> {
        let (socket, client) = (self.socket.clone(), Arc::clone(self.client));
        let mut member = RoomMember::new(socket, client, Arc::clone(self.realtime), self.vault);
        loop {
            self.make_room().await?;
            // Told by the feed, at the moment of entering: nothing can come in between.
            let joined = Joined { vault_id: self.vault, role: self.role, seq: self.has };
            member.greeting = (!self.resumes).then(|| joined.clone());
            let drains = self.realtime.lines.drains(self.socket);
            match joining.enter(member, self.has) {
                Entry::Entered => return Ok(joined),
                Entry::Gone => return Err(JoinError::Disconnected),
                Entry::Full(again) => {
                    // The backlog filled the buffer to the last place, without ever having had to wait.
                    (self.was_full, self.drains) = (true, drains);
                    member = again;
                }
                Entry::Behind(again, events) => {
                    for event in events {
                        self.bring(&event).await?;
                    }
                    member = again;
                }
                Entry::ReadLog(again, upto) => {
                    self.read_log(upto).await?;
                    member = again;
                }
            }
        }
    }

    /// Brings the events up to `upto`, page by page. Few sockets read at a time, so that a thousand that come back at
    /// once do not take the database from everyone else.
    async fn read_log(&mut self, upto: Seq) -> Result<(), JoinError> {
        while self.has < upto {
            let page = {
                let _turn = self.realtime.log_reads.acquire().await.map_err(|_| JoinError::Disconnected)?;
                log::read_page(&self.realtime.pool, self.vault, self.has, upto, PAGE).await.map_err(StoreError::from)?
            };
            let continues = |first: &Event| first.seq == self.has.next() && first.kind != EventType::VaultSnapshot;
            if !page.first().is_some_and(continues) {
                // The log does not go back that far: it was compacted.
                return self.resync(upto).await;
            }
            for event in page {
                self.bring(&event).await?;
            }
        }
        Ok(())
    }

    /// The client is told to load the vault anew, and goes on from there.
    async fn resync(&mut self, at: Seq) -> Result<(), JoinError> {
        if self.resumes {
            // That is for one who joins: it comes again, and is told then.
            return Err(JoinError::Disconnected);
        }
        counter!("syncscript_resyncs_total").increment(1);
        self.has = at;
        self.send("vault:resync", &Resync { vault_id: self.vault, seq: at }).await
    }

    async fn bring(&mut self, event: &Event) -> Result<(), JoinError> {
        let revocation = event.revocation_for(self.client.user.id).filter(|_| event.seq > self.authorised_at);
        let Some(revocation) = revocation else {
            if !self.quiet {
                self.send(event.kind.as_str(), &event.payload).await?;
                self.brought += 1;
            }
            self.has = event.seq;
            if event.seq > self.authorised_at
                && let Some(role) = event.role_granted_to(self.client.user.id)
            {
                self.role = Role::from_stored(&role);
            }
            return Ok(());
        };
        if event.kind == EventType::VaultDeleted {
            self.send(event.kind.as_str(), &event.payload).await?;
        }
        self.send("vault:left", &Left { vault_id: self.vault, reason: Some(revocation) }).await?;
        Err(JoinError::Left(revocation))
    }

    /// Waits until the socket's buffer was empty once more. A backlog at the pace of the socket leaves it full, and the
    /// first live event would find no room.
    async fn make_room(&mut self) -> Result<(), JoinError> {
        if !std::mem::take(&mut self.was_full) {
            return Ok(());
        }
        let lines = &self.realtime.lines;
        let give_up = Instant::now() + self.realtime.limits.write_stall;
        // What was sent last will be written, so this changes, if the client reads.
        while lines.drains(self.socket) == self.drains {
            if self.client.is_closed() {
                return Err(JoinError::Disconnected);
            }
            if Instant::now() >= give_up {
                self.realtime.close_slow(self.socket);
                return Err(JoinError::Disconnected);
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    /// Sends, waiting while the socket's buffer is full. One that takes nothing is cut by the write timeout of its
    /// connection, and is then closed; a long-polling one that asks for nothing is cut here, after the same time.
    async fn send<T: serde::Serialize + ?Sized>(&mut self, event: &str, payload: &T) -> Result<(), JoinError> {
        let give_up = Instant::now() + self.realtime.limits.write_stall;
        loop {
            if self.was_full {
                self.drains = self.realtime.lines.drains(self.socket);
            }
            match send(self.socket, event, payload) {
                Sent::Queued => return Ok(()),
                Sent::Closed => return Err(JoinError::Disconnected),
                Sent::Full if self.client.is_closed() => return Err(JoinError::Disconnected),
                Sent::Full if Instant::now() >= give_up => {
                    self.realtime.close_slow(self.socket);
                    return Err(JoinError::Disconnected);
                }
                Sent::Full => {
                    self.was_full = true;
                    tokio::time::sleep(PACE).await;
                }
            }
        }
    }
}
