//! The web pages: sign in, and the test page. Built from `test-ui/`, and part of the binary.
//!
//! Pages may load and call nothing but this server, run no inline script, and be framed by themselves alone: what a
//! member types stays text, whatever it looks like.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;
use serde::Serialize;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, PartialSchema, ToSchema};

use crate::app::AppState;
use crate::domain::Role;
use crate::error::Error;
use crate::seed;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";

#[derive(RustEmbed)]
#[folder = "test-ui/dist"]
struct Files;

/// Paths of [`page`] beside the one that is annotated.
const PAGES: [(&str, &str); 2] = [("/login", "loginPage"), ("/test/realtime", "testPage")];

/// Documents them.
pub struct SamePage;

impl Modify for SamePage {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, name) in PAGES {
            let Some(mut item) = document.paths.paths.get("/").cloned() else { return };
            if let Some(get) = &mut item.get {
                get.operation_id = Some(name.to_owned());
            }
            document.paths.paths.insert(path.to_owned(), item);
        }
    }
}

/// A page, for the document.
pub struct Page;

/// A part of a page, for the document.
pub struct Part;

impl IntoResponses for Page {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        file_responses("A page", "text/html")
    }
}

impl IntoResponses for Part {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        file_responses("A script or a style", "*/*")
    }
}

fn file_responses(description: &str, mime: &str) -> BTreeMap<String, RefOr<Response>> {
    let tag = || HeaderBuilder::new().description(Some("Names the content")).build();
    let content = ContentBuilder::new().schema(Some(String::schema())).build();
    let sent = ResponseBuilder::new().description(description).header("ETag", tag()).content(mime, content);
    let known = ResponseBuilder::new().description("It is the one with this `If-None-Match`").header("ETag", tag());
    BTreeMap::from([("200".to_owned(), sent.into()), ("304".to_owned(), known.into())])
}

/// The web pages. Every page is the same document; its script looks at the path.
#[utoipa::path(
    get, path = "/", tag = "Pages", operation_id = "startPage", security(()),
    responses(Page),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Error> {
    file(&request, "index.html", "no-cache")
}

/// Scripts and styles of the pages. Their names change with their content.
#[utoipa::path(
    get, path = "/assets/{file}", tag = "Pages", operation_id = "asset", security(()),
    params(("file" = String, Path, description = "The file's name")),
    responses(Part),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    file(&request, &format!("assets/{path}"), "public, max-age=31536000, immutable")
}

/// What the page that signs in offers.
#[derive(Serialize, ToSchema)]
pub struct Demo {
    accounts: Vec<DemoAccount>,
    /// Of all of them.
    password: &'static str,
}

#[derive(Serialize, ToSchema)]
struct DemoAccount {
    email: &'static str,
    name: &'static str,
    /// In the demo vault.
    role: Role,
}

/// The demo accounts, for the page that signs in; only on a server that was told to show them.
#[utoipa::path(
    get, path = "/api/demo", tag = "Pages", operation_id = "demo", security(()),
    responses((status = 200, description = "The accounts", body = Demo)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn demo(state: Data<AppState>) -> Result<HttpResponse, Error> {
    if !state.demo {
        return Err(Error::NotFound);
    }
    let accounts = seed::USERS.iter().map(|&(email, name, role)| DemoAccount { email, name, role }).collect();
    Ok(HttpResponse::Ok().json(Demo { accounts, password: seed::PASSWORD }))
}

fn file(request: &HttpRequest, name: &str, caching: &'static str) -> Result<HttpResponse, Error> {
    let file = Files::get(name).ok_or(Error::NotFound)?;
    Ok(answer(request, file.metadata.mimetype(), &file.data, &file.metadata.sha256_hash(), caching))
}

/// Answers with a page, or a part of one, whose content has this hash.
pub fn answer(
    request: &HttpRequest,
    mime: &str,
    content: &[u8],
    hash: &[u8; 32],
    caching: &'static str,
) -> HttpResponse {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash[..12]));
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"));
    if known {
        return response.finish();
    }
    response.content_type(mime).body(content.to_vec())
}
