//! A connection in memory. The direction to the client has a capacity, so the client must read; the
//! direction to the server can end at any byte.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};
use xmeet_server::wire::stream::WriteHalf;

use crate::timeline::{Moment, Timeline};

/// The direction to the client.
#[derive(Debug, Clone)]
pub(crate) struct Down {
    state: Arc<Mutex<DownState>>,
    timeline: Timeline,
}

#[derive(Debug)]
struct DownState {
    bytes: VecDeque<u8>,
    capacity_bytes: usize,
    written: u64,
    /// The end of each write in the stream, and its time.
    writes: Vec<(u64, Moment)>,
    /// The position in the stream at which it was first full.
    refused_at: Option<u64>,
    is_server_gone: bool,
    is_client_gone: bool,
    server: Option<Waker>,
    client: Option<Waker>,
}

impl Down {
    pub(crate) fn new(capacity_bytes: usize, timeline: Timeline) -> Self {
        let state = DownState {
            bytes: VecDeque::new(),
            capacity_bytes,
            written: 0,
            writes: Vec::new(),
            refused_at: None,
            is_server_gone: false,
            is_client_gone: false,
            server: None,
            client: None,
        };
        Self { state: Arc::new(Mutex::new(state)), timeline }
    }

    /// Returns the server's end.
    pub(crate) fn server_end(&self) -> Box<dyn WriteHalf> {
        Box::new(ServerEnd(self.clone()))
    }

    /// Waits for bytes. Returns `false` at the end of the stream.
    pub(crate) async fn filled(&self) -> bool {
        poll_fn(|cx| {
            let mut state = self.lock();
            if !state.bytes.is_empty() {
                return Poll::Ready(true);
            }
            if state.is_server_gone || state.is_client_gone {
                return Poll::Ready(false);
            }
            state.client = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Takes the available bytes, up to a maximum.
    pub(crate) fn take(&self, bytes_max: usize) -> Vec<u8> {
        let mut state = self.lock();
        let bytes = bytes_max.min(state.bytes.len());
        let bytes = state.bytes.drain(..bytes).collect();
        wake(&mut state.server);
        bytes
    }

    /// Ends the client's side.
    pub(crate) fn hang_up(&self) {
        let mut state = self.lock();
        state.is_client_gone = true;
        state.bytes.clear();
        wake(&mut state.server);
        wake(&mut state.client);
    }

    /// Returns when the byte at this position was written, and whether the stream had never been full
    /// before it.
    pub(crate) fn written(&self, place: u64) -> (Moment, bool) {
        let state = self.lock();
        let at = state.writes.partition_point(|(end, _)| *end <= place);
        (state.writes[at].1, state.refused_at.is_none_or(|refused| place < refused))
    }

    /// Returns whether the stream was full at any time.
    pub(crate) fn was_full(&self) -> bool {
        self.lock().refused_at.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, DownState> {
        self.state.lock().unwrap()
    }
}

struct ServerEnd(Down);

impl WriteHalf for ServerEnd {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let moment = self.0.timeline.now();
        let mut state = self.0.lock();
        if state.is_client_gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut free = state.capacity_bytes - state.bytes.len();
        if free == 0 {
            let written = state.written;
            state.refused_at.get_or_insert(written);
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in slices {
            let bytes = slice.len().min(free);
            state.bytes.extend(&slice[..bytes]);
            free -= bytes;
            taken += bytes;
        }
        state.written += taken as u64;
        let written = state.written;
        state.writes.push((written, moment));
        wake(&mut state.client);
        Ok(taken)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.is_client_gone || state.bytes.len() < state.capacity_bytes {
            return Poll::Ready(());
        }
        state.server = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_server_gone = true;
        wake(&mut state.client);
    }
}

/// The direction to the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Up(Arc<Mutex<UpState>>);

#[derive(Debug, Default)]
struct UpState {
    bytes: VecDeque<u8>,
    end: Option<UpEnd>,
    server: Option<Waker>,
}

/// The end of the direction to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpEnd {
    /// The server can still read the bytes before the end.
    Eof,
    /// The server can read nothing more.
    Reset,
}

impl Up {
    /// Delivers bytes to the server. Returns `false` if the connection has ended.
    pub(crate) fn push(&self, bytes: &[u8]) -> bool {
        let mut state = self.0.lock().unwrap();
        if state.end.is_none() {
            state.bytes.extend(bytes);
            wake(&mut state.server);
        }
        state.end.is_none()
    }

    /// Ends the direction.
    pub(crate) fn end(&self, end: UpEnd) {
        let mut state = self.0.lock().unwrap();
        state.end.get_or_insert(end);
        wake(&mut state.server);
    }
}

impl AsyncRead for Up {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.end == Some(UpEnd::Reset) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if state.bytes.is_empty() && state.end.is_none() {
            state.server = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = state.bytes.len().min(buffer.remaining());
        let read: Vec<u8> = state.bytes.drain(..bytes).collect();
        buffer.put_slice(&read);
        Poll::Ready(Ok(()))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
