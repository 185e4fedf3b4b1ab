//! Mutations of sources, in batches: one call of `sources_create` or `sources_change` writes many of them.

use std::future::Future;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use syncscript_types::{SourceId, UserId, VaultId, Version};
use uuid::Uuid;

use super::error::{Rejection, Result, StoreError};
use crate::domain::{Applied, FileUrl, Source, SourceTitle};

/// A mutation of a source. Mutations of the same type can be written in one batch.
pub trait SourceWrite: Send + Sync + Sized + 'static {
    /// Returns a key that is equal for writes that are likely to contend, as far as that is known before the write.
    fn lane(&self) -> u128;

    /// Writes the batch in one transaction, and returns the outcomes in the same order. With `wait`, all writes must be
    /// to one vault, and the call waits for its lock; without, writes to a locked vault are
    /// [`Busy`](WriteOutcome::Busy).
    ///
    /// # Errors
    /// Only outages and defects. On error, nothing was written, except that an outage may hide whether a commit
    /// arrived.
    fn write_batch<'e>(
        db: impl PgExecutor<'e>,
        writes: &[&Self],
        wait: bool,
    ) -> impl Future<Output = Result<Vec<WriteOutcome>>> + Send;
}

/// The outcome of one write of a batch.
#[derive(Debug)]
pub enum WriteOutcome {
    /// Written. Holds the source; for a deletion, the source as it was before.
    Done(Applied<Source>),
    /// NotFound, Forbidden, VersionMismatch.
    Rejected(Rejection),
    /// Another transaction holds the vault, or an earlier write of the batch has the source.
    Busy(VaultId),
}

/// Writes one mutation, and waits for its vault.
///
/// # Errors
/// NotFound, Forbidden, VersionMismatch.
pub async fn write_one(db: impl PgExecutor<'_>, write: impl SourceWrite) -> Result<Applied<Source>> {
    match SourceWrite::write_batch(db, &[&write], true).await?.pop() {
        Some(WriteOutcome::Done(applied)) => Ok(applied),
        Some(WriteOutcome::Rejected(rejection)) => Err(StoreError::Rejected(rejection)),
        outcome => Err(defect(format!("{outcome:?} for a single write"))),
    }
}

/// The creation of a source.
#[derive(Debug)]
pub struct SourceCreation {
    /// The user who creates the source.
    pub actor: UserId,
    /// The vault of the source.
    pub vault: VaultId,
    /// The title.
    pub title: SourceTitle,
    /// The URL of the file.
    pub file_url: FileUrl,
}

impl SourceWrite for SourceCreation {
    fn lane(&self) -> u128 {
        self.vault.get().as_u128()
    }

    async fn write_batch<'e>(db: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<WriteOutcome>> {
        let rows = sqlx::query_as!(
            OutcomeRow,
            r#"SELECT rejection, vault_id AS "requested_vault", seq, (source).id, (source).vault_id, (source).title,
                      (source).file_url, (source).version, (source).created_at, (source).updated_at
               FROM sources_create($1, $2, $3, $4, $5, $6) ORDER BY ordinal"#,
            &writes.iter().map(|_| SourceId::generate().get()).collect::<Vec<_>>(),
            &writes.iter().map(|write| write.vault.get()).collect::<Vec<_>>(),
            &writes.iter().map(|write| write.actor.get()).collect::<Vec<_>>(),
            &writes.iter().map(|write| write.title.as_str()).collect::<Vec<_>>() as &[&str],
            &writes.iter().map(|write| write.file_url.as_str()).collect::<Vec<_>>() as &[&str],
            wait,
        )
        .fetch_all(db)
        .await?;
        rows.into_iter().map(OutcomeRow::outcome).collect()
    }
}

/// The update or deletion of a source.
#[derive(Debug)]
pub struct SourceMutation {
    /// The user who changes the source.
    pub actor: UserId,
    /// The source.
    pub source: SourceId,
    /// The version that the source must have (If-Match); `None` accepts any version.
    pub version: Option<Version>,
    /// What happens to the source.
    pub change: ChangeKind,
}

/// What a [`SourceMutation`] does.
#[derive(Debug)]
pub enum ChangeKind {
    /// Replaces the title and the URL; `None` keeps the current value.
    Update(Option<SourceTitle>, Option<FileUrl>),
    /// Deletes the source.
    Delete,
}

impl SourceMutation {
    const fn deletes(&self) -> bool {
        matches!(self.change, ChangeKind::Delete)
    }

    fn title(&self) -> Option<&str> {
        let ChangeKind::Update(title, _) = &self.change else { return None };
        title.as_ref().map(SourceTitle::as_str)
    }

    fn file_url(&self) -> Option<&str> {
        let ChangeKind::Update(_, file_url) = &self.change else { return None };
        file_url.as_ref().map(FileUrl::as_str)
    }
}

impl SourceWrite for SourceMutation {
    /// By source, because only the database knows the source's vault.
    fn lane(&self) -> u128 {
        self.source.get().as_u128()
    }

    async fn write_batch<'e>(db: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<WriteOutcome>> {
        let rows = sqlx::query_as!(
            OutcomeRow,
            r#"SELECT rejection, vault_id AS "requested_vault", seq, (source).id, (source).vault_id, (source).title,
                      (source).file_url, (source).version, (source).created_at, (source).updated_at
               FROM sources_change($1, $2, $3, $4, $5, $6, $7) ORDER BY ordinal"#,
            &writes.iter().map(|write| write.source.get()).collect::<Vec<_>>(),
            &writes.iter().map(|write| write.actor.get()).collect::<Vec<_>>(),
            &writes.iter().map(|write| write.title()).collect::<Vec<_>>() as &[Option<&str>],
            &writes.iter().map(|write| write.file_url()).collect::<Vec<_>>() as &[Option<&str>],
            &writes.iter().map(|write| write.version.map(Version::get)).collect::<Vec<_>>() as &[Option<i32>],
            &writes.iter().map(|write| write.deletes()).collect::<Vec<_>>(),
            wait,
        )
        .fetch_all(db)
        .await?;
        rows.into_iter().map(OutcomeRow::outcome).collect()
    }
}

/// The source columns are null if the write was rejected.
struct OutcomeRow {
    rejection: Option<String>,
    requested_vault: Option<Uuid>,
    seq: Option<i64>,
    id: Option<Uuid>,
    vault_id: Option<Uuid>,
    title: Option<String>,
    file_url: Option<String>,
    version: Option<i32>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

impl OutcomeRow {
    fn outcome(self) -> Result<WriteOutcome> {
        match (self.rejection.as_deref(), self.requested_vault) {
            (Some("busy"), Some(vault)) => Ok(WriteOutcome::Busy(vault.into())),
            (Some(code), _) => match Rejection::from_sqlstate(code) {
                Some(rejection) => Ok(WriteOutcome::Rejected(rejection)),
                None => Err(defect(format!("the unknown rejection {code}"))),
            },
            (None, _) => {
                let applied = self.applied()?.map(WriteOutcome::Done);
                applied.ok_or_else(|| defect("no source".to_owned()))
            }
        }
    }

    /// The applied mutation; `None` if a column that it needs is NULL.
    fn applied(self) -> Result<Option<Applied<Source>>> {
        let (Some(version), Some(seq)) = (self.version, self.seq) else { return Ok(None) };
        let (version, seq) = (version.try_into()?, seq.try_into()?);
        let value = || {
            Some(Source {
                id: self.id?.into(),
                title: self.title?,
                file_url: self.file_url?,
                vault_id: self.vault_id?.into(),
                created_at: self.created_at?,
                updated_at: self.updated_at?,
                version,
            })
        };
        Ok(value().map(|value| Applied { vault_id: value.vault_id, seq, value }))
    }
}

fn defect(result: String) -> StoreError {
    StoreError::Internal(sqlx::Error::Protocol(format!("the append functions of sources returned {result}")))
}
