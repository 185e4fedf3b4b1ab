//! What came back, and what was written.

use std::fmt;

use chrono::DateTime;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::User;

/// An answer that was read to its end. Displays as the request and what came of it.
pub struct Answer {
    request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request that can be sent");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let name = format!("{method} {}", request.url());
        let response = client.execute(request).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let answer = Self { request: name, status, headers, text };
        super::documented::check(&method, &path, &answer);
        answer
    }

    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The body; of a success it must say that it is JSON.
    pub fn json(&self) -> Value {
        if self.status.is_success() {
            assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self} is no JSON: {error}"))
    }

    /// The header, which must not come twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().expect("a header of text"));
        assert!(values.next().is_none(), "{self} has {name} twice");
        value
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.request, self.status, self.text)
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Event {
    pub vault_id: String,
    pub seq: i64,
    pub event_id: String,
    pub kind: String,
    pub payload: Value,
    pub actor_id: String,
    /// As in payloads.
    pub created_at: String,
}

impl Event {
    /// The whole outbox.
    pub async fn all(db: &PgPool) -> Vec<Self> {
        let rows = sqlx::query_as(
            r#"SELECT vault_id::text, seq, event_id::text, type AS kind, payload, actor_id::text,
                      to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
               FROM outbox ORDER BY vault_id, seq"#,
        );
        rows.fetch_all(db).await.expect("the outbox")
    }

    /// The events of one vault, in order.
    pub async fn of(db: &PgPool, vault: &str) -> Vec<Self> {
        let mut events = Self::all(db).await;
        events.retain(|event| event.vault_id == vault);
        events
    }

    /// What every payload carries agrees with its row, and names the user who did it.
    pub fn check_envelope(&self, by: &User) {
        assert_eq!(self.actor_id, by.id, "{self:?}");
        assert_eq!(self.payload["actor"]["userId"], json!(by.id), "{self:?}");
        assert_eq!(self.payload["actor"]["userName"], json!(by.name), "{self:?}");
        assert_eq!(self.payload["seq"], json!(self.seq), "{self:?}");
        assert_eq!(self.payload["eventId"], json!(self.event_id), "{self:?}");
        assert_eq!(self.payload["timestamp"], json!(self.created_at), "{self:?}");
        assert!(is_time(&self.payload["timestamp"]), "{self:?}");
    }

    /// The payload must have exactly these fields and an actor of this role, beside its envelope.
    pub fn assert_tells(&self, by: &User, role: &str, fields: Value) {
        let mut expected = fields;
        expected["actor"] = json!({ "userId": by.id, "userName": by.name, "role": role });
        expected["timestamp"] = json!(self.created_at);
        expected["seq"] = json!(self.seq);
        expected["eventId"] = json!(self.event_id);
        assert_eq!(self.payload, expected);
    }
}

/// RFC 3339, UTC, with milliseconds: `2026-01-31T09:30:00.123Z`.
pub fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()
}
