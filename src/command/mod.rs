//! What users do to vaults, members and sources: one function a command, called by REST handlers and sockets alike.
//!
//! A command runs its append, which commits the change with its event (I1), and only then marks the vault: for the
//! relay of this process, and for the notifier that tells the others. A crash between the two costs the latency of a
//! sweep (I8). Who may do what is decided by the append itself, with the vault locked.

mod body;
mod together;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use outbox_worker::{Db, Wake};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

pub use body::{NewSourceBody, SourceChangeBody};
use syncscript_types::{SourceId, UserId, VaultId, Version};
use together::Together;

use crate::domain::{Applied, Email, FileUrl, IdempotencyKey, Member, Role, Source, SourceTitle, Vault, VaultName};
use crate::error::Error;
use crate::store::idempotency::{self, KeyState};
use crate::store::source_writes::{self, ChangeKind, SourceCreation, SourceMutation, SourceWrite};
use crate::store::{self, StoreError, members, vaults};

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

/// Who gives a command.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub id: UserId,
    /// Set where the command may be repeated, and must then be done once.
    pub key: Option<IdempotencyKey>,
}

impl From<UserId> for Caller {
    fn from(id: UserId) -> Self {
        Self { id, key: None }
    }
}

/// A command that must be done once: its key, and what was asked for.
struct Once<'a> {
    user: UserId,
    key: &'a IdempotencyKey,
    request_hash: [u8; 32],
}

impl Caller {
    fn once(&self, request: &impl Serialize) -> std::result::Result<Option<Once<'_>>, Error> {
        let Some(key) = &self.key else { return Ok(None) };
        let request_hash = Sha256::digest(serde_json::to_vec(request).map_err(internal)?).into();
        Ok(Some(Once { user: self.id, key, request_hash }))
    }
}

/// Where news of a vault is told, once it is committed.
#[derive(Clone)]
struct Marks {
    relay: Arc<Wake>,
    others: Arc<Wake>,
}

impl Marks {
    fn mark(&self, vaults: impl Iterator<Item = VaultId> + Clone) {
        self.relay.mark_many(vaults.clone());
        self.others.mark_many(vaults);
    }
}

/// Runs commands.
#[derive(Clone)]
pub struct Commands {
    pool: Db,
    marks: Marks,
    creations: Arc<Together<SourceCreation>>,
    changes: Arc<Together<SourceMutation>>,
    /// How long answers are kept for repetitions.
    key_lifetime: Duration,
}

type Result<T> = std::result::Result<Applied<T>, Error>;

impl Commands {
    /// Marks go to `relay`, the relay of this process, and to `others`, the notifier.
    #[must_use]
    pub fn new(pool: Db, relay: Arc<Wake>, others: Arc<Wake>, key_lifetime: Duration) -> Self {
        let marks = Marks { relay, others };
        Self {
            creations: Together::new(pool.clone(), marks.clone()),
            changes: Together::new(pool.clone(), marks.clone()),
            pool,
            marks,
            key_lifetime,
        }
    }

    /// Creates a vault; the caller is its owner.
    ///
    /// # Errors
    /// Only outages and defects.
    pub async fn create_vault(&self, by: &Caller, name: VaultName) -> Result<Vault> {
        let actor = by.id;
        let once = by.once(&("vault:create", name.as_str()))?;
        self.run(once, |db| async move { vaults::create(db, actor, &name).await }.boxed()).await
    }

    /// Renames a vault.
    ///
    /// # Errors
    /// NotFound for a non-member, Forbidden for one who is not owner.
    pub async fn update_vault(&self, by: &Caller, vault: VaultId, name: VaultName) -> Result<Vault> {
        let actor = by.id;
        let once = by.once(&("vault:update", vault, name.as_str()))?;
        self.run(once, |db| async move { vaults::update(db, actor, vault, &name).await }.boxed()).await
    }

    /// Deletes a vault.
    ///
    /// # Errors
    /// NotFound for a non-member, Forbidden for one who is not owner.
    pub async fn delete_vault(&self, by: &Caller, vault: VaultId) -> Result<()> {
        let actor = by.id;
        let once = by.once(&("vault:delete", vault))?;
        self.run(once, |db| async move { vaults::delete(db, actor, vault).await }.boxed()).await
    }

    /// Makes the user with this address a member.
    ///
    /// # Errors
    /// NotFound, Forbidden, UnknownEmail, AlreadyMember.
    pub async fn add_member(&self, by: &Caller, vault: VaultId, email: Email, role: Role) -> Result<Member> {
        let actor = by.id;
        let once = by.once(&("member:add", vault, email.as_str(), role))?;
        self.run(once, |db| async move { members::add(db, actor, vault, &email, role).await }.boxed()).await
    }

    /// Changes a member's role.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn update_member(&self, by: &Caller, vault: VaultId, user: UserId, role: Role) -> Result<Member> {
        let actor = by.id;
        let once = by.once(&("member:update", vault, user, role))?;
        self.run(once, |db| async move { members::update(db, actor, vault, user, role).await }.boxed()).await
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// NotFound, Forbidden, LastOwner.
    pub async fn remove_member(&self, by: &Caller, vault: VaultId, user: UserId) -> Result<()> {
        let actor = by.id;
        let once = by.once(&("member:remove", vault, user))?;
        self.run(once, |db| async move { members::remove(db, actor, vault, user).await }.boxed()).await
    }

    /// Adds a source.
    ///
    /// # Errors
    /// NotFound, Forbidden.
    pub async fn create_source(&self, by: &Caller, vault: VaultId, new: NewSource) -> Result<Source> {
        let actor = by.id;
        let once = by.once(&("source:create", vault, new.title.as_str(), new.file_url.as_str()))?;
        let creation = SourceCreation { actor, vault, title: new.title, file_url: new.file_url };
        self.write(once, &self.creations, creation).await
    }

    /// Changes a source, if it is at `version` where one is given.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn update_source(
        &self,
        by: &Caller,
        source: SourceId,
        change: SourceChange,
        version: Option<Version>,
    ) -> Result<Source> {
        let texts = (change.title.as_ref().map(SourceTitle::as_str), change.file_url.as_ref().map(FileUrl::as_str));
        let actor = by.id;
        let once = by.once(&("source:update", source, texts, version))?;
        let change = ChangeKind::Update(change.title, change.file_url);
        self.write(once, &self.changes, SourceMutation { actor, source, version, change }).await
    }

    /// Deletes a source, if it is at `version` where one is given.
    ///
    /// # Errors
    /// NotFound, Forbidden, VersionMismatch.
    pub async fn delete_source(&self, by: &Caller, source: SourceId, version: Option<Version>) -> Result<()> {
        let actor = by.id;
        let once = by.once(&("source:delete", source, version))?;
        let mutation = SourceMutation { actor, source, version, change: ChangeKind::Delete };
        let Applied { vault_id, seq, .. } = self.write(once, &self.changes, mutation).await?;
        Ok(Applied { vault_id, seq, value: () })
    }

    /// Writes a mutation of a source: together with others, or with the note of its answer.
    async fn write<W: SourceWrite>(
        &self,
        once: Option<Once<'_>>,
        together: &Arc<Together<W>>,
        write: W,
    ) -> Result<Source> {
        match once {
            None => Ok(together.write(write).await?),
            once => self.run(once, |db| source_writes::write_one(db, write).boxed()).await,
        }
    }

    /// Runs a mutation, and tells the relays of it.
    async fn run<T, F>(&self, once: Option<Once<'_>>, mutation: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
    {
        let applied = match once {
            None => {
                let mut lease = self.pool.lease().await.map_err(StoreError::from)?;
                let outcome = mutation(&mut lease).await;
                if !matches!(outcome, Err(StoreError::Unavailable(_) | StoreError::Internal(_))) {
                    lease.give_back();
                }
                outcome?
            }
            Some(once) => self.run_once(once, mutation).await?,
        };
        self.marks.mark(std::iter::once(applied.vault_id));
        Ok(applied)
    }

    /// The mutation and the note of its answer, in one transaction (I9). A refused mutation leaves no note: repeated,
    /// it is judged anew.
    async fn run_once<T, F>(&self, once: Once<'_>, mutation: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
    {
        let mut lease = self.pool.lease().await.map_err(StoreError::from)?;
        let mut transaction = lease.begin().await.map_err(StoreError::from)?;
        let outcome = self.decide(&mut transaction, &once, mutation).await;
        // At once, and not when the connection is next used: the key is held until then.
        match &outcome {
            Ok(_) => transaction.commit().await,
            Err(_) => transaction.rollback().await,
        }
        .map_err(StoreError::from)?;
        lease.give_back();
        outcome
    }

    async fn decide<T, F>(&self, db: &mut PgConnection, once: &Once<'_>, mutation: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
    {
        let Once { user, key, request_hash } = once;
        match idempotency::claim(db, *user, key, self.key_lifetime.as_secs_f64()).await? {
            KeyState::Used(known, answer) if known == *request_hash => serde_json::from_value(answer).map_err(internal),
            KeyState::Used(..) => Err(Error::KeyReused),
            KeyState::InFlight => Err(Error::KeyInFlight),
            KeyState::New => {
                let applied = mutation(db).await?;
                let answer = serde_json::to_value(&applied).map_err(internal)?;
                idempotency::store_response(db, *user, key, request_hash, &answer).await?;
                Ok(applied)
            }
        }
    }
}

/// A mutation under way on one connection.
type Mutation<'c, T> = BoxFuture<'c, store::Result<Applied<T>>>;

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.into())
}
