//! The limit on request bodies. `routes` configures it for the extractors; a larger body gives `TOO_LARGE`.

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
