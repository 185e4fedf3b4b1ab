//! What the database says, in our terms: refusals by their SQLSTATE or constraint name, outages, and defects.

use sqlx::error::DatabaseError;
use syncscript_types::OutOfRange;

/// A store function that did not succeed. Nothing was changed, except where an outage hides whether a commit arrived.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules of the product say no.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The database is away or overloaded; the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A defect: of the query, the schema, or the data.
    #[error("the query failed")]
    Internal(#[source] sqlx::Error),
}

/// Why the rules say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such vault, member or source, or none the actor may know of.
    NotFound,
    /// The actor's role does not allow it.
    Forbidden,
    /// It would leave a vault without owner.
    LastOwner,
    /// The source is at another version.
    VersionMismatch,
    /// No user has the address.
    UnknownEmail,
    /// A user has the address already.
    EmailTaken,
    /// The user is a member already.
    AlreadyMember,
    /// The log was compacted, and does not go back that far.
    Compacted,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let refusal = match &error {
            sqlx::Error::RowNotFound => Some(Refusal::NotFound),
            sqlx::Error::Database(database) => refusal(database.as_ref()),
            _ => None,
        };
        match refusal {
            Some(refusal) => Self::Refused(refusal),
            None if is_outage(&error) => Self::Unavailable(error),
            None => Self::Internal(error),
        }
    }
}

/// A stored number that its type does not allow: a defect of the data.
impl From<OutOfRange> for StoreError {
    fn from(error: OutOfRange) -> Self {
        Self::Internal(sqlx::Error::Decode(error.into()))
    }
}

impl Refusal {
    /// By the SQLSTATEs of `0002_append.sql`.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        match code {
            "SY404" => Some(Self::NotFound),
            "SY403" => Some(Self::Forbidden),
            "SY409" => Some(Self::LastOwner),
            "SY412" => Some(Self::VersionMismatch),
            "SY422" => Some(Self::UnknownEmail),
            _ => None,
        }
    }
}

/// The SQLSTATEs of our own, and the constraints a client can run into.
fn refusal(error: &dyn DatabaseError) -> Option<Refusal> {
    error.code().as_deref().and_then(Refusal::of_code).or_else(|| match error.constraint() {
        Some("vault_users_pkey") => Some(Refusal::AlreadyMember),
        Some("users_email_key") => Some(Refusal::EmailTaken),
        _ => None,
    })
}

pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // By class: connection exception, no resources, intervention by an operator; then a database that takes no
        // connections or is gone, and conflicts that a repetition resolves.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                || ["55000", "3D000", "40001", "40P01", "25006", "25P03"].contains(&code.as_ref())
        }),
        _ => false,
    }
}

/// A failed read of the log, as this crate's errors.
#[must_use]
pub fn log_error(error: outbox_worker::log::LogError) -> StoreError {
    match error {
        outbox_worker::log::LogError::Database(error) => error.into(),
        unknown => StoreError::Internal(sqlx::Error::Decode(unknown.into())),
    }
}
