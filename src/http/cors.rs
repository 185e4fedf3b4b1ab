//! CORS: which pages of other origins may read answers, over REST and Socket.IO's long-polling alike. None but those on
//! the list of `SYNCSCRIPT_ALLOWED_ORIGINS`, which also says who may open sockets and change things.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::error::Error;
use crate::origin::Origins;

const METHODS: &str = "GET, POST, PATCH, DELETE";
/// Those that our clients and those of Auth.js send, beside the ones that need no permission.
const REQUEST_HEADERS: &str =
    "Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Auth-Return-Redirect, traceparent";
const EXPOSED: &str = "ETag, X-Vault-Seq, Location, Retry-After, X-Request-Id";
/// For how long a browser need not ask again, in seconds.
const MAX_AGE: &str = "600";

/// What an answer says of who may read it.
pub struct Sharing {
    /// The origin of the page that asks, if it may.
    with: Option<HeaderValue>,
    /// Whether another page could get another answer.
    varies: bool,
}

impl Sharing {
    /// Of a request with these headers.
    pub fn of(origins: &Origins, headers: &HeaderMap) -> Self {
        let origin = headers.get(header::ORIGIN);
        let with = origin.filter(|origin| origin.to_str().is_ok_and(|origin| origins.listed(origin))).cloned();
        Self { with, varies: origins.has_listed() }
    }

    /// The answer to a preflight, in which a browser asks before it lets a page send something unusual.
    pub fn preflight(&self, request: &ServiceRequest) -> Option<Result<HttpResponse, Error>> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        asks.then(|| match self.with {
            Some(_) => Ok(HttpResponse::NoContent()
                .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
                .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
                .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
                .finish()),
            None => Err(Error::ForeignOrigin),
        })
    }

    /// Says so on the answer.
    pub fn mark(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.with {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}
