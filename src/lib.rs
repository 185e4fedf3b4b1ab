//! SyncScript: shared lists of sources, updated live.
//!
//! A vault is a list of sources with members. A change, made over REST or a socket, and its event are written in one
//! transaction. The relay of every node reads the event from the log and sends it to each socket in the vault's room, in
//! order and without gaps. A client that lost its connection resumes after the last event it has.
//!
//! This crate is the server. It is a library so that tests run the same [`Application`](app::Application) as the
//! program.
//!
//! # Parts, in the order of their dependencies
//!
//! | Part | Contents |
//! |---|---|
//! | `syncscript-types` | ids, positions, versions and events; a crate without database, web or runtime |
//! | `outbox-worker` | the relay: log, feeds, NOTIFY and LISTEN, the sweep; a crate that does not depend on the server |
//! | [`domain`] | names, roles, and the rules for what clients send |
//! | [`store`] | the server's SQL |
//! | [`error`] | the one error that clients see |
//! | [`rate_limit`], [`origin`] | token buckets; the web origins that may act for a user |
//! | [`auth`] | passwords, sessions and cookies, including those of Auth.js |
//! | [`commands`] | the mutations that REST and sockets share: idempotency keys and group commit |
//! | [`realtime`] | Socket.IO: connections, rooms, joins and catch-up, and closing slow readers |
//! | [`http`] | REST: routes, middleware, problem documents and the OpenAPI document |
//! | [`config`], [`settings`] | flags and environment variables, and the plain settings of each part |
//! | [`telemetry`], [`tasks`], [`migration`], [`seed`] | logs and metrics, background tasks, migration at startup, demo data |
//! | [`app`] | wiring, start and stop |
//!
//! # Where to start
//!
//! To follow one mutation, read `http/routes/sources.rs`, [`commands`] and [`store::source_writes`], and then the relay in
//! `outbox-worker`. To follow one join, read [`realtime`]. `docs/ARCHITECTURE.md` walks through both, and through a crash.

pub mod app;
pub mod auth;
pub mod commands;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod migration;
pub mod origin;
pub mod rate_limit;
pub mod realtime;
pub mod seed;
pub mod settings;
pub mod store;
pub mod tasks;
pub mod telemetry;
