//! An event of a vault's log as REST returns it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use syncscript_types::{Event, Seq};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::payload::EventPayload;

/// An event. The payload is passed on as stored, not parsed and written again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry<'a> {
    seq: Seq,
    event_id: Uuid,
    r#type: &'static str,
    payload: &'a RawValue,
    #[serde(serialize_with = "crate::domain::serialize_time")]
    created_at: DateTime<Utc>,
}

impl<'a> From<&'a Event> for LogEntry<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            seq: event.seq,
            event_id: event.event_id,
            r#type: event.kind.as_str(),
            payload: &event.payload,
            created_at: event.created_at,
        }
    }
}

// The schema of `LogEntry`.
/// An event of a vault's log.
#[derive(ToSchema)]
#[schema(as = LogEntry, rename_all = "camelCase")]
#[allow(dead_code)]
pub struct LogEntrySchema {
    seq: Seq,
    event_id: Uuid,
    created_at: DateTime<Utc>,
    #[serde(flatten)]
    payload: EventPayload,
}
