//! A small HTTP/1.1 client: one kept-alive connection, one request at a time. It shares two cores with the server that it
//! measures, so it does as little as possible. Responses need a `Content-Length`.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
pub struct Http {
    stream: TcpStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

/// A response. The body stays in the connection's buffer until the next request.
pub struct Response<'a> {
    pub status: u16,
    pub cookie: Option<String>,
    pub body: &'a [u8],
}

impl Response<'_> {
    /// # Errors
    /// If the status is another one. The error includes the body.
    pub fn expect(self, status: u16) -> Result<Self> {
        let body = String::from_utf8_lossy(self.body);
        ensure!(self.status == status, "the status is {} instead of {status}: {body}", self.status);
        Ok(self)
    }
}

/// A parsed response head: status, first cookie, and the lengths of head and body.
struct Head {
    status: u16,
    cookie: Option<String>,
    head: usize,
    body: usize,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, out: Vec::with_capacity(1024), buffer: Vec::with_capacity(4096) })
    }

    pub async fn get(&mut self, path: &str, cookie: &str) -> Result<Response<'_>> {
        self.call("GET", path, cookie, b"").await
    }

    pub async fn post(&mut self, path: &str, cookie: &str, body: &[u8]) -> Result<Response<'_>> {
        self.call("POST", path, cookie, body).await
    }

    async fn call(&mut self, method: &str, path: &str, cookie: &str, body: &[u8]) -> Result<Response<'_>> {
        self.out.clear();
        write!(self.out, "{method} {path} HTTP/1.1\r\nhost: localhost\r\n")?;
        if !cookie.is_empty() {
            write!(self.out, "cookie: {cookie}\r\n")?;
        }
        if !body.is_empty() {
            write!(self.out, "content-type: application/json\r\ncontent-length: {}\r\n", body.len())?;
        }
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        self.stream.write_all(&self.out).await?;
        let head = self.read().await?;
        Ok(Response { status: head.status, cookie: head.cookie, body: &self.buffer[head.head..head.head + head.body] })
    }

    async fn read(&mut self) -> Result<Head> {
        self.buffer.clear();
        let mut head: Option<Head> = None;
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if head.is_none() {
                head = parse(&self.buffer)?;
            }
            if let Some(found) = head.take_if(|found| self.buffer.len() >= found.head + found.body) {
                return Ok(found);
            }
        }
    }
}

fn parse(buffer: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer).context("not an HTTP response")? else {
        return Ok(None);
    };
    let mut found = Head { status: response.code.unwrap_or(0), cookie: None, head, body: 0 };
    for header in response.headers.iter() {
        let text = || String::from_utf8_lossy(header.value);
        if header.name.eq_ignore_ascii_case("content-length") {
            found.body = text().trim().parse().context("invalid Content-Length")?;
        } else if header.name.eq_ignore_ascii_case("set-cookie") {
            found.cookie = text().split(';').next().map(str::to_owned);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("the response is chunked, which this client does not support");
        }
    }
    Ok(Some(found))
}
