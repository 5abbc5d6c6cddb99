//! The state of an outbox. All functions run under the outbox's lock, and none of them waits.

mod write;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use xmeet_shared::CloseCode;

use super::barrier::Barrier;
use super::{CloseReason, OutboxLimits, TOO_SLOW};
use crate::wire::budget::{Charge, Part};
use crate::wire::stream::{WriteHalf, Writing};

/// Close reason for a connection whose withheld frames exceed the bounds of a backlog.
pub(super) const GREETING_TOO_LATE: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the room's history took too long to read: come back and catch up",
};

/// Each queued piece is charged for this many bytes beside its own bytes: for its slot in the queue and
/// its share of the allocation. Otherwise a flood of tiny frames would take far more memory than is
/// charged.
pub(super) const PIECE_OVERHEAD_BYTES: usize = 64;

/// When the backlog is dropped, the rest of a partly written frame is still written if it has at most
/// this many bytes. All events are shorter; greetings and history pages may be longer.
const REST_BYTES_MAX: usize = 1024 * 1024;

/// Frames up to this size, in bytes, are charged when they are queued. Longer frames are charged when
/// they are encoded; for each pong or heartbeat that would cost too much time.
const SMALL_FRAME_BYTES_MAX: usize = 512;

/// Bytes in the queue.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// The charge of this outbox for the piece, in bytes.
    charged_bytes: u16,
    /// Whether a frame ends with this piece.
    pub(super) ends_frame: bool,
}

/// The answer that the session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Answer {
    #[default]
    None,
    /// The session has requested the answer from the room, or is about to.
    Requested,
    /// The answer is queued. It has this many bytes, and ends at `end` in the count of all bytes ever
    /// queued.
    Queued {
        bytes: u64,
        end: u64,
    },
    Written {
        bytes: u64,
    },
}

/// The state of an outbox. The fields that every delivery reads are the first, in one cache line: in a
/// room of a thousand members, each cache line costs a delivery one cache miss.
#[repr(C)]
pub(super) struct State {
    /// `None` once the connection is lost or shut down.
    pub(super) io: Option<Writing>,
    /// The number of all bytes ever queued or written.
    pub(super) queued_total: u64,
    /// The number of all bytes ever written.
    pub(super) written_total: u64,
    pub(super) limits: Arc<OutboxLimits>,
    /// Whether the socket is full. If not, the queue is empty.
    pub(super) is_stalled: bool,
    /// Whether further frames are refused.
    pub(super) is_ended: bool,
    /// Whether a frame is partly written.
    pub(super) is_mid_frame: bool,
    /// Whether the session must be woken.
    pub(super) is_session_needed: bool,
    pub(super) is_greeted: bool,
    /// Whether frames are withheld until the greeting.
    pub(super) is_withholding: bool,
    /// Whether the outbox refuses further frames after the greeting and the withheld frames.
    pub(super) is_finishing_after_greeting: bool,
    /// Whether the session has paused reading.
    pub(super) is_paused: bool,
    pub(super) barrier: Barrier,
    /// `None` while there is neither a backlog nor an expected answer, as in most outboxes.
    pub(super) backlog: Option<Box<Backlog>>,
    pub(super) close_reason: Option<CloseReason>,
    /// The session's task, while it waits.
    pub(super) session: Option<Waker>,
}

/// The backlog, and the answer that the session waits for.
pub(super) struct Backlog {
    pub(super) queue: VecDeque<Piece>,
    /// Frames that are withheld until the greeting.
    pub(super) withheld: VecDeque<Piece>,
    pub(super) withheld_bytes: u64,
    /// The charge for all pieces.
    pub(super) charge: Charge,
    /// The end of the greeting in the count of all bytes. The greeting is not part of the bounded
    /// backlog: a client whose connection is closed during a long greeting would reconnect to the same
    /// greeting.
    pub(super) greeting_end: u64,
    pub(super) answer: Answer,
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
            is_withholding: false,
            is_finishing_after_greeting: false,
            is_paused: false,
            barrier: Barrier::None,
            backlog: None,
            close_reason: None,
            session: None,
        }
    }

    /// Returns whether further frames are accepted.
    pub(super) fn is_open(&self) -> bool {
        self.io.is_some() && !self.is_ended
    }

    /// Returns the backlog, and creates an empty one first if there is none.
    pub(super) fn backlog_mut(&mut self) -> &mut Backlog {
        self.backlog.get_or_insert_with(|| {
            let charge = self.limits.memory.charge(Part::Outgoing, 0);
            Box::new(Backlog {
                queue: VecDeque::new(),
                withheld: VecDeque::new(),
                withheld_bytes: 0,
                charge,
                greeting_end: 0,
                answer: Answer::None,
            })
        })
    }

    /// Returns whether nothing is left to write. Withheld frames do not count.
    pub(super) fn is_queue_empty(&self) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.queue.is_empty())
    }

    /// Returns the size of the backlog for its bound in bytes: the memory of all queued and withheld
    /// frames, without the bytes of the greeting.
    fn bounded_bytes(&self) -> usize {
        let Some(backlog) = &self.backlog else { return 0 };
        let unwritten_bytes = self.queued_total - self.written_total.max(backlog.greeting_end);
        let piece_count = backlog.queue.len() + backlog.withheld.len();
        usize::try_from(unwritten_bytes).unwrap_or(usize::MAX) + piece_count * PIECE_OVERHEAD_BYTES
    }

    /// Closes the connection if its backlog exceeds its share of the memory budget.
    pub(super) fn enforce_share(&mut self) {
        if (self.is_stalled || self.is_withholding) && self.is_open() {
            let charged_bytes = self.backlog.as_ref().map_or(0, |backlog| backlog.charge.bytes());
            let unwritten_bytes = self.queued_total - self.written_total;
            if unwritten_bytes + charged_bytes as u64 > self.limits.memory.share_bytes() as u64 {
                self.close_over_bounds();
            }
        }
    }

    /// Returns whether the backlog is within its bound in bytes, so that another batch may be queued.
    pub(super) fn has_capacity(&self) -> bool {
        self.bounded_bytes() <= self.limits.bytes_max
    }

    /// Closes the connection because its backlog exceeds the bounds.
    pub(super) fn close_over_bounds(&mut self) {
        let close_reason = if self.is_withholding { GREETING_TOO_LATE } else { TOO_SLOW };
        self.close_with(close_reason);
    }

    /// Queues pieces that together are whole frames.
    pub(super) fn queue_in_pieces(&mut self, pieces: impl IntoIterator<Item = Bytes>) {
        for piece in pieces {
            self.queue_piece(piece, false);
        }
        let is_withholding = self.is_withholding;
        let backlog = self.backlog_mut();
        let queue = if is_withholding { &mut backlog.withheld } else { &mut backlog.queue };
        if let Some(last_piece) = queue.back_mut() {
            last_piece.ends_frame = true;
        }
    }

    /// Queues a piece, or withholds it if the greeting is not sent yet. `ends_frame` tells whether a
    /// frame ends with this piece.
    pub(super) fn queue_piece(&mut self, bytes: Bytes, ends_frame: bool) {
        let length = bytes.len() as u64;
        // Longer frames have a charge of their own, which all members share.
        let small_bytes = if bytes.len() > SMALL_FRAME_BYTES_MAX { 0 } else { bytes.len() };
        let charged_bytes = (PIECE_OVERHEAD_BYTES + small_bytes) as u16;
        let piece = Piece { bytes, charged_bytes, ends_frame };
        self.queued_total += length;
        let is_withholding = self.is_withholding;
        let backlog = self.backlog_mut();
        backlog.charge.set(backlog.charge.bytes() + usize::from(charged_bytes));
        if is_withholding {
            backlog.withheld_bytes += length;
            backlog.withheld.push_back(piece);
        } else {
            backlog.queue.push_back(piece);
        }
    }

    /// Frees the memory of a backlog without frames.
    fn drop_empty_backlog(&mut self) {
        self.backlog.take_if(|backlog| backlog.queue.is_empty() && backlog.withheld.is_empty());
    }

    /// Returns whether the session waits for an answer that is not queued yet.
    pub(super) fn is_answer_requested(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.answer == Answer::Requested)
    }

    /// Returns the length of the answer in bytes once the answer is written, and then forgets the
    /// answer. Returns `None` before that. Returns 0 if no answer is expected.
    pub(super) fn take_written_answer(&mut self) -> Option<u64> {
        let Some(backlog) = &mut self.backlog else { return Some(0) };
        match mem::take(&mut backlog.answer) {
            Answer::None => Some(0),
            Answer::Written { bytes } => {
                self.drop_empty_backlog();
                Some(bytes)
            }
            unwritten => {
                backlog.answer = unwritten;
                None
            }
        }
    }

    /// Writes the backlog as far as the socket takes it, and wakes the task of `cx` when more can be
    /// written.
    pub(super) fn continue_writing(&mut self, cx: &mut Context<'_>) {
        while self.is_stalled
            && let Some(io) = &mut self.io
            && io.poll_writable(cx).is_ready()
        {
            self.is_stalled = false;
            self.flush();
        }
        self.is_session_needed = false;
        self.register_session(cx);
    }

    /// Notes the task of `cx` as the session's task, which [`Self::wake_if_needed`] wakes.
    pub(super) fn register_session(&mut self, cx: &Context<'_>) {
        if !self.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.session = Some(cx.waker().clone());
        }
    }

    /// Refuses further frames, drops the backlog and wakes the session, which closes the connection.
    pub(super) fn close_with(&mut self, close_reason: CloseReason) {
        self.close_reason.get_or_insert(close_reason);
        self.is_ended = true;
        self.is_session_needed = true;
        self.drop_whole_frames();
    }

    /// Drops the backlog, except the rest of a partly written frame. If that rest is long, drops it too
    /// and disconnects: the client has read too slowly, and the rest would take memory for a long time.
    pub(super) fn drop_whole_frames(&mut self) {
        self.is_withholding = false;
        let Some(backlog) = &mut self.backlog else { return };
        backlog.withheld.clear();
        self.queued_total -= mem::take(&mut backlog.withheld_bytes);

        // 1. Keep the pieces of the partly written frame.
        let mut kept_pieces = 0;
        if self.is_mid_frame {
            kept_pieces = 1 + backlog.queue.iter().take_while(|piece| !piece.ends_frame).count();
        }
        backlog.queue.truncate(kept_pieces);
        backlog
            .charge
            .set(backlog.queue.iter().map(|piece| usize::from(piece.charged_bytes)).sum());

        // 2. Disconnect if the rest is too long.
        let rest_bytes = backlog.queue.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        let memory = &self.limits.memory;
        if rest_bytes > REST_BYTES_MAX.min(memory.share_bytes()) {
            return self.disconnect();
        }

        // 3. Copy the rest, because its pieces may be the end of far larger allocations.
        for piece in &mut backlog.queue {
            let copy = piece.bytes.to_vec();
            piece.bytes = memory.with_charge(copy, piece.bytes.len());
        }
    }

    /// Closes the sending half and drops the backlog.
    pub(super) fn disconnect(&mut self) {
        self.io = None;
        self.backlog = None;
        self.is_stalled = false;
        self.is_session_needed = true;
    }

    /// Wakes the session's task if it has something to do.
    pub(super) fn wake_if_needed(&mut self) {
        if self.is_session_needed
            && let Some(session) = self.session.take()
        {
            self.is_session_needed = false;
            session.wake();
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("is_stalled", &self.is_stalled)
            .field("close_reason", &self.close_reason)
            .finish_non_exhaustive()
    }
}
