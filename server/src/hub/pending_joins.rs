//! Connections that a room has admitted and not greeted yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::ROOM_ENDED;
use crate::limits::admission::ConnectionPermit;
use crate::room::MemberKey;
use crate::wire::outbox::{CloseReason, Outbox};

/// The pending joins of a room by member, oldest first. A member that resumed several times can have
/// several.
#[derive(Default)]
pub(super) struct PendingJoins(BTreeMap<MemberKey, VecDeque<PendingJoin>>);

/// A connection that is admitted and not greeted. If it is dropped before its greeting, as by a
/// panic, the connection is closed.
pub(super) struct PendingJoin {
    pub(super) outbox: Arc<Outbox>,
    /// The connection's permit, if connections are limited.
    pub(super) permit: Option<Arc<ConnectionPermit>>,
    /// Whether the client asked for the protocol's extensions.
    pub(super) is_extended: bool,
    close_reason: CloseReason,
    is_greeted: bool,
}

impl PendingJoin {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        permit: Option<Arc<ConnectionPermit>>,
        is_extended: bool,
    ) -> Self {
        Self { outbox, permit, is_extended, close_reason: ROOM_ENDED, is_greeted: false }
    }

    /// Sets the close reason for the case that no greeting is sent.
    pub(super) fn with_close_reason(mut self, close_reason: CloseReason) -> Self {
        self.close_reason = close_reason;
        self
    }

    /// Sends the greeting, in pieces.
    pub(super) fn greet(mut self, pieces: Vec<Bytes>) {
        self.outbox.send_greeting(pieces);
        self.is_greeted = true;
    }
}

impl Drop for PendingJoin {
    fn drop(&mut self) {
        if !self.is_greeted && !self.outbox.is_closed() {
            self.outbox.close_with(self.close_reason);
        }
    }
}

impl PendingJoins {
    pub(super) fn push(&mut self, member: MemberKey, pending: PendingJoin) {
        self.0.entry(member).or_default().push_back(pending);
    }

    pub(super) fn pop(&mut self, member: MemberKey) -> Option<PendingJoin> {
        let joins = self.0.get_mut(&member)?;
        let oldest = joins.pop_front();
        if joins.is_empty() {
            self.0.remove(&member);
        }
        oldest
    }
}
