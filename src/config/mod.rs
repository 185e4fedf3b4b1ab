//! Settings, by flag or environment variable. Every setting but the database has a default that works.
//!
//! The types for clap stay here. `app` converts them to the plain settings of each part.

mod cli;
mod database;
mod limits;
mod origins;
mod serve;

pub use cli::{Cli, Command, LogFormat, parse};
pub use database::database_options;
pub use limits::LimitArgs;
pub use serve::{CookieSameSite, ServeArgs};
