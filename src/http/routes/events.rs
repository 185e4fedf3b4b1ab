//! The log of a vault, for clients that read it over REST.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::{Deserialize, Serialize};
use syncscript_types::{Seq, VaultId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Error;
use crate::http::extract::caller::Authenticated;
use crate::http::log_entry::{LogEntry, LogEntrySchema};
use crate::http::paging::page_limit;
use crate::http::state::AppState;
use crate::store::{StoreError, vaults};

/// Default number of events per page.
const DEFAULT_LIMIT: i64 = 100;
/// Largest number of events per page.
const MAX_LIMIT: i64 = 1000;

/// The query of a page of the log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The seq of the last event that the client has. The page starts after it.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// Largest number of events on the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogPage<'a> {
    events: Vec<LogEntry<'a>>,
    head_seq: Seq,
}

// The schema of `LogPage`.
/// A page of a vault's log.
#[derive(ToSchema)]
#[schema(as = LogPage, rename_all = "camelCase")]
#[allow(dead_code)]
pub struct LogPageSchema {
    /// The events in order, without gaps.
    events: Vec<LogEntrySchema>,
    /// The position of the newest event in the log.
    head_seq: Seq,
}

/// Read the log of a vault: the events after `after`, up to the head at the time of the permission check.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}/events", tag = "Log", operation_id = "readLog",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), EventsQuery),
    responses((status = 200, description = "A page of the log", body = LogPageSchema)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn list(
    state: Data<AppState>,
    user: Authenticated,
    path: Path<Uuid>,
    query: Query<EventsQuery>,
) -> Result<HttpResponse, Error> {
    let after = Seq::new(query.after.unwrap_or(0));
    let after = after.map_err(|_| Error::BadRequest("after must be 0 or a seq".to_owned()))?;
    let limit = page_limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let vault: VaultId = path.into_inner().into();
    let (_, head) = vaults::membership(&state.pool, user.id(), vault).await?;
    let events =
        outbox_worker::log::read_page(&state.pool, vault, after, head, limit).await.map_err(StoreError::from)?;
    let entries: Vec<LogEntry<'_>> = events.iter().map(LogEntry::from).collect();
    Ok(HttpResponse::Ok().json(LogPage { events: entries, head_seq: head }))
}
