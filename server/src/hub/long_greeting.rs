//! Greetings whose page must be read from the store. A task beside the room's reads and encodes the
//! page. Meanwhile, each newcomer's outbox withholds the room's frames.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use xmeet_shared::{CloseCode, MessageId, Pid, RoomId};

use super::greeting::SharedGreeting;
use super::pending_joins::PendingJoin;
use super::{Hub, NO_HISTORY, pages};
use crate::fanout::Encoder;
use crate::room::StoredMessage;
use crate::wire::outbox::CloseReason;

/// Frames in a greeting.
pub(super) const GREETING_FRAMES: u64 = 4;

const TOO_MUCH_HISTORY: CloseReason = CloseReason {
    code: CloseCode::TryAgainLater,
    reason: "your address was sent too much history: come back later",
};

/// The greetings for one snapshot of a room, until their page has been read.
pub(super) struct LongGreeting {
    hub: Arc<Hub>,
    room: RoomId,
    encoder: Encoder,
    /// The epoch of the room's message ids.
    epoch: Arc<str>,
    shared: SharedGreeting,
    /// The first messages of the page, which must be read.
    absent: RangeInclusive<MessageId>,
    /// The other messages of the page.
    tail: Vec<StoredMessage>,
    /// Charges the memory budget for the texts of `tail`.
    _tail_bytes: Bytes,
    newcomers: Newcomers,
}

/// Newcomers that are not greeted yet. A newcomer that is dropped before its greeting, as by a panic,
/// is disconnected with [`NO_HISTORY`].
#[derive(Default)]
pub(super) struct Newcomers(VecDeque<(Pid, PendingJoin)>);

impl LongGreeting {
    pub(super) fn new(
        hub: &Arc<Hub>,
        room: &RoomId,
        (encoder, epoch): (Encoder, Arc<str>),
        shared: SharedGreeting,
        (absent, tail): (RangeInclusive<MessageId>, Vec<StoredMessage>),
        newcomers: Newcomers,
    ) -> Self {
        let tail_bytes = tail.iter().map(|kept| kept.message.text.len()).sum();
        let _tail_bytes = hub.memory().with_charge(BytesMut::new(), tail_bytes);
        let (hub, room) = (Arc::clone(hub), room.clone());
        Self { hub, room, encoder, epoch, shared, absent, tail, _tail_bytes, newcomers }
    }

    /// Reads the page and sends the greetings. Closes the connections of newcomers that cannot be
    /// greeted.
    pub(super) async fn run(mut self) {
        let hub = Arc::clone(&self.hub);
        let _slot = hub.page_slots.newest().await;
        // Checked after the wait, because other newcomers of an address may have been greeted.
        self.newcomers.reject_over_budget();
        if self.newcomers.0.is_empty() {
            return;
        }
        match pages::messages(&hub, &self.room, self.absent.clone()).await {
            Ok(mut page) => {
                page.append(&mut self.tail);
                self.send(&page).await;
            }
            Err(error) => tracing::error!(%error, "a room's newest page could not be read"),
        }
    }

    async fn send(&mut self, messages: &[StoredMessage]) {
        let mut page = self.encoder.middle("history");
        self.encoder.put_records(&mut page, messages).await;
        let page = self.encoder.end(page, self.shared.ts());
        while let Some((pid, pending)) = self.newcomers.0.pop_front() {
            let epoch = pending.is_extended.then_some(&*self.epoch);
            let pieces = self.shared.greeting(&page, &pid, epoch, &mut self.encoder);
            let bytes = pieces.iter().map(Bytes::len).sum::<usize>();
            if pending.outbox.is_closed() {
                continue;
            }
            if pending.permit.as_ref().is_some_and(|permit| !permit.take_greeting(bytes)) {
                pending.outbox.close_with(TOO_MUCH_HISTORY);
                continue;
            }
            self.hub.metrics().traffic.sent(GREETING_FRAMES, bytes as u64);
            pending.greet(pieces);
        }
    }
}

impl Newcomers {
    pub(super) fn push(&mut self, pid: Pid, pending: PendingJoin) {
        self.0.push_back((pid, pending.with_close_reason(NO_HISTORY)));
    }

    /// Drops newcomers whose connections have ended, and rejects newcomers whose address has used up
    /// its budget for long greetings.
    fn reject_over_budget(&mut self) {
        self.0.retain(|(_, pending)| {
            let PendingJoin { outbox, permit, .. } = pending;
            if outbox.is_closed() {
                return false;
            }
            let may_be_greeted = permit.as_ref().is_none_or(|permit| permit.may_be_greeted());
            if !may_be_greeted {
                outbox.close_with(TOO_MUCH_HISTORY);
            }
            may_be_greeted
        });
    }
}
