//! A session's handle to its room: sends the client's inputs, and waits where the room is busy or
//! memory is short.

use std::mem;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use xmeet_shared::{Cursor, Nickname, Pid};

use super::{Disconnect, RoomCommand};
use crate::limits::pace::Pace;
use crate::room::{Action, Input, MemberKey};
use crate::wire::budget::{Charge, MemoryBudget, Part};

/// A member of a room, as its session sees it. If it is dropped without [`Self::leave`], the member
/// counts as disconnected.
#[derive(Debug)]
pub struct Membership {
    key: MemberKey,
    pid: Pid,
    /// The state of its rate limit, which resumes with the member.
    pub pace: Pace,
    /// Whether texts on this connection are stored.
    is_stored: bool,
    /// `None` once it has left.
    room: Option<mpsc::Sender<Box<RoomCommand>>>,
    budget: Arc<MemoryBudget>,
}

/// Memory of an input beside its text, in bytes.
const INPUT_BYTES: usize = 256;

/// The room's task has panicked. Clients reconnect and enter a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room has ended")]
pub struct RoomEnded;

/// An input that the room did not take at once, because its inbox is full or memory is short. The
/// session must pass it to [`Membership::flush_pending`] before it sends the next input.
#[derive(Debug)]
#[must_use]
pub struct PendingInput(Input);

impl PendingInput {
    /// Returns the input's memory in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        input_bytes(&self.0)
    }
}

impl Membership {
    pub(super) fn new(
        (key, pid, pace): (MemberKey, Pid, Pace),
        is_stored: bool,
        room: mpsc::Sender<Box<RoomCommand>>,
        budget: Arc<MemoryBudget>,
    ) -> Self {
        Self { key, pid, pace, is_stored, room: Some(room), budget }
    }

    /// Returns whether texts on this connection are stored.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Returns the member's pid.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Sends a text.
    ///
    /// # Errors
    /// [`PendingInput`] if the room does not take the input at once.
    pub fn say(&self, text: String) -> Result<(), PendingInput> {
        self.send(Input::Say { member: self.key, text, is_stored: self.is_stored })
    }

    /// Changes the member's name.
    ///
    /// # Errors
    /// [`PendingInput`] if the room does not take the input at once.
    pub fn change_name(&self, nickname: Nickname) -> Result<(), PendingInput> {
        self.send(Action::ChangeName { nickname }.by(self.key))
    }

    /// Requests a page of the history.
    ///
    /// # Errors
    /// [`PendingInput`] if the room does not take the input at once.
    pub fn history(&self, cursor: Cursor) -> Result<(), PendingInput> {
        self.send(Action::RequestPage { cursor }.by(self.key))
    }

    /// Sends a barrier. The outbox is told once everything before the barrier is answered.
    ///
    /// # Errors
    /// [`PendingInput`] if the room does not take the input at once.
    pub fn barrier(&self) -> Result<(), PendingInput> {
        self.send(Action::Barrier.by(self.key))
    }

    /// Sends the last input: the outbox is finished once all earlier inputs are answered.
    ///
    /// # Errors
    /// [`PendingInput`] if the room does not take the input at once.
    pub fn finish(&self) -> Result<(), PendingInput> {
        self.send(Action::Finish.by(self.key))
    }

    /// Waits until the room has taken the pending input, if there is one.
    ///
    /// # Errors
    /// [`RoomEnded`].
    ///
    /// # Cancel safety
    /// Safe: an input that the room has not taken stays in `pending`.
    pub async fn flush_pending(&self, pending: &mut Option<PendingInput>) -> Result<(), RoomEnded> {
        let room = self.room.as_ref().ok_or(RoomEnded)?;
        let mut charge = None;
        while let Some(PendingInput(input)) = pending.as_ref() {
            let slot = room.reserve().await.map_err(|_| RoomEnded)?;
            charge = charge.or_else(|| self.try_charge(input));
            if let Some(charge) = charge.take() {
                if let Some(PendingInput(input)) = pending.take() {
                    slot.send(Box::new(RoomCommand::Input(input, charge)));
                }
            } else {
                // The inbox's place goes to another member while this one waits for memory. The memory
                // is then kept until there is a place again: a large text would otherwise wait for one
                // and lose the other for ever.
                let bytes = input_bytes(input);
                drop(slot);
                charge = Some(self.budget.accept(bytes).await);
            }
        }
        Ok(())
    }

    /// Leaves the room, behind all inputs that the room has taken.
    pub async fn leave(mut self, disconnect: Disconnect) {
        let leave = self.disconnected(disconnect);
        if let Some(room) = self.room.take() {
            // A room that has ended has no members.
            let _ = room.send(leave).await;
        }
    }

    fn disconnected(&mut self, disconnect: Disconnect) -> Box<RoomCommand> {
        Box::new(RoomCommand::Disconnected {
            member: self.key,
            disconnect,
            pace: mem::take(&mut self.pace),
        })
    }

    fn send(&self, input: Input) -> Result<(), PendingInput> {
        if let Some(Ok(slot)) = self.room.as_ref().map(mpsc::Sender::try_reserve)
            && let Some(charge) = self.try_charge(&input)
        {
            slot.send(Box::new(RoomCommand::Input(input, charge)));
            return Ok(());
        }
        Err(PendingInput(input))
    }

    /// Charges the memory budget for an input, or returns `None` if a text does not fit. Other inputs
    /// are small, and the rate limit bounds their number.
    fn try_charge(&self, input: &Input) -> Option<Charge> {
        let bytes = input_bytes(input);
        if matches!(input, Input::Say { .. }) {
            return self.budget.try_accept(bytes);
        }
        Some(self.budget.charge(Part::Accepted, bytes))
    }
}

fn input_bytes(input: &Input) -> usize {
    let text_bytes = if let Input::Say { text, .. } = input { text.capacity() } else { 0 };
    INPUT_BYTES + text_bytes
}

/// A session that panics must not leave its member in the room.
impl Drop for Membership {
    fn drop(&mut self) {
        let leave = self.disconnected(Disconnect::Lost);
        if let (Some(room), Ok(runtime)) = (self.room.take(), Handle::try_current()) {
            runtime.spawn(async move { room.send(leave).await });
        }
    }
}

#[cfg(test)]
#[path = "membership_test.rs"]
mod tests;
