//! The HTTP server: its workers, timeouts and dispatch. REST and long-polling requests go through the middleware
//! to the routes; a request with `Upgrade` goes to the websocket bridge.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::web::Data;

use super::middleware::request_context::request_context;
use super::routes;
use super::state::AppState;
use crate::realtime::{bridge, polling};

/// How long requests in progress may take to finish when the server stops, in seconds.
const SHUTDOWN_TIMEOUT_S: u64 = 5;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long closing a connection may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts the HTTP server with this number of worker threads, by default one per core.
///
/// # Errors
/// The listener cannot be used.
pub fn start(listener: TcpListener, state: Data<AppState>, workers: Option<NonZeroUsize>) -> io::Result<Server> {
    let mut builder = Server::build().disable_signals().shutdown_timeout(SHUTDOWN_TIMEOUT_S);
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    let idle = state.settings.idle_timeout;
    let server = builder.listen("syncscript", listener, move || {
        let (state, realtime) = (state.clone(), Arc::clone(&state.realtime));
        let upgrades = Arc::clone(&realtime);
        let app = actix_web::App::new()
            .app_data(state)
            .configure(|config| polling::routes(config, &realtime))
            .configure(routes::configure)
            .wrap(from_fn(request_context))
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
                    // The connection is already lost, so no response is possible.
                    if let Err(error) = bridge::upgrade(realtime, upgraded).await {
                        tracing::debug!(%error, "a websocket upgrade failed");
                    }
                    Ok::<(), actix_http::Error>(())
                }
            }))
            .finish(map_config(app, |()| AppConfig::default()))
            .tcp()
    })?;
    Ok(server.run())
}
