//! The sources at an earlier position of the log, and the history of one source. Both come from the log, not from the
//! projection.

use chrono::{DateTime, Utc};
use outbox_worker::{Db, log};
use sqlx::PgExecutor;
use syncscript_types::{Event, Seq, SourceId, UserId, VaultId};
use uuid::Uuid;

use super::error::{Rejection, Result, StoreError};
use crate::domain::Source;

/// The maximum number of events in the history of one source.
const HISTORY_LIMIT: i64 = 1000;

/// Reads one page of the sources as they were after the event `at`, oldest first, and whether another page follows.
///
/// # Errors
/// Compacted if the log no longer goes back that far.
pub async fn read_sources_at(
    pool: &Db,
    vault: VaultId,
    at: Seq,
    after: Option<(DateTime<Utc>, SourceId)>,
    limit: i64,
) -> Result<(Vec<Source>, bool)> {
    require_log(pool, vault, at).await?;
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", title AS "title!", file_url AS "file_url!", version AS "version!",
                  created_at AS "created_at!", updated_at AS "updated_at!"
           FROM fold_sources($1, $2)
           WHERE $3::timestamptz IS NULL OR (created_at, id) > ($3, $4::uuid)
           ORDER BY created_at, id LIMIT $5"#,
        vault.get(),
        at.get(),
        after.map(|(time, _)| time),
        after.map(|(_, id)| id.get()),
        limit + 1,
    )
    .fetch_all(pool)
    .await?;
    let sources = rows.into_iter().map(|row| {
        Ok(Source {
            id: row.id.into(),
            title: row.title,
            file_url: row.file_url,
            vault_id: vault,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version.try_into()?,
        })
    });
    let mut sources: Vec<Source> = sources.collect::<Result<_>>()?;
    let more = sources.len() as i64 > limit;
    sources.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((sources, more))
}

/// Checks that the log can be folded up to `at`: it must hold an event up to there (its first event, or a snapshot).
async fn require_log(db: impl PgExecutor<'_>, vault: VaultId, at: Seq) -> Result<()> {
    let exists = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM outbox WHERE vault_id = $1 AND seq <= greatest($2::bigint, 1)) AS "exists!""#,
        vault.get(),
        at.get()
    )
    .fetch_one(db)
    .await?;
    if exists { Ok(()) } else { Err(StoreError::Rejected(Rejection::Compacted)) }
}

/// Reads the events of one source, oldest first, as far as the log goes back. The source must be in a vault that `user`
/// is a member of. A deleted source is looked up in the logs of the user's vaults.
///
/// # Errors
/// NotFound, also for a non-member.
pub async fn read_source_events(pool: &Db, user: UserId, source: SourceId) -> Result<Vec<Event>> {
    // A source that exists always has a history, possibly an empty one: the log may have been compacted since.
    let vault = sqlx::query_scalar!(
        "SELECT s.vault_id FROM sources s JOIN vault_users m ON m.vault_id = s.vault_id
         WHERE s.id = $1 AND m.user_id = $2",
        source.get(),
        user.get()
    )
    .fetch_optional(pool)
    .await?;
    let seqs = sqlx::query!(
        r#"SELECT o.vault_id, o.seq FROM vault_users m JOIN outbox o ON o.vault_id = m.vault_id
           WHERE m.user_id = $1 AND ($2::uuid IS NULL OR m.vault_id = $2) AND o.type LIKE 'source:%'
             AND (o.payload -> 'source' ->> 'id' = $3 OR o.payload ->> 'sourceId' = $3)
           ORDER BY o.seq LIMIT $4"#,
        user.get(),
        vault,
        source.get().to_string(),
        HISTORY_LIMIT,
    )
    .fetch_all(pool)
    .await?;
    match seqs.first() {
        Some(first) => {
            let vault: Uuid = first.vault_id;
            let seqs: Vec<i64> = seqs.iter().map(|row| row.seq).collect();
            log::read_at(pool, vault.into(), &seqs).await.map_err(StoreError::from)
        }
        None if vault.is_some() => Ok(Vec::new()),
        None => Err(StoreError::Rejected(Rejection::NotFound)),
    }
}
