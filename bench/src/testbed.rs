//! The setup of a run: a database of its own, the target running on it, and users who are signed in.

use std::sync::Arc;

use anyhow::Result;

use crate::database::{Shape, vault_id};
use crate::environment::Environment;
use crate::load::Writers;
use crate::process;
use crate::subscribers::{Subscriber, Subscribers};
use crate::target::{Running, Target};
use crate::template::template;
use crate::users;
use crate::watch::Watch;

/// A target that is ready for load.
pub struct Testbed {
    pub target: Target,
    pub running: Running,
    pub url: String,
    pub cookies: Vec<String>,
    pub vaults: Arc<Vec<String>>,
    pub watch: Arc<Watch>,
    postgres_pid: u32,
    database: String,
}

/// Processor seconds used so far.
#[derive(Clone, Copy)]
pub struct CpuTimes {
    pub server: f64,
    pub generator: f64,
    pub postgres: f64,
}

impl Testbed {
    /// Creates the database, starts the target and signs the users in.
    ///
    /// # Errors
    /// If any of this fails.
    pub async fn start(environment: &mut Environment, target: Target, shape: Shape) -> Result<Self> {
        let database = environment.cluster.fresh_name();
        let url = environment.cluster.url(&database);
        if !target.is_bare() {
            let template = template(environment, target, shape).await?;
            environment.cluster.create(&database, Some(&template)).await?;
        }
        let running = Running::start(target, &environment.programs, &url).await?;
        let cookies =
            if target.is_bare() { vec!["none=none".to_owned()] } else { users::sign_in(&running, shape.users).await? };
        let vaults = Arc::new((0..shape.vaults).map(vault_id).collect());
        let watch = Arc::new(Watch::new());
        Ok(Self { target, running, url, cookies, vaults, watch, postgres_pid: environment.postgres_pid, database })
    }

    /// Restarts the target, which frees the memory that signing in has used. The sessions stay in the database.
    ///
    /// # Errors
    /// If the target does not stop or start.
    pub async fn restart(&mut self, environment: &Environment) -> Result<()> {
        let restarted = Running::start(self.target, &environment.programs, &self.url).await?;
        std::mem::replace(&mut self.running, restarted).stop().await
    }

    /// Stops the target and drops the database.
    ///
    /// # Errors
    /// If either fails.
    pub async fn stop(self, environment: &Environment) -> Result<()> {
        self.running.stop().await?;
        environment.cluster.drop(&self.database).await
    }

    /// Returns writers for all users and vaults of this run.
    pub fn writers(&self) -> Writers {
        Writers {
            nodes: self.running.nodes.clone(),
            cookies: self.cookies.clone(),
            vaults: Arc::clone(&self.vaults),
            watch: Arc::clone(&self.watch),
        }
    }

    /// Reads the processor time of the target, this process and PostgreSQL.
    ///
    /// # Errors
    /// If one of them has ended.
    pub fn cpu(&self) -> Result<CpuTimes> {
        let (server, postgres) = (process::cpu_s(&self.running.pids())?, process::cpu_s(&[self.postgres_pid])?);
        Ok(CpuTimes { server, generator: process::own_cpu_s()?, postgres })
    }

    /// Connects `count` subscribers, spread evenly over nodes, users and vaults.
    ///
    /// # Errors
    /// If a connection or a join is rejected.
    pub async fn subscribe(&self, count: usize) -> Result<Subscribers> {
        Subscribers::connect((0..count).map(|index| self.subscriber(index))).await
    }

    /// Returns subscriber `index`, which has not connected yet.
    pub fn subscriber(&self, index: usize) -> Subscriber {
        Subscriber {
            node: self.running.nodes[index % self.running.nodes.len()],
            cookie: self.cookies[index % self.cookies.len()].clone(),
            vault: self.vaults[index % self.vaults.len()].clone(),
            has_seq: self.target.has_seq(),
            watch: Arc::clone(&self.watch),
        }
    }
}
