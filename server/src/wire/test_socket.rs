//! For tests: a socket that accepts as many bytes as the test allows, and limits of outboxes.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::budget::MemoryBudget;
use super::outbox::OutboxLimits;
use super::stream::WriteHalf;

/// Returns the limits of an outbox whose backlog may have this many bytes. The memory budget has no
/// bound.
pub(crate) fn limits(bytes_max: usize) -> Arc<OutboxLimits> {
    limits_within(bytes_max, MemoryBudget::default())
}

/// Returns the limits of outboxes that share a memory budget.
pub(crate) fn limits_within(bytes_max: usize, memory: MemoryBudget) -> Arc<OutboxLimits> {
    let (write_time, memory) = (Duration::from_secs(30), Arc::new(memory));
    Arc::new(OutboxLimits { bytes_max, write_time, memory })
}

/// The bytes that a socket has accepted, and the number of bytes that it still accepts.
#[derive(Debug, Default)]
struct Pipe {
    accepted: Vec<u8>,
    capacity_bytes: usize,
    waiting: Option<Waker>,
    is_broken: bool,
}

/// A socket. Clones share the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Socket(Arc<Mutex<Pipe>>);

impl Socket {
    /// Lets the socket accept this many further bytes.
    pub(crate) fn accept_more(&self, bytes: usize) {
        let mut pipe = self.0.lock().unwrap();
        pipe.capacity_bytes += bytes;
        if let Some(waker) = pipe.waiting.take() {
            waker.wake();
        }
    }

    /// Returns all bytes that the socket has accepted so far.
    pub(crate) fn accepted(&self) -> Vec<u8> {
        self.0.lock().unwrap().accepted.clone()
    }

    /// Breaks the connection: every further write fails.
    pub(crate) fn disconnect(&self) {
        self.0.lock().unwrap().is_broken = true;
    }
}

impl WriteHalf for Socket {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if pipe.capacity_bytes == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let old_length = pipe.accepted.len();
        for slice in slices {
            let bytes = slice.len().min(pipe.capacity_bytes);
            pipe.accepted.extend(&slice[..bytes]);
            pipe.capacity_bytes -= bytes;
        }
        Ok(pipe.accepted.len() - old_length)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.capacity_bytes > 0 {
            return Poll::Ready(());
        }
        pipe.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}
