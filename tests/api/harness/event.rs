//! The outbox, as the tests read it.

use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::user::User;

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Event {
    pub vault_id: String,
    pub seq: i64,
    pub event_id: String,
    pub kind: String,
    pub payload: Value,
    pub actor_id: String,
    /// In the format of payloads.
    pub created_at: String,
}

impl Event {
    /// Reads the whole outbox.
    pub async fn all(db: &PgPool) -> Vec<Self> {
        let rows = sqlx::query_as(
            r#"SELECT vault_id::text, seq, event_id::text, type AS kind, payload, actor_id::text,
                      to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
               FROM outbox ORDER BY vault_id, seq"#,
        );
        rows.fetch_all(db).await.expect("the outbox")
    }

    /// Reads the events of one vault, in order.
    pub async fn of(db: &PgPool, vault: &str) -> Vec<Self> {
        let mut events = Self::all(db).await;
        events.retain(|event| event.vault_id == vault);
        events
    }

    /// Asserts that the fields of every payload agree with the row, and name this user as the actor.
    pub fn assert_envelope(&self, by: &User) {
        assert_eq!(self.actor_id, by.id, "{self:?}");
        assert_eq!(self.payload["actor"]["userId"], json!(by.id), "{self:?}");
        assert_eq!(self.payload["actor"]["userName"], json!(by.name), "{self:?}");
        assert_eq!(self.payload["seq"], json!(self.seq), "{self:?}");
        assert_eq!(self.payload["eventId"], json!(self.event_id), "{self:?}");
        assert_eq!(self.payload["timestamp"], json!(self.created_at), "{self:?}");
        assert!(is_time(&self.payload["timestamp"]), "{self:?}");
    }

    /// Asserts that the payload is exactly these fields, an actor with this role, and the envelope.
    pub fn assert_payload(&self, by: &User, role: &str, fields: Value) {
        let mut expected = fields;
        expected["actor"] = json!({ "userId": by.id, "userName": by.name, "role": role });
        expected["timestamp"] = json!(self.created_at);
        expected["seq"] = json!(self.seq);
        expected["eventId"] = json!(self.event_id);
        assert_eq!(self.payload, expected);
    }
}

/// Whether the value is an RFC 3339 time in UTC with milliseconds: `2026-01-31T09:30:00.123Z`.
pub fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()
}
