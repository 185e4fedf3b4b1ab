//! Sends a joining socket the part of the log that it lacks (I4).
//!
//! The log is read page by page, without any lock held, and sent at the pace of the socket (`slow_reader`). An event in
//! the backlog that ends the user's access ends the join: the socket gets `vault:left`, and nothing after it (I6).
//! **On failure.** A log that was compacted after the socket's position gives `vault:resync`. A failed read ends the
//! join with an error; the events sent so far are in order, and the client can join again after them.

use metrics::counter;
use outbox_worker::{Db, log};
use syncscript_types::{Event, EventType, Revocation, Seq, UserId, VaultId};
use tokio::sync::Semaphore;

use super::slow_reader::{Disconnected, PacedSender};
use super::wire::{Resync, VaultLeft};
use crate::domain::Role;
use crate::error::Error;
use crate::store::StoreError;

/// Maximum number of events per read of the log.
const PAGE_SIZE: i64 = 500;
/// Maximum number of joins that read the log at the same time. Other work can use the remaining database connections,
/// even if a thousand sockets reconnect at once.
const MAX_CONCURRENT_READS: usize = 4;

/// Why a socket did not get into the room.
pub enum JoinError {
    /// The user is not a member, or the database is unavailable.
    Rejected(Error),
    /// The database is unavailable during a second join: the socket stays in the room by its first join.
    Deferred(Error),
    /// The user lost access during the join, and the socket has received `vault:left`.
    AccessRevoked(Revocation),
    /// The socket is closed.
    Disconnected,
}

impl From<StoreError> for JoinError {
    fn from(error: StoreError) -> Self {
        Self::Rejected(error.into())
    }
}

impl From<Disconnected> for JoinError {
    fn from(Disconnected: Disconnected) -> Self {
        Self::Disconnected
    }
}

/// Reads vaults' logs for all joins of this node.
pub struct LogReader {
    pool: Db,
    permits: Semaphore,
}

impl LogReader {
    pub fn new(pool: Db) -> Self {
        Self { pool, permits: Semaphore::new(MAX_CONCURRENT_READS) }
    }

    async fn read_page(&self, vault: VaultId, after: Seq, through: Seq) -> Result<Vec<Event>, JoinError> {
        let _permit = self.permits.acquire().await.map_err(|_| JoinError::Disconnected)?;
        Ok(log::read_page(&self.pool, vault, after, through, PAGE_SIZE).await.map_err(StoreError::from)?)
    }
}

/// One socket that catches up with one vault's log.
pub struct CatchUp<'a> {
    pub log: &'a LogReader,
    pub sender: PacedSender<'a>,
    pub user: UserId,
    pub vault: VaultId,
    pub role: Role,
    /// The position at which the role was read: events up to here do not change the user's access.
    pub authorised_at: Seq,
    /// The last event that the socket has, or does not need.
    pub position: Seq,
    /// The client requested no backlog: events during the join are inspected, but not sent.
    pub skip_events: bool,
    /// The socket was in the room before: neither `vault:joined` nor `vault:resync` is sent.
    pub rejoins: bool,
    /// Number of events sent.
    pub sent: u64,
}

impl CatchUp<'_> {
    /// Sends the events up to `through`, page by page.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn send_log(&mut self, through: Seq) -> Result<(), JoinError> {
        while self.position < through {
            let page = self.log.read_page(self.vault, self.position, through).await?;
            let continues = |first: &Event| first.seq == self.position.next() && first.kind != EventType::VaultSnapshot;
            if !page.first().is_some_and(continues) {
                // The log was compacted: it no longer goes back that far.
                return self.resync(through).await;
            }
            for event in page {
                self.send_event(&event).await?;
            }
        }
        Ok(())
    }

    /// Sends `vault:resync`: the client must load the vault again, and continues from `position`.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub async fn resync(&mut self, position: Seq) -> Result<(), JoinError> {
        if self.rejoins {
            // Only a join may end in `vault:resync`: the client connects again, joins, and receives it then.
            return Err(JoinError::Disconnected);
        }
        counter!("syncscript_resyncs_total").increment(1);
        self.position = position;
        Ok(self.sender.send("vault:resync", &Resync { vault_id: self.vault, seq: position }).await?)
    }

    /// Sends the next event, and updates the position and the role.
    ///
    /// # Errors
    /// AccessRevoked if the event ends the user's access; Disconnected.
    pub async fn send_event(&mut self, event: &Event) -> Result<(), JoinError> {
        let revocation = event.revocation_for(self.user).filter(|_| event.seq > self.authorised_at);
        let Some(revocation) = revocation else {
            if !self.skip_events {
                self.sender.send(event.kind.as_str(), &event.payload).await?;
                self.sent += 1;
            }
            self.position = event.seq;
            if event.seq > self.authorised_at
                && let Some(role) = event.role_granted_to(self.user)
            {
                self.role = Role::from_stored(&role);
            }
            return Ok(());
        };
        if event.kind == EventType::VaultDeleted {
            self.sender.send(event.kind.as_str(), &event.payload).await?;
        }
        self.sender.send("vault:left", &VaultLeft { vault_id: self.vault, reason: Some(revocation) }).await?;
        Err(JoinError::AccessRevoked(revocation))
    }
}
