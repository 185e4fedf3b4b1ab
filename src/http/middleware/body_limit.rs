//! The limit on request bodies. JSON and form extractors apply it; a larger body gives `TOO_LARGE`.

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
