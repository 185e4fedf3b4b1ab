//! Puts the parts together: one process, one port.
//!
//! The tasks of a node: the HTTP workers, the relay, the notifier, the listener, and until it has succeeded the
//! migration. A task of the last four that ends is a defect, and takes the process down: a server that accepts writes
//! and stays silent is worse than none.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::HttpRequest;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use metrics_exporter_prometheus::PrometheusHandle;
use outbox_worker::metric::Lag;
use outbox_worker::{Db, Relay, RelaySettings, Wake, listen, node, notify, replay, retry};
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::auth::{Auth, AuthSettings, Secrets};
use crate::command::Commands;
use crate::config::{CookieSameSite, LimitArgs, ServeArgs};
use crate::error::Error;
use crate::http;
use crate::origin::Origins;
use crate::realtime::{Realtime, RealtimeLimits, bridge, polling};
use crate::store;

/// How long running requests may take to finish when the server stops.
const SHUTDOWN_TIMEOUT_S: u64 = 5;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a closed connection may linger.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often what is no longer needed is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// What request handlers share.
pub struct AppState {
    /// The database.
    pub pool: Db,
    /// Who is who.
    pub auth: Auth,
    /// What users do.
    pub commands: Commands,
    /// Which web pages may act for a user.
    pub origins: Origins,
    /// Whether browsers reach the server by https.
    pub secure: bool,
    /// Where browsers find the server, if that was set.
    pub public_url: Option<String>,
    /// What its cookies say of other sites.
    pub cookie_same_site: CookieSameSite,
    /// Whether the schema is there.
    pub schema: Schema,
    /// The sockets.
    pub realtime: Arc<Realtime>,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
    /// How far the relay is behind.
    pub lag: Arc<Lag>,
    /// Whether the page that signs in shows the demo accounts.
    pub demo: bool,
    /// The limits of this server.
    pub limits: LimitArgs,
}

impl AppState {
    /// The address of the client, or of the last proxy that it came through.
    #[must_use]
    pub fn client_address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        if !self.limits.trust_proxy {
            return peer;
        }
        // The last entry is what our own proxy saw; the ones before it are what the client claims.
        let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
        forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok()).or(peer)
    }
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
    pool: Db,
    id: Uuid,
}

impl Application {
    /// Binds and starts. With the database away it starts all the same, and is ready once the database is there.
    ///
    /// # Errors
    /// The address is taken, or the database has a schema that this version cannot work with.
    pub async fn start(options: PgConnectOptions, args: &ServeArgs) -> anyhow::Result<Self> {
        args.check()?;
        let secrets = Secrets::parse(args.auth_secret.as_ref())?;
        let listener = TcpListener::bind((args.host, args.port))
            .map_err(|error| anyhow::anyhow!("HOST, PORT: cannot listen on {}:{}: {error}", args.host, args.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // The one that listens is apart from the others.
        let connections = args.database_connections.get() - u32::from(args.listen);
        let pool = Db::new(options, connections);
        let mut tasks = JoinSet::new();

        let schema = Schema::default();
        migrate(&pool, args.migrate, &schema, &mut tasks).await?;

        let (relay_wake, others) = (Arc::new(Wake::default()), Arc::new(Wake::default()));
        let limits = &args.limits;
        let settings = AuthSettings {
            lifetime: LimitArgs::s(limits.session_lifetime_s),
            secure: args.is_secure(),
            account_rate: LimitArgs::per_minute(limits.login_rate_account),
            address_rate: LimitArgs::per_minute(limits.login_rate_address),
        };
        let auth = Auth::new(pool.clone(), settings, &secrets);
        let key_lifetime = LimitArgs::s(limits.idempotency_lifetime_s);
        let commands = Commands::new(pool.clone(), Arc::clone(&relay_wake), Arc::clone(&others), key_lifetime);
        let origins = Origins::new(args.public_url.iter().chain(&args.allowed_origins).cloned().collect());
        let realtime = Realtime::new(
            pool.clone(),
            auth.clone(),
            commands.clone(),
            origins.clone(),
            Arc::clone(&relay_wake),
            RealtimeLimits::from(limits),
        );

        let id = Uuid::new_v4();
        tasks.spawn(ends_as("watch over sessions", realtime.watch_sessions()));
        tasks.spawn(ends_as("housekeeping", housekeeping(pool.clone(), key_lifetime)));
        tasks.spawn(ends_as("upkeep of the metrics", upkeep(http::install_metrics()?)));
        let relay_settings = RelaySettings { sweep: Duration::from_millis(args.sweep_interval_ms.get()) };
        let relay = Relay::new(pool.clone(), realtime.feeds(), Arc::clone(&relay_wake), relay_settings);
        let lag = relay.lag();
        tasks.spawn(ends_as("relay", relay.run()));
        let patience = LimitArgs::ms(limits.write_stall_timeout_ms);
        tasks.spawn(ends_as("replays", replay::run(pool.clone(), realtime.feeds(), id, patience)));
        let counted = Arc::clone(&realtime);
        let sockets = move || {
            let (websocket, polling) = counted.sockets();
            websocket + polling
        };
        let version = env!("CARGO_PKG_VERSION");
        tasks.spawn(ends_as("report", node::report(pool.clone(), realtime.feeds(), id, version, sockets)));
        tasks.spawn(ends_as("notifier", notify::run(pool.clone(), others, id)));
        if args.listen {
            tasks.spawn(ends_as("listener", listen::run(pool.options().clone(), relay_wake, id)));
        }

        let secure = settings.secure;
        let state = Data::new(AppState {
            pool: pool.clone(),
            auth,
            commands,
            origins,
            secure,
            public_url: args.public_url.clone(),
            cookie_same_site: args.cookie_same_site,
            schema,
            limits: limits.clone(),
            realtime: Arc::clone(&realtime),
            metrics: http::install_metrics()?,
            lag,
            demo: args.demo,
        });
        let server = serve(listener, state, &realtime, args.workers)?;
        Ok(Self { address, handle: server.handle(), server, realtime, tasks, pool, id })
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
        let stopping = async {
            // Nobody new, before those who are here are sent away.
            self.handle.pause().await;
            self.realtime.close().await;
            self.handle.stop(true).await;
        };
        // The server does what its handle says only while it is polled.
        tokio::join!(stopping, async { self.server.await.ok() });
        // Best effort: with the database away the row is marked dead by its age.
        node::leave(&self.pool, self.id).await.ok();
        match failed {
            Some(failed) => anyhow::bail!("{failed}"),
            None => Ok(()),
        }
    }
}

/// Removes old sessions and answers. A failure is tried again the next time.
async fn housekeeping(pool: Db, key_lifetime: Duration) {
    let mut period = tokio::time::interval(HOUSEKEEPING);
    loop {
        period.tick().await;
        let cleaned = async {
            store::session_changes::clean(&pool).await?;
            store::idempotency::clean(&pool, key_lifetime.as_secs_f64()).await
        };
        if let Err(error) = cleaned.await {
            tracing::debug!(%error, "old sessions and answers could not be removed");
        }
    }
}

/// Puts what was measured into its histograms: without it, measurements pile up while nobody asks for them.
async fn upkeep(metrics: PrometheusHandle) {
    let mut period = tokio::time::interval(Duration::from_secs(5));
    loop {
        period.tick().await;
        metrics.run_upkeep();
    }
}

async fn ends_as(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Migrates now, or in the background if the database is away.
async fn migrate(pool: &Db, wanted: bool, schema: &Schema, tasks: &mut JoinSet<&'static str>) -> anyhow::Result<()> {
    if !wanted {
        schema.is_there();
        return Ok(());
    }
    match store::migrate(pool).await {
        Ok(()) => schema.is_there(),
        Err(error) if !store::is_away(&error) => {
            return Err(anyhow::anyhow!("DATABASE_URL: the database cannot be migrated: {error}"));
        }
        Err(error) => {
            tracing::warn!(%error, "the database is away; it is migrated when it comes");
            let (pool, schema) = (pool.clone(), schema.clone());
            tasks.spawn(async move {
                let migrated = retry::until_ok("the migration", || async {
                    match store::migrate(&pool).await {
                        Err(error) if store::is_away(&error) => Err(error),
                        settled => Ok(settled),
                    }
                });
                if let Err(error) = migrated.await {
                    // It will not get better by waiting: the process ends.
                    tracing::error!(%error, "the database cannot be migrated");
                    return "migration";
                }
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
    workers: Option<NonZeroU32>,
) -> anyhow::Result<Server> {
    let realtime = Arc::clone(realtime);
    let mut builder = Server::build().disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT_S);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get() as usize);
    }
    let idle = LimitArgs::ms(state.limits.idle_timeout_ms);
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
            .keep_alive(KeepAlive::Timeout(idle))
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
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
