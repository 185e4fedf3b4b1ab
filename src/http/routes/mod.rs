//! The routes: one file per resource. Each handler has its own description; [`super::openapi`] lists the handlers.

pub mod auth;
pub mod authjs;
pub mod docs;
// The annotations of routes name types by their full path.
#[allow(unused_qualifications)]
pub mod events;
pub mod health;
#[allow(unused_qualifications)]
pub mod history;
pub mod members;
pub mod metrics;
#[allow(unused_qualifications)]
pub mod pages;
mod resource;
#[allow(unused_qualifications)]
pub mod sources;
pub mod vaults;

use actix_web::web::{self, ServiceConfig};

use self::resource::get;
use super::extract::errors::{json_error, path_error, query_error};
use super::middleware::body_limit::BODY_LIMIT;
use crate::error::Error;

/// Adds all routes of the interface.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(BODY_LIMIT).error_handler(json_error))
        .app_data(web::PathConfig::default().error_handler(path_error))
        .app_data(web::QueryConfig::default().error_handler(query_error))
        .service(web::resource("/api/auth/register").route(web::post().to(auth::register)))
        .service(web::resource("/api/auth/login").route(web::post().to(auth::login)))
        .service(web::resource("/api/auth/logout").route(web::post().to(auth::logout)))
        .service(get("/api/auth/session", auth::session))
        .configure(authjs::configure)
        .service(get("/api/vaults", vaults::list).route(web::post().to(vaults::create)))
        .service(
            get("/api/vaults/{vaultId}", vaults::show)
                .route(web::patch().to(vaults::update))
                .route(web::delete().to(vaults::delete)),
        )
        .service(get("/api/vaults/{vaultId}/members", members::list).route(web::post().to(members::add)))
        .service(
            web::resource("/api/vaults/{vaultId}/members/{userId}")
                .route(web::patch().to(members::update))
                .route(web::delete().to(members::remove)),
        )
        .service(get("/api/vaults/{vaultId}/sources", sources::list).route(web::post().to(sources::create)))
        .service(get("/api/vaults/{vaultId}/events", events::list))
        .service(
            get("/api/sources/{sourceId}", sources::show)
                .route(web::patch().to(sources::update))
                .route(web::delete().to(sources::delete)),
        )
        .service(get("/api/sources/{sourceId}/history", history::show))
        .service(get("/api/demo", pages::demo))
        .service(get("/api/openapi.json", docs::openapi))
        .service(get("/api/asyncapi.json", docs::asyncapi))
        .service(get("/docs", docs::page))
        .service(get("/docs/{file}", docs::asset))
        .service(get("/", pages::page))
        .service(get("/login", pages::page))
        .service(get("/test/realtime", pages::page))
        .service(get("/assets/{file}", pages::asset))
        .service(get("/metrics", metrics::show))
        .service(get("/healthz", health::live))
        .service(get("/readyz", health::ready))
        .default_service(web::to(|| async { Err::<&str, Error>(Error::NotFound) }));
}
