//! REST: routes, extractors, answers. No SQL here, and no rule about who may do what: the append decides that.

mod auth;
mod context;
mod events;
mod extract;
mod health;
mod members;
mod metrics;
mod pages;
mod problem;
mod sources;
mod vaults;

use actix_web::web::{self, ServiceConfig};

pub use context::request_context;
pub use metrics::install as install_metrics;
pub use problem::problem;

use crate::error::Error;

/// Largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// All routes of the contract.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(BODY_LIMIT).error_handler(extract::json_error))
        .app_data(web::PathConfig::default().error_handler(extract::path_error))
        .app_data(web::QueryConfig::default().error_handler(extract::query_error))
        .service(web::resource("/api/auth/register").route(web::post().to(auth::register)))
        .service(web::resource("/api/auth/login").route(web::post().to(auth::login)))
        .service(web::resource("/api/auth/logout").route(web::post().to(auth::logout)))
        .service(web::resource("/api/auth/session").route(web::get().to(auth::session)))
        .service(web::resource("/api/vaults").route(web::get().to(vaults::list)).route(web::post().to(vaults::create)))
        .service(
            web::resource("/api/vaults/{vaultId}")
                .route(web::get().to(vaults::show))
                .route(web::patch().to(vaults::update))
                .route(web::delete().to(vaults::delete)),
        )
        .service(
            web::resource("/api/vaults/{vaultId}/members")
                .route(web::get().to(members::list))
                .route(web::post().to(members::add)),
        )
        .service(
            web::resource("/api/vaults/{vaultId}/members/{userId}")
                .route(web::patch().to(members::update))
                .route(web::delete().to(members::remove)),
        )
        .service(
            web::resource("/api/vaults/{vaultId}/sources")
                .route(web::get().to(sources::list))
                .route(web::post().to(sources::create)),
        )
        .service(web::resource("/api/vaults/{vaultId}/events").route(web::get().to(events::list)))
        .service(
            web::resource("/api/sources/{sourceId}")
                .route(web::get().to(sources::show))
                .route(web::patch().to(sources::update))
                .route(web::delete().to(sources::delete)),
        )
        .service(web::resource("/api/sources/{sourceId}/history").route(web::get().to(sources::history)))
        .service(web::resource("/api/demo").route(web::get().to(pages::demo)))
        .service(web::resource("/").route(web::get().to(pages::page)))
        .service(web::resource("/login").route(web::get().to(pages::page)))
        .service(web::resource("/test/realtime").route(web::get().to(pages::page)))
        .service(web::resource("/assets/{file}").route(web::get().to(pages::asset)))
        .service(web::resource("/metrics").route(web::get().to(metrics::show)))
        .service(web::resource("/healthz").route(web::get().to(health::alive)))
        .service(web::resource("/readyz").route(web::get().to(health::ready)))
        .default_service(web::to(|| async { Err::<&str, Error>(Error::NotFound) }));
}
