//! What the product is about, without database, web or runtime: names, roles, and the rules for what clients send.

mod input;
mod model;
pub mod payload;
mod role;
mod schema;

pub use input::{Email, FileUrl, IdempotencyKey, Invalid, MemberName, Password, SourceTitle, VaultName};
pub use model::{Applied, Member, Session, Source, User, Vault, serialize_time};
pub use role::Role;
