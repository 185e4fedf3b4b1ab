//! The routes of Auth.js for signing in by email address and password, as `next-auth/react` of versions 4 and 5 calls
//! them.
//!
//! A request that changes something must send the double-submit token of `/api/auth/csrf`. A response names the page to
//! go to next: as `{url}` if the client asks for that (version 5 by the header `X-Auth-Return-Redirect`, version 4 by
//! `json: true`), otherwise as a redirect. Errors are in the query of that URL. The URL is on this server or on an
//! allowed origin, never on another site.

mod base_url;
pub mod csrf;
mod form;
pub mod login_page;
pub mod providers;
mod redirect_target;
pub mod sign_in;
pub mod sign_out;

use actix_web::web::{self, ServiceConfig};

use super::resource::get;
use crate::http::middleware::body_limit::BODY_LIMIT;

/// Adds the routes.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(get("/api/auth/csrf", csrf::csrf))
        .service(get("/api/auth/providers", providers::providers))
        .service(get("/api/auth/signin", login_page::sign_in_page))
        .service(get("/api/auth/error", login_page::error_page))
        .service(
            web::resource("/api/auth/callback/credentials")
                .app_data(web::PayloadConfig::new(BODY_LIMIT))
                .route(web::post().to(sign_in::sign_in)),
        )
        .service(
            web::resource("/api/auth/signout")
                .app_data(web::PayloadConfig::new(BODY_LIMIT))
                .route(web::post().to(sign_out::sign_out)),
        );
}
