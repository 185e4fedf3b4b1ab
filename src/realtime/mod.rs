//! Socket.IO on the same port as REST: rooms that the relay feeds, and commands shared with REST.
//!
//! Imports go down this list, never up:
//!
//! | module | what it does |
//! |---|---|
//! | `limits` | the limits as plain values |
//! | `wire` | the messages that are not events of the log |
//! | [`asyncapi`] | the AsyncAPI document |
//! | `connections` | the kill switch of each connection; blocked sessions |
//! | `guarded_stream` | the byte stream under a websocket: closes slow readers, obeys the kill switch |
//! | `emit` | puts one message into a socket's buffer |
//! | `roster` | the connected sockets and their sessions |
//! | `session_watch` | closes sockets whose session ends (I6) |
//! | `socket_session` | one socket's queue of tasks |
//! | `receive` | queues what a client sends, or rejects it |
//! | `member` | a socket in a vault's room: takes events, falls behind, is removed (I5, I6) |
//! | `slow_reader` | sends at the pace of the socket, and closes a socket that reads no data (I5) |
//! | `backlog` | sends the part of the log that a joining socket lacks (I4) |
//! | `join` | takes a socket from the log into the room, without gap or duplicate (I3, I4) |
//! | `handlers` | what each client event does |
//! | `connect` | authenticates connections |
//! | `engine` | sets up the Socket.IO engine; [`Realtime`], the public interface |
//! | [`bridge`] | hands websocket connections from the HTTP server to the engine |
//! | [`polling`] | hands long-polling requests from the HTTP server to the engine |
//!
//! A room is the membership of a vault's feed. The engine's own rooms are not used: their broadcast reports failed
//! sends without the socket that failed, so a slow reader would miss an event unnoticed (I5).

pub mod asyncapi;
mod backlog;
pub mod bridge;
mod connect;
mod connections;
mod emit;
mod engine;
mod guarded_stream;
mod handlers;
mod join;
mod limits;
mod member;
pub mod polling;
mod receive;
mod roster;
mod session_watch;
mod slow_reader;
mod socket_session;
mod wire;

pub use engine::Realtime;
pub use limits::RealtimeLimits;
