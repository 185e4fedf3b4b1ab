//! The documents of the interface, and a page that displays them. Swagger UI is embedded in the binary, and the page's
//! policy lets it load and call this server only.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};
use utoipa_swagger_ui::Config;

use crate::error::Error;
use crate::http::state::AppState;
use crate::http::static_file::{AssetResponses, PageResponses, file_response};

static UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/api/openapi.json")));

/// Get the description of the REST interface, as OpenAPI 3.1.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "Documents", operation_id = "openapi", security(()),
    responses((status = 200, description = "This document", body = Object, content_type = "application/json"))
)]
pub async fn openapi(state: Data<AppState>) -> HttpResponse {
    json(state.documents.openapi)
}

/// Get the description of the Socket.IO interface, as AsyncAPI 3.0.
#[utoipa::path(
    get, path = "/api/asyncapi.json", tag = "Documents", operation_id = "asyncapi", security(()),
    responses((status = 200, description = "The document", body = Object, content_type = "application/json"))
)]
pub async fn asyncapi(state: Data<AppState>) -> HttpResponse {
    json(state.documents.asyncapi)
}

fn json(document: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(document)
}

/// Get the page for reading about and trying out the REST interface.
#[utoipa::path(
    get, path = "/docs", tag = "Documents", operation_id = "docs", security(()),
    responses(PageResponses)
)]
pub async fn page(request: HttpRequest) -> HttpResponse {
    docs_file(&request, "text/html; charset=utf-8", include_bytes!("page.html"))
}

/// Get a file of that page.
#[utoipa::path(
    get, path = "/docs/{file}", tag = "Documents", operation_id = "docsFile", security(()),
    params(("file" = String, Path, description = "The file's name")),
    responses(AssetResponses),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    let served = match path.as_str() {
        "start.js" => return Ok(docs_file(&request, "text/javascript", include_bytes!("start.js"))),
        name @ ("swagger-ui.css" | "swagger-ui-bundle.js") => utoipa_swagger_ui::serve(name, Arc::clone(&UI)),
        _ => return Err(Error::NotFound),
    };
    let served = served.map_err(|error| Error::Internal(error.to_string().into()))?.ok_or(Error::NotFound)?;
    let mut response = docs_file(&request, &served.content_type, &served.bytes);
    if served.gzpipped {
        // The binary contains the compressed file, a third of its size. Every browser accepts gzip.
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Responds with a file of the page. Its name does not change with its content, so browsers revalidate it each time.
fn docs_file(request: &HttpRequest, mime: &str, content: &[u8]) -> HttpResponse {
    file_response(request, mime, content, &Sha256::digest(content).into(), "no-cache")
}
