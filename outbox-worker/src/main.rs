//! The operator's tool: looks at the outbox of a live system. Needs nothing but the database.

use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use outbox_worker::commands::compact::Before;
use outbox_worker::commands::replay::Request;
use outbox_worker::shell::Packaging;
use outbox_worker::{commands, version};
use syncscript_types::{EventType, Seq, UserId, VaultId};
use uuid::Uuid;

/// Looks at the outbox of a SyncScript database, while the servers run.
#[derive(Parser)]
#[command(version = version::VERSION, long_version = version::LONG, arg_required_else_help = true)]
struct Cli {
    /// Postgres URL, such as postgres://user:password@localhost/syncscript
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows per vault the head of its log, the age of its newest event and the size of its log
    Status {
        /// Prints a JSON array instead of a table
        #[arg(long)]
        json: bool,
        /// How many vaults to show, those with the newest events first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Follows the log live: prints one JSON line an event, each vault in order, until stopped
    Tail {
        /// Only this vault's events
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// Begins after this seq instead of at the end; 0 prints the whole log
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
    },
    /// Sends stored events again to the live members of a vault, on every node, in order
    ///
    /// Clients tell them by the field `replay`. The servers do the work: to stop this command does not stop the replay.
    Replay(ReplayArgs),
    /// Lists the replays, newest first
    Replays {
        /// Prints a JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Folds the log and compares it with the tables; exit code 1 if they differ or the log has a hole, 2 if it could
    /// not look
    Verify {
        /// Only this vault; without it, all
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// All vaults, which is the default
        #[arg(long, conflicts_with = "vault")]
        all: bool,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Makes the tables what the log says, a transaction a vault
    Rebuild {
        #[command(flatten)]
        which: Which,
        /// Says what would change, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Writes the log as NDJSON to stdout
    Export {
        /// Only this vault; without it, all
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// Only events after this seq; such an export cannot be imported
        #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
    /// Reads an export from stdin into a database without vaults: all of it or nothing
    Import {
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Replaces the old part of a vault's log by a snapshot; what was there before is known no more
    Compact {
        /// The vault
        #[arg(long, value_name = "ID")]
        vault: VaultId,
        /// The first event to keep: a seq, a day (2026-01-31) or a time (2026-01-31T12:00:00Z)
        #[arg(long, value_name = "SEQ|TIME")]
        before: Before,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Packaging(Packaging),
}

#[derive(Args)]
struct ReplayArgs {
    /// The vault
    #[arg(long, value_name = "ID", required_unless_present = "cancel")]
    vault: Option<VaultId>,
    /// The first event [default: the first of the log]
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(1..))]
    from: Option<i64>,
    /// The last event [default: the head]
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(1..))]
    to: Option<i64>,
    /// Only events of this type, such as source:created
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<EventType>,
    /// Only to the sockets of this user
    #[arg(long, value_name = "ID")]
    user: Option<UserId>,
    /// Events a second, such as 100 or 100/s
    #[arg(long, default_value = "100", value_parser = rate)]
    rate: f64,
    /// Says how many events would be sent, and sends none
    #[arg(long)]
    dry_run: bool,
    /// Stops this replay instead
    #[arg(long, value_name = "REPLAY", conflicts_with_all = ["vault", "from", "to", "kind", "user", "dry_run"])]
    cancel: Option<Uuid>,
    /// Prints a JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse()
        .ok()
        .filter(|rate: &f64| (0.1..=4000.0).contains(rate))
        .ok_or_else(|| "give events a second, from 0.1 to 4000".to_owned())
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Only this vault
    #[arg(long, value_name = "ID")]
    vault: Option<VaultId>,
    /// All vaults
    #[arg(long)]
    all: bool,
}

/// Exit codes, as those of diff: what was looked for was found wanting, or the command could not do its work.
const DIFFERS: u8 = 1;
const TROUBLE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(tracing::Level::WARN)
        .init();
    match run(Cli::parse()).await {
        Ok(code) => code,
        // The reader of a pipe has seen enough: `export | head` is no failure.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("outbox-worker: {error:#}");
            ExitCode::from(TROUBLE)
        }
    }
}

async fn run(args: Cli) -> anyhow::Result<ExitCode> {
    let out = &mut io::stdout();
    if let Command::Packaging(packaging) = args.command {
        packaging.run(Cli::command(), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let url = args.database_url.ok_or_else(|| {
        anyhow::anyhow!("DATABASE_URL is not set: give it, or --database-url postgres://user:password@host/database")
    })?;
    let pool = commands::connect(&url).await?;
    match args.command {
        // Done above, without a database.
        Command::Packaging(_) => {}
        Command::Status { json, limit } => commands::status::run(&pool, limit, json, out).await?,
        Command::Tail { vault, after } => {
            commands::tail::run(&pool, vault, after.map(Seq::new).transpose()?, out).await?
        }
        Command::Replay(ReplayArgs { cancel: Some(id), json, .. }) => {
            commands::replay::cancel(&pool, id, json, out).await?;
        }
        Command::Replay(args) => {
            let vault = args.vault.ok_or_else(|| anyhow::anyhow!("--vault is missing"))?;
            let ReplayArgs { from, to, kind, user, rate, dry_run, json, .. } = args;
            let request = Request { vault, from, to, kind, user, rate };
            commands::replay::run(&pool, request, dry_run, json, out).await?;
        }
        Command::Replays { json } => commands::replay::list(&pool, json, out).await?,
        Command::Verify { vault, all: _, json } => {
            if !commands::verify::run(&pool, vault, json, out).await?.clean {
                return Ok(ExitCode::from(DIFFERS));
            }
        }
        Command::Rebuild { which, dry_run, json } => {
            commands::rebuild::run(&pool, which.vault, dry_run, json, out).await?;
        }
        Command::Export { vault, after } => {
            commands::export::run(&pool, vault, after, &mut BufWriter::new(out)).await?;
        }
        Command::Import { json } => commands::import::run(&pool, &mut io::stdin().lock(), json, out).await?,
        Command::Compact { vault, before, json } => commands::compact::run(&pool, vault, before, json, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}
