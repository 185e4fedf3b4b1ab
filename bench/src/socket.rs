//! A small Socket.IO client over a websocket (Engine.IO 4, Socket.IO 5). It has what a subscriber needs, and is cheap enough
//! for ten thousand of them in one process. `tests/e2e` tests the server with the official client; this one generates load.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::COOKIE;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::watch::{Sequence, Watch};

/// Enough for a few events. A larger buffer would only waste memory, times ten thousand sockets.
const BUFFER: usize = 4 * 1024;

/// A socket that is connected to the namespace `/`.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// Packet types of Engine.IO (first digit) and Socket.IO (second digit).
mod packet {
    pub const OPEN: &str = "0";
    pub const PING: &str = "2";
    pub const PONG: &str = "3";
    pub const CONNECT: &str = "40";
    pub const CONNECT_ERROR: &str = "44";
    pub const EVENT: &str = "42";
}

impl Socket {
    /// Connects with the session of `cookie`.
    ///
    /// # Errors
    /// If the server rejects the connection or does not listen.
    pub async fn connect(address: SocketAddr, cookie: &str) -> Result<Self> {
        let tcp = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        tcp.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let mut request = url.into_client_request()?;
        request.headers_mut().insert(COOKIE, HeaderValue::from_str(cookie)?);
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
        let (stream, _) =
            client_async_with_config(request, tcp, Some(config)).await.context("the websocket handshake failed")?;
        let mut socket = Self { stream };
        let open = socket.text().await?;
        if !open.starts_with(packet::OPEN) {
            bail!("expected the Engine.IO handshake, got {open:?}");
        }
        socket.send(packet::CONNECT.to_owned()).await?;
        let response = socket.text().await?;
        if response.starts_with(packet::CONNECT_ERROR) {
            bail!("connect_error: {response}");
        }
        if !response.starts_with(packet::CONNECT) {
            bail!("expected CONNECT, got {response:?}");
        }
        Ok(socket)
    }

    /// Joins a vault's room and returns the position of the join. With `after`, the server first sends the events after that
    /// position; they go to `watch`.
    ///
    /// # Errors
    /// If the server rejects the join or requests a resync.
    pub async fn join(&mut self, vault: &str, after: Option<u64>, watch: &Watch) -> Result<u64> {
        let after_field = after.map_or(String::new(), |after| format!(",\"after\":{after}"));
        self.send(format!("42[\"vault:join\",{{\"vaultId\":\"{vault}\"{after_field}}}]")).await?;
        let mut sequence = after.map_or(Sequence::None, Sequence::After);
        loop {
            let text = self.text().await?;
            match Event::parse(&text) {
                Some(Event { name: "vault:joined", json }) => {
                    let joined: serde_json::Value = serde_json::from_str(json)?;
                    return Ok(joined["seq"].as_u64().unwrap_or(0));
                }
                Some(Event { name, json }) if name.starts_with("source:") => watch.record_event(json, &mut sequence),
                _ => bail!("expected vault:joined, got {text}"),
            }
        }
    }

    /// Records events until the connection ends. The end is a fault, unless the task is aborted first.
    pub async fn listen(mut self, mut sequence: Sequence, watch: Arc<Watch>) {
        loop {
            match self.text().await {
                Ok(text) => match Event::parse(&text) {
                    Some(Event { name, json }) if name.starts_with("source:") => {
                        watch.record_event(json, &mut sequence)
                    }
                    _ => watch.record_fault(format!("a subscriber received {text}")),
                },
                Err(error) => return watch.record_fault(format!("a subscriber was disconnected: {error:#}")),
            }
        }
    }

    async fn send(&mut self, text: String) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// Returns the next packet that is not a heartbeat.
    async fn text(&mut self) -> Result<tokio_tungstenite::tungstenite::Utf8Bytes> {
        loop {
            match self.stream.next().await.context("the server closed the connection")?? {
                Message::Text(text) if text.as_str() == packet::PING => self.send(packet::PONG.to_owned()).await?,
                Message::Text(text) => return Ok(text),
                Message::Close(reason) => bail!("the server closed the websocket: {reason:?}"),
                _ => {}
            }
        }
    }
}

/// An event packet: `42["name",json]`.
struct Event<'a> {
    name: &'a str,
    json: &'a str,
}

impl<'a> Event<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let array = text.strip_prefix(packet::EVENT)?.strip_prefix("[\"")?.strip_suffix(']')?;
        let (name, json) = array.split_once("\",")?;
        Some(Self { name, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_split_without_parsing_their_json() {
        let event = Event::parse(r#"42["source:created",{"seq":1}]"#).expect("this is an event");
        assert_eq!((event.name, event.json), ("source:created", r#"{"seq":1}"#));
        for other in ["2", "40{\"sid\":\"x\"}", "43[]", "42[]"] {
            assert!(Event::parse(other).is_none(), "{other}");
        }
    }
}
