//! Reads the outbox: the only SQL on it outside the append functions. Every query names vaults and seqs; there is no
//! cursor over a global order (decision 25).
//!
//! ```no_run
//! # async fn example(vault: syncscript_types::VaultId) -> Result<(), outbox_worker::log::LogError> {
//! use outbox_worker::{Db, log};
//! use syncscript_types::Seq;
//!
//! let options: sqlx::postgres::PgConnectOptions = "postgres://localhost/syncscript".parse()?;
//! let db = Db::new(options, 2);
//! // At most 64 events per vault; the whole log from its beginning.
//! for event in log::read_after(&db, &[(vault, Seq::START)], 64).await? {
//!     println!("{} {}: {}", event.seq, event.kind.as_str(), event.payload);
//! }
//! # Ok(())
//! # }
//! ```

use sqlx::PgExecutor;
use sqlx::types::Json;
use syncscript_types::{Event, OutOfRange, Seq, UnknownEventType, VaultId};

use crate::db::with_query_timeout;

/// A failed read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The query failed.
    #[error("the outbox cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// A newer version wrote the row.
    #[error("the outbox has an event that this version does not know: {0}")]
    Unknown(#[from] UnknownEventType),
    /// The row holds a number that its type does not allow.
    #[error("the outbox has an invalid row: {0}")]
    OutOfRange(#[from] OutOfRange),
}

/// Returns the events after each vault's position, at most `per_vault` of each, ordered by vault and seq. One query reads
/// all vaults.
///
/// # Errors
/// [`LogError`]. On error, returns nothing (all or nothing).
pub async fn read_after(
    db: impl PgExecutor<'_>,
    positions: &[(VaultId, Seq)],
    per_vault: i64,
) -> Result<Vec<Event>, LogError> {
    let (vaults, seqs): (Vec<_>, Vec<_>) = positions.iter().map(|(v, s)| (v.get(), s.get())).unzip();
    let read = sqlx::query_as!(
        Row,
        r#"SELECT o.vault_id, o.seq, o.event_id, o.type AS kind, o.payload AS "payload: _", o.created_at
           FROM unnest($1::uuid[], $2::bigint[]) AS p (vault_id, seq)
           CROSS JOIN LATERAL (
               SELECT * FROM outbox WHERE outbox.vault_id = p.vault_id AND outbox.seq > p.seq
               ORDER BY outbox.seq LIMIT $3
           ) AS o
           ORDER BY o.vault_id, o.seq"#,
        &vaults,
        &seqs,
        per_vault,
    )
    .fetch_all(db);
    into_events(with_query_timeout(read).await?)
}

/// Returns one vault's events with `after < seq <= last`, at most `limit`, in order.
///
/// # Errors
/// [`LogError`]. On error, returns nothing (all or nothing).
pub async fn read_page(
    db: impl PgExecutor<'_>,
    vault: VaultId,
    after: Seq,
    last: Seq,
    limit: i64,
) -> Result<Vec<Event>, LogError> {
    let read = sqlx::query_as!(
        Row,
        r#"SELECT vault_id, seq, event_id, type AS kind, payload AS "payload: _", created_at
           FROM outbox WHERE vault_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"#,
        vault.get(),
        after.get(),
        last.get(),
        limit,
    )
    .fetch_all(db);
    into_events(with_query_timeout(read).await?)
}

/// Returns one vault's events at the given positions, in order.
///
/// # Errors
/// [`LogError`]. On error, returns nothing (all or nothing).
pub async fn read_at(db: impl PgExecutor<'_>, vault: VaultId, seqs: &[i64]) -> Result<Vec<Event>, LogError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT vault_id, seq, event_id, type AS kind, payload AS "payload: _", created_at
           FROM outbox WHERE vault_id = $1 AND seq = ANY($2) ORDER BY seq"#,
        vault.get(),
        seqs,
    )
    .fetch_all(db)
    .await?;
    into_events(rows)
}

/// Returns every vault with its head, for tools that follow all vaults.
///
/// # Errors
/// [`LogError`].
pub async fn read_heads(db: impl PgExecutor<'_>) -> Result<Vec<(VaultId, Seq)>, LogError> {
    let rows = sqlx::query!("SELECT id, head_seq FROM vaults").fetch_all(db).await?;
    rows.into_iter().map(|row| Ok((row.id.into(), row.head_seq.try_into()?))).collect()
}

struct Row {
    vault_id: uuid::Uuid,
    seq: i64,
    event_id: uuid::Uuid,
    kind: String,
    payload: Json<Box<serde_json::value::RawValue>>,
    created_at: chrono::DateTime<chrono::Utc>,
}

fn into_events(rows: Vec<Row>) -> Result<Vec<Event>, LogError> {
    rows.into_iter().map(Event::try_from).collect()
}

impl TryFrom<Row> for Event {
    type Error = LogError;

    fn try_from(row: Row) -> Result<Self, LogError> {
        Ok(Self {
            vault_id: row.vault_id.into(),
            seq: row.seq.try_into()?,
            event_id: row.event_id,
            kind: row.kind.parse()?,
            payload: row.payload.0,
            created_at: row.created_at,
        })
    }
}
