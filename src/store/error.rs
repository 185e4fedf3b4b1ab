//! Database errors in this crate's terms: rejections (by SQLSTATE or constraint name), outages and defects.

use outbox_worker::log::LogError;
use sqlx::error::DatabaseError;
use syncscript_types::OutOfRange;

/// The result of every store function.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a store function failed. The function changed nothing, except that an outage may hide whether a commit arrived.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The product's rules do not allow the operation.
    #[error("rejected: {0:?}")]
    Rejected(Rejection),
    /// The database is unreachable or overloaded; the same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A defect in the query, the schema or the data.
    #[error("the query failed")]
    Internal(#[source] sqlx::Error),
}

/// Why the product's rules do not allow an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The vault, member or source does not exist, or the actor has no access to it.
    NotFound,
    /// The actor's role does not allow it.
    Forbidden,
    /// The vault would be left without an owner.
    LastOwner,
    /// The source is not at the expected version.
    VersionMismatch,
    /// No user has this email address.
    UnknownEmail,
    /// Another user has this email address.
    EmailTaken,
    /// The user is already a member.
    AlreadyMember,
    /// The log was compacted and no longer goes back that far.
    Compacted,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let rejection = match &error {
            sqlx::Error::RowNotFound => Some(Rejection::NotFound),
            sqlx::Error::Database(database) => Rejection::from_database(database.as_ref()),
            _ => None,
        };
        match rejection {
            Some(rejection) => Self::Rejected(rejection),
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

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => error.into(),
            unknown => Self::Internal(sqlx::Error::Decode(unknown.into())),
        }
    }
}

impl Rejection {
    /// Maps the SQLSTATEs of `migrations/0002_append.sql`.
    pub(super) fn from_sqlstate(code: &str) -> Option<Self> {
        match code {
            "SY404" => Some(Self::NotFound),
            "SY403" => Some(Self::Forbidden),
            "SY409" => Some(Self::LastOwner),
            "SY412" => Some(Self::VersionMismatch),
            "SY422" => Some(Self::UnknownEmail),
            _ => None,
        }
    }

    /// Maps this project's own SQLSTATEs, and the constraints that a client can violate.
    fn from_database(error: &dyn DatabaseError) -> Option<Self> {
        error.code().as_deref().and_then(Self::from_sqlstate).or_else(|| match error.constraint() {
            Some("vault_users_pkey") => Some(Self::AlreadyMember),
            Some("users_email_key") => Some(Self::EmailTaken),
            _ => None,
        })
    }
}

pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Classes: connection exception, insufficient resources, operator intervention. Codes: a database that accepts
        // no connections or was dropped, and conflicts that a retry resolves.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                || ["55000", "3D000", "40001", "40P01", "25006", "25P03"].contains(&code.as_ref())
        }),
        _ => false,
    }
}
