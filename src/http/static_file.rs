//! Files of the web pages: responses with an ETag and a Content-Security-Policy, and their OpenAPI description.
//!
//! Pages may load and call this server only, run no inline script, and only this server's own pages may frame them.
//! So text that a member typed cannot run as a script.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema};

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";

/// Responds with a file whose content has this hash, or 304 if the client has the same content.
pub fn file_response(
    request: &HttpRequest,
    mime: &str,
    content: &[u8],
    hash: &[u8; 32],
    cache_control: &'static str,
) -> HttpResponse {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash[..12]));
    let if_none_match = request.headers().get(header::IF_NONE_MATCH);
    let unchanged = if_none_match.is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, cache_control))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"));
    if unchanged {
        return response.finish();
    }
    response.content_type(mime).body(content.to_vec())
}

/// The responses of a route that serves a page, for the OpenAPI document.
pub struct PageResponses;

/// The responses of a route that serves scripts and styles, for the OpenAPI document.
pub struct AssetResponses;

impl IntoResponses for PageResponses {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        file_responses("A page", "text/html")
    }
}

impl IntoResponses for AssetResponses {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        file_responses("A script or a style sheet", "*/*")
    }
}

fn file_responses(description: &str, mime: &str) -> BTreeMap<String, RefOr<Response>> {
    let tag = || HeaderBuilder::new().description(Some("Identifies the content")).build();
    let content = ContentBuilder::new().schema(Some(String::schema())).build();
    let sent = ResponseBuilder::new().description(description).header("ETag", tag()).content(mime, content);
    let unchanged =
        ResponseBuilder::new().description("The content still has the ETag in `If-None-Match`").header("ETag", tag());
    BTreeMap::from([("200".to_owned(), sent.into()), ("304".to_owned(), unchanged.into())])
}
