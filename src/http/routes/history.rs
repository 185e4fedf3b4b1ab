//! The history of a source: the events that concern it.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;
use syncscript_types::SourceId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;
use crate::http::extract::caller::Authenticated;
use crate::http::log_entry::{LogEntry, LogEntrySchema};
use crate::http::state::AppState;
use crate::store::history;

#[derive(Serialize)]
struct History<'a> {
    events: Vec<LogEntry<'a>>,
}

// The schema of `History`.
/// The history of a source.
#[derive(ToSchema)]
#[schema(as = History)]
#[allow(dead_code)]
pub struct HistorySchema {
    events: Vec<LogEntrySchema>,
}

/// Read the history of a source, including a deleted one.
#[utoipa::path(
    get, path = "/api/sources/{sourceId}/history", tag = "Sources", operation_id = "readHistory",
    params(("sourceId" = SourceId, Path, description = "The source's id")),
    responses((status = 200, description = "The source's events, oldest first, at most 1000", body = HistorySchema)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn show(state: Data<AppState>, user: Authenticated, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let events = history::read_source_events(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(HttpResponse::Ok().json(History { events: events.iter().map(LogEntry::from).collect() }))
}
