//! The byte stream below a WebSocket, with two habits that the library above it lacks.
//!
//! - It counts what it writes. A client on a slow line that takes in a long greeting says nothing
//!   for minutes, and is alive all the same.
//! - It does not fail to write. A client that sends and closes without reading resets the
//!   connection; the library would then stop reading, and what the client had sent would be lost
//!   although it is here. So writes into a lost connection succeed, and reading tells the end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Tells how much has been written so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Written(Arc<AtomicU64>);

impl Written {
    /// Bytes that the system has taken.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Transport {
    io: TokioIo<Upgraded>,
    written: Written,
    is_lost: bool,
}

impl Transport {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        Self { io: TokioIo::new(upgraded), written: Written::default(), is_lost: false }
    }

    pub(super) fn written(&self) -> Written {
        self.written.clone()
    }

    /// Counts a write of `offered` bytes, or notes that there will be none any more.
    fn after_write(
        &mut self,
        result: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        result.map(|result| {
            Ok(match result {
                Ok(bytes) if bytes > 0 || offered == 0 => {
                    self.written.0.fetch_add(bytes as u64, Ordering::Relaxed);
                    bytes
                }
                Ok(_) | Err(_) => {
                    self.is_lost = true;
                    offered
                }
            })
        })
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_lost {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.after_write(result, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = slices.iter().map(|slice| slice.len()).sum();
        if self.is_lost {
            return Poll::Ready(Ok(offered));
        }
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.after_write(result, offered)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP stream has nothing to flush; a lost one has nothing to tell.
        Pin::new(&mut self.io).poll_flush(cx).map(|_| Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx).map(|_| Ok(()))
    }
}
