//! The state that request handlers share.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::cookie::SameSite;
use metrics_exporter_prometheus::PrometheusHandle;
use outbox_worker::Db;
use outbox_worker::RelayLag;

use crate::auth::Auth;
use crate::commands::Commands;
use crate::migration::SchemaState;
use crate::origin::AllowedOrigins;
use crate::realtime::Realtime;

/// The state that request handlers share.
pub struct AppState {
    /// The database.
    pub pool: Db,
    /// Users and their sessions.
    pub auth: Auth,
    /// The commands that change vaults, members and sources.
    pub commands: Commands,
    /// The web origins whose pages may act for a user.
    pub origins: AllowedOrigins,
    /// Whether the database has the schema of this version.
    pub schema: SchemaState,
    /// The sockets of this node.
    pub realtime: Arc<Realtime>,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
    /// How far the relay is behind.
    pub lag: Arc<RelayLag>,
    /// The documents of the interface.
    pub documents: ApiDocuments,
    /// Settings.
    pub settings: HttpSettings,
}

/// The settings of the REST interface.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Whether cookies are `Secure`, that is, browsers reach the server by https.
    pub secure_cookies: bool,
    /// The cookies' `SameSite` attribute.
    pub cookie_same_site: SameSite,
    /// The origin at which browsers reach the server, if it was set.
    pub public_url: Option<String>,
    /// Whether the client's address comes from `X-Forwarded-For`.
    pub trust_proxy: bool,
    /// The longest time that a REST request may take.
    pub request_timeout: Duration,
    /// After this time without a request, the server closes a connection.
    pub idle_timeout: Duration,
    /// Whether the login page shows the demo accounts.
    pub show_demo: bool,
}

/// The documents of the interface as JSON text, each made when it is first requested.
#[derive(Debug, Clone, Copy)]
pub struct ApiDocuments {
    /// REST, as OpenAPI.
    pub openapi: &'static LazyLock<String>,
    /// Socket.IO, as AsyncAPI.
    pub asyncapi: &'static LazyLock<String>,
}
