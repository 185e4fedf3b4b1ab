//! Sets up the Socket.IO engine and wires the parts of this module together.
//!
//! [`Realtime`] is the public interface: the server starts it, hands connections to it and closes it. It makes no
//! decision itself; what happens on failure is documented in the parts.

use std::sync::Arc;
use std::time::Duration;

use outbox_worker::{Db, Feeds, WakeSignal};
use socketioxide::SocketIo;
use socketioxide::service::SocketIoService;
use tokio::runtime::Handle;

use super::connect::{self, Connector};
use super::connections::Connections;
use super::handlers::EventHandlers;
use super::join::RoomJoiner;
use super::limits::{MAX_MESSAGE_BYTES, RealtimeLimits};
use super::member::RoomMember;
use super::roster::Roster;
use super::session_watch;
use crate::auth::Auth;
use crate::commands::Commands;
use crate::origin::AllowedOrigins;

/// The engine as a service, with no fallback service behind it.
type EngineService = SocketIoService<engineioxide::service::NotFoundService>;

/// Size of a websocket's read buffer, in bytes. Clients send little, and each idle websocket keeps its buffer.
const READ_BUFFER_BYTES: usize = 1024;
/// Largest response to one long poll, in bytes. An upgrade loses the packet that does not fit (measured at the default
/// of 100 kB), so this exceeds what a socket's buffer can hold: 128 packets of up to 64 KiB.
const MAX_POLL_BYTES: u64 = 16 * 1024 * 1024;

/// How long a connection may stay without joining the namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long closing may take before the remaining connections are cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The Socket.IO server of this node.
pub struct Realtime {
    pool: Db,
    auth: Auth,
    feeds: Arc<Feeds<RoomMember>>,
    io: SocketIo,
    /// The sockets, by session.
    pub(super) roster: Arc<Roster>,
    /// The connections under the sockets.
    pub(super) connections: Arc<Connections>,
    /// The origins whose pages may connect.
    pub(super) origins: AllowedOrigins,
    /// Handles requests and websockets.
    pub(super) engine: EngineService,
    /// The runtime that drives websockets.
    pub(super) runtime: Handle,
    /// How long a connection may go without reading data.
    pub(super) write_stall: Duration,
}

impl Realtime {
    /// Sets up the engine with its only namespace. Websockets run on the runtime that calls this. `relay` wakes the
    /// relay that advances [`Self::feeds`].
    #[must_use]
    pub fn new(
        pool: Db,
        auth: Auth,
        commands: Commands,
        origins: AllowedOrigins,
        relay: Arc<WakeSignal>,
        limits: RealtimeLimits,
    ) -> Arc<Self> {
        let (engine, io) = SocketIo::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .max_payload(MAX_POLL_BYTES)
            .ws_max_message_size(MAX_MESSAGE_BYTES)
            .ws_max_frame_size(MAX_MESSAGE_BYTES)
            .ws_read_buffer_size(READ_BUFFER_BYTES)
            .build_svc();
        let (feeds, connections, roster) = (Arc::default(), Arc::default(), Arc::default());
        let joiner = RoomJoiner::new(pool.clone(), Arc::clone(&feeds), Arc::clone(&connections), relay, limits);
        let handlers = EventHandlers::new(joiner, Arc::clone(&feeds), Arc::clone(&connections), commands);
        let connector = Connector {
            auth: auth.clone(),
            feeds: Arc::clone(&feeds),
            connections: Arc::clone(&connections),
            roster: Arc::clone(&roster),
            worker: Arc::new(handlers),
            limits,
        };
        connect::register(&io, Arc::new(connector));
        Arc::new(Self {
            pool,
            auth,
            feeds,
            io,
            roster,
            connections,
            origins,
            engine,
            runtime: Handle::current(),
            write_stall: limits.write_stall,
        })
    }

    /// Returns the feeds that the relay advances.
    #[must_use]
    pub fn feeds(&self) -> Arc<Feeds<RoomMember>> {
        Arc::clone(&self.feeds)
    }

    /// Returns the number of sockets by websocket, and by long-polling.
    #[must_use]
    pub fn sockets(&self) -> (usize, usize) {
        self.roster.count()
    }

    /// Closes sockets whose session ends (I6). Never returns.
    pub fn watch_sessions(&self) -> impl Future<Output = ()> + use<> {
        session_watch::run(
            Arc::clone(&self.roster),
            self.pool.clone(),
            self.auth.clone(),
            Arc::clone(&self.connections),
        )
    }

    /// Closes every socket, so that clients connect elsewhere. Cuts the connections that do not close in time.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, self.io.close()).await.is_err() {
            self.roster.cut_all(&self.connections);
        }
    }
}
