//! Subscribers: sockets that join a vault and record its events until they are dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::socket::Socket;
use crate::watch::{Sequence, Watch};

/// Number of concurrent joins: many, but not more than the listen queue accepts.
const CONCURRENT_JOINS: usize = 64;

/// How long one socket may take to connect and join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A subscriber before it connects: its node, session and vault.
pub struct Subscriber {
    pub node: SocketAddr,
    pub cookie: String,
    pub vault: String,
    /// Whether the target numbers the events of a vault.
    pub has_seq: bool,
    pub watch: Arc<Watch>,
}

/// Connected subscribers. Dropping them disconnects them.
pub struct Subscribers {
    pub tasks: JoinSet<()>,
}

impl Subscribers {
    /// Connects all subscribers and joins their vaults. They record events from then on.
    ///
    /// # Errors
    /// If a connection or a join is rejected.
    pub async fn connect(mut waiting: impl Iterator<Item = Subscriber>) -> Result<Self> {
        let (mut joins, mut tasks) = (JoinSet::new(), JoinSet::new());
        loop {
            while joins.len() < CONCURRENT_JOINS
                && let Some(subscriber) = waiting.next()
            {
                joins.spawn(join(subscriber));
            }
            let Some(joined) = joins.join_next().await else { return Ok(Self { tasks }) };
            let (socket, sequence, watch) = joined??;
            tasks.spawn(socket.listen(sequence, watch));
        }
    }
}

async fn join(subscriber: Subscriber) -> Result<(Socket, Sequence, Arc<Watch>)> {
    let joining = async {
        let mut socket = Socket::connect(subscriber.node, &subscriber.cookie).await?;
        let seq = socket.join(&subscriber.vault, None, &subscriber.watch).await?;
        anyhow::Ok((socket, seq))
    };
    let (socket, seq) = timeout(JOIN_TIMEOUT, joining).await.context("a join timed out")??;
    let sequence = if subscriber.has_seq { Sequence::After(seq) } else { Sequence::None };
    Ok((socket, sequence, subscriber.watch))
}
