//! REST: routes, extractors, answers. No SQL here, and no rule about who may do what: the append decides that.

mod auth;
mod authjs;
mod context;
mod cookies;
mod cors;
mod docs;
// The annotations of routes name types by their whole path.
#[allow(unused_qualifications)]
mod events;
mod extract;
mod health;
mod members;
mod metrics;
pub mod openapi;
#[allow(unused_qualifications)]
mod pages;
mod problem;
mod protection;
#[allow(unused_qualifications)]
mod sources;
mod vaults;

use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder};

pub use context::request_context;
pub use metrics::install as install_metrics;
pub use problem::problem;

use crate::error::Error;

/// Largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// All routes of the contract. Each is described where its handler is, and listed in [`openapi`].
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(BODY_LIMIT).error_handler(extract::json_error))
        .app_data(web::PathConfig::default().error_handler(extract::path_error))
        .app_data(web::QueryConfig::default().error_handler(extract::query_error))
        .service(web::resource("/api/auth/register").route(web::post().to(auth::register)))
        .service(web::resource("/api/auth/login").route(web::post().to(auth::login)))
        .service(web::resource("/api/auth/logout").route(web::post().to(auth::logout)))
        .service(get("/api/auth/session", auth::session))
        .configure(authjs::routes)
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
        .service(get("/api/sources/{sourceId}/history", sources::history))
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
        .service(get("/healthz", health::alive))
        .service(get("/readyz", health::ready))
        .default_service(web::to(|| async { Err::<&str, Error>(Error::NotFound) }));
}

/// A resource to GET. HEAD is answered alike, as RFC 9110 wants: the connection leaves the body out by itself.
fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Copy,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::get().to(handler)).route(web::head().to(handler))
}
