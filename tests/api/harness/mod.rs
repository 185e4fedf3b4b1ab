//! What all tests share: an application on its own database, its users, and the checks that every answer must pass.

mod answer;
mod app;
mod database;
mod documented;
mod rng;
mod team;
mod user;

pub use answer::{Answer, Event, is_time};
pub use app::App;
pub use rng::Rng;
pub use team::{Team, add_member, new_vault, source_path};
pub use user::{Client, PASSWORD, User};

/// An id that nothing has.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
