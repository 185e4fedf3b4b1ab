//! Sources of a vault: list, create, read, change, delete.

use actix_web::http::header::ETAG;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use syncscript_types::{Seq, SourceId, UserId, VaultId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::commands::{NewSourceBody, SourceChangeBody};
use crate::domain::Source;
use crate::error::Error;
use crate::http::extract::caller::{Authenticated, MutationCaller};
use crate::http::extract::json_object::JsonObject;
use crate::http::paging::{cursor_after, page_limit, parse_cursor};
use crate::http::preconditions::{IfMatchHeader, expected_version};
use crate::http::state::AppState;
use crate::http::vault_seq::vault_seq;
use crate::store::{history, sources, vaults};

/// Default number of sources per page.
const DEFAULT_LIMIT: i64 = 500;
/// Largest number of sources per page.
const MAX_LIMIT: i64 = 1000;

/// The query of a page of sources.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The `nextCursor` of the previous page.
    cursor: Option<String>,
    /// Lists the sources as they were after the event with this seq, from 0 to the newest.
    #[param(minimum = 0)]
    at: Option<i64>,
    /// Largest number of sources on the page.
    #[param(minimum = 1, maximum = 1000, default = 500)]
    limit: Option<i64>,
}

/// Sources of a vault, oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourcePage {
    sources: Vec<Source>,
    /// The position in the log at which the list was read. `vault:join` with this value as `after` continues the list
    /// without gaps. If you read several pages, use the value of the first.
    seq: Seq,
    /// The `cursor` of the next page; `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A source.
#[derive(Serialize, ToSchema)]
#[schema(as = OneSource)]
pub struct SourceResponse {
    source: Source,
}

/// List the sources of a vault, as they are now or as they were after an earlier event.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}/sources", tag = "Sources", operation_id = "listSources",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), ListQuery),
    responses((status = 200, description = "A page of sources", body = SourcePage)),
    extensions(("x-problems" = json!(["NOT_FOUND", "COMPACTED"])))
)]
pub async fn list(
    state: Data<AppState>,
    user: Authenticated,
    path: Path<Uuid>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Error> {
    let after = query.cursor.as_deref().map(parse_cursor).transpose()?;
    let limit = page_limit(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let vault: VaultId = path.into_inner().into();
    if let Some(at) = query.at {
        return list_at(&state, user.id(), vault, at, after, limit).await;
    }
    let page = sources::read_page(&state.pool, user.id(), vault, after, limit).await?;
    let next_cursor = page.sources.last().filter(|_| page.more).map(cursor_after);
    Ok(HttpResponse::Ok().json(SourcePage { sources: page.sources, seq: page.seq, next_cursor }))
}

/// Lists the sources as they were after the event `at`.
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
    let (sources, more) = history::read_sources_at(&state.pool, vault, seq, after, limit).await?;
    let next_cursor = sources.last().filter(|_| more).map(cursor_after);
    Ok(HttpResponse::Ok().json(SourcePage { sources, seq, next_cursor }))
}

/// Add a source. Requires the role owner or contributor.
#[utoipa::path(
    post, path = "/api/vaults/{vaultId}/sources", tag = "Sources", operation_id = "createSource",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), MutationCaller), request_body = NewSourceBody,
    responses((
        status = 201, description = "Added", body = SourceResponse,
        headers(
            ("Location" = String, description = "The source's path"),
            ("ETag" = String, description = "The source's version")
        )
    )),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID"])))
)]
pub async fn create(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<Uuid>,
    body: Json<JsonObject<NewSourceBody>>,
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
    params(("sourceId" = SourceId, Path, description = "The source's id")),
    responses((
        status = 200, description = "The source", body = SourceResponse,
        headers(("ETag" = String, description = "The source's version"))
    )),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn show(state: Data<AppState>, user: Authenticated, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let source = sources::find(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(with_etag(HttpResponse::Ok(), source))
}

/// Change a source. Requires the role owner or contributor.
#[utoipa::path(
    patch, path = "/api/sources/{sourceId}", tag = "Sources", operation_id = "changeSource",
    params(("sourceId" = SourceId, Path, description = "The source's id"), MutationCaller, IfMatchHeader),
    request_body = SourceChangeBody,
    responses((
        status = 200, description = "Changed", body = SourceResponse,
        headers(("ETag" = String, description = "The source's new version"))
    )),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID", "VERSION_MISMATCH"])))
)]
pub async fn update(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<Uuid>,
    request: HttpRequest,
    body: Json<JsonObject<SourceChangeBody>>,
) -> Result<HttpResponse, Error> {
    let change = body.into_inner().0.try_into()?;
    let version = expected_version(request.headers())?;
    let applied = state.commands.update_source(&caller.0, path.into_inner().into(), change, version).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header(vault_seq(applied.seq));
    Ok(with_etag(response, applied.value))
}

/// Delete a source. Requires the role owner or contributor.
#[utoipa::path(
    delete, path = "/api/sources/{sourceId}", tag = "Sources", operation_id = "deleteSource",
    params(("sourceId" = SourceId, Path, description = "The source's id"), MutationCaller, IfMatchHeader),
    responses((status = 204, description = "Deleted")),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "VERSION_MISMATCH"])))
)]
pub async fn delete(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<Uuid>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let version = expected_version(request.headers())?;
    let applied = state.commands.delete_source(&caller.0, path.into_inner().into(), version).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}

fn with_etag(mut response: HttpResponseBuilder, source: Source) -> HttpResponse {
    response.insert_header((ETAG, format!("\"{}\"", source.version.get()))).json(SourceResponse { source })
}
