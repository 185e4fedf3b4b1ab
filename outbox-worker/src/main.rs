//! The operator's tool: looks at the outbox of a live system. Needs nothing but the database.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use outbox_worker::{Seq, VaultId, commands};

/// Looks at the outbox of a SyncScript database, while the servers run.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Args {
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
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(tracing::Level::WARN)
        .init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outbox-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let url = args.database_url.ok_or_else(|| {
        anyhow::anyhow!("DATABASE_URL is not set: give it, or --database-url postgres://user:password@host/database")
    })?;
    let pool = commands::connect(&url).await?;
    match args.command {
        Command::Status { json, limit } => commands::status::run(&pool, limit, json, &mut io::stdout().lock()).await,
        Command::Tail { vault, after } => {
            commands::tail::run(&pool, vault, after.map(Seq::from), &mut io::stdout()).await
        }
    }
}
