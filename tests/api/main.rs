//! The REST contract, tested over real HTTP against the real application: every test starts one on its own database.
//!
//! `DATABASE_URL` names a Postgres on which the role may create databases. No test waits by sleeping, and none knows
//! of another, so they run in parallel.

mod harness;

mod auth;
mod bodies;
mod concurrency;
mod contract;
mod events;
mod folding;
mod members;
mod origins;
mod paging;
mod preconditions;
mod protocol;
mod roles;
mod sessions;
mod sources;
mod together;
mod vaults;
