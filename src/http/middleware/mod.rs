//! The steps around every request. [`request_context`] is the middleware; it calls the other steps in order.

pub mod body_limit;
mod cors;
mod error_documents;
mod origin_check;
pub mod request_context;
mod security_headers;
mod socket_io;
mod timeout;

pub use error_documents::KeepErrorBody;
