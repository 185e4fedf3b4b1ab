//! The ceiling of mutation throughput: pgbench with the statement that the server sends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::database::Shape;
use crate::environment::Environment;
use crate::process;
use crate::results::{Figures, figures};

/// Runs pgbench with prepared statements on `database`, with as many clients, users and vaults as the server.
///
/// # Errors
/// If pgbench fails or prints no tps.
pub async fn run(
    environment: &mut Environment,
    database: &str,
    shape: Shape,
    clients: usize,
    time: Duration,
) -> Result<Figures> {
    let url = environment.cluster.url(database);
    let script = std::env::temp_dir().join(format!("syncscript-append-{}.sql", std::process::id()));
    std::fs::write(&script, include_str!("../sql/append.sql"))?;
    let pgbench = |seconds: u64| {
        let mut command = Command::new(&environment.programs.pgbench);
        command.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-T", &seconds.to_string()]);
        command.args(["-D", &format!("vaults={}", shape.vaults), "-D", &format!("users={}", shape.users)]);
        command.arg("-f").arg(&script).arg(&url).kill_on_drop(true);
        command
    };
    // Warm up, as for the server.
    pgbench(1).output().await.context("cannot run pgbench")?;
    let before = process::cpu_s(&[environment.postgres_pid])?;
    let output = pgbench(time.as_secs().max(1)).output().await?;
    let cpu = process::cpu_s(&[environment.postgres_pid])? - before;
    std::fs::remove_file(&script)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
    let number = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim_start_matches([' ', '=', ':']).split([' ', '/']).next()?.parse::<f64>().ok()
    };
    let tps = number("tps").with_context(|| format!("pgbench printed no tps: {text}"))?;
    let done = number("number of transactions actually processed").unwrap_or(tps * time.as_secs_f64());
    Ok(figures([("mutations_per_s", tps), ("postgres_us_per_mutation", cpu / done * 1e6)]))
}
