//! Sources of a vault.

use actix_web::http::header::ETAG;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use syncscript_types::{Seq, SourceId, UserId, VaultId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::events::{LogEntry, LogEntrySchema};
use super::extract::{IfMatch, Mutating, Object, SignedIn, if_match};
use super::vaults::vault_seq;
use crate::app::AppState;
use crate::command::{NewSourceBody, SourceChangeBody};
use crate::domain::Source;
use crate::error::Error;
use crate::store::{history, sources, vaults};

/// Sources on a page, where the query does not say.
const DEFAULT_LIMIT: i64 = 500;
/// Most sources on a page.
const MAX_LIMIT: i64 = 1000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// The list as it was after this event, from 0 to the newest.
    #[param(minimum = 0)]
    at: Option<i64>,
    /// Most sources on the page.
    #[param(minimum = 1, maximum = 1000, default = 500)]
    limit: Option<i64>,
}

/// Sources of a vault, oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourcePage {
    sources: Vec<Source>,
    /// `vault:join` with `after` this continues the list without hole. Of several pages, that of the first.
    seq: Seq,
    /// Where the next page begins; `null` on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A source.
#[derive(Serialize, ToSchema)]
pub struct OneSource {
    source: Source,
}

/// List the sources of a vault, as they are or as they were.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}/sources", tag = "Sources", operation_id = "listSources",
    params(("vaultId" = VaultId, Path, description = "The vault"), ListQuery),
    responses((status = 200, description = "A page of sources", body = SourcePage)),
    extensions(("x-problems" = json!(["NOT_FOUND", "COMPACTED"])))
)]

pub async fn list(
    state: Data<AppState>,
    user: SignedIn,
    path: Path<Uuid>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Error> {
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let vault: VaultId = path.into_inner().into();
    if let Some(at) = query.at {
        return list_at(&state, user.id(), vault, at, after, limit).await;
    }
    let page = sources::page(&state.pool, user.id(), vault, after, limit).await?;
    let next_cursor = page.sources.last().filter(|_| page.more).map(cursor);
    Ok(HttpResponse::Ok().json(SourcePage { sources: page.sources, seq: page.seq, next_cursor }))
}

/// The list as it was after the event `at`.
async fn list_at(
    state: &AppState,
    user: UserId,
    vault: VaultId,
    at: i64,
    after: Option<(DateTime<Utc>, SourceId)>,
    limit: i64,
) -> Result<HttpResponse, Error> {
    let (_, head) = vaults::membership(&state.pool, user, vault).await?;
    let Some(seq) = Seq::new(at).ok().filter(|seq| *seq <= head) else {
        return Err(Error::BadRequest(format!("at must be from 0 to {head}, the newest event")));
    };
    let (sources, more) = history::sources_at(&state.pool, vault, seq, after, limit).await?;
    let next_cursor = sources.last().filter(|_| more).map(cursor);
    Ok(HttpResponse::Ok().json(SourcePage { sources, seq, next_cursor }))
}

/// Read how a source came to be what it is; also of a deleted one.
#[utoipa::path(
    get, path = "/api/sources/{sourceId}/history", tag = "Sources", operation_id = "readHistory",
    params(("sourceId" = SourceId, Path, description = "The source")),
    responses((status = 200, description = "Its events, oldest first, at most 1000", body = HistorySchema)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn history(state: Data<AppState>, user: SignedIn, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let events = history::of_source(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(HttpResponse::Ok().json(History { events: events.iter().map(LogEntry::from).collect() }))
}

#[derive(Serialize)]
struct History<'a> {
    events: Vec<LogEntry<'a>>,
}

// What [`History`] writes.
/// How a source came to be what it is.
#[derive(ToSchema)]
#[schema(as = History)]
#[allow(dead_code)]
pub struct HistorySchema {
    events: Vec<LogEntrySchema>,
}

/// Add a source. For owners and contributors.
#[utoipa::path(
    post, path = "/api/vaults/{vaultId}/sources", tag = "Sources", operation_id = "createSource",
    params(("vaultId" = VaultId, Path, description = "The vault"), Mutating), request_body = NewSourceBody,
    responses((
        status = 201, description = "Added", body = OneSource,
        headers(
            ("Location" = String, description = "The source's path"),
            ("ETag" = String, description = "Its version")
        )
    )),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID"])))
)]
pub async fn create(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<Uuid>,
    body: Json<Object<NewSourceBody>>,
) -> Result<HttpResponse, Error> {
    let new = body.into_inner().0.try_into()?;
    let applied = state.commands.create_source(&caller.0, path.into_inner().into(), new).await?;
    let source = applied.value;
    let mut response = HttpResponse::Created();
    response.insert_header(("Location", format!("/api/sources/{}", source.id.get())));
    response.insert_header(vault_seq(applied.seq));
    Ok(with_etag(response, source))
}

/// Read a source.
#[utoipa::path(
    get, path = "/api/sources/{sourceId}", tag = "Sources", operation_id = "readSource",
    params(("sourceId" = SourceId, Path, description = "The source")),
    responses((
        status = 200, description = "The source", body = OneSource,
        headers(("ETag" = String, description = "Its version"))
    )),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn show(state: Data<AppState>, user: SignedIn, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let source = sources::find(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(with_etag(HttpResponse::Ok(), source))
}

/// Change a source. For owners and contributors.
#[utoipa::path(
    patch, path = "/api/sources/{sourceId}", tag = "Sources", operation_id = "changeSource",
    params(("sourceId" = SourceId, Path, description = "The source"), Mutating, IfMatch),
    request_body = SourceChangeBody,
    responses((
        status = 200, description = "Changed", body = OneSource,
        headers(("ETag" = String, description = "Its new version"))
    )),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID", "VERSION_MISMATCH"])))
)]
pub async fn update(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<Uuid>,
    request: HttpRequest,
    body: Json<Object<SourceChangeBody>>,
) -> Result<HttpResponse, Error> {
    let change = body.into_inner().0.try_into()?;
    let version = if_match(request.headers())?;
    let applied = state.commands.update_source(&caller.0, path.into_inner().into(), change, version).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header(vault_seq(applied.seq));
    Ok(with_etag(response, applied.value))
}

/// Delete a source. For owners and contributors.
#[utoipa::path(
    delete, path = "/api/sources/{sourceId}", tag = "Sources", operation_id = "deleteSource",
    params(("sourceId" = SourceId, Path, description = "The source"), Mutating, IfMatch),
    responses((status = 204, description = "Deleted")),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "VERSION_MISMATCH"])))
)]
pub async fn delete(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<Uuid>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let version = if_match(request.headers())?;
    let applied = state.commands.delete_source(&caller.0, path.into_inner().into(), version).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}

fn with_etag(mut response: HttpResponseBuilder, source: Source) -> HttpResponse {
    response.insert_header((ETAG, format!("\"{}\"", source.version.get()))).json(OneSource { source })
}

/// Reads a `limit` of a query.
pub fn limit(given: Option<i64>, default: i64, max: i64) -> Result<i64, Error> {
    match given {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(_) => Err(Error::BadRequest(format!("limit must be from 1 to {max}"))),
    }
}

/// Where the next page begins. Opaque to clients; times are whole milliseconds, so nothing is lost.
fn cursor(last: &Source) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}_{}", last.created_at.timestamp_millis(), last.id.get()))
}

fn read_cursor(text: &str) -> Result<(DateTime<Utc>, SourceId), Error> {
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let decoded = String::from_utf8(bytes).ok()?;
        let (millis, id) = decoded.split_once('_')?;
        // Postgres knows fewer instants than chrono; no source is older than the epoch.
        let at = DateTime::from_timestamp_millis(millis.parse().ok().filter(|millis: &i64| *millis >= 0)?)?;
        Some((at, id.parse::<Uuid>().ok()?.into()))
    };
    read().ok_or_else(|| Error::BadRequest("cursor must be the nextCursor of an earlier page".to_owned()))
}
