//! Mutations of vaults, members and sources: one function per command, called by the REST handlers and the sockets.
//!
//! A command runs its append, which commits the change with its event (I1), and only then marks the vault: for the
//! relay of this process, and for the notifier that informs the other nodes. A crash between the two delays the event
//! by a sweep (I8). The append itself checks the caller's role, with the vault locked.
//!
//! | module | what it does |
//! |---|---|
//! | `caller` | the user who calls a command, and the idempotency key |
//! | `source_input` | the data of a source, as clients send it |
//! | `commit_notifier` | announces committed events to the relays |
//! | `group_commit` | writes concurrent source mutations in shared transactions |
//! | `idempotency` | runs a repeated command once (I9) |
//! | `service` | [`Commands`], the commands themselves |

mod caller;
mod commit_notifier;
mod group_commit;
mod idempotency;
mod service;
mod source_input;

pub use caller::Caller;
pub use service::Commands;
pub use source_input::{NewSource, NewSourceBody, SourceChange, SourceChangeBody};
