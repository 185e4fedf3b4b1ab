//! The operator's program: inspects and maintains the outbox of a live system. It needs only the database.

mod args;
mod compact;
mod database;
mod export;
mod export_format;
mod import;
mod progress;
mod rebuild;
mod replay;
mod status;
mod tail;
mod verify;

use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use outbox_worker::version;
use syncscript_types::Seq;

use crate::args::{Cli, Command, ReplayArgs};
use crate::replay::ReplayRequest;

/// The exit code of `verify` if it found differences, as for diff.
const EXIT_DIFFERENCES: u8 = 1;
/// The exit code of a command that could not do its work.
const EXIT_FAILURE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    version::set_commit(option_env!("SYNCSCRIPT_COMMIT"));
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(tracing::Level::WARN)
        .init();
    match run(Cli::parse()).await {
        Ok(code) => code,
        // The reader of the pipe stopped reading: `export | head` is not a failure.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("outbox-worker: {error:#}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

async fn run(args: Cli) -> anyhow::Result<ExitCode> {
    let out = &mut io::stdout();
    if let Command::Packaging(command) = args.command {
        command.run(Cli::command(), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let url = args.database_url.ok_or_else(|| {
        anyhow::anyhow!(
            "DATABASE_URL is not set: set it, or pass --database-url postgres://user:password@host/database"
        )
    })?;
    let pool = database::connect(&url).await?;
    match args.command {
        // Handled above, without a database.
        Command::Packaging(_) => {}
        Command::Status { json, limit } => status::run(&pool, limit, json, out).await?,
        Command::Tail { vault, after } => {
            tail::run(&pool, vault, after.map(Seq::new).transpose()?, out).await?;
        }
        Command::Replay(ReplayArgs { cancel: Some(id), json, .. }) => replay::cancel(&pool, id, json, out).await?,
        Command::Replay(args) => {
            let vault = args.vault.ok_or_else(|| anyhow::anyhow!("--vault is missing"))?;
            let ReplayArgs { from, to, kind, user, rate, dry_run, json, .. } = args;
            let request = ReplayRequest { vault, from, to, kind, user, rate };
            replay::run(&pool, request, dry_run, json, out).await?;
        }
        Command::Replays { json } => replay::list(&pool, json, out).await?,
        Command::Verify { vault, all: _, json } => {
            if !verify::run(&pool, vault, json, out).await?.clean {
                return Ok(ExitCode::from(EXIT_DIFFERENCES));
            }
        }
        Command::Rebuild { selection, dry_run, json } => {
            rebuild::run(&pool, selection.vault, dry_run, json, out).await?;
        }
        Command::Export { vault, after } => export::run(&pool, vault, after, &mut BufWriter::new(out)).await?,
        Command::Import { json } => import::run(&pool, &mut io::stdin().lock(), json, out).await?,
        Command::Compact { vault, before, json } => compact::run(&pool, vault, before, json, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}
