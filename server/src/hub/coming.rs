//! Connections that are on their way into a room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use xmeet_shared::Pid;

use super::ROOM_ENDED;
use crate::room::MemberKey;
use crate::ws::outbox::Outbox;

/// Connections that wait for their member's place in the order; a member that was lost and came
/// back more than once has several, the earliest first.
#[derive(Default)]
pub(super) struct Coming(BTreeMap<MemberKey, VecDeque<Seat>>);

/// A connection, and whether it asked for the extensions.
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    pub(super) is_extended: bool,
}

impl Drop for Coming {
    fn drop(&mut self) {
        for seat in self.0.values().flatten() {
            seat.outbox.end(ROOM_ENDED);
        }
    }
}

impl Coming {
    pub(super) fn push(&mut self, member: MemberKey, seat: Seat) {
        self.0.entry(member).or_default().push_back(seat);
    }

    pub(super) fn pop(&mut self, member: MemberKey) -> Option<Seat> {
        let seats = self.0.get_mut(&member)?;
        let seat = seats.pop_front();
        if seats.is_empty() {
            self.0.remove(&member);
        }
        seat
    }

    /// Whether any of these is still connected.
    pub(super) fn has_any_of(&self, members: &[(MemberKey, Pid)]) -> bool {
        let seats = members.iter().filter_map(|(member, _)| self.0.get(member)?.front());
        seats.into_iter().any(|seat| !seat.outbox.is_over())
    }
}
