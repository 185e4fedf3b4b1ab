//! Runs the real application in this process, and asserts what must hold for each response.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use clap::Parser;
use reqwest::RequestBuilder;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use syncscript::app::Application;
use syncscript::config::{Cli, Command, ServeArgs};
use tokio::sync::oneshot;

use super::database::Database;
use super::event::Event;
use super::response::Response;
use super::user::{Client, User};

/// Tables that must exist. A snapshot includes these and any others.
const TABLES: [&str; 6] = ["outbox", "sessions", "sources", "users", "vault_users", "vaults"];

/// Words that only occur in a response that leaks its cause.
const INTERNALS: [&str; 12] = [
    "sqlx",
    "postgres",
    "sqlstate",
    "select ",
    "insert ",
    "update ",
    "delete from",
    "constraint",
    "relation",
    "_pkey",
    "argon2",
    "panicked",
];

/// A running application. Fields are dropped in order: first the server stops, then the database is dropped.
pub struct App {
    _server: Server,
    /// For assertions about the database.
    pub db: PgPool,
    base: String,
    tokens: Mutex<Vec<String>>,
    _database: Database,
}

impl App {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with these flags, which add to or replace the defaults of the tests. The application itself migrates the
    /// empty database.
    pub async fn start_with(flags: &[&str]) -> Self {
        let database = Database::create().await;
        // Many applications run at a time, so each uses few resources.
        let defaults = [["--port", "0"], ["--workers", "1"], ["--database-connections", "3"]];
        let defaults = defaults.iter().filter(|[flag, _]| !flags.contains(flag)).flatten();
        let words = ["syncscript", "serve"].iter().chain(defaults).chain(flags);
        let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let Command::Serve(args) = cli.command else { panic!("the command is serve") };
        let options = database.options();
        let (server, base) = Server::start(options.clone(), args).await;
        let db = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        Self { _server: server, db, base, tokens: Mutex::default(), _database: database }
    }

    /// The base URL, such as `http://127.0.0.1:4711`, which is also the server's own origin.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client without a session.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.base)
    }

    /// Registers and signs in `<name>@example.com`.
    pub async fn user(&self, name: &str) -> User {
        let user = User::register(&self.base, name).await;
        self.forbid_leak_of(&user.token);
        user
    }

    /// From now on, no rejection may contain this token.
    pub fn forbid_leak_of(&self, token: &str) {
        self.tokens.lock().expect("no test panicked with it").push(token.to_owned());
    }

    /// Every row of every table as text, except `nodes`, which servers update on their own. Includes `head_seq`, so an
    /// increment that was not rolled back shows.
    pub async fn snapshot(&self) -> Vec<String> {
        let tables = sqlx::query_scalar(
            "SELECT tablename::text FROM pg_tables
             WHERE schemaname = 'public' AND tablename NOT IN ('_sqlx_migrations', 'nodes')",
        );
        let tables: Vec<String> = tables.fetch_all(&self.db).await.expect("the tables");
        assert!(TABLES.iter().all(|known| tables.iter().any(|table| table == known)), "{tables:?}");
        let rows = tables.iter().map(|table| format!("SELECT '{table} ' || t::text FROM {table} t"));
        let query = format!("{} ORDER BY 1", rows.collect::<Vec<_>>().join(" UNION ALL "));
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&self.db).await.expect("a snapshot")
    }

    /// Sends a request that must be rejected with this status and a complete problem document with this code, without
    /// leaking internals and without changing a single row. Returns the document.
    pub async fn assert_rejected(&self, request: RequestBuilder, status: u16, code: &str) -> Value {
        self.assert_rejected_with_response(request, status, code).await.1
    }

    /// As [`Self::assert_rejected`], but also returns the response.
    pub async fn assert_rejected_with_response(
        &self,
        request: RequestBuilder,
        status: u16,
        code: &str,
    ) -> (Response, Value) {
        self.assert_rejected_with_any_of(request, &[(status, code)]).await
    }

    /// As [`Self::assert_rejected`], but accepts several statuses and codes.
    pub async fn assert_rejected_with_any_of(
        &self,
        request: RequestBuilder,
        allowed: &[(u16, &str)],
    ) -> (Response, Value) {
        let before = self.snapshot().await;
        let response = Response::to(request).await;
        let status = response.status.as_u16();
        let (_, code) = allowed.iter().find(|(allowed, _)| *allowed == status).unwrap_or_else(|| {
            panic!("{response} is not one of {allowed:?}");
        });
        assert_eq!(self.snapshot().await, before, "{response} changed something");
        let document = self.check_problem(&response, code);
        (response, document)
    }

    /// Asserts the properties of every rejection.
    fn check_problem(&self, response: &Response, code: &str) -> Value {
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response}");
        let document = response.json();
        let fields = document.as_object().unwrap_or_else(|| panic!("{response} is not an object"));
        assert_eq!(document["code"], code, "{response}");
        assert_eq!(document["type"], format!("urn:syncscript:problem:{}", code.to_lowercase().replace('_', "-")));
        assert_eq!(document["status"], response.status.as_u16(), "{response}");
        assert_eq!(document["title"].as_str(), response.status.canonical_reason(), "{response}");
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{response}");
        let request_id = response.header("x-request-id").unwrap_or_else(|| panic!("{response} has no x-request-id"));
        assert!(request_id.len() >= 16 && document["requestId"] == request_id, "{response}: not {request_id}");
        let expected = ["type", "title", "status", "code", "detail", "requestId"];
        let more = fields.keys().filter(|name| !expected.contains(&name.as_str())).collect::<Vec<_>>();
        let allowed: &[&str] = if code == "INVALID" { &["field"] } else { &[] };
        assert_eq!(more, allowed, "{response}");

        let body = response.text.to_lowercase();
        for word in INTERNALS {
            assert!(!body.contains(word), "{response} leaks {word:?}");
        }
        let whole = format!("{} {:?}", response.text, response.headers);
        for token in self.tokens.lock().expect("no test panicked with it").iter() {
            assert!(!whole.contains(token), "{response} contains a session token");
        }
        assert_eq!(response.header("x-vault-seq"), None, "{response}");
        assert_eq!(response.header("etag"), None, "{response}");
        document
    }

    /// Sends a request that must append exactly one event with this type and actor. The vault's head and `X-Vault-Seq`
    /// must be the event's seq. Returns the response and the event.
    pub async fn assert_appends(
        &self,
        by: &User,
        request: RequestBuilder,
        status: u16,
        kind: &str,
    ) -> (Response, Event) {
        let before = Event::all(&self.db).await;
        let response = Response::to(request).await.expect_status(status);
        let mut new = Event::all(&self.db).await;
        new.retain(|event| !before.iter().any(|known| known.event_id == event.event_id));
        assert_eq!(new.len(), 1, "{response} appended {} events", new.len());
        let event = new.remove(0);
        assert_eq!(event.kind, kind, "{response}");
        event.assert_envelope(by);
        assert_eq!(response.header("x-vault-seq"), Some(event.seq.to_string().as_str()), "{response}");
        assert_eq!(self.head(&event.vault_id).await, event.seq, "{response}: the head is not the new event");
        assert!(response.header("x-request-id").is_some(), "{response} has no x-request-id");
        (response, event)
    }

    /// The vault's head. Works for deleted vaults too.
    pub async fn head(&self, vault: &str) -> i64 {
        let head = sqlx::query_scalar("SELECT head_seq FROM vaults WHERE id = $1::uuid").bind(vault);
        head.fetch_one(&self.db).await.expect("the vault exists")
    }
}

/// The application on its own thread, which ends when this is dropped.
struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Server {
    async fn start(options: PgConnectOptions, args: ServeArgs) -> (Self, String) {
        let (started, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            runtime.block_on(async {
                let application = Application::start(options, &args).await?;
                started.send(application.address()).map_err(|_| anyhow::anyhow!("the test has ended"))?;
                application.run_until(async { drop(stopped.await) }).await
            })
        });
        let mut server = Self { stop: Some(stop), thread: Some(thread) };
        match address.await {
            Ok(address) => (server, format!("http://{address}")),
            Err(_) => panic!("the application does not start: {:?}", server.end()),
        }
    }

    fn end(&mut self) -> Option<anyhow::Result<()>> {
        drop(self.stop.take());
        let outcome = self.thread.take()?.join();
        Some(outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the application panicked"))))
    }
}

impl Drop for Server {
    /// Fails the test if a task of the application has failed.
    fn drop(&mut self) {
        if let Some(Err(error)) = self.end()
            && !thread::panicking()
        {
            panic!("the application failed: {error:#}");
        }
    }
}
