//! What waits to be written to one client. Rooms push and never wait; the session takes everything
//! that waits at once. Bounded in bytes: a client that reads too slowly is closed, not waited for.

use std::mem;
use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use xmeet_shared::CloseCode;

/// What a queued frame costs beside its bytes, in bytes: its slot in the queue and its header on
/// the wire. Without it, a flood of tiny frames would hold far more memory than is counted.
const FRAME_OVERHEAD_BYTES: usize = 64;

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The code of the Close frame.
    pub code: CloseCode,
    /// Its reason text.
    pub reason: &'static str,
}

/// Something to write.
#[derive(Debug, Clone)]
pub enum Frame {
    /// A text frame.
    Text(Bytes),
    /// A WebSocket ping.
    Ping,
    /// Stands for a pong that the WebSocket library writes by itself: a client that pings and does
    /// not read must be counted like any other.
    Pong {
        /// Its length.
        bytes: usize,
    },
}

impl Frame {
    fn cost_bytes(&self) -> usize {
        FRAME_OVERHEAD_BYTES
            + match self {
                Self::Text(bytes) => bytes.len(),
                Self::Ping => 0,
                Self::Pong { bytes } => *bytes,
            }
    }
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<Frame>,
    queued_bytes: usize,
    /// What was taken and is not yet written.
    in_flight_bytes: usize,
    /// History pages in `queue`.
    queued_pages: usize,
    /// History pages that were taken and are not yet written.
    in_flight_pages: usize,
    ending: Option<Ending>,
    is_closed: bool,
}

/// The queue of one client. Shared by its session, its room and the history reader.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    limit_bytes: usize,
    /// A permit for each history page that has been written.
    pages_written: Semaphore,
}

impl Outbox {
    /// An empty outbox that holds `limit_bytes` and one frame more: a frame is refused only when
    /// the limit is already reached, so that one large page never is.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        let (state, changed, pages_written) = (Mutex::default(), Notify::new(), Semaphore::new(0));
        Self { state, changed, limit_bytes, pages_written }
    }

    /// Queues a frame. When the client is too far behind, everything that waits is dropped and the
    /// connection ends instead: the client comes back and catches up from the history.
    pub fn push(&self, frame: Frame) {
        self.push_counting(frame, 0);
    }

    /// Queues the answer to a history request: a page, or the error instead of it.
    pub fn push_page(&self, frame: Frame) {
        self.push_counting(frame, 1);
    }

    fn push_counting(&self, frame: Frame, pages: usize) {
        let mut state = self.lock();
        if state.ending.is_some() || state.is_closed {
            return;
        }
        if state.queued_bytes + state.in_flight_bytes > self.limit_bytes {
            state.queue = Vec::new();
            state.ending = Some(Ending {
                code: CloseCode::TryAgainLater,
                reason: "reading too slowly: come back and catch up",
            });
        } else {
            state.queued_bytes += frame.cost_bytes();
            state.queued_pages += pages;
            state.queue.push(frame);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Queues the greeting, which counts for nothing: there is one, and a client that is still
    /// reading a long one must not be closed over the first event behind it, for it would come
    /// back to the same greeting.
    pub fn push_greeting(&self, frames: impl IntoIterator<Item = Frame>) {
        let mut state = self.lock();
        if state.ending.is_none() && !state.is_closed {
            state.queue.extend(frames);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the connection: what waits is not sent any more. The first ending stays.
    pub fn end(&self, ending: Ending) {
        let mut state = self.lock();
        state.queue = Vec::new();
        state.ending.get_or_insert(ending);
        drop(state);
        self.changed.notify_one();
    }

    /// Takes nothing more: the connection has ended.
    pub fn close(&self) {
        let mut state = self.lock();
        state.queue = Vec::new();
        state.is_closed = true;
    }

    /// Waits for frames and takes all of them, or the ending. For one task only.
    ///
    /// # Errors
    /// The ending, when there is one.
    ///
    /// # Cancel safety
    /// Safe: nothing is taken until it returns.
    pub async fn take(&self) -> Result<Vec<Frame>, Ending> {
        loop {
            {
                let mut state = self.lock();
                if let Some(ending) = state.ending {
                    return Err(ending);
                }
                if !state.queue.is_empty() {
                    state.in_flight_bytes = mem::take(&mut state.queued_bytes);
                    state.in_flight_pages = mem::take(&mut state.queued_pages);
                    return Ok(mem::take(&mut state.queue));
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits for the ending while a batch is being written. For the task that takes.
    pub async fn ended(&self) -> Ending {
        loop {
            if let Some(ending) = self.lock().ending {
                return ending;
            }
            self.changed.notified().await;
        }
    }

    /// Says that what was taken has been written.
    pub fn written(&self) {
        let mut state = self.lock();
        state.in_flight_bytes = 0;
        self.pages_written.add_permits(mem::take(&mut state.in_flight_pages));
    }

    /// Waits until the history page that was asked for has been written. The session reads nothing
    /// meanwhile: a client has one page under way, and its answers come in the order of its frames.
    pub async fn page_written(&self) {
        if let Ok(permit) = self.pages_written.acquire().await {
            permit.forget();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Frame {
        Frame::Text(Bytes::from(vec![b'x'; bytes]))
    }

    #[tokio::test]
    async fn everything_that_waits_is_taken_at_once() {
        let outbox = Outbox::new(1000);
        outbox.push(text(1));
        outbox.push(Frame::Ping);
        assert_eq!(outbox.take().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn one_large_frame_always_fits_and_the_next_one_ends_a_reader_that_does_not_read() {
        let stalled = Outbox::new(1000);
        stalled.push(text(100_000));
        assert_eq!(stalled.take().await.unwrap().len(), 1);
        stalled.push(text(1));
        assert_eq!(stalled.take().await.unwrap_err().code, CloseCode::TryAgainLater);

        let reading = Outbox::new(1000);
        reading.push(text(100_000));
        reading.take().await.unwrap();
        reading.written();
        reading.push(text(1));
        assert_eq!(reading.take().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_long_greeting_does_not_end_the_one_who_reads_it() {
        let outbox = Outbox::new(1000);
        outbox.push_greeting([text(100_000), text(100_000)]);
        outbox.push(text(1));
        assert_eq!(outbox.take().await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn the_first_ending_stays() {
        let outbox = Outbox::new(1000);
        outbox.push(text(1));
        outbox.end(Ending { code: CloseCode::GoingAway, reason: "a" });
        outbox.end(Ending { code: CloseCode::Policy, reason: "b" });
        assert_eq!(outbox.take().await.unwrap_err().code, CloseCode::GoingAway);
        assert_eq!(outbox.ended().await.reason, "a");
    }
}
