//! Reads the outbox. Every query names vault and seq: there is no cursor over a global order (decision 4).

use std::time::Duration;

use sqlx::PgExecutor;
use sqlx::types::Json;
use syncscript_types::{Event, OutOfRange, Seq, UnknownEventType, VaultId};

/// Longest time that one read may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A read that failed: the database is away, or holds what this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The query failed.
    #[error("the outbox cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// A row written by a newer version.
    #[error("the outbox cannot be understood: {0}")]
    Unknown(#[from] UnknownEventType),
    /// A stored number that its type does not allow: a defect of the data.
    #[error("the outbox holds an impossible value: {0}")]
    OutOfRange(#[from] OutOfRange),
}

/// A connection that goes silent, without being closed, must not hold up its user: the read fails, and may be repeated
/// on another connection.
///
/// # Errors
/// Those of the read, and [`sqlx::Error::PoolTimedOut`] if it takes too long.
pub async fn bounded<T, E: From<sqlx::Error>>(read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
}

/// The events after each vault's position, at most `per_vault` of each, ordered by vault and seq. One query for all.
///
/// # Errors
/// [`LogError`]; nothing is returned half.
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
    let rows = bounded(read).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// One vault's events with `after < seq <= upto`, at most `limit`.
///
/// # Errors
/// [`LogError`]; nothing is returned half.
pub async fn read_page(
    db: impl PgExecutor<'_>,
    vault: VaultId,
    after: Seq,
    upto: Seq,
    limit: i64,
) -> Result<Vec<Event>, LogError> {
    let read = sqlx::query_as!(
        Row,
        r#"SELECT vault_id, seq, event_id, type AS kind, payload AS "payload: _", created_at
           FROM outbox WHERE vault_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"#,
        vault.get(),
        after.get(),
        upto.get(),
        limit,
    )
    .fetch_all(db);
    let rows = bounded(read).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The events of one vault at the given positions.
///
/// # Errors
/// [`LogError`]; nothing is returned half.
pub async fn read_these(db: impl PgExecutor<'_>, vault: VaultId, seqs: &[i64]) -> Result<Vec<Event>, LogError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT vault_id, seq, event_id, type AS kind, payload AS "payload: _", created_at
           FROM outbox WHERE vault_id = $1 AND seq = ANY($2) ORDER BY seq"#,
        vault.get(),
        seqs,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// A vault whose log goes on beyond a position.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    /// The vault.
    pub vault: VaultId,
    /// By how many events.
    pub events: i64,
}

/// Those of the given vaults whose head is beyond the given position: the sweep.
///
/// # Errors
/// [`LogError::Database`].
pub async fn behind(db: impl PgExecutor<'_>, positions: &[(VaultId, Seq)]) -> Result<Vec<Behind>, LogError> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let (vaults, seqs): (Vec<_>, Vec<_>) = positions.iter().map(|(v, s)| (v.get(), s.get())).unzip();
    let read = sqlx::query!(
        r#"SELECT v.id, v.head_seq - p.seq AS "events!" FROM unnest($1::uuid[], $2::bigint[]) AS p (vault_id, seq)
           JOIN vaults v ON v.id = p.vault_id WHERE v.head_seq > p.seq"#,
        &vaults,
        &seqs,
    )
    .fetch_all(db);
    let rows = bounded(read).await?;
    Ok(rows.into_iter().map(|row| Behind { vault: row.id.into(), events: row.events }).collect())
}

/// Every vault and its head: for tools that follow all of them.
///
/// # Errors
/// [`LogError::Database`].
pub async fn heads(db: impl PgExecutor<'_>) -> Result<Vec<(VaultId, Seq)>, LogError> {
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
