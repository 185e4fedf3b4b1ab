//! Who may connect: whoever has a session. All database work is in the middleware, before the engine tells the client
//! that it is connected, and the handlers are registered there too, so that no early event is missed.

use std::fmt;
use std::sync::Arc;

use outbox_worker::log::bounded;
use schemars::JsonSchema;
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectHandler;

use super::Realtime;
use super::inbox::{Client, InboxHandler};
use crate::auth::SessionToken;
use crate::domain::Session;

/// What a refused client reads as the message of `connect_error`.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE", inline)]
pub enum Refused {
    /// No session.
    Unauthorized,
    /// The session could not be looked up.
    Unavailable,
    /// The user has as many sockets as one may have.
    TooManySockets,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unavailable => "UNAVAILABLE",
            Self::TooManySockets => "TOO_MANY_SOCKETS",
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
    let cookies =
        socket.req_parts().headers.get(http::header::COOKIE).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    let token = cookies.and_then(|cookies| realtime.auth.session_token(cookies)).ok_or(Refused::Unauthorized)?;
    realtime.roster.enter(socket.clone(), token.hash(), token.is_encrypted());
    let session = find_session(&realtime, &token).await.inspect_err(|_| realtime.turn_away(socket.id))?;
    if !realtime.roster.admit(
        socket.id,
        session.user.id,
        session.expires,
        realtime.limits.sockets_per_user,
        &realtime.lines,
    ) {
        realtime.turn_away(socket.id);
        return Err(Refused::TooManySockets);
    }
    let client = Client::new(session.user, realtime.limits.socket_rate);
    socket.on_fallback(InboxHandler::new(Arc::clone(&realtime), Arc::clone(&client)));
    socket.on_disconnect(move |socket: SocketRef| disconnected(realtime, client, socket));
    Ok(())
}

async fn find_session(realtime: &Realtime, token: &SessionToken<'_>) -> Result<Session, Refused> {
    match bounded(realtime.auth.read_session(token)).await {
        Ok(session) => session.ok_or(Refused::Unauthorized),
        Err(error) => {
            tracing::warn!(?error, "a session could not be looked up");
            Err(Refused::Unavailable)
        }
    }
}

async fn disconnected(realtime: Arc<Realtime>, client: Arc<Client>, socket: SocketRef) {
    for vault in client.close() {
        realtime.feeds.leave(vault, socket.id);
    }
    realtime.forget(socket.id);
}
