//! The databases of the runs. Each run has its own, cloned from a template that has the schema, the users and the vaults.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The number of vaults and users in a database. Every user is a member of every vault.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub vaults: usize,
    pub users: usize,
}

/// The PostgreSQL cluster that all targets use.
pub struct Cluster {
    url: String,
    templates: HashSet<String>,
    count: u32,
}

/// Returns a vault's id. The seed SQL and pgbench's script build the same ids.
pub fn vault_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{:012}", 100_000_000_000 + number)
}

impl Cluster {
    /// # Errors
    /// If the database is not on this machine: a benchmark must not put load on another machine.
    pub fn new(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url).context("DATABASE_URL is not a PostgreSQL URL")?;
        let host = options.get_host();
        let local = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) || host == "localhost";
        ensure!(local, "the database must be on 127.0.0.1: a benchmark must not put load on another machine");
        Ok(Self { url: url.to_owned(), templates: HashSet::new(), count: 0 })
    }

    /// Returns the URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        let base = self.url.rsplit_once('/').map_or(self.url.as_str(), |(base, _)| base);
        format!("{base}/{database}")
    }

    pub fn has_template(&self, name: &str) -> bool {
        self.templates.contains(name)
    }

    /// Records that a template exists.
    pub fn add_template(&mut self, name: String) {
        self.templates.insert(name);
    }

    /// Creates an empty database or a copy of a template. Then requests a checkpoint, so that earlier work does not cause one
    /// during the run.
    pub async fn create(&mut self, name: &str, template: Option<&str>) -> Result<()> {
        let mut admin = self.admin().await?;
        let from = template.map_or(String::new(), |template| format!(" TEMPLATE {template}"));
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        execute(&mut admin, format!("CREATE DATABASE {name}{from}")).await?;
        execute(&mut admin, "CHECKPOINT".to_owned()).await
    }

    /// Drops a database. Retries for 5 s, because `FORCE` does not release a replication slot whose user has just ended.
    pub async fn drop(&self, name: &str) -> Result<()> {
        let mut admin = self.admin().await?;
        let mut retries = 50;
        loop {
            match execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await {
                Err(_) if retries > 0 => retries -= 1,
                result => return result,
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Returns an unused database name.
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

/// Connects for work of the benchmark itself.
pub async fn connect(url: &str) -> Result<PgConnection> {
    PgConnection::connect(url).await.context("cannot connect to PostgreSQL")
}

/// Runs SQL from this crate.
pub async fn execute(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Adds the users and vaults, and updates the statistics of the planner.
pub async fn seed(url: &str, sql: &str, shape: Shape) -> Result<()> {
    let mut connection = connect(url).await?;
    let sql = sql.replace("@users@", &shape.users.to_string()).replace("@vaults@", &shape.vaults.to_string());
    execute(&mut connection, sql).await.context("cannot create the users and vaults")?;
    execute(&mut connection, "VACUUM ANALYZE".to_owned()).await?;
    Ok(connection.close().await?)
}

/// Returns the number of sources.
pub async fn count_sources(url: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sources").fetch_one(&mut connect(url).await?).await?;
    Ok(count as u64)
}
