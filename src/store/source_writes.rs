//! Mutations of sources, as many at a time as there are: one call of `sources_create` or `sources_change`.

use std::future::Future;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use syncscript_types::{SourceId, UserId, VaultId, Version};
use uuid::Uuid;

use super::{Refusal, Result, StoreError};
use crate::domain::{Applied, FileUrl, Source, SourceTitle};

/// A mutation of a source. Those of a kind can be written together.
pub trait Write: Send + Sync + Sized + 'static {
    /// A number that two of them share which would wait for each other, as far as that is known.
    fn lane(&self) -> u128;

    /// Writes them in one transaction, and says in their order what became of each. With `wait`, all are of one vault,
    /// which is waited for.
    ///
    /// # Errors
    /// Only outages and defects: then nothing was written.
    fn write_each<'e>(
        db: impl PgExecutor<'e>,
        writes: &[&Self],
        wait: bool,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send;
}

/// What became of a mutation.
#[derive(Debug)]
pub enum Outcome {
    /// It is done. Of a deletion, the source as it was.
    Done(Applied<Source>),
    /// NotFound, Forbidden, VersionMismatch.
    Refused(Refusal),
    /// Another transaction has the vault, or another mutation of this one has the source.
    Busy(VaultId),
}

/// Writes one, when its vault is free.
///
/// # Errors
/// NotFound, Forbidden, VersionMismatch.
pub async fn one(db: impl PgExecutor<'_>, write: impl Write) -> Result<Applied<Source>> {
    match Write::write_each(db, &[&write], true).await?.pop() {
        Some(Outcome::Done(applied)) => Ok(applied),
        Some(Outcome::Refused(refusal)) => Err(StoreError::Refused(refusal)),
        outcome => Err(defect(format!("one source: {outcome:?}"))),
    }
}

/// A source as it is to be created, and by whom.
#[derive(Debug)]
pub struct Creation {
    /// Who creates it.
    pub actor: UserId,
    /// The vault it is to be in.
    pub vault: VaultId,
    /// Its title.
    pub title: SourceTitle,
    /// Where its file is.
    pub file_url: FileUrl,
}

impl Write for Creation {
    fn lane(&self) -> u128 {
        self.vault.get().as_u128()
    }

    async fn write_each<'e>(db: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<Outcome>> {
        let rows = sqlx::query_as!(
            Row,
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
        rows.into_iter().map(Row::outcome).collect()
    }
}

/// What is to become of a source, and by whom; if it is at `version`, where one is given.
#[derive(Debug)]
pub struct Change {
    /// Who changes it.
    pub actor: UserId,
    /// The source.
    pub source: SourceId,
    /// The version that the actor knows.
    pub version: Option<Version>,
    /// What is to be done.
    pub to: Becomes,
}

/// What a source becomes.
#[derive(Debug)]
pub enum Becomes {
    /// Another: `None` leaves a field as it is.
    Updated(Option<SourceTitle>, Option<FileUrl>),
    /// It goes.
    Deleted,
}

impl Change {
    const fn deletes(&self) -> bool {
        matches!(self.to, Becomes::Deleted)
    }

    fn title(&self) -> Option<&str> {
        let Becomes::Updated(title, _) = &self.to else { return None };
        title.as_ref().map(SourceTitle::as_str)
    }

    fn file_url(&self) -> Option<&str> {
        let Becomes::Updated(_, file_url) = &self.to else { return None };
        file_url.as_ref().map(FileUrl::as_str)
    }
}

impl Write for Change {
    /// Its vault is known to the database only.
    fn lane(&self) -> u128 {
        self.source.get().as_u128()
    }

    async fn write_each<'e>(db: impl PgExecutor<'e>, writes: &[&Self], wait: bool) -> Result<Vec<Outcome>> {
        let rows = sqlx::query_as!(
            Row,
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
        rows.into_iter().map(Row::outcome).collect()
    }
}

/// The source is there if it is not refused.
struct Row {
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

impl Row {
    fn outcome(self) -> Result<Outcome> {
        match (self.rejection.as_deref(), self.requested_vault) {
            (Some("busy"), Some(vault)) => Ok(Outcome::Busy(vault.into())),
            (Some(code), _) => match Refusal::of_code(code) {
                Some(refusal) => Ok(Outcome::Refused(refusal)),
                None => Err(defect(format!("a refusal {code}"))),
            },
            (None, _) => {
                let applied = self.applied()?.map(Outcome::Done);
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

fn defect(answer: String) -> StoreError {
    StoreError::Internal(sqlx::Error::Protocol(format!("the append functions of sources gave {answer}")))
}
