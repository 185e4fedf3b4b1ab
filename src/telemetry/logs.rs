//! Logs. They go to stderr, since stdout is for the output of commands.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts logging, in JSON or in human-readable lines. Call it once per process.
///
/// # Errors
/// The filter is invalid.
pub fn init(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("SYNCSCRIPT_LOG is not a filter such as info or syncscript=debug: {error}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if json {
        subscriber.json().flatten_event(true).with_span_list(false).init();
    } else {
        subscriber.with_ansi(io::stderr().is_terminal()).init();
    }
    Ok(())
}
