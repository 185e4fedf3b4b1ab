//! Vaults, and the membership that a join reads.

use sqlx::PgExecutor;
use syncscript_types::{Seq, UserId, VaultId};
use uuid::Uuid;

use super::error::Result;
use crate::domain::{Applied, Role, Vault, VaultName};

/// Creates a vault that `actor` owns. Its log begins at seq 1.
///
/// # Errors
/// Only outages and defects.
pub async fn create(db: impl PgExecutor<'_>, actor: UserId, name: &VaultName) -> Result<Applied<Vault>> {
    let row = sqlx::query_as!(
        AppendedRow,
        r#"SELECT f.seq AS "seq!", (f.vault).id AS "id!", (f.vault).name AS "name!",
                  (f.vault).created_at AS "created_at!", (f.vault).updated_at AS "updated_at!"
           FROM vault_create($1, $2, $3) f"#,
        Uuid::now_v7(),
        actor.get(),
        name.as_str(),
    )
    .fetch_one(db)
    .await?;
    row.applied()
}

/// Renames a vault.
///
/// # Errors
/// NotFound for a non-member, Forbidden for a member who is not an owner.
pub async fn update(
    db: impl PgExecutor<'_>,
    actor: UserId,
    vault: VaultId,
    name: &VaultName,
) -> Result<Applied<Vault>> {
    let row = sqlx::query_as!(
        AppendedRow,
        r#"SELECT f.seq AS "seq!", (f.vault).id AS "id!", (f.vault).name AS "name!",
                  (f.vault).created_at AS "created_at!", (f.vault).updated_at AS "updated_at!"
           FROM vault_update($1, $2, $3) f"#,
        vault.get(),
        actor.get(),
        name.as_str(),
    )
    .fetch_one(db)
    .await?;
    row.applied()
}

/// Deletes a vault with its members and sources. Its log stays.
///
/// # Errors
/// NotFound for a non-member, Forbidden for a member who is not an owner.
pub async fn delete(db: impl PgExecutor<'_>, actor: UserId, vault: VaultId) -> Result<Applied<()>> {
    let seq =
        sqlx::query_scalar!(r#"SELECT vault_delete($1, $2) AS "seq!""#, vault.get(), actor.get()).fetch_one(db).await?;
    Ok(Applied { vault_id: vault, seq: seq.try_into()?, value: () })
}

/// Lists the vaults of a user, by name.
///
/// # Errors
/// Only outages and defects.
pub async fn list(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<Vault>> {
    let rows = sqlx::query_as!(
        VaultRow,
        "SELECT v.id, v.name, m.role, v.head_seq, v.created_at, v.updated_at
         FROM vault_users m JOIN vaults v ON v.id = m.vault_id WHERE m.user_id = $1 ORDER BY v.name, v.id",
        user.get(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(VaultRow::vault).collect()
}

/// Finds a vault, as its member `user` sees it.
///
/// # Errors
/// NotFound for a non-member.
pub async fn find(db: impl PgExecutor<'_>, user: UserId, vault: VaultId) -> Result<Vault> {
    let row = sqlx::query_as!(
        VaultRow,
        "SELECT v.id, v.name, m.role, v.head_seq, v.created_at, v.updated_at
         FROM vault_users m JOIN vaults v ON v.id = m.vault_id WHERE m.user_id = $1 AND m.vault_id = $2",
        user.get(),
        vault.get(),
    )
    .fetch_one(db)
    .await?;
    row.vault()
}

/// Reads a member's role and the position of the log at which it holds, in one snapshot.
///
/// # Errors
/// NotFound for a non-member.
pub async fn membership(db: impl PgExecutor<'_>, user: UserId, vault: VaultId) -> Result<(Role, Seq)> {
    let row = sqlx::query!(
        "SELECT m.role, v.head_seq FROM vault_users m JOIN vaults v ON v.id = m.vault_id
         WHERE m.user_id = $1 AND m.vault_id = $2",
        user.get(),
        vault.get(),
    )
    .fetch_one(db)
    .await?;
    Ok((Role::from_stored(&row.role), row.head_seq.try_into()?))
}

/// Reads the position of the vault's newest event.
///
/// # Errors
/// NotFound.
pub async fn head(db: impl PgExecutor<'_>, vault: VaultId) -> Result<Seq> {
    let head = sqlx::query_scalar!("SELECT head_seq FROM vaults WHERE id = $1", vault.get()).fetch_one(db).await?;
    Ok(head.try_into()?)
}

struct AppendedRow {
    seq: i64,
    id: Uuid,
    name: String,
    created_at: chrono::DateTime<chrono::Utc>,
    updated_at: chrono::DateTime<chrono::Utc>,
}

impl AppendedRow {
    /// Only owners create or change vaults, and right after the change this event is the head.
    fn applied(self) -> Result<Applied<Vault>> {
        let (vault_id, seq) = (self.id.into(), self.seq.try_into()?);
        let value = Vault {
            id: vault_id,
            name: self.name,
            role: Role::Owner,
            head_seq: seq,
            created_at: self.created_at,
            updated_at: self.updated_at,
        };
        Ok(Applied { vault_id, seq, value })
    }
}

struct VaultRow {
    id: Uuid,
    name: String,
    role: String,
    head_seq: i64,
    created_at: chrono::DateTime<chrono::Utc>,
    updated_at: chrono::DateTime<chrono::Utc>,
}

impl VaultRow {
    fn vault(self) -> Result<Vault> {
        Ok(Vault {
            id: self.id.into(),
            name: self.name,
            role: Role::from_stored(&self.role),
            head_seq: self.head_seq.try_into()?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
