//! SyncScript: shared sources, live. REST mutations reach every live vault member over Socket.IO, through an outbox.
//!
//! [`app`] puts the parts together; `docs/ARCHITECTURE.md` walks through one mutation, one join and one crash.

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
pub mod store;
pub mod tasks;
pub mod telemetry;
