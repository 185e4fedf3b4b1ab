//! A fan-out with tokio only: one frame, encoded once, written to every socket in a loop. The server understands just enough
//! HTTP, websocket and Socket.IO for the clients of this benchmark.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::event::event;
use super::listener::listen;

type Sockets = Arc<Mutex<Vec<OwnedWriteHalf>>>;

pub async fn serve() -> Result<()> {
    let listener = listen().await?;
    let sockets = Sockets::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sockets = Arc::clone(&sockets);
        tokio::spawn(async move {
            if let Err(error) = connection(stream, sockets).await {
                eprintln!("bare-tcp: {error:#}");
            }
        });
    }
}

async fn connection(mut stream: TcpStream, sockets: Sockets) -> Result<()> {
    let mut buffer = Vec::with_capacity(2048);
    while stream.read_buf(&mut buffer).await? > 0 {
        let text = String::from_utf8_lossy(&buffer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Some(key) = header(head, "sec-websocket-key") {
            return subscribe(stream, key, sockets).await;
        }
        let length: usize = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() < length {
            continue;
        }
        broadcast(&sockets, &event(body))?;
        stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await?;
        buffer.clear();
    }
    Ok(())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim())
}

async fn subscribe(stream: TcpStream, key: &str, sockets: Sockets) -> Result<()> {
    let (mut read, mut write) = stream.into_split();
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await?;
    write
        .write_all(&frame(
            r#"0{"sid":"x","upgrades":[],"pingInterval":300000,"pingTimeout":300000,"maxPayload":100000}"#,
        ))
        .await?;
    skip_frame(&mut read).await?;
    write.write_all(&frame(r#"40{"sid":"x"}"#)).await?;
    skip_frame(&mut read).await?;
    write.write_all(&frame(r#"42["vault:joined",{"seq":0}]"#)).await?;
    sockets.lock().unwrap_or_else(PoisonError::into_inner).push(write);
    // Only wait for the end of the connection. The list owns the writing half.
    let mut rest = [0; 64];
    while read.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Encodes an unfragmented, unmasked text frame.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(length as u8),
        length => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}

async fn skip_frame(read: &mut OwnedReadHalf) -> Result<()> {
    let mut head = [0; 2];
    read.read_exact(&mut head).await?;
    let length = usize::from(head[1] & 0x7f);
    ensure!(length < 126, "the frame is longer than expected");
    // The frame includes a mask of four bytes.
    read.read_exact(&mut vec![0; length + 4]).await?;
    Ok(())
}

fn broadcast(sockets: &Sockets, event: &str) -> Result<()> {
    let frame = frame(&format!(r#"42["source:created",{event}]"#));
    for socket in sockets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let sent = socket.try_write(&frame).context("a socket accepted no data")?;
        ensure!(sent == frame.len(), "a socket accepted only a part of a frame");
    }
    Ok(())
}
