//! Members of vaults.

use sqlx::PgExecutor;
use syncscript_types::{UserId, VaultId};

use super::error::Result;
use crate::domain::{Applied, Email, Member, Role};

/// Lists the members, owners first.
///
/// # Errors
/// Only outages and defects. An unknown vault has no members.
pub async fn list(db: impl PgExecutor<'_>, vault: VaultId) -> Result<Vec<Member>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT NULL::bigint AS seq, m.user_id, m.role, m.created_at, u.name, u.email
           FROM vault_users m JOIN users u ON u.id = m.user_id WHERE m.vault_id = $1
           ORDER BY m.role = 'owner' DESC, u.name, u.id"#,
        vault.get(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::member).collect())
}

/// Adds the user with this email address as a member.
///
/// # Errors
/// NotFound, Forbidden, UnknownEmail, AlreadyMember.
pub async fn add(
    db: impl PgExecutor<'_>,
    actor: UserId,
    vault: VaultId,
    email: &Email,
    role: Role,
) -> Result<Applied<Member>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.seq, (f.member).user_id AS "user_id!", (f.member).role AS "role!",
                  (f.member).created_at AS "created_at!", f.name AS "name!", f.email AS "email!"
           FROM member_add($1, $2, $3, $4) f"#,
        vault.get(),
        actor.get(),
        email.as_str(),
        role.as_str(),
    )
    .fetch_one(db)
    .await?;
    row.applied(vault)
}

/// Changes a member's role.
///
/// # Errors
/// NotFound, Forbidden, LastOwner.
pub async fn update(
    db: impl PgExecutor<'_>,
    actor: UserId,
    vault: VaultId,
    user: UserId,
    role: Role,
) -> Result<Applied<Member>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.seq, (f.member).user_id AS "user_id!", (f.member).role AS "role!",
                  (f.member).created_at AS "created_at!", f.name AS "name!", f.email AS "email!"
           FROM member_update($1, $2, $3, $4) f"#,
        vault.get(),
        actor.get(),
        user.get(),
        role.as_str(),
    )
    .fetch_one(db)
    .await?;
    row.applied(vault)
}

/// Removes a member.
///
/// # Errors
/// NotFound, Forbidden (except that every member may leave), LastOwner.
pub async fn remove(db: impl PgExecutor<'_>, actor: UserId, vault: VaultId, user: UserId) -> Result<Applied<()>> {
    let seq =
        sqlx::query_scalar!(r#"SELECT member_remove($1, $2, $3) AS "seq!""#, vault.get(), actor.get(), user.get())
            .fetch_one(db)
            .await?;
    Ok(Applied { vault_id: vault, seq: seq.try_into()?, value: () })
}

struct Row {
    seq: Option<i64>,
    user_id: uuid::Uuid,
    role: String,
    created_at: chrono::DateTime<chrono::Utc>,
    name: String,
    email: String,
}

impl Row {
    fn member(self) -> Member {
        Member {
            user_id: self.user_id.into(),
            name: self.name,
            email: self.email,
            role: Role::from_stored(&self.role),
            created_at: self.created_at,
        }
    }

    fn applied(self, vault_id: VaultId) -> Result<Applied<Member>> {
        let seq = self.seq.unwrap_or_default().try_into()?;
        Ok(Applied { vault_id, seq, value: self.member() })
    }
}
