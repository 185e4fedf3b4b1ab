//! A room broadcast of socketioxide on hyper, written as in socketioxide's documentation.

use anyhow::Result;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectHandler;

use super::event::event;
use super::listener::listen;

const ROOM: &str = "vault";

pub async fn serve() -> Result<()> {
    let (engine, io) = SocketIo::new_svc();
    // In the middleware, because a handler that is registered later can miss the first packet of a fast client.
    io.ns(
        "/",
        (async |_socket: SocketRef| {}).with(async |socket: SocketRef| {
            socket.on("vault:join", async |socket: SocketRef| {
                socket.join(ROOM);
                socket.emit("vault:joined", &serde_json::json!({ "seq": 0 })).ok();
            });
            Ok::<(), std::convert::Infallible>(())
        }),
    );
    let listener = listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (engine, io) = (engine.clone(), io.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (engine, io) = (engine.clone(), io.clone());
                async move {
                    if request.method() == Method::POST {
                        return mutate(&io, request).await.map(|response| response.map(|body| body.boxed_unsync()));
                    }
                    let response = engine.call(request).await?;
                    Ok(response.map(|body| body.map_err(anyhow::Error::from).boxed_unsync()))
                }
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await.ok();
        });
    }
}

async fn mutate(io: &SocketIo, request: Request<Incoming>) -> Result<Response<UnsyncBoxBody<Bytes, anyhow::Error>>> {
    let body = request.into_body().collect().await?.to_bytes();
    let event: Box<serde_json::value::RawValue> = serde_json::from_str(&event(std::str::from_utf8(&body)?))?;
    io.to(ROOM).emit("source:created", &event).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let empty = Full::new(Bytes::new()).map_err(anyhow::Error::from).boxed_unsync();
    Ok(Response::builder().status(201).body(empty)?)
}
