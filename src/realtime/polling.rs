//! Hands long-polling requests from the HTTP server to the Socket.IO engine.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data, Payload, PayloadConfig, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::Realtime;
use super::bridge::{PATH, engine_request, session_of};

/// Largest body of one request, in bytes. A client may send several messages in one.
const BODY_LIMIT: usize = 1024 * 1024;

/// Stands between the packets of one body.
const SEPARATOR: u8 = 0x1e;

/// Adds the route.
pub fn routes(config: &mut ServiceConfig, realtime: &Arc<Realtime>) {
    config.service(
        web::scope(PATH)
            .app_data(Data::from(Arc::clone(realtime)))
            .app_data(PayloadConfig::new(BODY_LIMIT))
            .default_service(web::to(poll)),
    );
}

async fn poll(request: HttpRequest, payload: Payload, realtime: Data<Realtime>) -> HttpResponse {
    if !realtime.origins.permit_headers(request.headers()) {
        return error(StatusCode::FORBIDDEN, 4, "Forbidden");
    }
    // Websockets arrive at the bridge; without `Upgrade` the engine could answer 101 and never get a connection.
    if !request.query_string().split('&').any(|pair| pair == "transport=polling") {
        return error(StatusCode::BAD_REQUEST, 0, "Transport unknown");
    }
    if session_of(request.uri().query()).is_some_and(|session| realtime.lines.is_barred(session)) {
        return error(StatusCode::BAD_REQUEST, 1, "Session ID unknown");
    }
    let Ok(body) = Bytes::from_request(&request, &mut payload.into_inner()).await else {
        return error(StatusCode::PAYLOAD_TOO_LARGE, 3, "Bad request");
    };
    let Some(engine_request) = engine_request(request.head()) else {
        return error(StatusCode::BAD_REQUEST, 3, "Bad request");
    };
    let session = session_of(request.uri().query());
    // A client that goes says so in a packet of its own: 1 of the engine's protocol, alone or behind a separator.
    let goes = body.split(|byte| *byte == SEPARATOR).any(|packet| packet == b"1");
    let mut engine = realtime.engine.clone();
    let answer = match engine.call(engine_request.map(|()| Full::new(body))).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    if let Some(session) = session {
        if goes {
            realtime.lines.bar(session);
        } else if request.method() == Method::GET && realtime.roster.has(session) {
            realtime.lines.polled(session);
        }
    }
    let (parts, body) = answer.into_parts();
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

/// An error in the engine's own format, with its number.
fn error(status: StatusCode, code: u8, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(serde_json::json!({ "code": code, "message": message }))
}
