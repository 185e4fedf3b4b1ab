//! The domain: what vaults, members and sources are, and the rules for input. It depends on no database, web framework
//! or async runtime. Ids, positions and events come from `syncscript_types`.

mod input;
mod model;
pub mod payload;
mod role;
mod schema;

pub use input::{Email, FileUrl, IdempotencyKey, InvalidField, MemberName, Password, SourceTitle, VaultName};
pub use model::{Applied, Member, Session, Source, User, Vault, serialize_time};
pub use role::Role;
