//! Takes a socket from the log into the room, without gap or duplicate (I3, I4).
//!
//! The order of the steps makes this correct:
//! 1. Begin to join: from here on the vault is in use, and its feed keeps the events that it emits.
//! 2. Read the role and the head of the log in one snapshot. The role holds at that position; a removal after it is an
//!    event above it, and ends the join when the join reaches that event (I6).
//! 3. Send the log from `after` to the head, in pages, at the pace of the socket (`backlog`). No lock is held.
//! 4. Enter: the feed admits a socket only if no event lies between the socket's position and the next event to be
//!    emitted. Otherwise the feed returns the missing events; send these, and try again.
//!
//! A member that fell behind rejoins by the same steps, from 3 on ([`RoomJoiner::rejoin`]): its access holds at its
//! position.
//!
//! **On failure.** The socket is in no room, and its client is informed; a socket that reads no data is cut. If a
//! second join fails because the database is unavailable, the first stays in force. A socket that cannot rejoin is
//! cut: its client connects again.

use std::sync::Arc;

use metrics::{counter, histogram};
use outbox_worker::{Admission, Db, Feeds, PendingJoin, WakeSignal, with_query_timeout};
use socketioxide::extract::SocketRef;
use syncscript_types::{Seq, VaultId};

use super::backlog::{CatchUp, JoinError, LogReader};
use super::connections::Connections;
use super::limits::RealtimeLimits;
use super::member::RoomMember;
use super::slow_reader::PacedSender;
use super::socket_session::SocketSession;
use super::wire::VaultJoined;
use crate::domain::Role;
use crate::store::{StoreError, vaults};

/// Joins sockets to rooms.
pub struct RoomJoiner {
    pool: Db,
    feeds: Arc<Feeds<RoomMember>>,
    connections: Arc<Connections>,
    relay: Arc<WakeSignal>,
    log: LogReader,
    limits: RealtimeLimits,
}

impl RoomJoiner {
    pub fn new(
        pool: Db,
        feeds: Arc<Feeds<RoomMember>>,
        connections: Arc<Connections>,
        relay: Arc<WakeSignal>,
        limits: RealtimeLimits,
    ) -> Self {
        let log = LogReader::new(pool.clone());
        Self { pool, feeds, connections, relay, log, limits }
    }

    /// Takes a socket into a vault's room. Returns the payload of `vault:joined`.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn join(
        &self,
        session: &Arc<SocketSession>,
        socket: &SocketRef,
        vault: VaultId,
        after: Option<Seq>,
    ) -> Result<VaultJoined, JoinError> {
        session.add_vault(vault, self.limits.vaults_per_socket).map_err(JoinError::Rejected)?;
        let outcome = self.join_room(session, socket, vault, after).await;
        let failed = outcome.as_ref().is_err_and(|error| !matches!(error, JoinError::Deferred(_)));
        // If the connection closed before the socket entered the feed, the clean-up did not find the socket there.
        if failed || session.is_closed() {
            self.feeds.leave(vault, socket.id);
            session.remove_vault(vault);
        }
        outcome
    }

    async fn join_room(
        &self,
        session: &Arc<SocketSession>,
        socket: &SocketRef,
        vault: VaultId,
        after: Option<Seq>,
    ) -> Result<VaultJoined, JoinError> {
        let pending_join = self.feeds.begin_join(vault);
        let (role, head) = match with_query_timeout(vaults::membership(&self.pool, session.user.id, vault)).await {
            Ok(membership) => membership,
            // The membership is unknown: a socket that is in the room stays there.
            Err(error @ StoreError::Unavailable(_)) if self.feeds.is_member(vault, socket.id) => {
                return Err(JoinError::Deferred(error.into()));
            }
            Err(error) => return Err(error.into()),
        };
        // A second join starts over, because its `after` is the client's position.
        self.feeds.leave(vault, socket.id);
        if pending_join.init_position(head) {
            self.relay.mark(vault);
        }
        let mut catch_up = CatchUp {
            log: &self.log,
            sender: self.paced_sender(session, socket),
            user: session.user.id,
            vault,
            role,
            authorised_at: head,
            position: head,
            skip_events: after.is_none(),
            rejoins: false,
            sent: 0,
        };
        if let Some(after) = after {
            if after > head || head.get() - after.get() > self.limits.backlog {
                catch_up.resync(head).await?;
            } else {
                catch_up.position = after;
                catch_up.send_log(head).await?;
            }
        }
        let joined = self.enter(session, socket, &mut catch_up, &pending_join).await?;
        counter!("syncscript_joins_total").increment(1);
        if after.is_some() {
            histogram!("syncscript_catch_up_events").record(catch_up.sent as f64);
        }
        Ok(joined)
    }

    /// Takes a socket back into the room that it fell behind in.
    pub async fn rejoin(&self, session: &Arc<SocketSession>, socket: &SocketRef, vault: VaultId, position: Seq) {
        // The socket may have left since then, or joined again.
        if session.is_closed() || !session.has_vault(vault) || self.feeds.is_member(vault, socket.id) {
            return;
        }
        match self.rejoin_room(session, socket, vault, position).await {
            Ok(()) => {}
            Err(JoinError::AccessRevoked(_)) => session.remove_vault(vault),
            Err(JoinError::Rejected(_) | JoinError::Deferred(_) | JoinError::Disconnected) => {
                self.connections.cut(socket);
            }
        }
        // If the connection closed before the socket entered the feed, the clean-up did not find the socket there.
        if session.is_closed() {
            self.feeds.leave(vault, socket.id);
        }
    }

    async fn rejoin_room(
        &self,
        session: &Arc<SocketSession>,
        socket: &SocketRef,
        vault: VaultId,
        position: Seq,
    ) -> Result<(), JoinError> {
        let pending_join = self.feeds.begin_join(vault);
        let head = with_query_timeout(vaults::head(&self.pool, vault)).await?;
        if pending_join.init_position(head) {
            self.relay.mark(vault);
        }
        let mut sender = self.paced_sender(session, socket);
        sender.record_full(sender.current_drain_count());
        let mut catch_up = CatchUp {
            log: &self.log,
            sender,
            user: session.user.id,
            vault,
            // Not sent: only `vault:joined` has the role.
            role: Role::Viewer,
            authorised_at: position,
            position,
            skip_events: false,
            rejoins: true,
            sent: 0,
        };
        catch_up.send_log(head).await?;
        self.enter(session, socket, &mut catch_up, &pending_join).await.map(drop)
    }

    /// Enters the room, once the socket has everything that the feed has emitted.
    async fn enter(
        &self,
        session: &Arc<SocketSession>,
        socket: &SocketRef,
        catch_up: &mut CatchUp<'_>,
        pending_join: &PendingJoin<RoomMember>,
    ) -> Result<VaultJoined, JoinError> {
        let vault = catch_up.vault;
        let mut member = RoomMember::new(socket.clone(), Arc::clone(session), Arc::clone(&self.connections), vault);
        loop {
            catch_up.sender.wait_for_drain().await?;
            // The feed sends this at the moment of entering, so that no event can come in between.
            let joined = VaultJoined { vault_id: vault, role: catch_up.role, seq: catch_up.position };
            member.confirmation = (!catch_up.rejoins).then(|| joined.clone());
            let drain_count = catch_up.sender.current_drain_count();
            match pending_join.enter(member, catch_up.position) {
                Admission::Admitted => return Ok(joined),
                Admission::Closed => return Err(JoinError::Disconnected),
                Admission::Full(rejected) => {
                    // The backlog filled the buffer exactly, so the sender never had to wait.
                    catch_up.sender.record_full(drain_count);
                    member = rejected;
                }
                Admission::MissingEvents(rejected, events) => {
                    for event in events {
                        catch_up.send_event(&event).await?;
                    }
                    member = rejected;
                }
                Admission::ReadLog(rejected, through) => {
                    catch_up.send_log(through).await?;
                    member = rejected;
                }
            }
        }
    }

    fn paced_sender<'a>(&'a self, session: &'a SocketSession, socket: &'a SocketRef) -> PacedSender<'a> {
        PacedSender::new(socket, session, &self.connections, self.limits.write_stall)
    }
}
