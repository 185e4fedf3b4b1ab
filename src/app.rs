//! Puts the parts together: one process, one port.
//!
//! The tasks of a node: the HTTP workers, the relay, the notifier, the listener, and until it has succeeded the
//! migration. A task of the last four that ends is a defect, and takes the process down: a server that accepts writes
//! and stays silent is worse than none.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use outbox_worker::{Relay, RelaySettings, Wake, listen, notify, retry};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::auth::Auth;
use crate::command::Commands;
use crate::config::ServeArgs;
use crate::error::Error;
use crate::http;
use crate::origin::Origins;
use crate::realtime::{Realtime, RealtimeLimits, bridge, polling};
use crate::store;

/// How long running requests may take to finish when the server stops.
const SHUTDOWN_TIMEOUT_S: u64 = 5;

/// What request handlers share.
pub struct AppState {
    /// The database.
    pub pool: PgPool,
    /// Who is who.
    pub auth: Auth,
    /// What users do.
    pub commands: Commands,
    /// Which web pages may act for a user.
    pub origins: Origins,
    /// Whether browsers reach the server by https.
    pub secure: bool,
    /// Whether the schema is there.
    pub schema: Schema,
}

/// Whether the database has the schema of this version.
#[derive(Debug, Clone, Default)]
pub struct Schema(Arc<AtomicBool>);

impl Schema {
    /// # Errors
    /// Unavailable until the migration has succeeded.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::Unavailable("the database has not been migrated yet".into()))
    }

    fn is_there(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A server that is bound and runs.
pub struct Application {
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    realtime: Arc<Realtime>,
    tasks: JoinSet<&'static str>,
}

impl Application {
    /// Binds and starts. With the database away it starts all the same, and is ready once the database is there.
    ///
    /// # Errors
    /// The address is taken, or the database has a schema that this version cannot work with.
    pub async fn start(options: PgConnectOptions, args: &ServeArgs) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((args.host, args.port))
            .map_err(|error| anyhow::anyhow!("HOST, PORT: cannot listen on {}:{}: {error}", args.host, args.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let pool = store::pool(options, args.database_connections.get());
        let mut tasks = JoinSet::new();

        let schema = Schema::default();
        migrate(&pool, args.migrate, &schema, &mut tasks).await?;

        let (relay_wake, others) = (Arc::new(Wake::default()), Arc::new(Wake::default()));
        let secure = args.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
        let lifetime = Duration::from_secs(args.session_lifetime_s.get().into());
        let auth = Auth::new(pool.clone(), lifetime, secure);
        let commands = Commands::new(pool.clone(), Arc::clone(&relay_wake), Arc::clone(&others));
        let origins = Origins::new(args.public_url.iter().chain(&args.allowed_origins).cloned().collect());
        let limits = RealtimeLimits {
            write_stall: Duration::from_millis(args.write_stall_timeout_ms.get()),
            backlog: args.backlog_limit,
        };
        let realtime = Realtime::new(
            pool.clone(),
            auth.clone(),
            commands.clone(),
            origins.clone(),
            Arc::clone(&relay_wake),
            limits,
        );

        let node = Uuid::new_v4();
        let settings = RelaySettings { sweep: Duration::from_millis(args.sweep_interval_ms.get()) };
        let relay = Relay::new(pool.clone(), realtime.feeds(), Arc::clone(&relay_wake), settings);
        tasks.spawn(ends_as("relay", relay.run()));
        tasks.spawn(ends_as("notifier", notify::run(pool.clone(), others, node)));
        if args.listen {
            tasks.spawn(ends_as("listener", listen::run(pool.clone(), relay_wake, node)));
        }

        let state = Data::new(AppState { pool, auth, commands, origins, secure, schema });
        let workers = args.workers.map(|workers| workers.get() as usize);
        let server = serve(listener, state, &realtime, workers)?;
        Ok(Self { address, handle: server.handle(), server, realtime, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then ends connections and running requests.
    ///
    /// # Errors
    /// A task ended that should not: the process must not go on.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = stop => None,
            Some(ended) = self.tasks.join_next() => Some(match ended {
                Ok(task) => format!("the {task} ended"),
                Err(error) => format!("a task failed: {error}"),
            }),
            ended = &mut self.server => Some(format!("the HTTP server ended: {ended:?}")),
        };
        self.realtime.close().await;
        tokio::join!(self.handle.stop(true), async { self.server.await.ok() });
        match failed {
            Some(failed) => anyhow::bail!("{failed}"),
            None => Ok(()),
        }
    }
}

async fn ends_as(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Migrates now, or in the background if the database is away.
async fn migrate(
    pool: &PgPool,
    wanted: bool,
    schema: &Schema,
    tasks: &mut JoinSet<&'static str>,
) -> anyhow::Result<()> {
    if !wanted {
        schema.is_there();
        return Ok(());
    }
    match store::MIGRATIONS.run(pool).await {
        Ok(()) => schema.is_there(),
        Err(error) if !store::is_away(&error) => {
            return Err(anyhow::anyhow!("DATABASE_URL: the database cannot be migrated: {error}"));
        }
        Err(error) => {
            tracing::warn!(%error, "the database is away; it is migrated when it comes");
            let (pool, schema) = (pool.clone(), schema.clone());
            tasks.spawn(async move {
                retry::until_ok("the migration", || store::MIGRATIONS.run(&pool)).await;
                schema.is_there();
                tracing::info!("the database is migrated");
                std::future::pending().await
            });
        }
    }
    Ok(())
}

fn serve(
    listener: TcpListener,
    state: Data<AppState>,
    realtime: &Arc<Realtime>,
    workers: Option<usize>,
) -> anyhow::Result<Server> {
    let realtime = Arc::clone(realtime);
    let mut builder = Server::build().disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT_S);
    if let Some(workers) = workers {
        builder = builder.workers(workers);
    }
    let server = builder.listen("syncscript", listener, move || {
        let (state, realtime) = (state.clone(), Arc::clone(&realtime));
        let upgrades = Arc::clone(&realtime);
        let app = actix_web::App::new()
            .app_data(state)
            .configure(|config| polling::routes(config, &realtime))
            .configure(http::routes)
            .wrap(from_fn(http::request_context))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        HttpService::build()
            .tcp_nodelay(true)
            .upgrade(fn_service(move |upgraded| {
                let realtime = Arc::clone(&upgrades);
                async move {
                    // The connection is gone then: there is nobody to answer.
                    if let Err(error) = bridge::upgrade(realtime, upgraded).await {
                        tracing::debug!(%error, "a connection failed while it was upgraded");
                    }
                    Ok::<(), actix_http::Error>(())
                }
            }))
            .finish(map_config(app, |()| AppConfig::default()))
            .tcp()
    })?;
    Ok(server.run())
}
