//! The test harness: an application on its own database, its users, and the checks that every response must pass.

mod app;
mod database;
mod event;
mod openapi;
mod response;
mod rng;
mod team;
mod user;

pub use app::App;
pub use event::{Event, is_time};
pub use response::Response;
pub use rng::Rng;
pub use team::{Team, add_member, new_vault, source_path};
pub use user::{Client, PASSWORD, User};

/// A valid id that no row has.
pub const UNKNOWN_ID: &str = "00000000-0000-4000-8000-000000000000";
