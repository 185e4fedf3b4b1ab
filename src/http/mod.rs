//! The REST interface: routes, extractors, responses and the HTTP server.
//!
//! There is no SQL here and no rule about who may do what: the append decides that, with the vault locked.
//!
//! | Module | Contents |
//! |---|---|
//! | [`server`] | the HTTP server: workers, timeouts, websocket upgrades |
//! | [`state`] | what handlers share |
//! | [`routes`] | one file per resource |
//! | [`middleware`] | request id, origin check, CORS, security headers, timeout, body limit |
//! | `extract` | the caller of a request, JSON bodies |
//! | `preconditions` | the If-Match check |
//! | `problem` | errors as `application/problem+json` |
//! | [`openapi`] | the OpenAPI document |

mod client_address;
mod cookies;
mod extract;
mod log_entry;
pub mod middleware;
pub mod openapi;
mod paging;
mod preconditions;
mod problem;
pub mod routes;
pub mod server;
mod session;
pub mod state;
mod static_file;
mod vault_seq;
