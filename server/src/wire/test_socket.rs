//! For tests: a socket of which the test decides how much it takes, and what an outbox may hold.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::budget::MemoryBudget;
use super::outbox::OutboxLimits;
use super::stream::WriteHalf;

/// Bounds of one outbox's bytes alone.
pub(crate) fn limits(bytes_max: usize) -> Arc<OutboxLimits> {
    limits_within(bytes_max, MemoryBudget::default())
}

/// Bounds of one outbox's bytes, and of those of all together.
pub(crate) fn limits_within(bytes_max: usize, memory: MemoryBudget) -> Arc<OutboxLimits> {
    let (write_time, memory) = (Duration::from_secs(30), Arc::new(memory));
    Arc::new(OutboxLimits { bytes_max, write_time, memory })
}

/// What a socket has taken, and how much more it takes.
#[derive(Debug, Default)]
struct Pipe {
    taken: Vec<u8>,
    room_bytes: usize,
    waiting: Option<Waker>,
    is_broken: bool,
}

/// The socket. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Socket(Arc<Mutex<Pipe>>);

impl Socket {
    /// Takes so much more.
    pub(crate) fn allow(&self, bytes: usize) {
        let mut pipe = self.0.lock().unwrap();
        pipe.room_bytes += bytes;
        if let Some(waker) = pipe.waiting.take() {
            waker.wake();
        }
    }

    /// What it has taken.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.0.lock().unwrap().taken.clone()
    }

    /// From now on it fails.
    pub(crate) fn break_off(&self) {
        self.0.lock().unwrap().is_broken = true;
    }
}

impl WriteHalf for Socket {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if pipe.room_bytes == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let before = pipe.taken.len();
        for slice in slices {
            let bytes = slice.len().min(pipe.room_bytes);
            pipe.taken.extend(&slice[..bytes]);
            pipe.room_bytes -= bytes;
        }
        Ok(pipe.taken.len() - before)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.room_bytes > 0 {
            return Poll::Ready(());
        }
        pipe.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}
