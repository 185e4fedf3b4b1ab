//! What a run begins with: a database of its own, the target running on it, and users signed in.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::database::{self, Cluster, vault_id};
use crate::http::Http;
use crate::load::Writers;
use crate::proc;
use crate::socket::Socket;
use crate::target::{Programs, Running, Target};
use crate::watch::{Sequence, Watch};

/// How many vaults and users there are. Every user is a member of every vault.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub vaults: usize,
    pub users: usize,
}

const PASSWORD: &str = "benchmark-password";
/// Logins and joins under way at a time: a crowd, but not one that the listen queue refuses.
const AT_ONCE: usize = 64;

/// How long one socket may take to connect and join.
const JOIN: std::time::Duration = std::time::Duration::from_secs(30);

/// What the runs share.
pub struct Lab {
    pub cluster: Cluster,
    pub programs: Programs,
    /// PostgreSQL's first process.
    pub postgres: u32,
}

/// A target, ready.
pub struct Bed {
    pub target: Target,
    pub running: Running,
    pub url: String,
    pub cookies: Vec<String>,
    pub vaults: Arc<Vec<String>>,
    pub watch: Arc<Watch>,
    postgres: u32,
    database: String,
}

/// Subscribers at work; they end when this is dropped.
pub struct Subscribers {
    pub tasks: JoinSet<()>,
}

/// Processor seconds used so far.
#[derive(Clone, Copy)]
pub struct Cpu {
    pub server: f64,
    pub generator: f64,
    pub postgres: f64,
}

impl Bed {
    pub async fn make(lab: &mut Lab, target: Target, shape: Shape) -> Result<Self> {
        let database = lab.cluster.fresh_name();
        let url = lab.cluster.url(&database);
        if !target.is_bare() {
            let template = template(lab, target, shape).await?;
            lab.cluster.create(&database, Some(&template)).await?;
        }
        let running = Running::start(target, &lab.programs, &url).await?;
        let cookies =
            if target.is_bare() { vec!["none=none".to_owned()] } else { sign_in(&running, shape.users).await? };
        let vaults = Arc::new((0..shape.vaults).map(vault_id).collect());
        let watch = Arc::new(Watch::new());
        Ok(Self { target, running, url, cookies, vaults, watch, postgres: lab.postgres, database })
    }

    /// Starts the target anew: what signing in left in its memory is gone, and the sessions are not.
    pub async fn restart(&mut self, lab: &Lab) -> Result<()> {
        let again = Running::start(self.target, &lab.programs, &self.url).await?;
        std::mem::replace(&mut self.running, again).stop().await
    }

    pub async fn end(self, lab: &Lab) -> Result<()> {
        self.running.stop().await?;
        lab.cluster.drop(&self.database).await
    }

    pub fn writers(&self) -> Writers {
        Writers {
            nodes: self.running.nodes.clone(),
            cookies: self.cookies.clone(),
            vaults: Arc::clone(&self.vaults),
            watch: Arc::clone(&self.watch),
        }
    }

    pub fn cpu(&self) -> Result<Cpu> {
        let (server, postgres) = (proc::cpu_s(&self.running.pids())?, proc::cpu_s(&[self.postgres])?);
        Ok(Cpu { server, generator: proc::own_cpu_s()?, postgres })
    }

    /// Connects `count` sockets and joins each to one vault, in turn; they hear events from then on.
    ///
    /// # Errors
    /// One is refused.
    pub async fn subscribe(&self, count: usize) -> Result<Subscribers> {
        let (mut joins, mut tasks) = (JoinSet::new(), JoinSet::new());
        let mut next = 0..count;
        loop {
            while joins.len() < AT_ONCE
                && let Some(index) = next.next()
            {
                joins.spawn(join(self.subscriber(index)));
            }
            let Some(joined) = joins.join_next().await else { return Ok(Subscribers { tasks }) };
            let (socket, sequence) = joined??;
            tasks.spawn(socket.listen(sequence, Arc::clone(&self.watch)));
        }
    }

    /// Subscriber `index`, before it connects.
    pub fn subscriber(&self, index: usize) -> Subscriber {
        Subscriber {
            node: self.running.nodes[index % self.running.nodes.len()],
            cookie: self.cookies[index % self.cookies.len()].clone(),
            vault: self.vaults[index % self.vaults.len()].clone(),
            numbered: self.target.has_seq(),
            watch: Arc::clone(&self.watch),
        }
    }
}

/// Who connects where, and joins what.
pub struct Subscriber {
    pub node: std::net::SocketAddr,
    pub cookie: String,
    pub vault: String,
    pub numbered: bool,
    pub watch: Arc<Watch>,
}

async fn join(who: Subscriber) -> Result<(Socket, Sequence)> {
    let joining = async {
        let mut socket = Socket::connect(who.node, &who.cookie).await?;
        let seq = socket.join(&who.vault, None, &who.watch).await?;
        anyhow::Ok((socket, seq))
    };
    let (socket, seq) = timeout(JOIN, joining).await.context("a join was not answered")??;
    Ok((socket, if who.numbered { Sequence::After(seq) } else { Sequence::None }))
}

/// The name of the template of this schema and shape, made if there is none.
pub async fn template(lab: &mut Lab, target: Target, shape: Shape) -> Result<String> {
    let own = target == Target::Syncscript || target == Target::Pgbench;
    let schema = if own { "syncscript" } else { "peer" };
    let name = format!("bench_{schema}_{}_{}", shape.vaults, shape.users);
    if lab.cluster.has_template(&name) {
        return Ok(name);
    }
    lab.cluster.create(&name, None).await?;
    let url = lab.cluster.url(&name);
    // Any server of the schema makes the first user, with a password hashed its own way.
    let (maker, sql) = if own {
        let migrated = Command::new(&lab.programs.server).arg("migrate").env("DATABASE_URL", &url).output().await?;
        anyhow::ensure!(migrated.status.success(), "migrating failed: {}", String::from_utf8_lossy(&migrated.stderr));
        (Target::Syncscript, include_str!("../sql/seed-syncscript.sql"))
    } else {
        let schema = include_str!("../sql/peer.sql").to_owned();
        database::execute(&mut database::connect(&url).await?, schema).await?;
        (Target::PeerPlan, include_str!("../sql/seed-peer.sql"))
    };
    let running = Running::start(maker, &lab.programs, &url).await?;
    let body = format!(r#"{{"email":"{}","name":"Benchmark User 0","password":"{PASSWORD}"}}"#, email(0));
    Http::connect(running.nodes[0]).await?.post("/api/auth/register", "", body.as_bytes()).await?.expect(201)?;
    running.stop().await?;
    database::seed(&url, sql, shape).await?;
    lab.cluster.template_made(name.clone());
    Ok(name)
}

fn email(number: usize) -> String {
    format!("user{number}@bench.test")
}

/// Signs users in, a few at a time: hashing passwords takes both cores.
async fn sign_in(running: &Running, users: usize) -> Result<Vec<String>> {
    let mut logins = JoinSet::new();
    for lane in 0..4 {
        let node = running.nodes[0];
        logins.spawn(async move {
            let (mut http, mut cookies) = (Http::connect(node).await?, Vec::new());
            for number in (lane..users).step_by(4) {
                let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, email(number));
                let answer = http.post("/api/auth/login", "", body.as_bytes()).await?.expect(200)?;
                cookies.push(answer.cookie.context("a login sets no cookie")?);
            }
            anyhow::Ok(cookies)
        });
    }
    let mut cookies = Vec::new();
    while let Some(done) = logins.join_next().await {
        cookies.extend(done??);
    }
    Ok(cookies)
}

/// How long something took, in seconds.
pub fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
