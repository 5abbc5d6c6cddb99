//! The frames that a room delivers to all members next.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use xmeet_shared::ServerMessage;

use super::encode::Encoder;
use super::shard::skip;
use crate::room::MemberKey;

/// The time between two writes of nothing but joins and leaves in a large room, and between two
/// batches of newcomers there.
pub(crate) const PRESENCE_WINDOW: Duration = Duration::from_millis(200);

/// Bytes of joins and leaves at which a batch is delivered before [`PRESENCE_WINDOW`] has passed.
const PRESENCE_BYTES_MAX: usize = 64 * 1024;

/// The frames that all members receive next, in one write. A member that receives a reply meanwhile
/// gets the frames before it earlier than the others.
#[derive(Default)]
pub(crate) struct Batch {
    /// Frames that some members have received already. `frames` follow behind them.
    sealed: Vec<Bytes>,
    sealed_bytes: usize,
    pub(crate) frames: BytesMut,
    count: u64,
    /// How much of the batch each of these members has received already.
    ahead: HashMap<MemberKey, Length>,
    /// Whether the batch has other frames than joins and leaves.
    is_urgent: bool,
    latest_delivery: Option<Instant>,
    /// When the batch must be delivered, if it is being delayed.
    deadline: Option<Instant>,
}

/// The length of a batch, or of its beginning.
#[derive(Debug, Clone, Copy, Default)]
struct Length {
    bytes: usize,
    count: u64,
}

/// Frames of the batch that one member receives before the others.
pub(crate) struct Unseen {
    pub(crate) frames: Vec<Bytes>,
    pub(crate) bytes: usize,
    pub(crate) count: u64,
}

/// A whole batch, and the number of frames and bytes that its delivery sends.
pub(crate) struct Delivery {
    pub(crate) frames: Bytes,
    pub(crate) sent_frames: u64,
    pub(crate) sent_bytes: u64,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.sealed_bytes + self.frames.len()
    }

    /// Counts the frame of this message, which the caller then appends to `frames`.
    pub(crate) fn count_frame(&mut self, message: &ServerMessage) {
        self.count += 1;
        self.is_urgent |= !matches!(message, ServerMessage::Join(_) | ServerMessage::Leave);
    }

    /// Returns whether the batch must be delivered now. In a large room, joins and leaves are delayed
    /// until [`Self::deadline`], so that many of them cost few writes.
    pub(crate) fn is_due(&mut self, is_large: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let now = Instant::now();
        let due = self.latest_delivery.map_or(now, |latest| latest + PRESENCE_WINDOW);
        let waits = is_large && !self.is_urgent && self.len() < PRESENCE_BYTES_MAX;
        self.deadline = (waits && now < due).then_some(due);
        self.deadline.is_none()
    }

    /// Returns when to call [`Self::is_due`] again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the frames that a member has not received yet, and counts them as received. The frames
    /// are shared with the batch, not copied.
    pub(crate) fn send_ahead(&mut self, member: MemberKey, encoder: &Encoder) -> Unseen {
        if !self.frames.is_empty() {
            self.sealed_bytes += self.frames.len();
            self.sealed.push(encoder.charge(mem::take(&mut self.frames)));
        }
        let seen = self.ahead.get(&member).copied().unwrap_or_default();
        self.skip_for(member);
        let frames = skip(&self.sealed, seen.bytes);
        Unseen { frames, bytes: self.len() - seen.bytes, count: self.count - seen.count }
    }

    /// Notes that a member does not need what is in the batch so remote, and returns how many bytes
    /// these are.
    pub(crate) fn skip_for(&mut self, member: MemberKey) -> usize {
        let (bytes, count) = (self.len(), self.count);
        if bytes > 0 {
            self.ahead.insert(member, Length { bytes, count });
        }
        bytes
    }

    /// Forgets a member that receives nothing more.
    pub(crate) fn forget(&mut self, member: MemberKey) {
        self.ahead.remove(&member);
    }

    /// Removes and returns the whole batch, for so many receivers.
    pub(crate) fn take(&mut self, receivers: u64, encoder: &Encoder) -> Delivery {
        let length = Length { bytes: self.len(), count: self.count };
        let (mut sent_frames, mut sent_bytes) =
            (length.count * receivers, length.bytes as u64 * receivers);
        for ahead in mem::take(&mut self.ahead).into_values() {
            sent_frames = sent_frames.saturating_sub(ahead.count);
            sent_bytes = sent_bytes.saturating_sub(ahead.bytes as u64);
        }
        let mut frames = mem::take(&mut self.frames);
        let sealed = mem::take(&mut self.sealed);
        if !sealed.is_empty() {
            // Joined into one piece, because each piece costs memory in every outbox where it waits.
            let mut whole = BytesMut::with_capacity(length.bytes);
            sealed.iter().for_each(|piece| whole.extend_from_slice(piece));
            whole.extend_from_slice(&frames);
            frames = whole;
        }
        self.sealed_bytes = 0;
        self.count = 0;
        self.is_urgent = false;
        self.deadline = None;
        self.latest_delivery = Some(Instant::now());
        Delivery { frames: encoder.charge(frames), sent_frames, sent_bytes }
    }
}
