//! The sending half of one connection: what waits to be written, and the socket it goes to.
//!
//! Rooms write through it and never wait: what the socket does not take now is queued, and the
//! connection's session writes it on when the socket takes more. The queue is bounded in bytes: a
//! client that reads too slowly is closed, not waited for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use xmeet_shared::CloseCode;

use super::stream::{WriteHalf, Writing};

/// What a queued piece costs beside its bytes, in bytes: its slot in the queue and its share of the
/// allocation. Without it, a flood of tiny frames would hold far more memory than is counted.
const PIECE_OVERHEAD_BYTES: usize = 64;

/// Pieces that are given to the system in one call at most.
const SLICES_MAX: usize = 64;

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The code of the Close frame.
    pub code: CloseCode,
    /// Its reason text.
    pub reason: &'static str,
}

const TOO_SLOW: Ending =
    Ending { code: CloseCode::TryAgainLater, reason: "reading too slowly: come back and catch up" };

/// The sending half of one connection. Shared by its session and its room.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    heard_tick: AtomicU32,
}

/// Bytes that wait.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// Whether a frame ends where they end.
    ends_frame: bool,
}

/// The history page that the session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Page {
    #[default]
    None,
    Asked,
    /// It ends at this place among all bytes ever queued.
    Queued {
        end: u64,
    },
}

/// What every delivery touches stands first, together: with a thousand members it is never in the
/// cache.
#[repr(C)]
struct State {
    /// `None` when the connection is lost or has ended.
    io: Option<Writing>,
    /// Bytes ever taken, and of these the ones that the system has taken.
    queued_total: u64,
    written_total: u64,
    limit_bytes: usize,
    /// Whether the system has said that it takes no more now. Otherwise nothing waits.
    is_stalled: bool,
    is_ended: bool,
    /// Whether the last byte written stands inside a frame.
    is_mid_frame: bool,
    /// Whether something has happened that the session must see to.
    is_session_needed: bool,
    is_greeted: bool,
    /// `None` when nothing waits, as with most.
    waiting: Option<Box<Waiting>>,
    ending: Option<Ending>,
    /// The session, when it waits.
    session: Option<Waker>,
}

/// What the socket did not take, and the page that the session waits for.
#[derive(Default)]
struct Waiting {
    queue: VecDeque<Piece>,
    /// Where the greeting ends. What stands before it counts for nothing: there is one, and a
    /// client that still reads a long one must not be closed over the first event behind it, for
    /// it would come back to the same greeting.
    uncounted_until: u64,
    page: Page,
}

impl Outbox {
    /// An empty outbox that holds `limit_bytes` and one batch more: a batch is refused only when
    /// the limit is already reached, so that one large page never is.
    #[must_use]
    pub fn new(io: Writing, limit_bytes: usize) -> Self {
        let state = State {
            io: Some(io),
            queued_total: 0,
            written_total: 0,
            limit_bytes,
            is_stalled: false,
            is_ended: false,
            is_mid_frame: false,
            is_session_needed: false,
            is_greeted: false,
            waiting: None,
            ending: None,
            session: None,
        };
        Self { state: Mutex::new(state), heard_tick: AtomicU32::new(0) }
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
        } else if state.counted_bytes() > state.limit_bytes {
            state.end(TOO_SLOW);
        } else {
            batches.iter().for_each(|batch| state.queue(batch.clone(), true));
        }
        state.wake_if_needed();
    }

    /// Sends the answer to a history request: a page, or the error instead of it.
    pub fn send_page(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.takes() {
            let end = state.queued_total + frame.len() as u64;
            state.waiting().page = Page::Queued { end };
            state.queue(frame, true);
            state.flush();
        }
        state.wake_if_needed();
    }

    /// Sends a greeting in pieces, the last of which ends a frame.
    pub fn send_greeting(&self, pieces: impl IntoIterator<Item = Bytes>) {
        let mut state = self.lock();
        if !state.takes() {
            return;
        }
        for piece in pieces {
            state.queue(piece, false);
        }
        let end = state.queued_total;
        let waiting = state.waiting();
        if let Some(last) = waiting.queue.back_mut() {
            last.ends_frame = true;
        }
        waiting.uncounted_until = end;
        state.is_greeted = true;
        state.flush();
        state.wake_if_needed();
    }

    /// Ends the connection: what waits is not sent any more. The first ending stays.
    pub fn end(&self, ending: Ending) {
        let mut state = self.lock();
        state.end(ending);
        state.wake_if_needed();
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

    /// Says that a page is about to be asked for.
    pub fn expect_page(&self) {
        self.lock().waiting().page = Page::Asked;
    }

    /// Waits until the page has been written. The session reads nothing meanwhile: a client has one
    /// page under way, and its answers come in the order of its frames. Only beside [`Self::tend`].
    pub async fn page_written(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            let is_page_due =
                state.waiting.as_ref().is_some_and(|waiting| waiting.page != Page::None);
            if !is_page_due || !state.takes() {
                return Poll::Ready(());
            }
            state.wait(cx);
            Poll::Pending
        })
        .await;
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

impl State {
    fn takes(&self) -> bool {
        self.io.is_some() && !self.is_ended
    }

    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }

    fn is_empty(&self) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.queue.is_empty())
    }

    fn counted_bytes(&self) -> usize {
        let Some(waiting) = &self.waiting else { return 0 };
        let bytes = self.queued_total - self.written_total.max(waiting.uncounted_until);
        usize::try_from(bytes).unwrap_or(usize::MAX) + waiting.queue.len() * PIECE_OVERHEAD_BYTES
    }

    fn queue(&mut self, bytes: Bytes, ends_frame: bool) {
        self.queued_total += bytes.len() as u64;
        self.waiting().queue.push_back(Piece { bytes, ends_frame });
    }

    /// The usual way: nothing waits, and the socket takes everything. It allocates nothing.
    fn write_through(&mut self, batches: &[Bytes]) {
        for batches in batches.chunks(SLICES_MAX) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            for (slice, batch) in slices.iter_mut().zip(batches) {
                *slice = IoSlice::new(batch);
            }
            let mut written = 0;
            if !self.is_stalled && self.io.is_some() {
                let result = self.io.as_mut().map(|io| write(io, &slices[..batches.len()]));
                written = self.after_write(result);
                self.queued_total += written as u64;
            }
            for batch in batches {
                let taken = written.min(batch.len());
                written -= taken;
                if taken < batch.len() && self.io.is_some() {
                    self.is_mid_frame |= taken > 0;
                    self.queue(batch.slice(taken..), true);
                }
            }
            self.flush();
        }
    }

    /// Writes until nothing waits or the socket takes no more.
    fn flush(&mut self) {
        while !self.is_stalled
            && let Some(waiting) = &self.waiting
            && !waiting.queue.is_empty()
        {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&waiting.queue) {
                *slice = IoSlice::new(&piece.bytes);
                count += 1;
            }
            let result = self.io.as_mut().map(|io| write(io, &slices[..count]));
            let written = self.after_write(result);
            self.advance(written);
        }
    }

    fn after_write(&mut self, result: Option<std::io::Result<usize>>) -> usize {
        match result {
            Some(Ok(bytes @ 1..)) => {
                self.written_total += bytes as u64;
                return bytes;
            }
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.is_stalled = true;
                self.is_session_needed = true;
            }
            // The connection is lost. Nobody is told here: what the client had sent before it may
            // still be unread, and reading tells the end.
            _ => self.lose(),
        }
        0
    }

    fn advance(&mut self, mut written: usize) {
        let Some(waiting) = &mut self.waiting else { return };
        while written > 0
            && let Some(piece) = waiting.queue.front_mut()
        {
            let bytes = written.min(piece.bytes.len());
            piece.bytes.advance(bytes);
            written -= bytes;
            let is_whole = piece.bytes.is_empty();
            self.is_mid_frame = !is_whole || !piece.ends_frame;
            if is_whole {
                waiting.queue.pop_front();
            }
        }
        if let Page::Queued { end } = waiting.page
            && self.written_total >= end
        {
            waiting.page = Page::None;
            self.is_session_needed = true;
        }
        if waiting.queue.is_empty() && waiting.page == Page::None {
            self.waiting = None;
        }
    }

    fn write_on(&mut self, cx: &mut Context<'_>) {
        while self.is_stalled
            && let Some(io) = &mut self.io
            && io.poll_writable(cx).is_ready()
        {
            self.is_stalled = false;
            self.flush();
        }
        self.is_session_needed = false;
        self.wait(cx);
    }

    fn wait(&mut self, cx: &Context<'_>) {
        if !self.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.session = Some(cx.waker().clone());
        }
    }

    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.is_ended = true;
        self.is_session_needed = true;
        self.drop_whole_frames();
    }

    /// Drops what waits, but for the rest of a frame that is partly written.
    fn drop_whole_frames(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        let mut kept = 0;
        if self.is_mid_frame {
            kept = 1 + waiting.queue.iter().take_while(|piece| !piece.ends_frame).count();
        }
        waiting.queue.truncate(kept);
    }

    fn lose(&mut self) {
        self.io = None;
        self.waiting = None;
        self.is_stalled = false;
        self.is_session_needed = true;
    }

    fn wake_if_needed(&mut self) {
        if self.is_session_needed
            && let Some(session) = self.session.take()
        {
            self.is_session_needed = false;
            session.wake();
        }
    }
}

fn write(io: &mut Writing, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
    loop {
        match io.try_write(slices) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("is_stalled", &self.is_stalled)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "outbox_test.rs"]
mod tests;
