//! The sending half of one connection: what waits to be written, and the socket it goes to.
//!
//! Rooms write through it and never wait: what the socket does not take now is queued, and the
//! connection's session writes it on when the socket takes more. The queue is bounded, by itself and
//! with all others together, and in time: a client that reads too slowly is closed, not waited for.

mod state;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use xmeet_shared::CloseCode;

use super::memory::FrameMemory;
use super::stream::Writing;
use state::{Awaited, State};

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The code of the Close frame.
    pub code: CloseCode,
    /// Its reason text.
    pub reason: &'static str,
}

/// What a client is closed with that reads too slowly.
pub const TOO_SLOW: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "reading too slowly: come back and catch up" };

/// What a client has to read at least while something waits for it, in bytes for each second. One
/// that reads less holds up memory for next to nothing.
const READ_BYTES_PER_SECOND_MIN: u64 = 4096;

/// How much may wait in an outbox, and for how long.
#[derive(Debug)]
pub struct OutboxLimits {
    /// What may wait for one client, in bytes.
    pub bytes_max: usize,
    /// What waits for a client is taken by it within this time, or as much of it as
    /// [`READ_BYTES_PER_SECOND_MIN`] asks for.
    pub write_time: Duration,
    /// What may wait for all of them.
    pub memory: Arc<FrameMemory>,
}

/// The sending half of one connection. Shared by its session and its room.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    heard_tick: AtomicU32,
}

impl Outbox {
    /// An empty outbox that holds as many bytes as it may and one batch more: a batch is refused
    /// only when the limit is already reached, so that one large page never is.
    #[must_use]
    pub fn new(io: Writing, limits: Arc<OutboxLimits>) -> Self {
        Self { state: Mutex::new(State::new(io, limits)), heard_tick: AtomicU32::new(0) }
    }

    /// Notes when the client was last heard, in ticks of the keeper.
    pub fn note_heard(&self, tick: u32) {
        self.heard_tick.store(tick, Ordering::Relaxed);
    }

    /// When the client was last heard.
    #[must_use]
    pub fn heard_tick(&self) -> u32 {
        self.heard_tick.load(Ordering::Relaxed)
    }

    /// Sends whole frames. Where the client is too far behind, what waits is dropped and the
    /// connection ends: the client comes back and catches up from the history.
    pub fn send(&self, batches: &[Bytes]) {
        let mut state = self.lock();
        if !state.takes() {
            return;
        }
        if !state.is_stalled {
            state.write_through(batches);
        } else if state.counted_bytes() > state.limits.bytes_max {
            state.end(TOO_SLOW);
        } else {
            batches.iter().for_each(|batch| state.queue(batch.clone(), true));
        }
        state.keep_to_share();
        state.wake_if_needed();
    }

    /// Sends what the session waits for, a history page or an error: one frame, in pieces.
    pub fn send_answer(&self, pieces: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        if state.takes() {
            let begin = state.queued_total;
            state.queue_frame(pieces);
            let end = state.queued_total;
            state.waiting().awaited = Awaited::Queued { bytes: end - begin, end };
            state.flush();
            state.keep_to_share();
        }
        state.wake_if_needed();
    }

    /// Sends a greeting in pieces, the last of which ends a frame.
    pub fn send_greeting(&self, pieces: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        if !state.takes() {
            return;
        }
        state.queue_frame(pieces);
        let end = state.queued_total;
        state.waiting().uncounted_until = end;
        state.is_greeted = true;
        state.flush();
        state.keep_to_share();
        state.wake_if_needed();
    }

    /// Ends the connection where more waits for it than its share by now.
    pub fn keep_to_share(&self) {
        let mut state = self.lock();
        state.keep_to_share();
        state.wake_if_needed();
    }

    /// Ends the connection: what waits is not sent any more. The first ending stays.
    pub fn end(&self, ending: Ending) {
        let mut state = self.lock();
        state.end(ending);
        state.wake_if_needed();
    }

    /// Asks the session to end the connection in order: until [`Self::finish`] the outbox goes on
    /// sending, so that the client learns what became of its last words.
    pub fn ask_to_end(&self, ending: Ending) {
        let mut state = self.lock();
        if state.takes() {
            state.ending.get_or_insert(ending);
            state.is_session_needed = true;
        }
        state.wake_if_needed();
    }

    /// Takes nothing more; what waits is still sent.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        state.is_session_needed = true;
        state.wake_if_needed();
    }

    /// Writes on until [`Self::finish`] was called and nothing waits any more, or the connection
    /// is over. For the session, after it was asked to end.
    pub async fn finished(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            state.write_on(cx);
            if !state.takes() && state.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether its greeting has been sent.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        self.lock().is_greeted
    }

    /// Whether nothing more will be taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.lock().takes()
    }

    /// Bytes that the client's side has taken in so far, or the system for it.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.lock().written_total
    }

    /// Whether anything waits for the client's side to take in more.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Whether its session waits for the server, and reads nothing meanwhile.
    #[must_use]
    pub fn awaits_server(&self) -> bool {
        let state = self.lock();
        state.is_held_up || state.is_answer_asked()
    }

    /// Says whether its session waits for anything else of the server's than an answer.
    pub fn hold_up(&self, is_held_up: bool) {
        self.lock().is_held_up = is_held_up;
    }

    /// Writes on whenever the socket takes more, until there is an ending. For the session.
    pub async fn tend(&self) -> Ending {
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(ending) = state.ending {
                return Poll::Ready(ending);
            }
            state.write_on(cx);
            Poll::Pending
        })
        .await
    }

    /// Returns when the client does not take what waits for it in time. For the session, beside
    /// [`Self::tend`].
    pub async fn overdue(&self) -> Ending {
        loop {
            self.behind().await;
            let (due_bytes, time) = {
                let state = self.lock();
                let time = state.limits.write_time;
                let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let least = time_ms.saturating_mul(READ_BYTES_PER_SECOND_MIN) / 1000;
                (state.queued_total.min(state.written_total.saturating_add(least)), time)
            };
            // In memory of its own: few are ever behind.
            Box::pin(sleep(time)).await;
            if self.written_bytes() < due_bytes {
                self.end(TOO_SLOW);
                return TOO_SLOW;
            }
        }
    }

    /// Waits until something waits to be written.
    async fn behind(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if !state.is_empty() {
                return Poll::Ready(());
            }
            state.wait(cx);
            Poll::Pending
        })
        .await;
    }

    /// Says that what the session waits for is done, where nothing is sent for it.
    pub fn reach_mark(&self) {
        let mut state = self.lock();
        if state.is_answer_asked() {
            state.waiting().awaited = Awaited::Written { bytes: 0 };
            state.is_session_needed = true;
        }
        state.wake_if_needed();
    }

    /// Says that an answer is about to be asked for which the session waits for.
    pub fn expect_answer(&self) {
        self.lock().waiting().awaited = Awaited::Asked;
    }

    /// Waits until that answer has been written, if there is one, and says how many bytes it took.
    /// The session reads nothing meanwhile: a client has one page under way, and its answers come in
    /// the order of its frames. Only beside [`Self::tend`].
    pub async fn answer_written(&self) -> u64 {
        poll_fn(|cx| {
            let mut state = self.lock();
            match state.answer_taken() {
                None if state.takes() => {
                    state.wait(cx);
                    Poll::Pending
                }
                bytes => Poll::Ready(bytes.unwrap_or(0)),
            }
        })
        .await
    }

    /// Sends the last frame, a Close, and waits until the system has taken it. For the session,
    /// after the ending.
    pub async fn send_last(&self, close: Bytes) {
        {
            let mut state = self.lock();
            state.drop_whole_frames();
            state.queue(close, true);
            // Nothing may follow it.
            state.is_ended = true;
            state.flush();
        }
        self.emptied().await;
    }

    /// Waits until nothing waits any more.
    async fn emptied(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            state.write_on(cx);
            if state.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Takes and writes nothing more: the client is told that nothing more will come.
    pub fn close(&self) {
        self.lock().lose();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
