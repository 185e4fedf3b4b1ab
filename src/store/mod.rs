//! All SQL of the server, one file per concern. `outbox_worker::log` reads the log itself.
//!
//! Functions take an executor, so the caller owns the transaction. Every mutation is one call of an append function in
//! the database (decision 24): the change commits together with its event or not at all (I1, I2).

pub mod encrypted_sessions;
mod error;
pub mod history;
pub mod idempotency;
pub mod members;
mod migration;
pub mod secrets;
pub mod session_changes;
pub mod sessions;
pub mod source_writes;
pub mod sources;
pub mod users;
pub mod vaults;

pub use error::{Rejection, Result, StoreError};
pub use migration::{is_unavailable, migrate, ping};
