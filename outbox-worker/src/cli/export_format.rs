//! The format that `export` writes and `import` reads: one event per line, vault by vault in order.
//!
//! The last line holds the number of events and a SHA-256 over the lines before it, so that `import` recognises a file
//! that was truncated or edited.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// One event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportEvent {
    /// The vault.
    pub vault_id: Uuid,
    /// The position in the vault's log.
    pub seq: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The event's type.
    pub r#type: String,
    /// The event's payload.
    pub payload: Box<RawValue>,
    /// Who made the change.
    pub actor_id: Uuid,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTrailer {
    /// The totals.
    pub end: ExportTotals,
}

/// The totals over the lines before the last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportTotals {
    /// The number of lines.
    pub events: u64,
    /// The SHA-256 over those lines with their line ends, in hexadecimal.
    pub sha256: String,
}

/// Returns the bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
