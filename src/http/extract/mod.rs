//! Extractors: what handlers take from a request. Each rejects a bad request with one clear error.

pub mod caller;
pub mod errors;
pub mod json_object;
