//! The commands.
//!
//! A mutation of a source without an idempotency key goes through the group commit; every other command has a
//! transaction of its own.
//! **On failure.** A rejected command changes nothing. During an outage of the database, the client cannot tell whether
//! its command ran, unless it repeats the command with the same idempotency key (I9).

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use outbox_worker::{Db, WakeSignal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use syncscript_types::{SourceId, UserId, VaultId, Version};

use super::caller::Caller;
use super::commit_notifier::CommitNotifier;
use super::group_commit::GroupCommit;
use super::idempotency::{CommandResult, IdempotentRequest, Mutation, run_idempotent};
use super::source_input::{NewSource, SourceChange};
use crate::domain::{Applied, Email, FileUrl, Member, Role, Source, SourceTitle, Vault, VaultName};
use crate::store::source_writes::{self, ChangeKind, SourceCreation, SourceMutation, SourceWrite};
use crate::store::{StoreError, members, vaults};

/// Runs commands. Clones share their queues.
///
/// ```no_run
/// # async fn example(user: syncscript_types::UserId) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use outbox_worker::{Db, WakeSignal};
/// use syncscript::commands::{Caller, Commands};
/// use syncscript::domain::VaultName;
///
/// let pool = Db::new("postgres://localhost/syncscript".parse()?, 10);
/// let (relay, notifier) = (Arc::new(WakeSignal::default()), Arc::new(WakeSignal::default()));
/// let commands = Commands::new(pool, relay, notifier, Duration::from_secs(86_400));
///
/// let created = commands.create_vault(&Caller::from(user), VaultName::parse("Papers".to_owned())?).await?;
/// println!("{:?} was created by event {:?}", created.value, created.seq);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Commands {
    pool: Db,
    notifier: CommitNotifier,
    creations: Arc<GroupCommit<SourceCreation>>,
    changes: Arc<GroupCommit<SourceMutation>>,
    /// How long responses are kept for repetitions.
    key_lifetime: Duration,
}

impl Commands {
    /// After each commit, marks the vault on `relay`, the relay of this process, and on `other_nodes`, the notifier.
    /// Stored responses of idempotency keys are valid for `key_lifetime`. Call this in a Tokio runtime: the
    /// group commit runs its tasks there.
    #[must_use]
    pub fn new(pool: Db, relay: Arc<WakeSignal>, other_nodes: Arc<WakeSignal>, key_lifetime: Duration) -> Self {
        let notifier = CommitNotifier::new(relay, other_nodes);
        Self {
            creations: GroupCommit::new(pool.clone(), notifier.clone()),
            changes: GroupCommit::new(pool.clone(), notifier.clone()),
            pool,
            notifier,
            key_lifetime,
        }
    }

    /// Creates a vault. The caller becomes its owner.
    ///
    /// # Errors
    /// Only outages and defects.
    pub async fn create_vault(&self, caller: &Caller, name: VaultName) -> CommandResult<Vault> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("vault:create", name.as_str()))?;
        self.run(request, |db| async move { vaults::create(db, actor, &name).await }.boxed()).await
    }

    /// Renames a vault.
    ///
    /// # Errors
    /// NotFound if the caller is not a member, Forbidden if the caller is not an owner.
    pub async fn update_vault(&self, caller: &Caller, vault: VaultId, name: VaultName) -> CommandResult<Vault> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("vault:update", vault, name.as_str()))?;
        self.run(request, |db| async move { vaults::update(db, actor, vault, &name).await }.boxed()).await
    }

    /// Deletes a vault.
    ///
    /// # Errors
    /// NotFound if the caller is not a member, Forbidden if the caller is not an owner.
    pub async fn delete_vault(&self, caller: &Caller, vault: VaultId) -> CommandResult<()> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("vault:delete", vault))?;
        self.run(request, |db| async move { vaults::delete(db, actor, vault).await }.boxed()).await
    }

    /// Makes the user with this email address a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, UnknownEmail, AlreadyMember.
    pub async fn add_member(&self, caller: &Caller, vault: VaultId, email: Email, role: Role) -> CommandResult<Member> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("member:add", vault, email.as_str(), role))?;
        self.run(request, |db| async move { members::add(db, actor, vault, &email, role).await }.boxed()).await
    }

    /// Changes a member's role.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn update_member(
        &self,
        caller: &Caller,
        vault: VaultId,
        user: UserId,
        role: Role,
    ) -> CommandResult<Member> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("member:update", vault, user, role))?;
        self.run(request, |db| async move { members::update(db, actor, vault, user, role).await }.boxed()).await
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn remove_member(&self, caller: &Caller, vault: VaultId, user: UserId) -> CommandResult<()> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("member:remove", vault, user))?;
        self.run(request, |db| async move { members::remove(db, actor, vault, user).await }.boxed()).await
    }

    /// Adds a source.
    ///
    /// # Errors
    /// NotFound, Forbidden.
    pub async fn create_source(&self, caller: &Caller, vault: VaultId, new: NewSource) -> CommandResult<Source> {
        let actor = caller.id;
        let request =
            IdempotentRequest::new(caller, &("source:create", vault, new.title.as_str(), new.file_url.as_str()))?;
        let creation = SourceCreation { actor, vault, title: new.title, file_url: new.file_url };
        self.write(request, &self.creations, creation).await
    }

    /// Changes a source. With `version`, only if the source is at that version.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn update_source(
        &self,
        caller: &Caller,
        source: SourceId,
        change: SourceChange,
        version: Option<Version>,
    ) -> CommandResult<Source> {
        let texts = (change.title.as_ref().map(SourceTitle::as_str), change.file_url.as_ref().map(FileUrl::as_str));
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("source:update", source, texts, version))?;
        let change = ChangeKind::Update(change.title, change.file_url);
        self.write(request, &self.changes, SourceMutation { actor, source, version, change }).await
    }

    /// Deletes a source. With `version`, only if the source is at that version.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn delete_source(
        &self,
        caller: &Caller,
        source: SourceId,
        version: Option<Version>,
    ) -> CommandResult<()> {
        let actor = caller.id;
        let request = IdempotentRequest::new(caller, &("source:delete", source, version))?;
        let mutation = SourceMutation { actor, source, version, change: ChangeKind::Delete };
        let Applied { vault_id, seq, .. } = self.write(request, &self.changes, mutation).await?;
        Ok(Applied { vault_id, seq, value: () })
    }

    /// Writes a mutation of a source: in a group commit, or in one transaction with its stored response.
    async fn write<W: SourceWrite>(
        &self,
        request: Option<IdempotentRequest<'_>>,
        group: &Arc<GroupCommit<W>>,
        write: W,
    ) -> CommandResult<Source> {
        match request {
            None => Ok(group.write(write).await?),
            request => self.run(request, |db| source_writes::write_one(db, write).boxed()).await,
        }
    }

    /// Runs a mutation, and announces its event to the relays.
    async fn run<T, F>(&self, request: Option<IdempotentRequest<'_>>, mutation: F) -> CommandResult<T>
    where
        T: Serialize + DeserializeOwned,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
    {
        let applied = match request {
            None => {
                let mut lease = self.pool.lease().await.map_err(StoreError::from)?;
                let outcome = mutation(&mut lease).await;
                // A connection that failed is not used again.
                if !matches!(outcome, Err(StoreError::Unavailable(_) | StoreError::Internal(_))) {
                    lease.give_back();
                }
                outcome?
            }
            Some(request) => run_idempotent(&self.pool, self.key_lifetime, request, mutation).await?,
        };
        self.notifier.mark(std::iter::once(applied.vault_id));
        Ok(applied)
    }
}
