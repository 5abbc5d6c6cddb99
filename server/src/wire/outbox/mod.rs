//! The sending half of a connection: the socket, and the backlog of bytes that the socket has not taken
//! yet.
//!
//! Rooms write to outboxes and never wait. The outbox queues the bytes that the socket does not take,
//! and the connection's session writes them when the socket takes more. The backlog is bounded in bytes,
//! by a share of the memory budget, and in time: the connection of a client that reads too slowly is
//! closed.

mod barrier;
mod state;
mod withheld;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use xmeet_shared::CloseCode;

use crate::wire::budget::MemoryBudget;
use crate::wire::stream::Writing;
use barrier::Barrier;
use state::{Answer, State};

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseReason {
    /// The code of the Close frame.
    pub code: CloseCode,
    /// The reason text of the Close frame.
    pub reason: &'static str,
}

/// Close reason for a client that reads too slowly.
pub const TOO_SLOW: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "reading too slowly: come back and catch up",
};

/// The slowest rate at which a client with a backlog may read, in bytes per second. A slower client
/// would hold memory for almost no data.
const READ_BYTES_PER_SECOND_MIN: u64 = 4096;

/// The bounds of an outbox's backlog.
#[derive(Debug)]
pub struct OutboxLimits {
    /// The backlog of one client, in bytes.
    pub bytes_max: usize,
    /// A backlog must be written within this time, or at [`READ_BYTES_PER_SECOND_MIN`].
    pub write_time: Duration,
    /// The memory budget of all connections.
    pub memory: Arc<MemoryBudget>,
}

/// The sending half of a connection. The session and the room share it.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    received_tick: AtomicU32,
}

impl Outbox {
    /// Creates an outbox without a backlog. The backlog may later exceed its bound in bytes by one
    /// batch, so that one large history page always fits.
    #[must_use]
    pub fn new(io: Writing, limits: Arc<OutboxLimits>) -> Self {
        Self { state: Mutex::new(State::new(io, limits)), received_tick: AtomicU32::new(0) }
    }

    /// Notes that the server received something from the client at this tick of the keepalive.
    pub fn note_received(&self, tick: u32) {
        self.received_tick.store(tick, Ordering::Relaxed);
    }

    /// Returns the tick of the keepalive at which the server last received something from the client.
    #[must_use]
    pub fn received_tick(&self) -> u32 {
        self.received_tick.load(Ordering::Relaxed)
    }

    /// Sends whole frames without waiting. If the backlog exceeds its bounds, drops the backlog and
    /// closes the connection: the client then reconnects and catches up from the history.
    pub fn send(&self, batches: &[Bytes]) {
        let mut state = self.lock();
        if !state.is_open() {
            return;
        }
        if !state.is_stalled && !state.is_withholding {
            state.write_or_queue(batches);
        } else if state.has_capacity() {
            for batch in batches {
                state.queue_piece(batch.clone(), true);
            }
        } else {
            state.close_over_bounds();
        }
        state.enforce_share();
        state.wake_if_needed();
    }

    /// Sends the answer that the session waits for: one frame, given in pieces.
    pub fn send_answer(&self, pieces: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        if state.is_open() {
            let begin = state.queued_total;
            state.queue_in_pieces(pieces);
            let end = state.queued_total;
            // The answer is written once the count of written bytes reaches `end`.
            state.backlog_mut().answer = Answer::Queued { bytes: end - begin, end };
            state.flush();
            state.enforce_share();
        }
        state.wake_if_needed();
    }

    /// Closes the connection if its backlog exceeds its share of the memory budget. The share shrinks
    /// while other connections use more memory.
    pub fn enforce_share(&self) {
        let mut state = self.lock();
        state.enforce_share();
        state.wake_if_needed();
    }

    /// Closes the connection and drops the backlog. After several calls, the first reason counts.
    pub fn close_with(&self, close_reason: CloseReason) {
        let mut state = self.lock();
        state.close_with(close_reason);
        state.wake_if_needed();
    }

    /// Asks the session to close the connection. Until [`Self::finish`], the outbox still sends frames,
    /// so that the client receives the answers to its last messages.
    pub fn request_close(&self, close_reason: CloseReason) {
        let mut state = self.lock();
        if state.is_open() {
            state.close_reason.get_or_insert(close_reason);
            state.is_session_needed = true;
        }
        state.wake_if_needed();
    }

    /// Refuses further frames. The backlog is still sent. If the outbox waits for the greeting, it
    /// refuses frames only after the greeting.
    pub fn finish(&self) {
        let mut state = self.lock();
        if state.is_withholding {
            state.is_finishing_after_greeting = true;
        } else {
            state.is_ended = true;
        }
        state.is_session_needed = true;
        state.wake_if_needed();
    }

    /// Writes the backlog. Returns once [`Self::finish`] was called and the backlog is empty, or once
    /// the connection is lost. The session calls this function after [`Self::request_close`].
    pub async fn wait_until_finished(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            state.continue_writing(cx);
            if !state.is_open() && state.is_queue_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Returns whether the greeting has been sent.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        self.lock().is_greeted
    }

    /// Returns whether further frames are refused.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.lock().is_open()
    }

    /// Returns how many bytes were written to the socket so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.lock().written_total
    }

    /// Returns whether there is a backlog.
    #[must_use]
    pub fn is_backlogged(&self) -> bool {
        !self.lock().is_queue_empty()
    }

    /// Returns whether the session reads nothing from the client, because it waits for the room or the
    /// store.
    #[must_use]
    pub fn is_reading_paused(&self) -> bool {
        let state = self.lock();
        state.is_paused || state.is_answer_requested() || state.barrier == Barrier::Sent
    }

    /// Notes whether the session has paused reading.
    pub fn set_paused(&self, is_paused: bool) {
        self.lock().is_paused = is_paused;
    }

    /// Writes the backlog whenever the socket takes more bytes. Returns the close reason once the server
    /// closes the connection, and never returns otherwise. The session runs this function beside its
    /// other work.
    pub async fn drive_writes(&self) -> CloseReason {
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(close_reason) = state.close_reason {
                return Poll::Ready(close_reason);
            }
            state.continue_writing(cx);
            Poll::Pending
        })
        .await
    }

    /// Waits until the client has read its backlog too slowly. Then closes the connection and returns
    /// the reason. The session runs this function beside [`Self::drive_writes`].
    pub async fn wait_for_write_timeout(&self) -> CloseReason {
        loop {
            self.wait_for_backlog().await;
            let (due_total, time) = {
                let state = self.lock();
                let time = state.limits.write_time;
                let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let bytes_min = time_ms.saturating_mul(READ_BYTES_PER_SECOND_MIN) / 1000;
                // The whole backlog, or as many bytes as the minimum rate demands.
                let rate_total = state.written_total.saturating_add(bytes_min);
                (state.writable_total().min(rate_total), time)
            };
            // Boxed, because few clients ever have a backlog.
            Box::pin(sleep(time)).await;
            if self.written_bytes() < due_total {
                self.close_with(TOO_SLOW);
                return TOO_SLOW;
            }
        }
    }

    /// Waits until there is a backlog.
    async fn wait_for_backlog(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if !state.is_queue_empty() {
                return Poll::Ready(());
            }
            state.register_session(cx);
            Poll::Pending
        })
        .await;
    }

    /// Notes that the session is about to request an answer from the room. The session then calls
    /// [`Self::wait_for_answer`].
    pub fn expect_answer(&self) {
        self.lock().backlog_mut().answer = Answer::Requested;
    }

    /// Waits until the expected answer is written, and returns the answer's length in bytes. Returns 0
    /// if no answer is expected or the outbox is closed. The session reads nothing meanwhile, so each
    /// client has at most one history page on its way. [`Self::drive_writes`] must run at the same time.
    pub async fn wait_for_answer(&self) -> u64 {
        poll_fn(|cx| {
            let mut state = self.lock();
            let written_bytes = state.take_written_answer();
            if written_bytes.is_none() && state.is_open() {
                state.register_session(cx);
                return Poll::Pending;
            }
            Poll::Ready(written_bytes.unwrap_or(0))
        })
        .await
    }

    /// Drops the backlog, sends a Close frame, and waits until the frame is written. The session calls
    /// this function after its end.
    pub async fn send_close_frame(&self, frame: Bytes) {
        {
            let mut state = self.lock();
            state.drop_whole_frames();
            state.queue_piece(frame, true);
            // No other frame may follow the Close frame.
            state.is_ended = true;
            state.flush();
        }
        self.wait_until_flushed().await;
    }

    /// Writes the backlog until it is empty.
    async fn wait_until_flushed(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            state.continue_writing(cx);
            if state.is_queue_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Closes the sending half of the connection, and drops the backlog.
    pub fn shut_down(&self) {
        self.lock().disconnect();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
