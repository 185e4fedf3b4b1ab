//! Hands long-polling requests from the HTTP server to the Socket.IO engine.
//!
//! The origin is checked here for every method: a GET opens a session too.
//! **On failure.** Errors have the engine's own format and numbers, which Socket.IO clients expect.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data, Payload, PayloadConfig, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::bridge::{PATH, engine_request, session_id};
use super::engine::Realtime;

/// Largest body of one request, in bytes. One body may contain several messages.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Separates the packets of one body.
const SEPARATOR: u8 = 0x1e;

/// Adds the long-polling route.
pub fn routes(config: &mut ServiceConfig, realtime: &Arc<Realtime>) {
    config.service(
        web::scope(PATH)
            .app_data(Data::from(Arc::clone(realtime)))
            .app_data(PayloadConfig::new(MAX_BODY_BYTES))
            .default_service(web::to(poll)),
    );
}

async fn poll(request: HttpRequest, payload: Payload, realtime: Data<Realtime>) -> HttpResponse {
    if !realtime.origins.permit_headers(request.headers()) {
        return error(StatusCode::FORBIDDEN, 4, "Forbidden");
    }
    // Websockets go to the bridge. Without `Upgrade` the engine could answer 101 and never get a connection.
    if !request.query_string().split('&').any(|pair| pair == "transport=polling") {
        return error(StatusCode::BAD_REQUEST, 0, "Transport unknown");
    }
    if session_id(request.uri().query()).is_some_and(|session| realtime.connections.is_blocked(session)) {
        return error(StatusCode::BAD_REQUEST, 1, "Session ID unknown");
    }
    let Ok(body) = Bytes::from_request(&request, &mut payload.into_inner()).await else {
        return error(StatusCode::PAYLOAD_TOO_LARGE, 3, "Bad request");
    };
    let Some(engine_request) = engine_request(request.head()) else {
        return error(StatusCode::BAD_REQUEST, 3, "Bad request");
    };
    let session = session_id(request.uri().query());
    // A client that closes sends packet type 1 of the engine's protocol, alone or after a separator.
    let closes = body.split(|byte| *byte == SEPARATOR).any(|packet| packet == b"1");
    let mut engine = realtime.engine.clone();
    let response = match engine.call(engine_request.map(|()| Full::new(body))).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let Some(session) = session {
        if closes {
            realtime.connections.block(session);
        } else if request.method() == Method::GET && realtime.roster.contains(session) {
            realtime.connections.record_poll(session);
        }
    }
    let (parts, body) = response.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &parts.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    match body.collect().await {
        Ok(body) => response.insert_header((header::CACHE_CONTROL, "no-store")).body(body.to_bytes()),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, 3, "Bad request"),
    }
}

/// Returns an error in the engine's own format, with its number.
fn error(status: StatusCode, code: u8, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(serde_json::json!({ "code": code, "message": message }))
}
