//! Distinguishes Socket.IO's long-polling requests, which have their own rules, from REST requests.

use crate::realtime::bridge::PATH;

/// Returns whether the path belongs to Socket.IO.
pub fn is_socket_io(path: &str) -> bool {
    path.starts_with(PATH)
}
