//! Who may connect: whoever has a session. All database work is in the middleware, before the engine tells the client
//! that it is connected, and the handlers are registered there too, so that no early event is missed.

use std::fmt;
use std::sync::Arc;

use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectHandler;

use super::Realtime;
use super::inbox::{Client, InboxHandler};

/// What a refused client reads as the message of `connect_error`.
#[derive(Debug)]
enum Refused {
    /// No session.
    Unauthorized,
    /// The session could not be looked up.
    Unavailable,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unavailable => "UNAVAILABLE",
        })
    }
}

/// Registers the namespace `/`.
pub fn register(io: &SocketIo, realtime: &Arc<Realtime>) {
    let realtime = Arc::clone(realtime);
    let middleware = move |socket: SocketRef| admit(Arc::clone(&realtime), socket);
    io.ns("/", (async |_socket: SocketRef| {}).with(middleware));
}

async fn admit(realtime: Arc<Realtime>, socket: SocketRef) -> Result<(), Refused> {
    let cookies = socket.req_parts().headers.get(http::header::COOKIE).and_then(|value| value.to_str().ok());
    let session = realtime.auth.session(cookies).await.map_err(|error| {
        tracing::warn!(?error, "a session could not be looked up");
        Refused::Unavailable
    })?;
    let client = Client::new(session.ok_or(Refused::Unauthorized)?.user);
    socket.on_fallback(InboxHandler::new(Arc::clone(&realtime), Arc::clone(&client)));
    socket.on_disconnect(move |socket: SocketRef| disconnected(realtime, client, socket));
    Ok(())
}

async fn disconnected(realtime: Arc<Realtime>, client: Arc<Client>, socket: SocketRef) {
    for vault in client.close() {
        realtime.feeds.leave(vault, socket.id);
    }
    realtime.lines.forget(socket.id);
}
