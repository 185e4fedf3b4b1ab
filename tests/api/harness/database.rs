//! A database for one test, dropped at its end even if the test panics.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use uuid::Uuid;

pub struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// Creates an empty database, from template0, because template0 never has open connections.
    pub async fn create() -> Self {
        let url = std::env::var("DATABASE_URL").expect("DATABASE_URL must name a Postgres for the tests");
        let server: PgConnectOptions = url.parse().expect("DATABASE_URL must be a Postgres URL");
        let name = format!("syncscript_api_{}", Uuid::new_v4().simple());
        execute(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { server, name }
    }

    /// The options to connect to it.
    pub fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }
}

impl Drop for Database {
    /// Uses a new thread, because this one may be inside a runtime that is panicking.
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(execute(&server, drop));
        });
        if dropped.join().is_err() && !std::thread::panicking() {
            panic!("the database {} could not be dropped", self.name);
        }
    }
}

async fn execute(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.expect("Postgres responds");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("the role may create databases");
    connection.close().await.expect("the connection closes");
}
