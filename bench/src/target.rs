//! The targets: SyncScript, its peers and the ceilings. Each run starts its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The server of this project, as a release build
    Syncscript,
    /// Node with socket.io and pg; emits in the handler after the insert, without an outbox
    PeerPlan,
    /// Node with socket.io; outbox row and NOTIFY in the transaction, and a relay that listens
    PeerOutbox,
    /// Two Node servers with socket.io and @socket.io/postgres-adapter
    PeerAdapter,
    /// Node with socket.io and the package pg-transactional-outbox
    PeerPackage,
    /// pgbench with the server's append statement
    Pgbench,
    /// A broadcast of socketioxide, without a database
    BareSocketioxide,
    /// The same bytes written to the same sockets, with tokio only
    BareTcp,
}

impl Target {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns whether the target has neither users nor a database.
    pub const fn is_bare(self) -> bool {
        matches!(self, Self::BareSocketioxide | Self::BareTcp)
    }

    /// Returns whether the target numbers the events of a vault, so that subscribers can detect a gap.
    pub const fn has_seq(self) -> bool {
        matches!(self, Self::Syncscript | Self::PeerOutbox)
    }

    /// Returns whether the target may lose events. Such a target numbers no events, so only the number of lost events is known.
    pub const fn may_lose(self) -> bool {
        matches!(self, Self::PeerPlan | Self::PeerAdapter | Self::PeerPackage)
    }

    /// Returns the Node script and the number of processes, for a peer.
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

/// The paths of the programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The release build of the server.
    pub server: PathBuf,
    /// `bench/peers`.
    pub peers: PathBuf,
    /// The log file of the server and the peers.
    pub log: PathBuf,
    pub pgbench: PathBuf,
}

/// Limits above the load of any scenario, so that the server rejects nothing.
const LIMITS: [(&str, &str); 7] = [
    ("SYNCSCRIPT_SOCKETS_PER_USER", "1000000"),
    ("SYNCSCRIPT_VAULTS_PER_SOCKET", "10000"),
    ("SYNCSCRIPT_SOCKET_RATE", "1000000"),
    ("SYNCSCRIPT_SOCKET_BURST", "1000000"),
    ("SYNCSCRIPT_LOGIN_RATE_ACCOUNT", "1000000"),
    ("SYNCSCRIPT_LOGIN_RATE_ADDRESS", "1000000"),
    ("SYNCSCRIPT_LOG", "warn"),
];

/// How long a target may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The processes of a target, and the addresses that they listen on. Dropping this kills them.
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
        Target::Pgbench => bail!("pgbench is not a server"),
        _ => {
            let (script, _) = target.script().context("this target has no script")?;
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
    let mut lines = BufReader::new(child.stdout.take().context("the process has no standard output")?).lines();
    let address = timeout(START_TIMEOUT, async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                return address.trim().parse::<SocketAddr>().context("the printed address is invalid");
            }
        }
        bail!("the process ended before it listened")
    });
    let address = address.await.context("the process did not listen in time")??;
    ensure!(address.ip().is_loopback(), "{address} is not on the loopback interface");
    // Keep reading, so that further output does not fill the pipe and block the process.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}
