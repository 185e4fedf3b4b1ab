//! The log of a vault, for clients that read it over REST.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use syncscript_types::{Event, Seq, VaultId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::SignedIn;
use super::sources::limit;
use crate::app::AppState;
use crate::domain::payload::EventPayload;
use crate::error::Error;
use crate::store::{log_error, vaults};

/// Events on a page, where the query does not say.
const DEFAULT_LIMIT: i64 = 100;
/// Most events on a page.
const MAX_LIMIT: i64 = 1000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The last seq one has.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// Most events on the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Not by `json!`, which would parse the stored payloads and write them anew.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogPage<'a> {
    events: Vec<LogEntry<'a>>,
    head_seq: Seq,
}

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

// What [`LogPage`] writes.
/// A page of a vault's log.
#[derive(ToSchema)]
#[schema(as = LogPage, rename_all = "camelCase")]
#[allow(dead_code)]
pub struct LogPageSchema {
    /// In order, without a hole.
    events: Vec<LogEntrySchema>,
    /// Position of the newest event.
    head_seq: Seq,
}

// What [`LogEntry`] writes, whose payload is passed on as it is stored.
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

/// Read the log of a vault: the events after `after`, up to the head that the member's rights were checked at.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}/events", tag = "Log", operation_id = "readLog",
    params(("vaultId" = VaultId, Path, description = "The vault"), EventsQuery),
    responses((status = 200, description = "A page of the log", body = LogPageSchema)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn list(
    state: Data<AppState>,
    user: SignedIn,
    path: Path<Uuid>,
    query: Query<EventsQuery>,
) -> Result<HttpResponse, Error> {
    let after = Seq::new(query.after.unwrap_or(0));
    let after = after.map_err(|_| Error::BadRequest("after must be 0 or a seq".to_owned()))?;
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let vault: VaultId = path.into_inner().into();
    let (_, head) = vaults::membership(&state.pool, user.id(), vault).await?;
    let events = outbox_worker::log::read_page(&state.pool, vault, after, head, limit).await.map_err(log_error)?;
    let entries: Vec<LogEntry<'_>> = events.iter().map(LogEntry::from).collect();
    Ok(HttpResponse::Ok().json(LogPage { events: entries, head_seq: head }))
}
