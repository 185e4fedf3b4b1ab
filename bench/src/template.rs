//! Template databases: each has a schema, users and vaults, and is cloned for every run.

use anyhow::Result;
use tokio::process::Command;

use crate::database::{self, Shape};
use crate::environment::Environment;
use crate::target::{Running, Target};
use crate::users;

/// Returns the name of the template for this target's schema and this shape. Creates the template on first use.
///
/// # Errors
/// If the schema cannot be created or filled.
pub async fn template(environment: &mut Environment, target: Target, shape: Shape) -> Result<String> {
    let is_syncscript = target == Target::Syncscript || target == Target::Pgbench;
    let schema = if is_syncscript { "syncscript" } else { "peer" };
    let name = format!("bench_{schema}_{}_{}", shape.vaults, shape.users);
    if environment.cluster.has_template(&name) {
        return Ok(name);
    }
    environment.cluster.create(&name, None).await?;
    let url = environment.cluster.url(&name);
    let (server, sql) = if is_syncscript {
        let migrated =
            Command::new(&environment.programs.server).arg("migrate").env("DATABASE_URL", &url).output().await?;
        anyhow::ensure!(migrated.status.success(), "migrating failed: {}", String::from_utf8_lossy(&migrated.stderr));
        (Target::Syncscript, include_str!("../sql/seed-syncscript.sql"))
    } else {
        let schema = include_str!("../sql/peer.sql").to_owned();
        database::execute(&mut database::connect(&url).await?, schema).await?;
        (Target::PeerPlan, include_str!("../sql/seed-peer.sql"))
    };
    let running = Running::start(server, &environment.programs, &url).await?;
    users::register_first(&running).await?;
    running.stop().await?;
    database::seed(&url, sql, shape).await?;
    environment.cluster.add_template(name.clone());
    Ok(name)
}
