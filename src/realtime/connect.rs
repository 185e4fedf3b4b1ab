//! Authenticates connections: a socket needs a session.
//!
//! All database work is in the namespace's middleware, before the engine tells the client that it is connected. The
//! event handler is registered there too, so that no early event is missed.
//! **On failure.** The client gets a [`ConnectError`], and its connection stays open until the client has read it.

use std::sync::Arc;

use outbox_worker::{Feeds, with_query_timeout};
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::Sid;

use super::connections::Connections;
use super::limits::RealtimeLimits;
use super::member::RoomMember;
use super::receive::EventReceiver;
use super::roster::Roster;
use super::socket_session::{SessionWorker, SocketSession};
use super::wire::ConnectError;
use crate::auth::{Auth, SessionToken};
use crate::domain::Session;

/// Connects and disconnects sockets.
pub struct Connector {
    pub auth: Auth,
    pub feeds: Arc<Feeds<RoomMember>>,
    pub connections: Arc<Connections>,
    pub roster: Arc<Roster>,
    pub worker: Arc<dyn SessionWorker>,
    pub limits: RealtimeLimits,
}

/// Registers the namespace `/`.
pub fn register(io: &SocketIo, connector: Arc<Connector>) {
    let middleware = move |socket: SocketRef| connect(Arc::clone(&connector), socket);
    io.ns("/", (async |_socket: SocketRef| {}).with(middleware));
}

async fn connect(connector: Arc<Connector>, socket: SocketRef) -> Result<(), ConnectError> {
    let cookies =
        socket.req_parts().headers.get(http::header::COOKIE).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    let token = cookies.and_then(|cookies| connector.auth.session_token(cookies)).ok_or(ConnectError::Unauthorized)?;
    // Added before the session is looked up, so that a session that ends in between is noticed (I6).
    connector.roster.add(socket.clone(), token.hash(), token.is_encrypted());
    let session = connector.find_session(&token).await.inspect_err(|_| connector.reject_session(socket.id))?;
    if !connector.roster.activate(
        socket.id,
        session.user.id,
        session.expires,
        connector.limits.sockets_per_user,
        &connector.connections,
    ) {
        connector.reject_session(socket.id);
        return Err(ConnectError::TooManySockets);
    }
    let session = SocketSession::new(session.user, Arc::clone(&connector.worker), connector.limits.socket_rate);
    socket.on_fallback(EventReceiver::new(Arc::clone(&session)));
    socket.on_disconnect(async move |socket: SocketRef| connector.disconnected(&session, socket.id));
    Ok(())
}

impl Connector {
    async fn find_session(&self, token: &SessionToken<'_>) -> Result<Session, ConnectError> {
        match with_query_timeout(self.auth.read_session(token)).await {
            Ok(session) => session.ok_or(ConnectError::Unauthorized),
            Err(error) => {
                tracing::warn!(?error, "a session could not be looked up");
                Err(ConnectError::Unavailable)
            }
        }
    }

    /// Removes a session that may not connect. Its connection stays open until the client has read the error.
    fn reject_session(&self, session: Sid) {
        self.roster.remove(session);
        self.connections.forget_polls(session);
    }

    /// Removes all state of a socket whose connection is closed.
    fn disconnected(&self, session: &SocketSession, id: Sid) {
        for vault in session.close() {
            self.feeds.leave(vault, id);
        }
        self.roster.remove(id);
        self.connections.forget(id);
    }
}
