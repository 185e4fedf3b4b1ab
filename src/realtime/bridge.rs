//! Hands websocket connections from the HTTP server to the Socket.IO engine, so that both share one port.
//!
//! The HTTP server passes every request with `Upgrade` to [`upgrade`], bypassing the middleware of the REST
//! application. Therefore the origin is checked here. Path and query are checked before the 101 is written; after that
//! the connection belongs to the engine.
//! **On failure.** A request that cannot be upgraded gets an error response as plain text. A connection that fails
//! later is logged and dropped; its client connects again.

use std::io;
use std::sync::Arc;

use actix_codec::Framed;
use actix_http::body::BodySize;
use actix_http::h1::{Codec, Message};
use actix_http::{Request, RequestHead, Response, StatusCode, ws};
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use futures_util::SinkExt;
use http::Request as EngineRequest;
use socketioxide::socket::Sid;
use tower_service::Service;

use super::connections::KillSwitch;
use super::engine::Realtime;
use super::guarded_stream::GuardedStream;

/// The path of the engine. Its clients add a slash.
pub const PATH: &str = "/socket.io";

/// Upgrades one connection to a websocket.
///
/// # Errors
/// The connection failed before the response was written.
pub async fn upgrade(
    realtime: Arc<Realtime>,
    (request, mut framed): (Request, Framed<TcpStream, Codec>),
) -> io::Result<()> {
    let accepted = accept(&realtime, request.head());
    let (response, engine_request) = match accepted {
        Ok(accepted) => accepted,
        Err((status, reason)) => {
            tracing::debug!(%status, reason, path = request.path(), "rejected an upgrade");
            return reject(framed, status, reason).await;
        }
    };
    framed.send(Message::Item((response.drop_body(), BodySize::None))).await?;

    let session = session_id(request.uri().query());
    let kill_switch = KillSwitch::default();
    let mut engine_request = engine_request;
    match session {
        Some(session) => realtime.connections.upgrade(session, kill_switch.clone()),
        None => {
            engine_request.extensions_mut().insert(kill_switch.clone());
        }
    }
    let parts = framed.into_parts();
    // Copies the bytes to drop the HTTP server's buffers: otherwise each idle websocket would keep 8 KiB.
    let (io, early) = (parts.io, Bytes::copy_from_slice(&parts.read_buf));
    drop((parts.read_buf, parts.write_buf));
    // From here on the relay's runtime drives the connection: its threads share their work. On an HTTP worker, which
    // has a single thread, each event for each socket would have to wake that thread from another.
    let io = io.into_std()?;
    let runtime = realtime.runtime.clone();
    runtime.spawn(async move {
        if let Err(error) = serve_websocket(&realtime, io, early, kill_switch, engine_request).await {
            tracing::debug!(%error, "a connection failed while it was upgraded");
        }
    });
    Ok(())
}

async fn serve_websocket(
    realtime: &Realtime,
    io: std::net::TcpStream,
    early: Bytes,
    kill_switch: KillSwitch,
    request: EngineRequest<()>,
) -> io::Result<()> {
    let stream = GuardedStream::new(TcpStream::from_std(io)?, early, kill_switch, realtime.write_stall);
    realtime.engine.clone().call((stream, request)).await.map_err(io::Error::other)
}

type Accepted = (Response<()>, EngineRequest<()>);

fn accept(realtime: &Realtime, head: &RequestHead) -> Result<Accepted, (StatusCode, &'static str)> {
    if head.uri.path().trim_end_matches('/') != PATH {
        return Err((StatusCode::NOT_FOUND, "websockets are served under /socket.io/"));
    }
    let query = head.uri.query().unwrap_or_default();
    if !query.split('&').any(|pair| pair == "transport=websocket") || !query.split('&').any(|pair| pair == "EIO=4") {
        return Err((StatusCode::BAD_REQUEST, "not a request from a Socket.IO 3 or 4 client"));
    }
    if !realtime.origins.permit_headers(head.headers()) {
        return Err((StatusCode::FORBIDDEN, "this origin is not allowed"));
    }
    let mut response = ws::handshake(head).map_err(|_| (StatusCode::BAD_REQUEST, "not a websocket handshake"))?;
    let request = engine_request(head).ok_or((StatusCode::BAD_REQUEST, "the request cannot be understood"))?;
    Ok((response.message_body(()).map_err(|_| (StatusCode::BAD_REQUEST, "not a websocket handshake"))?, request))
}

/// Converts the request to the type of the `http` crate, version 1, which the engine takes. Returns `None` if the
/// request is invalid there.
pub fn engine_request(head: &RequestHead) -> Option<EngineRequest<()>> {
    let mut request = EngineRequest::builder().method(head.method.as_str()).uri(head.uri.to_string());
    for (name, value) in head.headers() {
        request = request.header(name.as_str(), value.as_bytes());
    }
    request.body(()).ok()
}

/// Returns the session that the query names.
pub fn session_id(query: Option<&str>) -> Option<Sid> {
    query?.split('&').find_map(|pair| pair.strip_prefix("sid="))?.parse().ok()
}

async fn reject(mut framed: Framed<TcpStream, Codec>, status: StatusCode, reason: &'static str) -> io::Result<()> {
    let response = Response::build(status)
        .insert_header((actix_http::header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((actix_http::header::CONNECTION, "close"))
        .message_body(())
        .map_err(|error| io::Error::other(error.to_string()))?;
    framed.send(Message::Item((response, BodySize::Sized(reason.len() as u64)))).await?;
    framed.send(Message::Chunk(Some(reason.into()))).await?;
    framed.send(Message::Chunk(None)).await
}
