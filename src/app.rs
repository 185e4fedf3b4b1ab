//! Wiring: builds the parts of a node from its settings, and starts and stops them. One process, one port.
//!
//! Only `main` and the tests import this module.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use actix_server::{Server, ServerHandle};
use actix_web::web::Data;
use outbox_worker::{Db, Relay, RelaySettings, WakeSignal, heartbeat, listener, notifier, replay};
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::auth::{Auth, SharedSecrets};
use crate::commands::Commands;
use crate::config::ServeArgs;
use crate::http::state::{ApiDocuments, AppState};
use crate::http::{openapi, server};
use crate::migration;
use crate::origin::AllowedOrigins;
use crate::realtime::{Realtime, asyncapi};
use crate::settings::{auth_settings, http_settings, milliseconds, realtime_limits, seconds};
use crate::tasks::{self, Tasks};
use crate::telemetry::metrics;

static ASYNCAPI: LazyLock<String> = LazyLock::new(|| asyncapi::document().to_string());

/// A running server.
///
/// ```no_run
/// use clap::Parser;
/// use syncscript::app::Application;
/// use syncscript::config::{Cli, Command, database_options};
///
/// # async fn serve() -> anyhow::Result<()> {
/// let cli = Cli::try_parse_from(["syncscript", "serve", "--port", "0"])?;
/// let Command::Serve(args) = cli.command else { anyhow::bail!("another subcommand") };
/// let database = database_options(Some("postgres://localhost/syncscript"))?;
/// let application = Application::start(database, &args).await?;
/// println!("listening on {}", application.address());
/// application.run_until(async { drop(tokio::signal::ctrl_c().await) }).await
/// # }
/// ```
pub struct Application {
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    realtime: Arc<Realtime>,
    tasks: Tasks,
    pool: Db,
    id: Uuid,
}

impl Application {
    /// Binds the port and starts. Starts even if the database cannot be reached, and becomes ready once it can.
    ///
    /// # Errors
    /// The address is in use, or the database has a schema that this version does not support.
    pub async fn start(options: PgConnectOptions, args: &ServeArgs) -> anyhow::Result<Self> {
        args.check()?;
        let secrets = SharedSecrets::parse(args.auth_secret.as_ref())?;
        let (listener, address) = bind(args)?;
        let id = Uuid::new_v4();
        let mut tasks = Tasks::default();

        // The listener has a connection of its own.
        let connections = args.database_connections.get() - u32::from(args.listen);
        let pool = Db::new(options, connections);
        let schema = if args.migrate {
            migration::migrate_at_startup(&pool, &mut tasks).await?
        } else {
            migration::assume_migrated()
        };

        let (relay_wake, notifier_wake) = (Arc::new(WakeSignal::default()), Arc::new(WakeSignal::default()));
        let auth = Auth::new(pool.clone(), auth_settings(args), &secrets);
        let key_lifetime = seconds(args.limits.idempotency_lifetime_s);
        let commands = Commands::new(pool.clone(), Arc::clone(&relay_wake), Arc::clone(&notifier_wake), key_lifetime);
        let origins = AllowedOrigins::new(args.public_url.iter().chain(&args.allowed_origins).cloned().collect());
        let realtime = Realtime::new(
            pool.clone(),
            auth.clone(),
            commands.clone(),
            origins.clone(),
            Arc::clone(&relay_wake),
            realtime_limits(&args.limits),
        );
        let metrics = metrics::install()?;
        let relay_settings = RelaySettings { sweep: milliseconds(args.sweep_interval_ms) };
        let relay = Relay::new(pool.clone(), realtime.feeds(), Arc::clone(&relay_wake), relay_settings);
        let lag = relay.lag();

        tasks.spawn("session watch", realtime.watch_sessions());
        tasks.spawn("housekeeping", tasks::housekeeping(pool.clone(), key_lifetime));
        tasks.spawn("metrics upkeep", tasks::metrics_upkeep(metrics.clone()));
        tasks.spawn("relay", relay.run());
        let write_stall = milliseconds(args.limits.write_stall_timeout_ms);
        tasks.spawn("replay", replay::run(pool.clone(), realtime.feeds(), id, write_stall));
        let counted = Arc::clone(&realtime);
        let sockets = move || {
            let (websocket, polling) = counted.sockets();
            websocket + polling
        };
        let version = env!("CARGO_PKG_VERSION");
        tasks.spawn("node report", heartbeat::run(pool.clone(), realtime.feeds(), id, version, sockets));
        tasks.spawn("notifier", notifier::run(pool.clone(), notifier_wake, id));
        if args.listen {
            tasks.spawn("listener", listener::run(pool.options().clone(), relay_wake, id));
        }

        let state = Data::new(AppState {
            pool: pool.clone(),
            auth,
            commands,
            origins,
            schema,
            realtime: Arc::clone(&realtime),
            metrics,
            lag,
            documents: ApiDocuments { openapi: &openapi::DOCUMENT, asyncapi: &ASYNCAPI },
            settings: http_settings(args),
        });
        let workers = args.workers.map(NonZeroUsize::try_from).transpose()?;
        let server = server::start(listener, state, workers)?;
        Ok(Self { address, handle: server.handle(), server, realtime, tasks, pool, id })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then finishes requests in progress and closes connections.
    ///
    /// # Errors
    /// A background task or the HTTP server ended; the process must then exit.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failure = tokio::select! {
            () = stop => None,
            failure = self.tasks.wait_for_end() => Some(failure),
            ended = &mut self.server => Some(format!("the HTTP server ended: {ended:?}")),
        };
        let stopping = async {
            // No new connection may arrive while the existing ones are closed.
            self.handle.pause().await;
            self.realtime.close().await;
            self.handle.stop(true).await;
        };
        // The server acts on commands from its handle only while it is polled.
        tokio::join!(stopping, async { self.server.await.ok() });
        // Best effort: if the database cannot be reached, the node's row expires by its age.
        heartbeat::remove(&self.pool, self.id).await.ok();
        match failure {
            Some(failure) => anyhow::bail!("{failure}"),
            None => Ok(()),
        }
    }
}

fn bind(args: &ServeArgs) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((args.host, args.port))
        .map_err(|error| anyhow::anyhow!("HOST, PORT: cannot listen on {}:{}: {error}", args.host, args.port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
