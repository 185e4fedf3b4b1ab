//! The web pages: sign in, and the test page. Built from `test-ui/`, and part of the binary.
//!
//! Pages may load and call nothing but this server, run no inline script, and be framed by themselves alone: what a
//! member types stays text, whatever it looks like.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;
use serde_json::json;

use crate::app::AppState;
use crate::error::Error;
use crate::seed;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'";

#[derive(RustEmbed)]
#[folder = "test-ui/dist"]
struct Files;

/// Every page is the same document; its script looks at the path.
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Error> {
    file(&request, "index.html", "no-cache")
}

/// Scripts and styles. Their names change with their content.
pub async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    file(&request, &format!("assets/{path}"), "public, max-age=31536000, immutable")
}

/// The demo accounts, for the page that signs in; only on a server that was told to show them.
pub async fn demo(state: Data<AppState>) -> Result<HttpResponse, Error> {
    if !state.demo {
        return Err(Error::NotFound);
    }
    let accounts: Vec<_> =
        seed::USERS.iter().map(|(email, name, role)| json!({ "email": email, "name": name, "role": role })).collect();
    Ok(HttpResponse::Ok().json(json!({ "accounts": accounts, "password": seed::PASSWORD })))
}

fn file(request: &HttpRequest, name: &str, caching: &'static str) -> Result<HttpResponse, Error> {
    let file = Files::get(name).ok_or(Error::NotFound)?;
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..12]));
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"));
    if known {
        return Ok(response.finish());
    }
    Ok(response.content_type(file.metadata.mimetype()).body(file.data.into_owned()))
}
