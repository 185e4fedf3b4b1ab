//! What users do to vaults, members and sources: one function a command, called by REST handlers and sockets alike.
//!
//! A command runs its append, which commits the change with its event (I1), and only then marks the vault: for the
//! relay of this process, and for the notifier that tells the others. A crash between the two costs the latency of a
//! sweep (I8). Who may do what is decided by the append itself, with the vault locked.

mod body;

use std::sync::Arc;

use outbox_worker::Wake;
use sqlx::PgPool;

pub use body::{NewSourceBody, SourceChangeBody};

use crate::domain::{
    Applied, Email, FileUrl, Member, Role, Source, SourceId, SourceTitle, UserId, Vault, VaultId, VaultName, Version,
};
use crate::error::Error;
use crate::store::{self, members, sources, vaults};

/// A source as it is to be created.
#[derive(Debug)]
pub struct NewSource {
    /// Its title.
    pub title: SourceTitle,
    /// Where its file is.
    pub file_url: FileUrl,
}

/// What is to change in a source.
#[derive(Debug)]
pub struct SourceChange {
    /// The new title.
    pub title: Option<SourceTitle>,
    /// The new place of the file.
    pub file_url: Option<FileUrl>,
}

/// Runs commands.
#[derive(Clone)]
pub struct Commands {
    pool: PgPool,
    relay: Arc<Wake>,
    others: Arc<Wake>,
}

type Result<T> = std::result::Result<Applied<T>, Error>;

impl Commands {
    /// Marks go to `relay`, the relay of this process, and to `others`, the notifier.
    #[must_use]
    pub fn new(pool: PgPool, relay: Arc<Wake>, others: Arc<Wake>) -> Self {
        Self { pool, relay, others }
    }

    /// Creates a vault; `actor` is its owner.
    ///
    /// # Errors
    /// Only outages and defects.
    pub async fn create_vault(&self, actor: UserId, name: VaultName) -> Result<Vault> {
        self.announce(vaults::create(&self.pool, actor, &name).await)
    }

    /// Renames a vault.
    ///
    /// # Errors
    /// NotFound for a non-member, Forbidden for one who is not owner.
    pub async fn update_vault(&self, actor: UserId, vault: VaultId, name: VaultName) -> Result<Vault> {
        self.announce(vaults::update(&self.pool, actor, vault, &name).await)
    }

    /// Deletes a vault.
    ///
    /// # Errors
    /// NotFound for a non-member, Forbidden for one who is not owner.
    pub async fn delete_vault(&self, actor: UserId, vault: VaultId) -> Result<()> {
        self.announce(vaults::delete(&self.pool, actor, vault).await)
    }

    /// Makes the user with this address a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, UnknownEmail, AlreadyMember.
    pub async fn add_member(&self, actor: UserId, vault: VaultId, email: Email, role: Role) -> Result<Member> {
        self.announce(members::add(&self.pool, actor, vault, &email, role).await)
    }

    /// Changes a member's role.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn update_member(&self, actor: UserId, vault: VaultId, user: UserId, role: Role) -> Result<Member> {
        self.announce(members::update(&self.pool, actor, vault, user, role).await)
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn remove_member(&self, actor: UserId, vault: VaultId, user: UserId) -> Result<()> {
        self.announce(members::remove(&self.pool, actor, vault, user).await)
    }

    /// Adds a source.
    ///
    /// # Errors
    /// NotFound, Forbidden.
    pub async fn create_source(&self, actor: UserId, vault: VaultId, new: NewSource) -> Result<Source> {
        self.announce(sources::create(&self.pool, actor, vault, &new.title, &new.file_url).await)
    }

    /// Changes a source, if it is at `version` where one is given.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn update_source(
        &self,
        actor: UserId,
        source: SourceId,
        change: SourceChange,
        version: Option<Version>,
    ) -> Result<Source> {
        let (title, file_url) = (change.title.as_ref(), change.file_url.as_ref());
        self.announce(sources::update(&self.pool, actor, source, title, file_url, version).await)
    }

    /// Deletes a source, if it is at `version` where one is given.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn delete_source(&self, actor: UserId, source: SourceId, version: Option<Version>) -> Result<()> {
        self.announce(sources::delete(&self.pool, actor, source, version).await)
    }

    fn announce<T>(&self, outcome: store::Result<Applied<T>>) -> Result<T> {
        let applied = outcome?;
        self.relay.mark(applied.vault_id);
        self.others.mark(applied.vault_id);
        Ok(applied)
    }
}
