//! Socket.IO: the same port as REST, rooms fed by the relay, commands shared with REST.
//!
//! | module | what it does |
//! |---|---|
//! | [`bridge`] | hands websocket connections from the HTTP server to the Socket.IO engine |
//! | [`polling`] | does the same for long-polling requests |
//! | [`stream`] | the connection under a websocket: closes what takes no data, and what is cut |
//! | [`connect`] | who may connect |
//! | [`inbox`] | one socket's events, one after the other |
//! | [`handle`] | what each event does |
//! | [`join`] | from the log into the room, without hole or double (I3, I4) |
//! | [`roster`] | who is connected; ends sockets with their sessions (I6) |
//! | [`wire`] | what is said beside the events of the log |
//! | [`asyncapi`] | all of it, as a document |
//! | [`member`] | a socket in a vault's room: takes events, or falls behind (I5, I6) |
//!
//! A room is the membership of a vault's feed. The engine's own rooms are not used: their broadcast reports failed
//! sends without saying which socket failed, so a slow reader would lose an event behind its back (I5).

pub mod asyncapi;
pub mod bridge;
mod connect;
mod handle;
mod inbox;
mod join;
mod lines;
mod member;
pub mod polling;
mod roster;
mod stream;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use outbox_worker::{Db, Feeds, Wake};
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use self::lines::Lines;
use self::member::RoomMember;
use self::roster::Roster;
use crate::auth::Auth;
use crate::command::Commands;
use crate::limit::Rate;
use crate::origin::AllowedOrigins;

/// The engine's service, with nothing behind it.
type EngineService = SocketIoService<engineioxide::service::NotFoundService>;

/// Largest message a client may send over a websocket, in bytes.
const INBOUND_LIMIT: usize = 64 * 1024;
/// What a websocket reads at a time, in bytes. Clients send little, and each idle one has its buffer.
const READ_BUFFER: usize = 1024;
/// Largest answer to one long poll, in bytes. An upgrade loses the packet that does not fit (measured at the default of
/// 100 kB), so this lies above what the buffer of a socket can hold: 128 packets of up to 64 KiB.
const POLL_LIMIT: u64 = 16 * 1024 * 1024;

/// Joins that read the log at the same time; the rest of the database's connections stay with everyone else.
const LOG_READS: usize = 4;

/// How long a connection may stay without a session.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long closing may take before connections are cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// All that sockets share on this node.
pub struct Realtime {
    pool: Db,
    auth: Auth,
    commands: Commands,
    origins: AllowedOrigins,
    feeds: Arc<Feeds<RoomMember>>,
    relay: Arc<Wake>,
    lines: Arc<Lines>,
    roster: Arc<Roster>,
    engine: EngineService,
    io: SocketIo,
    /// Joins that may read the log at a time.
    log_reads: Semaphore,
    /// Where websockets are driven.
    runtime: Handle,
    limits: RealtimeLimits,
}

/// What may be set.
#[derive(Debug, Clone, Copy)]
pub struct RealtimeLimits {
    /// A connection that takes no data for so long is closed.
    pub write_stall: Duration,
    /// Most events that a join catches up with.
    pub backlog: i64,
    /// What one socket may send.
    pub socket_rate: Rate,
    /// Sockets of one user on this node.
    pub sockets_per_user: usize,
    /// Vaults of one socket.
    pub vaults_per_socket: usize,
}

impl Realtime {
    /// Sets up the engine and its only namespace, in the runtime that calls it. `relay` is the wake of the relay that will advance [`Self::feeds`].
    #[must_use]
    pub fn new(
        pool: Db,
        auth: Auth,
        commands: Commands,
        origins: AllowedOrigins,
        relay: Arc<Wake>,
        limits: RealtimeLimits,
    ) -> Arc<Self> {
        let (engine, io) = SocketIo::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .max_payload(POLL_LIMIT)
            .ws_max_message_size(INBOUND_LIMIT)
            .ws_max_frame_size(INBOUND_LIMIT)
            .ws_read_buffer_size(READ_BUFFER)
            .build_svc();
        let (feeds, lines) = (Arc::default(), Arc::default());
        let log_reads = Semaphore::new(LOG_READS);
        let this = Arc::new(Self {
            pool,
            auth,
            commands,
            origins,
            feeds,
            relay,
            lines,
            roster: Arc::default(),
            engine,
            io: io.clone(),
            log_reads,
            runtime: Handle::current(),
            limits,
        });
        connect::register(&io, &this);
        this
    }

    /// The feeds that the relay advances.
    #[must_use]
    pub fn feeds(&self) -> Arc<Feeds<RoomMember>> {
        Arc::clone(&self.feeds)
    }

    /// The session is not let in. Its connection stays until the client has read why.
    fn turn_away(&self, session: Sid) {
        self.roster.leave(session);
        self.lines.forget_polls(session);
    }

    /// The socket takes no data: it is cut, so that its client comes again and resumes (I5).
    fn close_slow(&self, socket: &SocketRef) {
        if !self.lines.is_cut(socket) {
            tracing::info!(socket = %socket.id, "closed a socket that takes no data");
            counter!("syncscript_slow_readers_closed_total").increment(1);
            self.lines.cut(socket);
        }
    }

    /// Nothing is left to know of this session.
    fn forget(&self, session: Sid) {
        self.roster.leave(session);
        self.lines.forget(session);
    }

    /// How many sockets there are: by websocket, and by long-polling.
    #[must_use]
    pub fn sockets(&self) -> (usize, usize) {
        self.roster.count()
    }

    /// Ends sockets with their sessions, for ever.
    pub fn watch_sessions(&self) -> impl Future<Output = ()> + use<> {
        roster::watch(Arc::clone(&self.roster), self.pool.clone(), self.auth.clone(), Arc::clone(&self.lines))
    }

    /// Closes every connection, so that clients connect elsewhere; those that cannot be told are cut.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, self.io.close()).await.is_err() {
            self.roster.cut_all(&self.lines);
        }
    }
}
