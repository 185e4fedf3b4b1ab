//! Users and their password hashes.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::error::Result;
use crate::domain::{Email, MemberName, User};

/// Creates a user.
///
/// # Errors
/// EmailTaken. The comparison ignores case.
pub async fn insert(db: impl PgExecutor<'_>, email: &Email, name: &MemberName, password_hash: &str) -> Result<User> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4)",
        id,
        email.as_str(),
        name.as_str(),
        password_hash
    )
    .execute(db)
    .await?;
    Ok(User { id: id.into(), name: name.as_str().to_owned(), email: email.as_str().to_owned() })
}

/// Finds the user with this email address, and the hash of the password.
///
/// # Errors
/// Only outages and defects.
pub async fn find_by_email(db: impl PgExecutor<'_>, email: &str) -> Result<Option<(User, String)>> {
    let row = sqlx::query!("SELECT id, name, email, password_hash FROM users WHERE lower(email) = lower($1)", email)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| (User { id: row.id.into(), name: row.name, email: row.email }, row.password_hash)))
}
