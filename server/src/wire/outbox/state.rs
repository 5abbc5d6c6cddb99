//! The state of an outbox. Everything here happens under the outbox's lock and never waits.

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

/// Close reason if too much is withheld behind a greeting.
pub(super) const GREETING_TOO_LATE: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "the room's history took too long to read: come back and catch up",
};

/// Memory of a queued piece beside its bytes, in bytes: its slot in the queue and its share of the
/// allocation. A flood of tiny frames would otherwise hold far more memory than is charged for.
pub(super) const PIECE_OVERHEAD_BYTES: usize = 64;

/// The longest rest of a partly written frame that is still written when the backlog is dropped, in
/// bytes. Every event is shorter; greetings and pages may be longer.
const REST_BYTES_MAX: usize = 1024 * 1024;

/// Frames up to this size are charged for when they are queued, in bytes: a charge for each pong or
/// heartbeat before that would cost too much.
const SMALL_FRAME_BYTES_MAX: usize = 512;

/// Bytes in the queue.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// The charge for this piece, in bytes.
    cost_bytes: u16,
    /// Whether a frame ends here.
    pub(super) ends_frame: bool,
}

/// The answer that the session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Awaited {
    #[default]
    None,
    Requested,
    /// An answer of this many bytes, up to `end` in the count of all bytes ever queued.
    Queued {
        bytes: u64,
        end: u64,
    },
    Written {
        bytes: u64,
    },
}

/// The state of an outbox. The fields that every delivery reads stand first, in one cache line: with a
/// thousand members, each delivery is a cache miss.
#[repr(C)]
pub(super) struct State {
    /// `None` once the connection is lost or shut down.
    pub(super) io: Option<Writing>,
    /// All bytes ever queued or written, and all bytes ever written.
    pub(super) queued_total: u64,
    pub(super) written_total: u64,
    pub(super) limits: Arc<OutboxLimits>,
    /// Whether the socket takes no more now. Otherwise the queue is empty.
    pub(super) is_stalled: bool,
    pub(super) is_ended: bool,
    /// Whether a frame is partly written.
    pub(super) is_mid_frame: bool,
    /// Whether the session must be woken.
    pub(super) is_session_needed: bool,
    pub(super) is_greeted: bool,
    /// Whether frames are withheld until the greeting.
    pub(super) is_withholding: bool,
    /// Whether the outbox finishes behind the greeting and the withheld frames.
    pub(super) is_finishing_after_greeting: bool,
    /// Whether the session has paused reading.
    pub(super) is_paused: bool,
    pub(super) barrier: Barrier,
    /// `None` for an outbox without a backlog, as most are.
    pub(super) backlog: Option<Box<Backlog>>,
    pub(super) close_reason: Option<CloseReason>,
    /// The session's task, while it waits.
    pub(super) session: Option<Waker>,
}

/// The backlog, and the answer that the session waits for.
pub(super) struct Backlog {
    pub(super) queue: VecDeque<Piece>,
    /// Frames that are withheld until the greeting, and their length.
    pub(super) withheld: VecDeque<Piece>,
    pub(super) withheld_bytes: u64,
    /// The charge for all pieces.
    pub(super) cost: Charge,
    /// Where the greeting ends in the count of all bytes. The greeting does not count as backlog: a
    /// client that is closed while it reads a long greeting would reconnect to the same greeting.
    pub(super) greeting_end: u64,
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
            is_withholding: false,
            is_finishing_after_greeting: false,
            is_paused: false,
            barrier: Barrier::None,
            backlog: None,
            close_reason: None,
            session: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.io.is_some() && !self.is_ended
    }

    pub(super) fn backlog_mut(&mut self) -> &mut Backlog {
        self.backlog.get_or_insert_with(|| {
            let cost = self.limits.memory.charge(Part::Outgoing, 0);
            Box::new(Backlog {
                queue: VecDeque::new(),
                withheld: VecDeque::new(),
                withheld_bytes: 0,
                cost,
                greeting_end: 0,
                awaited: Awaited::None,
            })
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.backlog.as_ref().is_none_or(|backlog| backlog.queue.is_empty())
    }

    pub(super) fn counted_bytes(&self) -> usize {
        let Some(backlog) = &self.backlog else { return 0 };
        let bytes = self.queued_total - self.written_total.max(backlog.greeting_end);
        usize::try_from(bytes).unwrap_or(usize::MAX)
            + (backlog.queue.len() + backlog.withheld.len()) * PIECE_OVERHEAD_BYTES
    }

    /// Closes the connection if its backlog exceeds its share of the memory budget.
    pub(super) fn enforce_share(&mut self) {
        if (self.is_stalled || self.is_withholding) && self.is_open() {
            let cost_bytes = self.backlog.as_ref().map_or(0, |backlog| backlog.cost.bytes());
            let bytes = self.queued_total - self.written_total + cost_bytes as u64;
            if bytes > self.limits.memory.share_bytes() as u64 {
                self.close_over_bounds();
            }
        }
    }

    /// Returns whether another batch may be queued.
    pub(super) fn has_capacity(&self) -> bool {
        self.counted_bytes() <= self.limits.bytes_max
    }

    /// Closes the connection because of its backlog.
    pub(super) fn close_over_bounds(&mut self) {
        self.close_with(if self.is_withholding { GREETING_TOO_LATE } else { TOO_SLOW });
    }

    /// Queues whole frames, in pieces.
    pub(super) fn queue_in_pieces(&mut self, pieces: impl IntoIterator<Item = Bytes>) {
        for piece in pieces {
            self.queue(piece, false);
        }
        let is_withholding = self.is_withholding;
        let Backlog { queue, withheld, .. } = self.backlog_mut();
        if let Some(last) = if is_withholding { withheld } else { queue }.back_mut() {
            last.ends_frame = true;
        }
    }

    pub(super) fn queue(&mut self, bytes: Bytes, ends_frame: bool) {
        let count = bytes.len() as u64;
        let small_bytes = if bytes.len() > SMALL_FRAME_BYTES_MAX { 0 } else { bytes.len() };
        let cost_bytes = (PIECE_OVERHEAD_BYTES + small_bytes) as u16;
        let piece = Piece { bytes, cost_bytes, ends_frame };
        self.queued_total += count;
        let is_withholding = self.is_withholding;
        let backlog = self.backlog_mut();
        backlog.cost.set(backlog.cost.bytes() + usize::from(cost_bytes));
        if is_withholding {
            backlog.withheld_bytes += count;
            backlog.withheld.push_back(piece);
        } else {
            backlog.queue.push_back(piece);
        }
    }

    fn drop_empty_backlog(&mut self) {
        let is_empty =
            |backlog: &mut Box<Backlog>| backlog.queue.is_empty() && backlog.withheld.is_empty();
        self.backlog.take_if(|backlog| is_empty(backlog));
    }

    /// Returns whether the session waits for an answer that is not queued yet.
    pub(super) fn is_answer_requested(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.awaited == Awaited::Requested)
    }

    /// Returns the length of the answer in bytes once it is written, or 0 if none is expected. Returns
    /// `None` until then.
    pub(super) fn take_written_answer(&mut self) -> Option<u64> {
        let Some(backlog) = &mut self.backlog else { return Some(0) };
        match mem::take(&mut backlog.awaited) {
            Awaited::None => Some(0),
            Awaited::Written { bytes } => {
                self.drop_empty_backlog();
                Some(bytes)
            }
            under_way => {
                backlog.awaited = under_way;
                None
            }
        }
    }

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

    pub(super) fn register_session(&mut self, cx: &Context<'_>) {
        if !self.session.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.session = Some(cx.waker().clone());
        }
    }

    pub(super) fn close_with(&mut self, close_reason: CloseReason) {
        self.close_reason.get_or_insert(close_reason);
        self.is_ended = true;
        self.is_session_needed = true;
        self.drop_whole_frames();
    }

    /// Drops the backlog, except the rest of a partly written frame. If that rest is long, the connection
    /// counts as lost: a client that was too slow for it before would hold its memory further.
    pub(super) fn drop_whole_frames(&mut self) {
        self.is_withholding = false;
        let Some(backlog) = &mut self.backlog else { return };
        backlog.withheld.clear();
        self.queued_total -= mem::take(&mut backlog.withheld_bytes);
        let mut kept = 0;
        if self.is_mid_frame {
            kept = 1 + backlog.queue.iter().take_while(|piece| !piece.ends_frame).count();
        }
        backlog.queue.truncate(kept);
        backlog.cost.set(backlog.queue.iter().map(|piece| usize::from(piece.cost_bytes)).sum());
        let rest_bytes = backlog.queue.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        let memory = &self.limits.memory;
        if rest_bytes > REST_BYTES_MAX.min(memory.share_bytes()) {
            return self.disconnect();
        }
        for piece in &mut backlog.queue {
            // A copy, because the piece may be the end of a far larger allocation.
            let rest = piece.bytes.to_vec();
            piece.bytes = memory.with_charge(rest, piece.bytes.len());
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.io = None;
        self.backlog = None;
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

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("is_stalled", &self.is_stalled)
            .field("close_reason", &self.close_reason)
            .finish_non_exhaustive()
    }
}
