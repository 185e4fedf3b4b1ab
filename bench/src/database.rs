//! Databases of a run: each run has its own, cloned from a template that has the schema, the users and the vaults.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::bed::Shape;

/// The cluster that all targets use.
pub struct Cluster {
    url: String,
    templates: HashSet<String>,
    count: u32,
}

/// A vault's id: the numbers are in SQL and in pgbench's script too.
pub fn vault_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{:012}", 100_000_000_000 + number)
}

impl Cluster {
    /// # Errors
    /// The database is not on this machine: load goes nowhere else.
    pub fn new(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url).context("DATABASE_URL is not a PostgreSQL URL")?;
        let host = options.get_host();
        let local = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) || host == "localhost";
        ensure!(local, "the database must be on 127.0.0.1: a benchmark puts load on no other machine");
        Ok(Self { url: url.to_owned(), templates: HashSet::new(), count: 0 })
    }

    /// The URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        let base = self.url.rsplit_once('/').map_or(self.url.as_str(), |(base, _)| base);
        format!("{base}/{database}")
    }

    pub fn has_template(&self, name: &str) -> bool {
        self.templates.contains(name)
    }

    /// From now on, there is such a template.
    pub fn template_made(&mut self, name: String) {
        self.templates.insert(name);
    }

    /// An empty database, or a copy of a template. Begins with a checkpoint, so that none falls due by what came before.
    pub async fn create(&mut self, name: &str, template: Option<&str>) -> Result<()> {
        let mut admin = self.admin().await?;
        let from = template.map_or(String::new(), |template| format!(" TEMPLATE {template}"));
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        execute(&mut admin, format!("CREATE DATABASE {name}{from}")).await?;
        execute(&mut admin, "CHECKPOINT".to_owned()).await
    }

    /// Drops it, once PostgreSQL has seen that its last user is gone: a replication slot is not given up by force.
    pub async fn drop(&self, name: &str) -> Result<()> {
        let mut admin = self.admin().await?;
        let mut tries = 50;
        loop {
            match execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await {
                Err(_) if tries > 0 => tries -= 1,
                dropped => return dropped,
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// A name that no database has.
    pub fn fresh_name(&mut self) -> String {
        self.count += 1;
        format!("bench_run_{}", self.count)
    }

    pub async fn version(&self) -> Result<String> {
        Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut self.admin().await?).await?)
    }

    async fn admin(&self) -> Result<PgConnection> {
        connect(&self.url).await
    }
}

/// A connection, for what the benchmark itself does.
pub async fn connect(url: &str) -> Result<PgConnection> {
    PgConnection::connect(url).await.context("PostgreSQL cannot be reached")
}

/// Runs SQL that is text of this crate.
pub async fn execute(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Adds users and vaults, and has the planner know of them.
pub async fn seed(url: &str, sql: &str, shape: Shape) -> Result<()> {
    let mut connection = connect(url).await?;
    let sql = sql.replace("@users@", &shape.users.to_string()).replace("@vaults@", &shape.vaults.to_string());
    execute(&mut connection, sql).await.context("the users and vaults cannot be made")?;
    execute(&mut connection, "VACUUM ANALYZE".to_owned()).await?;
    Ok(connection.close().await?)
}

/// How many sources there are.
pub async fn sources(url: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sources").fetch_one(&mut connect(url).await?).await?;
    Ok(count as u64)
}
