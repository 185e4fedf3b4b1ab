//! The limits of this module as plain values.

use std::time::Duration;

use crate::rate_limit::Rate;

/// Largest message that a client may send, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Limits that the operator can set.
#[derive(Debug, Clone, Copy)]
pub struct RealtimeLimits {
    /// How long a connection may go without reading data before it is closed.
    pub write_stall: Duration,
    /// Maximum number of events that one join sends from the log.
    pub backlog: i64,
    /// How fast one socket may send events.
    pub socket_rate: Rate,
    /// Maximum number of sockets of one user on this node.
    pub sockets_per_user: usize,
    /// Maximum number of vaults that one socket may be in.
    pub vaults_per_socket: usize,
}
