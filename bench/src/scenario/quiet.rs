//! What a server takes, with PostgreSQL, while many vaults are in use and nothing happens.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Size;
use crate::bed::{Bed, Lab};
use crate::proc;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::target::Target;
use crate::watch::Sequence;

/// After the joins: autovacuum and the like come to rest.
const SETTLE: Duration = Duration::from_secs(5);

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    proc::check_open_files(size.clients)?;
    let bed = Bed::make(lab, target, size.shape()).await?;
    let mut sockets = JoinSet::new();
    for index in 0..size.clients {
        let who = bed.subscriber(index);
        let mut socket = Socket::connect(who.node, &who.cookie).await?;
        for vault in bed.vaults.iter().skip(index).step_by(size.clients) {
            socket.join(vault, None, &who.watch).await?;
        }
        sockets.spawn(socket.listen(Sequence::None, who.watch));
    }
    sleep(SETTLE).await;
    let before = bed.cpu()?;
    sleep(size.time).await;
    let after = bed.cpu()?;
    bed.watch.complete(0, Duration::ZERO).await?;
    drop(sockets);
    bed.end(lab).await?;
    let time = size.time.as_secs_f64();
    let (server, postgres) = ((after.server - before.server) / time, (after.postgres - before.postgres) / time);
    Ok(figures([("server_cpu_share", server), ("postgres_cpu_share", postgres), ("cpu_share", server + postgres)]))
}
