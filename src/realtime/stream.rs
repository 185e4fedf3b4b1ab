//! The connection under a websocket: gives back what was read too much, and fails when it is cut or takes no data.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::lines::Line;

/// A connection with a line to cut it by.
///
/// The reading and the writing task each wait for the cut by a future of their own, since a future wakes only the task
/// that polled it last. The writing one exists only while a write is pending: most connections are idle.
pub struct LineStream<S> {
    inner: S,
    /// Bytes that came with the request and belong to the websocket.
    early: Bytes,
    line: Line,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    stall_timeout: Duration,
    stalled: Option<Stall>,
}

/// Ends when the write has been pending for too long, or the line was cut.
type Stall = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> LineStream<S> {
    /// `early` is read before anything else; a write pending for `stall_timeout` fails the connection.
    pub fn new(inner: S, early: Bytes, line: Line, stall_timeout: Duration) -> Self {
        let cut = Box::pin(line.cut_off());
        Self { inner, early, line, cut, stall_timeout, stalled: None }
    }

    /// Ready with an error once the pending write has lasted too long, or the line was cut.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // The engine may try again on a connection that has failed already.
        if self.line.is_cut() {
            return Poll::Ready(cut_off());
        }
        let stalled = self.stalled.get_or_insert_with(|| {
            let (timeout, cut) = (tokio::time::sleep(self.stall_timeout), self.line.cut_off());
            Box::pin(async move {
                tokio::select! {
                    () = timeout => counter!("syncscript_slow_readers_closed_total").increment(1),
                    () = cut => {}
                }
            })
        });
        ready!(stalled.as_mut().poll(cx));
        // The reading side must hear of it too.
        self.line.cut();
        Poll::Ready(cut_off())
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        self.poll_stalled(cx).map(Err)
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut, or its peer takes no data")
}

/// Whoever holds the line can see that the connection is gone.
impl<S> Drop for LineStream<S> {
    fn drop(&mut self) {
        self.line.cut();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LineStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.line.is_cut() || self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(cut_off()));
        }
        if self.early.has_remaining() {
            let count = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LineStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.inner).poll_flush(cx);
        if flush.is_ready() {
            // The engine flushes when it has written all that was in the socket's buffer.
            self.line.drained();
        }
        self.watch(cx, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
