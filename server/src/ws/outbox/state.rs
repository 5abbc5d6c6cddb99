//! What an outbox holds, and the writing itself. All of it happens under the outbox's lock and never
//! waits.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};

use super::{Ending, OutboxLimits, TOO_SLOW};
use crate::ws::stream::{WriteHalf, Writing};

/// What a queued piece costs beside its bytes, in bytes: its slot in the queue and its share of the
/// allocation. Without it, a flood of tiny frames would hold far more memory than is counted.
const PIECE_OVERHEAD_BYTES: usize = 64;

/// Pieces that are given to the system in one call at most.
const SLICES_MAX: usize = 64;

/// The rest of a frame that is still written when everything else is dropped, in bytes: that of any
/// event, but not of every greeting and page.
const REST_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that wait.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// Whether a frame ends where they end.
    pub(super) ends_frame: bool,
}

/// The answer that the session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Awaited {
    #[default]
    None,
    Asked,
    /// It has so many bytes, and ends at this place among all bytes ever queued.
    Queued {
        bytes: u64,
        end: u64,
    },
    Written {
        bytes: u64,
    },
}

/// What every delivery touches stands first, together: with a thousand members it is never in the
/// cache.
#[repr(C)]
pub(super) struct State {
    /// `None` when the connection is lost or has ended.
    pub(super) io: Option<Writing>,
    /// Bytes ever taken, and of these the ones that the system has taken.
    pub(super) queued_total: u64,
    pub(super) written_total: u64,
    pub(super) limits: Arc<OutboxLimits>,
    /// Whether the system has said that it takes no more now. Otherwise nothing waits.
    pub(super) is_stalled: bool,
    pub(super) is_ended: bool,
    /// Whether the last byte written stands inside a frame.
    pub(super) is_mid_frame: bool,
    /// Whether something has happened that the session must see to.
    pub(super) is_session_needed: bool,
    pub(super) is_greeted: bool,
    /// Whether the session waits for the server to take what its client said.
    pub(super) is_held_up: bool,
    /// `None` when nothing waits, as with most.
    pub(super) waiting: Option<Box<Waiting>>,
    pub(super) ending: Option<Ending>,
    /// The session, when it waits.
    pub(super) session: Option<Waker>,
}

/// What the socket did not take, and the answer that the session waits for.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) queue: VecDeque<Piece>,
    /// Where the greeting ends. What stands before it counts for nothing: there is one, and a
    /// client that still reads a long one must not be closed over the first event behind it, for
    /// it would come back to the same greeting.
    pub(super) uncounted_until: u64,
    pub(super) awaited: Awaited,
}

impl State {
    pub(super) fn new(io: Writing, limits: Arc<OutboxLimits>) -> Self {
        Self {
            io: Some(io),
            queued_total: 0,
            written_total: 0,
            limits,
            is_stalled: false,
            is_ended: false,
            is_mid_frame: false,
            is_session_needed: false,
            is_greeted: false,
            is_held_up: false,
            waiting: None,
            ending: None,
            session: None,
        }
    }

    pub(super) fn takes(&self) -> bool {
        self.io.is_some() && !self.is_ended
    }

    pub(super) fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.queue.is_empty())
    }

    pub(super) fn counted_bytes(&self) -> usize {
        let Some(waiting) = &self.waiting else { return 0 };
        let bytes = self.queued_total - self.written_total.max(waiting.uncounted_until);
        usize::try_from(bytes).unwrap_or(usize::MAX) + waiting.queue.len() * PIECE_OVERHEAD_BYTES
    }

    /// Ends the connection where more waits for it than its share of what may wait for all.
    pub(super) fn keep_to_share(&mut self) {
        if self.is_stalled && self.takes() {
            let bytes = self.queued_total - self.written_total;
            if bytes > self.limits.memory.share_bytes() as u64 {
                self.end(TOO_SLOW);
            }
        }
    }

    /// Queues a frame, or several, in pieces.
    pub(super) fn queue_frame(&mut self, pieces: impl IntoIterator<Item = Bytes>) {
        for piece in pieces {
            self.queue(piece, false);
        }
        if let Some(last) = self.waiting().queue.back_mut() {
            last.ends_frame = true;
        }
    }

    pub(super) fn queue(&mut self, bytes: Bytes, ends_frame: bool) {
        self.queued_total += bytes.len() as u64;
        self.waiting().queue.push_back(Piece { bytes, ends_frame });
    }

    /// The usual way: nothing waits, and the socket takes everything. It allocates nothing.
    pub(super) fn write_through(&mut self, batches: &[Bytes]) {
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
    pub(super) fn flush(&mut self) {
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
        if let Awaited::Queued { bytes, end } = waiting.awaited
            && self.written_total >= end
        {
            waiting.awaited = Awaited::Written { bytes };
            self.is_session_needed = true;
        }
        if waiting.queue.is_empty() && waiting.awaited == Awaited::None {
            self.waiting = None;
        }
    }

    /// Whether the session waits for an answer that is not there yet.
    pub(super) fn is_answer_asked(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.awaited == Awaited::Asked)
    }

    /// How many bytes the answer had, once it is written: 0 where there was none. `None` while it is
    /// under way.
    pub(super) fn answer_taken(&mut self) -> Option<u64> {
        let Some(waiting) = &mut self.waiting else { return Some(0) };
        match mem::take(&mut waiting.awaited) {
            Awaited::None => Some(0),
            Awaited::Written { bytes } => {
                if waiting.queue.is_empty() {
                    self.waiting = None;
                }
                Some(bytes)
            }
            under_way => {
                waiting.awaited = under_way;
                None
            }
        }
    }

    pub(super) fn write_on(&mut self, cx: &mut Context<'_>) {
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

    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        if !self.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.session = Some(cx.waker().clone());
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.is_ended = true;
        self.is_session_needed = true;
        self.drop_whole_frames();
    }

    /// Drops what waits, but for the rest of a frame that is partly written. Where that is long the
    /// connection is lost: whoever did not take it in time does not take it now, and it would be
    /// held as long as that is found out.
    pub(super) fn drop_whole_frames(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        let mut kept = 0;
        if self.is_mid_frame {
            kept = 1 + waiting.queue.iter().take_while(|piece| !piece.ends_frame).count();
        }
        waiting.queue.truncate(kept);
        let rest_bytes = waiting.queue.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        let memory = &self.limits.memory;
        if rest_bytes > REST_BYTES_MAX.min(memory.share_bytes()) {
            return self.lose();
        }
        for piece in &mut waiting.queue {
            // It may be the end of something that is far larger.
            let rest = piece.bytes.to_vec();
            piece.bytes = memory.hold(rest, piece.bytes.len());
        }
    }

    pub(super) fn lose(&mut self) {
        self.io = None;
        self.waiting = None;
        self.is_stalled = false;
        self.is_session_needed = true;
    }

    pub(super) fn wake_if_needed(&mut self) {
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
