//! A member's way to its room and its pace: what its session sends, and what the room does not take at once.

use std::mem;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use xmeet_shared::{Cursor, ErrorCode, Nickname, Pid};

use super::{Departure, Envoy, Letter};
use crate::limits::pace::Pace;
use crate::room::{Input, MemberKey};

/// A member's way to its room. A member that is dropped leaves.
#[derive(Debug)]
pub struct Membership {
    key: MemberKey,
    pid: Pid,
    /// How fast it has spoken, on its earlier connections too.
    pub pace: Pace,
    /// Taken when it leaves.
    room: Option<mpsc::Sender<Letter>>,
}

/// The room has ended under its members, by a panic. They come back to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room has ended")]
pub struct RoomEnded;

/// What a room did not take at once, because others wait for it already. It is to be insisted on:
/// whoever sends it reads nothing more from its client until the room has taken it.
#[derive(Debug)]
#[must_use]
pub struct Unsent(Letter);

impl Membership {
    pub(super) fn new(key: MemberKey, pid: Pid, pace: Pace, room: mpsc::Sender<Letter>) -> Self {
        Self { key, pid, pace, room: Some(room) }
    }

    /// The member's pid.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Says something.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn say(&self, text: String) -> Result<(), Unsent> {
        self.send(Input::Say { member: self.key, text })
    }

    /// Takes another name.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn change_name(&self, nickname: Nickname) -> Result<(), Unsent> {
        self.send(Input::ChangeName { member: self.key, nickname })
    }

    /// Asks for a page of the history.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn history(&self, cursor: Cursor) -> Result<(), Unsent> {
        self.send(Input::History { member: self.key, cursor })
    }

    /// Has an `error` sent to this member, in its place among the answers.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn refuse(&self, code: ErrorCode, words: String) -> Result<(), Unsent> {
        let (member, retry_after_ms, is_awaited) = (self.key, None, false);
        self.send(Input::Refuse { member, code, words, retry_after_ms, is_awaited })
    }

    /// Has this member told, in its place among the answers, that it was too fast and how long it
    /// is to wait. With `is_awaited` its session waits for the answer as it does for a page.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn hold_off(
        &self,
        words: String,
        retry_after_ms: u64,
        is_awaited: bool,
    ) -> Result<(), Unsent> {
        let (member, code) = (self.key, ErrorCode::RateLimited);
        let retry_after_ms = Some(retry_after_ms);
        self.send(Input::Refuse { member, code, words, retry_after_ms, is_awaited })
    }

    /// Has the outbox told when everything that was sent before is done.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn mark(&self) -> Result<(), Unsent> {
        self.send(Input::Mark { member: self.key })
    }

    /// Says that nothing more will come, and has the outbox finished when everything that came is
    /// done.
    ///
    /// # Errors
    /// [`Unsent`], when the room must be waited for.
    pub fn finish(&self) -> Result<(), Unsent> {
        self.send(Input::Finish { member: self.key })
    }

    /// Waits until the room takes what it did not take at once, if there is anything.
    ///
    /// # Errors
    /// [`RoomEnded`].
    ///
    /// # Cancel safety
    /// Safe: what the room has not taken stays in `unsent`.
    pub async fn insist(&self, unsent: &mut Option<Unsent>) -> Result<(), RoomEnded> {
        if unsent.is_none() {
            return Ok(());
        }
        let room = self.room.as_ref().ok_or(RoomEnded)?;
        let place = room.reserve().await.map_err(|_| RoomEnded)?;
        if let Some(unsent) = unsent.take() {
            place.send(unsent.0);
        }
        Ok(())
    }

    /// Leaves. What was sent before is said first.
    pub async fn leave(mut self, departure: Departure) {
        let leave = self.parting(departure);
        if let Some(room) = self.room.take() {
            // A room that has ended has no members.
            let _ = room.send(leave).await;
        }
    }

    fn parting(&mut self, departure: Departure) -> Letter {
        Box::new(Envoy::Part { member: self.key, departure, pace: mem::take(&mut self.pace) })
    }

    fn send(&self, input: Input) -> Result<(), Unsent> {
        let envoy = Box::new(Envoy::Do(input));
        match &self.room {
            Some(room) => room.try_send(envoy).map_err(|error| Unsent(error.into_inner())),
            None => Err(Unsent(envoy)),
        }
    }
}

/// For a session that ends by a panic: it must not leave a ghost in its room.
impl Drop for Membership {
    fn drop(&mut self) {
        let leave = self.parting(Departure::Lost);
        if let (Some(room), Ok(runtime)) = (self.room.take(), Handle::try_current()) {
            runtime.spawn(async move { room.send(leave).await });
        }
    }
}
