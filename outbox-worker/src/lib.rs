//! The relay of SyncScript: tails the outbox of a Postgres database, and delivers each vault's events to its subscribers
//! in order.
//!
//! The outbox row is the whole contract. This crate does not depend on the server that writes the rows, nor on the
//! sockets that receive them: it reads a row only once it is committed (I1), and delivers to any [`Subscriber`].
//!
//! # Invariants
//!
//! - I1: an event reaches a subscriber only if its row is committed.
//! - I3: a subscriber receives ascending, contiguous seqs from its join on, each once.
//! - I4: a subscriber that joins with its last position receives every event after it, before the live ones.
//! - I5: a subscriber without room leaves the feed at that event and catches up; no event is dropped silently.
//! - I8: notifications are hints. A lost one costs latency, never an event.
//!
//! # Parts
//!
//! ```text
//! commit ──▶ WakeSignal ──▶ Relay ──▶ Feeds ──▶ Feed ──▶ Subscriber
//!   │            ▲            │ reads after each feed's position
//!   │         listener        ▼
//!   └▶ notifier ─NOTIFY─▶  outbox
//! ```
//!
//! | item | what it does |
//! |---|---|
//! | [`Relay`] | the loop: waits for a mark or the sweep, reads, emits |
//! | [`WakeSignal`] | collects the vaults that may have new events |
//! | [`Feeds`], [`Feed`] | per vault: the position emitted on this node, the members, and joining (I3, I4) |
//! | [`Subscriber`] | a receiver of one vault's events |
//! | [`log`] | reads rows: the only SQL on the outbox outside the append functions |
//! | [`sweep`] | finds events that no notification announced |
//! | [`notifier`] | sends coalesced NOTIFYs to other processes |
//! | [`listener`] | receives NOTIFYs from other processes |
//! | [`replay`] | sends stored events again when an operator requests it |
//! | [`heartbeat`] | shows this node to operators |
//! | [`Db`] | the connection pool |
//! | [`retry`] | retries with growing delays |
//! | [`version`] | version and commit of the build |
//!
//! [`Feeds`] has a complete example of a subscriber and its join; [`Relay`] shows how to start the loop. The server's
//! `src/realtime/join.rs` is the production version of the join.
//!
//! # On failure
//!
//! A lost notification or LISTEN connection costs one sweep interval (I8). A lost database connection is retried with
//! backoff; the relay then continues after the position emitted, so it skips nothing.
//!
//! # Not done here
//!
//! Deciding who may subscribe, and writing events.
//!
//! # Features
//!
//! - `cli` (default): the operator's program `outbox-worker`. The library does not need it: depend on this crate with
//!   `default-features = false`.
//! - `packaging`: shell completions and man pages for a program that uses clap.

mod db;
mod feed;
mod feeds;
pub mod heartbeat;
mod lag;
pub mod listener;
pub mod log;
mod metrics;
pub mod notifier;
#[cfg(feature = "packaging")]
pub mod packaging;
mod relay;
pub mod replay;
pub mod retry;
mod subscriber;
pub mod sweep;
pub mod version;
mod wake;

pub use db::{Db, Lease, with_query_timeout};
pub use feed::{Admission, Feed, LogGap};
pub use feeds::{Feeds, PendingJoin};
pub use lag::RelayLag;
pub use relay::{Relay, RelaySettings};
pub use subscriber::{Delivery, Subscriber};
pub use wake::{PendingVaults, WakeSignal};
