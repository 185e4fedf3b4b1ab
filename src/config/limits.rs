//! The limits of `serve`. Each limit protects all users from one user. The defaults suit people and scripts.

use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;

/// Limits, each a flag and an environment variable.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Lifetime of a session, in seconds
    #[arg(long, env = "SYNCSCRIPT_SESSION_LIFETIME_S", default_value = "2592000")]
    pub session_lifetime_s: NonZeroU32,
    /// How long the response to a request with an Idempotency-Key is kept for repeated requests, in seconds
    #[arg(long, env = "SYNCSCRIPT_IDEMPOTENCY_LIFETIME_S", default_value = "86400")]
    pub idempotency_lifetime_s: NonZeroU32,
    /// Maximum number of events that a join catches up with; a client that missed more must reload the vault
    #[arg(long, env = "SYNCSCRIPT_BACKLOG_LIMIT", default_value = "10000", value_parser = clap::value_parser!(i64).range(0..))]
    pub backlog_limit: i64,
    /// Closes a connection that reads no data for this many milliseconds, so that its client reconnects and resumes
    #[arg(long, env = "SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS", default_value = "10000")]
    pub write_stall_timeout_ms: NonZeroU64,
    /// Events per second that one socket may send, on average
    #[arg(long, env = "SYNCSCRIPT_SOCKET_RATE", default_value = "50")]
    pub socket_rate: NonZeroU32,
    /// Events that one socket may send in a burst
    #[arg(long, env = "SYNCSCRIPT_SOCKET_BURST", default_value = "200")]
    pub socket_burst: NonZeroU32,
    /// Maximum number of open sockets per user on one node
    #[arg(long, env = "SYNCSCRIPT_SOCKETS_PER_USER", default_value = "100")]
    pub sockets_per_user: NonZeroU32,
    /// Maximum number of vaults per socket
    #[arg(long, env = "SYNCSCRIPT_VAULTS_PER_SOCKET", default_value = "100")]
    pub vaults_per_socket: NonZeroU32,
    /// Failed sign-ins per minute to one account; also the burst
    #[arg(long, env = "SYNCSCRIPT_LOGIN_RATE_ACCOUNT", default_value = "10")]
    pub login_rate_account: NonZeroU32,
    /// Failed sign-ins and registrations per minute from one IP address; also the burst
    #[arg(long, env = "SYNCSCRIPT_LOGIN_RATE_ADDRESS", default_value = "100")]
    pub login_rate_address: NonZeroU32,
    /// Takes the client's IP address from the last entry of X-Forwarded-For; use it only behind a proxy that sets it
    #[arg(long, env = "SYNCSCRIPT_TRUST_PROXY", default_value_t = false, action = clap::ArgAction::Set)]
    pub trust_proxy: bool,
    /// Answers 503 to a REST request that takes longer than this many milliseconds
    #[arg(long, env = "SYNCSCRIPT_REQUEST_TIMEOUT_MS", default_value = "30000")]
    pub request_timeout_ms: NonZeroU64,
    /// Closes an HTTP connection after this many milliseconds without a request
    #[arg(long, env = "SYNCSCRIPT_IDLE_TIMEOUT_MS", default_value = "75000")]
    pub idle_timeout_ms: NonZeroU64,
}
