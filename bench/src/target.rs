//! What is measured: SyncScript, its peers, and the ceilings. Each is started for each run, and ends with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// This project's server, as released.
    Syncscript,
    /// Node, socket.io, pg; emits in the handler after the insert, no outbox
    PeerPlan,
    /// Node with an outbox row and a NOTIFY in the transaction, a relay that listens, socket.io
    PeerOutbox,
    /// Two Node servers with socket.io and @socket.io/postgres-adapter
    PeerAdapter,
    /// Node with the package pg-transactional-outbox, and socket.io
    PeerPackage,
    /// pgbench with the statement of the append
    Pgbench,
    /// socketioxide's own broadcast, without database
    BareSocketioxide,
    /// The same bytes written to the same sockets, by tokio alone
    BareTcp,
}

impl Target {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Has no users and no database.
    pub const fn is_bare(self) -> bool {
        matches!(self, Self::BareSocketioxide | Self::BareTcp)
    }

    /// Gives each event of a vault its place, so that a subscriber can tell a hole.
    pub const fn has_seq(self) -> bool {
        matches!(self, Self::Syncscript | Self::PeerOutbox)
    }

    /// Its events are not numbered, so that what was lost is known by its number only, and nobody could resume.
    pub const fn may_lose(self) -> bool {
        matches!(self, Self::PeerPlan | Self::PeerAdapter | Self::PeerPackage)
    }

    /// Node script and number of processes.
    const fn script(self) -> Option<(&'static str, usize)> {
        match self {
            Self::PeerPlan => Some(("plan.mjs", 1)),
            Self::PeerOutbox => Some(("outbox.mjs", 1)),
            Self::PeerAdapter => Some(("adapter.mjs", 2)),
            Self::PeerPackage => Some(("package.mjs", 1)),
            _ => None,
        }
    }
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The release build of the server.
    pub server: PathBuf,
    /// `bench/peers`.
    pub peers: PathBuf,
    /// The server's log, and the peers'.
    pub log: PathBuf,
    pub pgbench: PathBuf,
}

/// Rates and counts above any load of a benchmark: what is measured is the work, not the refusal of it.
const LIMITS: [(&str, &str); 7] = [
    ("SYNCSCRIPT_SOCKETS_PER_USER", "1000000"),
    ("SYNCSCRIPT_VAULTS_PER_SOCKET", "10000"),
    ("SYNCSCRIPT_SOCKET_RATE", "1000000"),
    ("SYNCSCRIPT_SOCKET_BURST", "1000000"),
    ("SYNCSCRIPT_LOGIN_RATE_ACCOUNT", "1000000"),
    ("SYNCSCRIPT_LOGIN_RATE_ADDRESS", "1000000"),
    ("SYNCSCRIPT_LOG", "warn"),
];

/// How long a target may take to listen.
const START: Duration = Duration::from_secs(20);

/// Processes that run, and where they listen. They are killed when this is dropped.
pub struct Running {
    children: Vec<Child>,
    pub nodes: Vec<SocketAddr>,
}

impl Running {
    pub async fn start(target: Target, programs: &Programs, database_url: &str) -> Result<Self> {
        let mut running = Self { children: Vec::new(), nodes: Vec::new() };
        let count = target.script().map_or(1, |(_, count)| count);
        for _ in 0..count {
            let (child, address) = start(command(target, programs, database_url)?, programs)
                .await
                .with_context(|| format!("{} did not start; see {}", target.name(), programs.log.display()))?;
            running.children.push(child);
            running.nodes.push(address);
        }
        Ok(running)
    }

    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().filter_map(Child::id).collect()
    }

    pub async fn stop(mut self) -> Result<()> {
        for child in &mut self.children {
            child.kill().await?;
        }
        Ok(())
    }
}

fn command(target: Target, programs: &Programs, database_url: &str) -> Result<Command> {
    let mut command = match target {
        Target::Syncscript => {
            let mut command = Command::new(&programs.server);
            command.arg("serve").envs(LIMITS);
            command
        }
        Target::BareSocketioxide | Target::BareTcp => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("bare").arg(target.name());
            command
        }
        Target::Pgbench => bail!("pgbench is no server"),
        _ => {
            let (script, _) = target.script().context("a peer without script")?;
            let mut command = Command::new("node");
            command.arg(programs.peers.join(script)).env("NODE_ENV", "production");
            command
        }
    };
    command.env("DATABASE_URL", database_url).env("HOST", "127.0.0.1").env("PORT", "0");
    Ok(command)
}

async fn start(mut command: Command, programs: &Programs) -> Result<(Child, SocketAddr)> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&programs.log)?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let address = timeout(START, async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                return address.trim().parse::<SocketAddr>().context("a bad address");
            }
        }
        bail!("it ended before it listened")
    });
    let address = address.await.context("it did not listen in time")??;
    ensure!(address.ip().is_loopback(), "{address} is not on the loopback interface");
    // Whatever else it says must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}
