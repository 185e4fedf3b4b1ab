//! Ceilings of delivery: servers without users and without a database. They answer the same requests with the same bytes, so
//! that the same clients can measure them.

mod event;
mod listener;
mod socketioxide;
mod tcp;

use anyhow::{Result, bail};

use crate::target::Target;

/// Prints the address and serves until the process is killed.
///
/// # Errors
/// If the target is not a ceiling, or if the server fails.
pub async fn serve(target: Target) -> Result<()> {
    match target {
        Target::BareSocketioxide => socketioxide::serve().await,
        Target::BareTcp => tcp::serve().await,
        _ => bail!("{} is not a ceiling", target.name()),
    }
}
