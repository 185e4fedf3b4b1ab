//! The types that every part of SyncScript shares: ids, positions in a log, and the events of a log.
//!
//! This crate depends on no database, web framework or async runtime, so that the relay and the server can agree on
//! these types without sharing anything else.
//!
//! | type | what it is |
//! |---|---|
//! | [`VaultId`], [`UserId`], [`SourceId`] | UUIDs that cannot be confused with each other |
//! | [`Seq`] | a position in one vault's log; never negative |
//! | [`Version`] | how many times a source was written; never below 1 |
//! | [`Event`], [`EventType`] | one row of a log, and the closed set of event types |
//! | [`Revocation`] | why a user lost access to a vault |
//!
//! All ids and numbers come from one macro. Their fields are private, and every way to construct one (the constructor,
//! `TryFrom`, deserialization) rejects an invalid value with [`OutOfRange`]:
//!
//! ```
//! use syncscript_types::{Seq, Version};
//!
//! let head = Seq::new(41)?;
//! assert_eq!(head.next().get(), 42);
//! assert!(Seq::new(-1).is_err());
//! assert!(serde_json::from_str::<Version>("0").is_err());
//! # Ok::<(), syncscript_types::OutOfRange>(())
//! ```
//!
//! Feature `schemas`: implements `schemars::JsonSchema` and `utoipa::ToSchema`.

mod event;
mod event_type;
mod ids;
mod newtype;
mod revocation;
mod seq;
mod version;

pub use event::Event;
pub use event_type::{EventType, UnknownEventType};
pub use ids::{SourceId, UserId, VaultId};
pub use newtype::OutOfRange;
pub use revocation::Revocation;
pub use seq::Seq;
pub use version::Version;
