//! The real application, in process, and what must hold of each of its answers.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use clap::Parser;
use reqwest::redirect::Policy;
use reqwest::{Client as Http, RequestBuilder};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use syncscript::app::Application;
use syncscript::config::{Cli, Command, ServeArgs};
use tokio::sync::oneshot;

use super::database::Database;
use super::{Answer, Client, Event, User};

/// The tables that the contract is about; a snapshot takes in these and any other.
const TABLES: [&str; 6] = ["outbox", "sessions", "sources", "users", "vault_users", "vaults"];

/// Words that only an answer that leaks its cause contains.
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

/// A running application. Fields are dropped in their order: first it stops, then its database goes.
pub struct App {
    _server: Server,
    /// For looks behind the answers.
    pub db: PgPool,
    base: String,
    tokens: Mutex<Vec<String>>,
    _database: Database,
}

impl App {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with these flags beside, or in place of, the few that every test has. The application itself migrates the
    /// empty database.
    pub async fn start_with(flags: &[&str]) -> Self {
        let database = Database::create().await;
        // Many run at a time: each takes little.
        let usual = [["--port", "0"], ["--workers", "1"], ["--database-connections", "3"]];
        let usual = usual.iter().filter(|[flag, _]| !flags.contains(flag)).flatten();
        let words = ["syncscript", "serve"].iter().chain(usual).chain(flags);
        let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let Command::Serve(args) = cli.command else { panic!("serve was asked for") };
        let options = database.options();
        let (server, base) = Server::start(options.clone(), args).await;
        let db = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        Self { _server: server, db, base, tokens: Mutex::default(), _database: database }
    }

    /// Where it listens, such as `http://127.0.0.1:4711`: its own origin too.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client that nobody signed in with.
    pub fn anyone(&self) -> Client {
        Client::new(&self.base)
    }

    /// Registers and signs in `<name>@example.com`.
    pub async fn user(&self, name: &str) -> User {
        let user = User::register(&self.base, name).await;
        self.guard(&user.token);
        user
    }

    /// From now on no refusal may contain this token.
    pub fn guard(&self, token: &str) {
        self.tokens.lock().expect("no test panicked with it").push(token.to_owned());
    }

    /// Every row of every table, as text, but for what servers tell of themselves in `nodes`. `head_seq` is among it, so
    /// a bump that was not taken back shows.
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

    /// Sends a request that must be refused: by this status, with a complete problem document of this code, without
    /// telling how the server works inside, and without changing a single row. Returns the document.
    pub async fn refuses(&self, request: RequestBuilder, status: u16, code: &str) -> Value {
        self.refuses_fully(request, status, code).await.1
    }

    /// [`Self::refuses`], with the whole answer for a look at its headers.
    pub async fn refuses_fully(&self, request: RequestBuilder, status: u16, code: &str) -> (Answer, Value) {
        self.refuses_by_one_of(request, &[(status, code)]).await
    }

    /// [`Self::refuses`], where more than one status is right.
    pub async fn refuses_by_one_of(&self, request: RequestBuilder, allowed: &[(u16, &str)]) -> (Answer, Value) {
        let before = self.snapshot().await;
        let answer = Answer::to(request).await;
        let status = answer.status.as_u16();
        let (_, code) = allowed.iter().find(|(allowed, _)| *allowed == status).unwrap_or_else(|| {
            panic!("{answer} is not one of {allowed:?}");
        });
        assert_eq!(self.snapshot().await, before, "{answer} has changed something");
        let document = self.check_problem(&answer, code);
        (answer, document)
    }

    /// The one place that says what every refusal looks like.
    fn check_problem(&self, answer: &Answer, code: &str) -> Value {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer}");
        let document = answer.json();
        let fields = document.as_object().unwrap_or_else(|| panic!("{answer} is no object"));
        assert_eq!(document["code"], code, "{answer}");
        assert_eq!(document["type"], format!("urn:syncscript:problem:{}", code.to_lowercase().replace('_', "-")));
        assert_eq!(document["status"], answer.status.as_u16(), "{answer}");
        assert_eq!(document["title"].as_str(), answer.status.canonical_reason(), "{answer}");
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer}");
        let request_id = answer.header("x-request-id").unwrap_or_else(|| panic!("{answer} has no x-request-id"));
        assert!(request_id.len() >= 16 && document["requestId"] == request_id, "{answer}: not {request_id}");
        let expected = ["type", "title", "status", "code", "detail", "requestId"];
        let more = fields.keys().filter(|name| !expected.contains(&name.as_str())).collect::<Vec<_>>();
        let allowed: &[&str] = if code == "INVALID" { &["field"] } else { &[] };
        assert_eq!(more, allowed, "{answer}");

        let body = answer.text.to_lowercase();
        for word in INTERNALS {
            assert!(!body.contains(word), "{answer} tells of {word:?}");
        }
        let whole = format!("{} {:?}", answer.text, answer.headers);
        for token in self.tokens.lock().expect("no test panicked with it").iter() {
            assert!(!whole.contains(token), "{answer} contains a session's token");
        }
        assert_eq!(answer.header("x-vault-seq"), None, "{answer}");
        assert_eq!(answer.header("etag"), None, "{answer}");
        document
    }

    /// Sends a request that must be done: one row more in the outbox, of this type and by this user, and the vault's
    /// head and `X-Vault-Seq` are its seq. Returns the answer and the event.
    pub async fn writes(&self, by: &User, request: RequestBuilder, status: u16, kind: &str) -> (Answer, Event) {
        let before = Event::all(&self.db).await;
        let answer = Answer::to(request).await.expect_status(status);
        let mut new = Event::all(&self.db).await;
        new.retain(|event| !before.iter().any(|known| known.event_id == event.event_id));
        assert_eq!(new.len(), 1, "{answer} has written {} events", new.len());
        let event = new.remove(0);
        assert_eq!(event.kind, kind, "{answer}");
        event.check_envelope(by);
        assert_eq!(answer.header("x-vault-seq"), Some(event.seq.to_string().as_str()), "{answer}");
        assert_eq!(self.head(&event.vault_id).await, event.seq, "{answer}: the head is not its event");
        assert!(answer.header("x-request-id").is_some(), "{answer} has no x-request-id");
        (answer, event)
    }

    /// The vault's head, also of a deleted one.
    pub async fn head(&self, vault: &str) -> i64 {
        let head = sqlx::query_scalar("SELECT head_seq FROM vaults WHERE id = $1::uuid").bind(vault);
        head.fetch_one(&self.db).await.expect("the vault is there")
    }
}

/// The application on a thread of its own, which ends when this is dropped.
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
    /// A task of the application that failed meanwhile fails the test.
    fn drop(&mut self) {
        if let Some(Err(error)) = self.end()
            && !thread::panicking()
        {
            panic!("the application failed: {error:#}");
        }
    }
}

/// A client that takes one connection for each request, so that none is open when the application stops.
pub(super) fn http() -> Http {
    let close = reqwest::header::HeaderMap::from_iter([(
        reqwest::header::CONNECTION,
        reqwest::header::HeaderValue::from_static("close"),
    )]);
    let builder = Http::builder().no_proxy().redirect(Policy::none()).cookie_store(true).default_headers(close);
    builder.timeout(std::time::Duration::from_secs(20)).build().expect("a client")
}
