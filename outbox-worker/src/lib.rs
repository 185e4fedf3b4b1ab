//! The relay: tails the outbox of a Postgres database and hands each vault's events, in order, to its subscribers.
//!
//! The outbox row is the whole contract: this crate knows nothing of the server that writes the rows (I1: a row is
//! seen only once committed) or of the sockets that receive them ([`feed::Subscriber`]).
//!
//! | module | what it does |
//! |---|---|
//! | [`log`] | reads rows: the only SQL on the outbox outside the append functions |
//! | [`wake`] | collects "this vault has news" |
//! | [`notify`] | tells other processes, by coalesced NOTIFY |
//! | [`listen`] | hears from other processes, by LISTEN |
//! | [`feed`] | per vault: the position emitted, the members, joining without hole or double (I3, I4) |
//! | [`relay`] | the loop: wake or sweep, read, emit |
//! | [`replay`] | sends stored events again, where operators ask for it |
//! | [`node`] | reports this node to operators |
//! | [`metric`] | what is counted and measured |
//! | [`retry`] | waits longer after each failure |
//! | [`shell`], [`version`] | what packages and operators want of both programs |
//!
//! On failure: a lost notification or a lost LISTEN connection costs one sweep interval (I8); a lost database
//! connection is retried with backoff and then read on from the position emitted, so nothing is skipped.
//! Not done here: who may subscribe, and anything that writes events.

pub mod commands;
pub mod db;
pub mod feed;
pub mod listen;
pub mod log;
pub mod metric;
pub mod node;
pub mod notify;
pub mod relay;
pub mod replay;
pub mod retry;
pub mod shell;
pub mod version;
pub mod wake;

pub use db::Db;
pub use feed::{Delivery, Entry, Feeds, Joining, Subscriber};
pub use relay::{Relay, RelaySettings};
pub use wake::Wake;
