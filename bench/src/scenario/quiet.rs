//! Processor time of the server and PostgreSQL while many vaults have subscribers and nothing changes.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::size::Size;
use crate::environment::Environment;
use crate::process;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::target::Target;
use crate::testbed::Testbed;
use crate::watch::Sequence;

/// How long to wait after the joins, so that autovacuum and similar work ends.
const SETTLE_TIME: Duration = Duration::from_secs(5);

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    process::check_open_files(size.clients)?;
    let testbed = Testbed::start(environment, target, size.shape()).await?;
    let mut sockets = JoinSet::new();
    for index in 0..size.clients {
        let subscriber = testbed.subscriber(index);
        let mut socket = Socket::connect(subscriber.node, &subscriber.cookie).await?;
        for vault in testbed.vaults.iter().skip(index).step_by(size.clients) {
            socket.join(vault, None, &subscriber.watch).await?;
        }
        sockets.spawn(socket.listen(Sequence::None, subscriber.watch));
    }
    sleep(SETTLE_TIME).await;
    let before = testbed.cpu()?;
    sleep(size.time).await;
    let after = testbed.cpu()?;
    testbed.watch.expect(0, Duration::ZERO).await?;
    drop(sockets);
    testbed.stop(environment).await?;
    let time = size.time.as_secs_f64();
    let (server, postgres) = ((after.server - before.server) / time, (after.postgres - before.postgres) / time);
    Ok(figures([("server_cpu_share", server), ("postgres_cpu_share", postgres), ("cpu_share", server + postgres)]))
}
