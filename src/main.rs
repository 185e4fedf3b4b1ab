//! The server's command line.

#[cfg(feature = "jemalloc")]
mod allocator;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::CommandFactory;
use outbox_worker::{Db, WakeSignal, version};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use syncscript::app::Application;
use syncscript::auth::{Auth, AuthSettings, SharedSecrets};
use syncscript::commands::Commands;
use syncscript::config::{self, Cli, Command, ServeArgs, database_options};
use syncscript::rate_limit::Rate;
use syncscript::{seed, store, telemetry::logs};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    version::set_commit(option_env!("SYNCSCRIPT_COMMIT"));
    let cli = match config::parse() {
        Ok(cli) => cli,
        Err(sentence) => {
            eprintln!("syncscript: {sentence}");
            return ExitCode::from(2);
        }
    };
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("syncscript: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    if let Command::Packaging(packaging) = cli.command {
        return Ok(packaging.run(Cli::command(), &mut io::stdout())?);
    }
    logs::init(&cli.log, cli.log_format.is_json())?;
    let options = database_options(cli.database_url.as_deref())?;
    match cli.command {
        // Handled above, without a database.
        Command::Packaging(_) => Ok(()),
        Command::Serve(args) => serve(options, &args).await,
        Command::Migrate => {
            connect_and_migrate(options).await?;
            writeln!(io::stdout(), "the database has the schema of this version")?;
            Ok(())
        }
        Command::SeedDemo => seed_demo(options).await,
    }
}

async fn serve(options: PgConnectOptions, args: &ServeArgs) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let application = Application::start(options, args).await?;
    writeln!(io::stdout(), "listening on http://{}", application.address())?;
    application
        .run_until(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
}

async fn seed_demo(options: PgConnectOptions) -> anyhow::Result<()> {
    let pool = connect_and_migrate(options).await?;
    let unlimited = Rate { per_second: f64::MAX, burst: f64::MAX };
    let settings =
        AuthSettings { lifetime: Duration::ZERO, secure: false, account_rate: unlimited, address_rate: unlimited };
    let auth = Auth::new(pool.clone(), settings, &SharedSecrets::default());
    // This process runs no relay. The servers find the seeded events by their sweep.
    let commands =
        Commands::new(pool.clone(), Arc::new(WakeSignal::default()), Arc::new(WakeSignal::default()), Duration::ZERO);
    let demo = seed::run(&pool, &auth, &commands).await?;
    let mut out = io::stdout().lock();
    for (email, role) in demo.users {
        writeln!(out, "{role:<12} {email:<22} password: {}", seed::PASSWORD)?;
    }
    writeln!(out, "vault        {}", demo.vault)?;
    Ok(())
}

async fn connect_and_migrate(options: PgConnectOptions) -> anyhow::Result<Db> {
    // A pool would retry until its timeout. An operator at a terminal should see the error immediately.
    let probe = options.connect().await.context("DATABASE_URL: the database cannot be reached")?;
    probe.close().await.ok();
    let db = Db::new(options, 2);
    store::migrate(&db).await.context("DATABASE_URL: the database cannot be migrated")?;
    Ok(db)
}
