//! The one error that leaves the inside of the server. Display is safe for clients; the cause is for the log alone.

use crate::domain::Invalid;
use crate::store::{Rejection, StoreError};

/// Why a request, over REST or a socket, was not done. Nothing of it was done, unless stated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// A field has a value that is not allowed.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// No session, or one that is over.
    #[error("Sign in first: POST /api/auth/login")]
    Unauthorized,
    /// Email or password is wrong; which one is not told.
    #[error("Email or password is wrong")]
    BadCredentials,
    /// The request came from a web page of another site.
    #[error("This origin is not allowed")]
    ForeignOrigin,
    /// The member's role does not suffice.
    #[error("Insufficient permissions")]
    Forbidden,
    /// It does not exist, or the caller may not know that it does.
    #[error("There is nothing here that you have access to")]
    NotFound,
    /// The method does not exist on this path.
    #[error("This method is not allowed here")]
    MethodNotAllowed,
    /// The body is over the limit.
    #[error("The body is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The body is not declared as JSON.
    #[error("Send the body as Content-Type: application/json")]
    NotJson,
    /// The body is declared neither as a form nor as JSON.
    #[error("Send the body as Content-Type: application/x-www-form-urlencoded or application/json")]
    NotForm,
    /// The last owner cannot go.
    #[error("A vault needs an owner: make someone else owner first")]
    LastOwner,
    /// A user has this address already.
    #[error("This email address is registered already")]
    EmailTaken,
    /// No user has this address.
    #[error("No user has this email address")]
    UnknownEmail,
    /// The user is a member already.
    #[error("This user is a member already")]
    AlreadyMember,
    /// The log was compacted.
    #[error("The log does not go back that far any more")]
    Compacted,
    /// The source changed since the version the caller has.
    #[error("The source has changed meanwhile: read it again")]
    VersionMismatch,
    /// The key was used for another request.
    #[error("This Idempotency-Key was used for another request: take a new one")]
    KeyReused,
    /// The first request with this key is still running.
    #[error("A request with this Idempotency-Key is still running: repeat it later")]
    KeyInFlight,
    /// Too many attempts to sign in.
    #[error("Too many attempts to sign in: try again in {retry_after_s} seconds")]
    TooManyAttempts {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The socket is in as many rooms as it may.
    #[error("Too many vaults on one connection: leave one first")]
    TooManyVaults,
    /// The request took too long.
    #[error("The request took too long; a change may or may not have been made")]
    Timeout,
    /// The client sends faster than it may.
    #[error("Too many requests: wait for answers before sending more")]
    RateLimited,
    /// The database is away. A mutation may or may not have been done.
    #[error("The service is not available for the moment; try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A defect of ours.
    #[error("Something went wrong on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The name of the error for programs; the same over REST and sockets.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "BAD_REQUEST",
            Self::Invalid(_) => "INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::BadCredentials => "BAD_CREDENTIALS",
            Self::ForeignOrigin => "FOREIGN_ORIGIN",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::NotJson => "NOT_JSON",
            Self::NotForm => "NOT_FORM",
            Self::LastOwner => "LAST_OWNER",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::UnknownEmail => "UNKNOWN_EMAIL",
            Self::AlreadyMember => "ALREADY_MEMBER",
            Self::Compacted => "COMPACTED",
            Self::VersionMismatch => "VERSION_MISMATCH",
            Self::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::KeyInFlight => "IDEMPOTENCY_KEY_IN_FLIGHT",
            Self::TooManyAttempts { .. } => "TOO_MANY_ATTEMPTS",
            Self::TooManyVaults => "TOO_MANY_VAULTS",
            Self::Timeout => "TIMEOUT",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(rejection) => match rejection {
                Rejection::NotFound => Self::NotFound,
                Rejection::Forbidden => Self::Forbidden,
                Rejection::LastOwner => Self::LastOwner,
                Rejection::VersionMismatch => Self::VersionMismatch,
                Rejection::UnknownEmail => Self::UnknownEmail,
                Rejection::EmailTaken => Self::EmailTaken,
                Rejection::AlreadyMember => Self::AlreadyMember,
                Rejection::Compacted => Self::Compacted,
            },
            StoreError::Unavailable(cause) => Self::Unavailable(cause.into()),
            StoreError::Internal(cause) => Self::Internal(cause.into()),
        }
    }
}
