//! Connections that are on their way into a room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use xmeet_shared::{CloseCode, Pid};

use super::ROOM_ENDED;
use crate::limits::gate::Place;
use crate::room::MemberKey;
use crate::ws::outbox::{Ending, Outbox};

pub(super) const TOO_MUCH_HISTORY: Ending = Ending {
    code: CloseCode::TryAgainLater,
    reason: "your address was sent too much history: come back later",
};

/// Connections that wait for their member's place in the order; a member that was lost and came
/// back more than once has several, the earliest first.
#[derive(Default)]
pub(super) struct Coming(BTreeMap<MemberKey, VecDeque<Seat>>);

/// A connection, its place where places are counted, and whether it asked for the extensions.
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    pub(super) place: Option<Arc<Place>>,
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

    /// Of these who are still connected, ends the connections of those who may not be sent a long
    /// greeting now. Whether anybody is left.
    pub(super) fn keep_modest(&mut self, members: &[(MemberKey, Pid)]) -> bool {
        let mut is_any_left = false;
        for (member, _) in members {
            let Some(seat) = self.0.get(member).and_then(VecDeque::front) else { continue };
            if seat.outbox.is_over() {
                continue;
            }
            if seat.place.as_ref().is_none_or(|place| place.may_be_greeted()) {
                is_any_left = true;
            } else if let Some(seat) = self.pop(*member) {
                seat.outbox.end(TOO_MUCH_HISTORY);
            }
        }
        is_any_left
    }
}
