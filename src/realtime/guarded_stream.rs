//! The byte stream under a websocket: closes slow readers (I5), and obeys the connection's kill switch.
//!
//! The stream first returns the bytes that the HTTP server read beyond the request. A write that stays pending for
//! longer than the stall timeout fails the connection; so does the kill switch. From then on all reads and all blocked
//! writes fail, and the engine cleans up as after any lost connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connections::KillSwitch;

/// A connection that can be cut by its kill switch.
///
/// The reading and the writing task wait for the cut by separate futures, since a future wakes only the task that
/// polled it last. The writing task's future exists only while a write is pending: most connections are idle.
pub struct GuardedStream<S> {
    inner: S,
    /// Bytes that came with the request and belong to the websocket.
    early: Bytes,
    kill_switch: KillSwitch,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    stall_timeout: Duration,
    stall: Option<Stall>,
}

/// Completes when the write has been pending for too long, or the connection was cut.
type Stall = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> GuardedStream<S> {
    /// Reads return `early` first. A write that is pending for `stall_timeout` fails the connection.
    pub fn new(inner: S, early: Bytes, kill_switch: KillSwitch, stall_timeout: Duration) -> Self {
        let cut = Box::pin(kill_switch.triggered());
        Self { inner, early, kill_switch, cut, stall_timeout, stall: None }
    }

    /// Completes with an error once the pending write has lasted too long, or the connection was cut.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // The engine may write again to a connection that has already failed.
        if self.kill_switch.is_triggered() {
            return Poll::Ready(cut_error());
        }
        let stall = self.stall.get_or_insert_with(|| {
            let (timeout, cut) = (tokio::time::sleep(self.stall_timeout), self.kill_switch.triggered());
            Box::pin(async move {
                tokio::select! {
                    () = timeout => counter!("syncscript_slow_readers_closed_total").increment(1),
                    () = cut => {}
                }
            })
        });
        ready!(stall.as_mut().poll(cx));
        // The reading side must fail too.
        self.kill_switch.trigger();
        Poll::Ready(cut_error())
    }

    fn guard_write<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stall = None;
            return write;
        }
        self.poll_stall(cx).map(Err)
    }
}

fn cut_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut, or the peer reads no data")
}

/// Holders of the kill switch can see that the connection is closed.
impl<S> Drop for GuardedStream<S> {
    fn drop(&mut self) {
        self.kill_switch.trigger();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.kill_switch.is_triggered() || self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(cut_error()));
        }
        if self.early.has_remaining() {
            let count = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.guard_write(cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.guard_write(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = Pin::new(&mut self.inner).poll_flush(cx);
        if flush.is_ready() {
            // The engine flushes after it has written everything that was in the socket's buffer.
            self.kill_switch.record_drain();
        }
        self.guard_write(cx, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
