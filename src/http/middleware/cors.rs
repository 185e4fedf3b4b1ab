//! CORS: which pages of other origins may read responses, over REST and Socket.IO's long-polling. Only the origins in
//! `SYNCSCRIPT_ALLOWED_ORIGINS` may; the same list decides whose pages may open sockets and make changes.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::error::Error;
use crate::origin::AllowedOrigins;

const METHODS: &str = "GET, POST, PATCH, DELETE";
/// The headers that our clients and Auth.js clients send, except headers that need no permission.
const REQUEST_HEADERS: &str =
    "Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Auth-Return-Redirect, traceparent";
const EXPOSED_HEADERS: &str = "ETag, X-Vault-Seq, Location, Retry-After, X-Request-Id";
/// How long a browser may cache the response to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// Who may read the response to one request.
pub struct CorsPolicy {
    /// The origin of the requesting page, if it is allowed.
    allowed_origin: Option<HeaderValue>,
    /// Whether the response depends on the origin, since some origin is allowed.
    varies: bool,
}

impl CorsPolicy {
    /// Determines the policy for a request with these headers.
    pub fn new(origins: &AllowedOrigins, headers: &HeaderMap) -> Self {
        let origin = headers.get(header::ORIGIN);
        let allowed_origin = origin.filter(|origin| origin.to_str().is_ok_and(|origin| origins.contains(origin)));
        Self { allowed_origin: allowed_origin.cloned(), varies: !origins.is_empty() }
    }

    /// Returns the response to a preflight: a browser sends one before a page's request with unusual headers or method.
    /// Returns `None` if the request is not a preflight.
    pub fn preflight(&self, request: &ServiceRequest) -> Option<Result<HttpResponse, Error>> {
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| match self.allowed_origin {
            Some(_) => Ok(HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
                .finish()),
            None => Err(Error::ForeignOrigin),
        })
    }

    /// Adds the CORS headers to a response.
    pub fn apply(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.allowed_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        }
    }
}
