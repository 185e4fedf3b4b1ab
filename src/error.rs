//! The error that REST handlers and sockets return. Its Display is safe for clients; only the log shows the cause.

use crate::domain::InvalidField;
use crate::store::{Rejection, StoreError};

/// Why a request over REST or a socket failed. The request changed nothing, unless stated otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is malformed.
    #[error("{0}")]
    BadRequest(String),
    /// A field has an invalid value.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no session, or it has expired.
    #[error("Sign in first: POST /api/auth/login")]
    Unauthorized,
    /// Email or password is wrong. The error does not reveal which one.
    #[error("Email or password is wrong")]
    BadCredentials,
    /// The request comes from a web page of an origin that is not allowed.
    #[error("This origin is not allowed")]
    ForeignOrigin,
    /// The member's role does not allow the request.
    #[error("Insufficient permissions")]
    Forbidden,
    /// The resource does not exist, or the caller has no access to it.
    #[error("Not found")]
    NotFound,
    /// The path does not support the method.
    #[error("This path does not support the method")]
    MethodNotAllowed,
    /// The body exceeds the limit.
    #[error("The body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is not declared as JSON.
    #[error("Send the body as Content-Type: application/json")]
    NotJson,
    /// The body is declared neither as a form nor as JSON.
    #[error("Send the body as Content-Type: application/x-www-form-urlencoded or application/json")]
    NotForm,
    /// The last owner cannot leave, be removed or be demoted.
    #[error("A vault needs an owner: make another member an owner first")]
    LastOwner,
    /// Another user has this email address.
    #[error("This email address is already registered")]
    EmailTaken,
    /// No user has this email address.
    #[error("No user has this email address")]
    UnknownEmail,
    /// The user is already a member.
    #[error("This user is already a member")]
    AlreadyMember,
    /// The log was compacted and no longer goes back that far.
    #[error("The log no longer goes back that far")]
    Compacted,
    /// The source is not at the version that the caller expects.
    #[error("The source has changed: read it again")]
    VersionMismatch,
    /// The idempotency key was used for a different request.
    #[error("This Idempotency-Key was used for a different request: use a new one")]
    KeyReused,
    /// The first request with this idempotency key is still running.
    #[error("A request with this Idempotency-Key is still running: retry later")]
    KeyInFlight,
    /// Too many attempts to sign in or register.
    #[error("Too many sign-in attempts: try again in {retry_after_s} seconds")]
    TooManyAttempts {
        /// The time to wait, in seconds.
        retry_after_s: u64,
    },
    /// The socket has joined the maximum number of vaults.
    #[error("Too many vaults on one connection: leave one first")]
    TooManyVaults,
    /// The request took too long. A change may or may not have been made.
    #[error("The request took too long; a change may or may not have been made")]
    Timeout,
    /// The client exceeds its rate limit.
    #[error("Too many requests: wait for responses before sending more")]
    RateLimited,
    /// The database is unavailable. A change may or may not have been made.
    #[error("The service is temporarily unavailable: try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A defect in the server.
    #[error("Internal server error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The error code for programs, equal over REST and sockets.
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
