//! The listener of a ceiling server.

use std::io::Write;

use anyhow::Result;
use tokio::net::TcpListener;

/// Listens on a free port of the loopback interface, and prints the address in the same form as the other targets.
///
/// # Errors
/// If the socket or standard output fails.
pub async fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    Ok(listener)
}
