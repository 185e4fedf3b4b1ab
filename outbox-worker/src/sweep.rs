//! The sweep: compares the vaults in use with their heads, to find events that no notification announced (I8).

use sqlx::PgExecutor;
use syncscript_types::{Seq, VaultId};

use crate::db::with_query_timeout;
use crate::log::LogError;

/// A vault whose log continues beyond this node's position.
#[derive(Debug, Clone, Copy)]
pub struct LaggingVault {
    /// The vault.
    pub vault: VaultId,
    /// The number of events after the position.
    pub events: i64,
}

/// Returns the given vaults whose head is above the given position.
///
/// # Errors
/// [`LogError::Database`].
pub async fn find_lagging(
    db: impl PgExecutor<'_>,
    positions: &[(VaultId, Seq)],
) -> Result<Vec<LaggingVault>, LogError> {
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
    let rows = with_query_timeout(read).await?;
    Ok(rows.into_iter().map(|row| LaggingVault { vault: row.id.into(), events: row.events }).collect())
}

/// Returns the total number of events that the vaults lag behind.
#[must_use]
pub fn total_lag(lagging: &[LaggingVault]) -> i64 {
    lagging.iter().map(|vault| vault.events).sum()
}
