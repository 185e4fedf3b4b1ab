//! Tests the REST contract over real HTTP. Every test starts the real application on its own database.
//!
//! `DATABASE_URL` names a Postgres server on which the role may create databases. The tests share nothing and sleep for
//! no fixed time, so they run in parallel.

mod harness;

mod auth;
mod bodies;
mod concurrency;
mod contract;
mod events;
mod folding;
mod group_commit;
mod members;
mod origins;
mod paging;
mod preconditions;
mod protocol;
mod roles;
mod sessions;
mod sources;
mod vaults;
