//! Sources, and the listing that a live view starts from.

use chrono::{DateTime, Utc};
use outbox_worker::Db;
use sqlx::{Connection, PgExecutor};
use uuid::Uuid;

use super::{Refusal, Result, StoreError};
use crate::domain::{Applied, FileUrl, Role, Seq, Source, SourceId, SourceTitle, UserId, VaultId, Version};

/// A source as it is to be created, and by whom.
#[derive(Debug, Clone)]
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

impl Creation {
    /// As the database has it now: it stores the texts as they are.
    fn done(&self, id: Uuid, seq: i64, at: DateTime<Utc>) -> Applied<Source> {
        let value = Source {
            id: id.into(),
            title: self.title.as_str().to_owned(),
            file_url: self.file_url.as_str().to_owned(),
            vault_id: self.vault,
            created_at: at,
            updated_at: at,
            version: 1.into(),
        };
        Applied { vault_id: self.vault, seq: seq.into(), value }
    }
}

impl AsRef<Self> for Creation {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// What became of a [`Creation`].
#[derive(Debug)]
pub enum Created {
    /// It is there.
    Done(Applied<Source>),
    /// NotFound, Forbidden.
    Refused(Refusal),
    /// Another transaction has the vault.
    Busy,
}

/// Creates sources in one transaction, of which each may be refused for itself. With `wait`, all are of one vault, and
/// none is busy.
///
/// # Errors
/// Only outages and defects.
pub async fn create_each(db: impl PgExecutor<'_>, asked: &[impl AsRef<Creation>], wait: bool) -> Result<Vec<Created>> {
    let each = || asked.iter().map(AsRef::as_ref);
    let ids: Vec<Uuid> = asked.iter().map(|_| SourceId::generate().get()).collect();
    let mut rows = sqlx::query!(
        r#"SELECT place AS "place!", refusal, seq, created_at AS "created_at!"
           FROM sources_create($1, $2, $3, $4, $5, $6)"#,
        &ids,
        &each().map(|creation| creation.vault.get()).collect::<Vec<_>>(),
        &each().map(|creation| creation.actor.get()).collect::<Vec<_>>(),
        &each().map(|creation| creation.title.as_str()).collect::<Vec<_>>() as &[&str],
        &each().map(|creation| creation.file_url.as_str()).collect::<Vec<_>>() as &[&str],
        wait,
    )
    .fetch_all(db)
    .await?;
    rows.sort_unstable_by_key(|row| row.place);
    each()
        .zip(ids)
        .zip(rows)
        .map(|((creation, id), row)| match (row.refusal.as_deref(), row.seq) {
            (None, Some(seq)) => Ok(Created::Done(creation.done(id, seq, row.created_at))),
            (Some("busy"), _) => Ok(Created::Busy),
            (code, _) => match code.and_then(Refusal::of_code) {
                Some(refusal) => Ok(Created::Refused(refusal)),
                None => Err(StoreError::Internal(sqlx::Error::Protocol(format!("sources_create answers {code:?}")))),
            },
        })
        .collect()
}

/// Creates a source, when its vault is free.
///
/// # Errors
/// NotFound, Forbidden.
pub async fn create(db: impl PgExecutor<'_>, creation: Creation) -> Result<Applied<Source>> {
    match create_each(db, &[creation], true).await?.pop() {
        Some(Created::Done(applied)) => Ok(applied),
        Some(Created::Refused(refusal)) => Err(StoreError::Refused(refusal)),
        outcome => Err(StoreError::Internal(sqlx::Error::Protocol(format!("sources_create gave {outcome:?}")))),
    }
}

/// Changes a source; `None` leaves a field as it is. With a version, only if the source is at that version.
///
/// # Errors
/// NotFound, Forbidden, VersionMismatch.
pub async fn update(
    db: impl PgExecutor<'_>,
    actor: UserId,
    source: SourceId,
    title: Option<&SourceTitle>,
    file_url: Option<&FileUrl>,
    version: Option<Version>,
) -> Result<Applied<Source>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.seq, (f.source).id AS "id!", (f.source).vault_id AS "vault_id!", (f.source).title AS "title!",
                  (f.source).file_url AS "file_url!", (f.source).version AS "version!",
                  (f.source).created_at AS "created_at!", (f.source).updated_at AS "updated_at!"
           FROM source_update($1, $2, $3, $4, $5) f"#,
        source.get(),
        actor.get(),
        title.map(SourceTitle::as_str),
        file_url.map(FileUrl::as_str),
        version.map(Version::get),
    )
    .fetch_one(db)
    .await?;
    Ok(row.applied())
}

/// Deletes a source. With a version, only if the source is at that version.
///
/// # Errors
/// NotFound, Forbidden, VersionMismatch.
pub async fn delete(
    db: impl PgExecutor<'_>,
    actor: UserId,
    source: SourceId,
    version: Option<Version>,
) -> Result<Applied<()>> {
    let row = sqlx::query!(
        r#"SELECT f.seq AS "seq!", f.vault_id AS "vault_id!" FROM source_delete($1, $2, $3) f"#,
        source.get(),
        actor.get(),
        version.map(Version::get),
    )
    .fetch_one(db)
    .await?;
    Ok(Applied { vault_id: row.vault_id.into(), seq: row.seq.into(), value: () })
}

/// A source of a vault that `user` is a member of.
///
/// # Errors
/// NotFound, also for a non-member.
pub async fn find(db: impl PgExecutor<'_>, user: UserId, source: SourceId) -> Result<Source> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT NULL::bigint AS seq, s.id, s.vault_id, s.title, s.file_url, s.version, s.created_at, s.updated_at
           FROM sources s JOIN vault_users m ON m.vault_id = s.vault_id AND m.user_id = $1 WHERE s.id = $2"#,
        user.get(),
        source.get(),
    )
    .fetch_one(db)
    .await?;
    Ok(row.source())
}

/// One page of a vault's sources, oldest first, and the position of the log at which exactly these are there.
#[derive(Debug)]
pub struct Page {
    /// The member's role.
    pub role: Role,
    /// Where the log stood: `vault:join` with `after: seq` continues from here without hole.
    pub seq: Seq,
    /// The sources.
    pub sources: Vec<Source>,
    /// Whether there are more.
    pub more: bool,
}

/// Reads a page after the given place. Membership, position and sources are of one snapshot, hence the transaction.
///
/// # Errors
/// NotFound for a non-member.
pub async fn page(
    db: &Db,
    user: UserId,
    vault: VaultId,
    after: Option<(DateTime<Utc>, SourceId)>,
    limit: i64,
) -> Result<Page> {
    let mut lease = db.lease().await?;
    let mut snapshot = lease.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let (role, seq) = super::vaults::membership(&mut *snapshot, user, vault).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT NULL::bigint AS seq, id, vault_id, title, file_url, version, created_at, updated_at FROM sources
           WHERE vault_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3::uuid))
           ORDER BY created_at, id LIMIT $4"#,
        vault.get(),
        after.map(|(at, _)| at),
        after.map(|(_, id)| id.get()),
        limit + 1,
    )
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    lease.give_back();
    let mut sources: Vec<Source> = rows.into_iter().map(Row::source).collect();
    let more = sources.len() as i64 > limit;
    if more {
        sources.pop();
    }
    Ok(Page { role, seq, sources, more })
}

struct Row {
    seq: Option<i64>,
    id: Uuid,
    vault_id: Uuid,
    title: String,
    file_url: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn source(self) -> Source {
        Source {
            id: self.id.into(),
            title: self.title,
            file_url: self.file_url,
            vault_id: self.vault_id.into(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version.into(),
        }
    }

    fn applied(self) -> Applied<Source> {
        let seq = self.seq.unwrap_or_default().into();
        let value = self.source();
        Applied { vault_id: value.vault_id, seq, value }
    }
}
