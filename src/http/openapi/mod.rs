//! The REST interface as an OpenAPI 3.1 document.

mod document;
mod operation_problems;
mod security;
mod shared_responses;

pub use document::DOCUMENT;
