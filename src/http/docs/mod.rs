//! The documents of the interface, and a page to read them with. The page needs nothing from elsewhere: Swagger UI is
//! part of the binary, and the page's policy lets it load and call this server alone.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};
use utoipa_swagger_ui::Config;

use super::{openapi, pages};
use crate::error::Error;
use crate::realtime::asyncapi;

static ASYNCAPI: LazyLock<String> = LazyLock::new(|| asyncapi::document().to_string());
static UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/api/openapi.json")));

/// The REST interface, as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "Documents", operation_id = "openapi", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json"))
)]
pub async fn openapi() -> HttpResponse {
    json(&openapi::DOCUMENT)
}

/// What the server and its clients say over Socket.IO, as AsyncAPI 3.0.
#[utoipa::path(
    get, path = "/api/asyncapi.json", tag = "Documents", operation_id = "asyncapi", security(()),
    responses((status = 200, description = "The document", body = Object, content_type = "application/json"))
)]
pub async fn asyncapi() -> HttpResponse {
    json(&ASYNCAPI)
}

fn json(document: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(document)
}

/// The interface, to read and to try.
#[utoipa::path(
    get, path = "/docs", tag = "Documents", operation_id = "docs", security(()),
    responses(pages::Page)
)]
pub async fn page(request: HttpRequest) -> HttpResponse {
    file(&request, "text/html; charset=utf-8", include_bytes!("page.html"))
}

/// What that page is made of.
#[utoipa::path(
    get, path = "/docs/{file}", tag = "Documents", operation_id = "docsFile", security(()),
    params(("file" = String, Path, description = "The file's name")),
    responses(pages::Part),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    let served = match path.as_str() {
        "start.js" => return Ok(file(&request, "text/javascript", include_bytes!("start.js"))),
        name @ ("swagger-ui.css" | "swagger-ui-bundle.js") => utoipa_swagger_ui::serve(name, Arc::clone(&UI)),
        _ => return Err(Error::NotFound),
    };
    let served = served.map_err(|error| Error::Internal(error.to_string().into()))?.ok_or(Error::NotFound)?;
    let mut response = file(&request, &served.content_type, &served.bytes);
    if served.gzpipped {
        // Kept as such, a third of its size: every browser takes it.
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Its name does not change with its content, so it is asked for again each time, and seldom sent.
fn file(request: &HttpRequest, mime: &str, content: &[u8]) -> HttpResponse {
    pages::answer(request, mime, content, &Sha256::digest(content).into(), "no-cache")
}
