//! Reads sources, and the pages of sources that a live view starts from.

use chrono::{DateTime, Utc};
use outbox_worker::Db;
use sqlx::{Connection, PgExecutor};
use syncscript_types::{Seq, SourceId, UserId, VaultId};
use uuid::Uuid;

use super::error::Result;
use super::vaults;
use crate::domain::{Role, Source};

/// Finds a source in a vault that `user` is a member of.
///
/// # Errors
/// NotFound, also for a non-member.
pub async fn find(db: impl PgExecutor<'_>, user: UserId, source: SourceId) -> Result<Source> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT s.id, s.vault_id, s.title, s.file_url, s.version, s.created_at, s.updated_at
           FROM sources s JOIN vault_users m ON m.vault_id = s.vault_id AND m.user_id = $1 WHERE s.id = $2"#,
        user.get(),
        source.get(),
    )
    .fetch_one(db)
    .await?;
    row.source()
}

/// One page of a vault's sources, oldest first, and the position of the log that the page reflects.
#[derive(Debug)]
pub struct Page {
    /// The member's role.
    pub role: Role,
    /// The position of the log: `vault:join` with `after: seq` continues from here without a gap.
    pub seq: Seq,
    /// The sources.
    pub sources: Vec<Source>,
    /// Whether another page follows.
    pub more: bool,
}

/// Reads the page after the given source. The transaction gives membership, position and sources one snapshot.
///
/// # Errors
/// NotFound for a non-member.
pub async fn read_page(
    db: &Db,
    user: UserId,
    vault: VaultId,
    after: Option<(DateTime<Utc>, SourceId)>,
    limit: i64,
) -> Result<Page> {
    let mut lease = db.lease().await?;
    let mut snapshot = lease.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let (role, seq) = vaults::membership(&mut *snapshot, user, vault).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, vault_id, title, file_url, version, created_at, updated_at FROM sources
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
    let mut sources: Vec<Source> = rows.into_iter().map(Row::source).collect::<Result<_>>()?;
    let more = sources.len() as i64 > limit;
    if more {
        sources.pop();
    }
    Ok(Page { role, seq, sources, more })
}

struct Row {
    id: Uuid,
    vault_id: Uuid,
    title: String,
    file_url: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn source(self) -> Result<Source> {
        Ok(Source {
            id: self.id.into(),
            title: self.title,
            file_url: self.file_url,
            vault_id: self.vault_id.into(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version.try_into()?,
        })
    }
}
