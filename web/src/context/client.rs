//! The core of the room with its runtime: inputs go in here.

use std::rc::Rc;

use xmeet_shared::{MessageId, Nickname, RoomId};

use crate::core::{ClientCore, Input};
use crate::reactive::Shared;
use crate::room::Room;
use crate::room::outbox::LocalId;
use crate::runtime::Runtime;

/// A name was not asked for: the server is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConnected;

/// A handle to the core of the room. Copies are the same core.
#[derive(Clone, Copy)]
pub struct Client {
    room_id: Shared<RoomId>,
    runtime: Shared<Rc<Runtime>>,
}

impl Client {
    pub(super) fn new(room_id: RoomId) -> Self {
        let runtime = Runtime::new(room_id.clone());
        Self { room_id: Shared::new(room_id), runtime: Shared::new(runtime) }
    }

    pub(super) fn runtime(self) -> Rc<Runtime> {
        Rc::clone(&self.runtime.get())
    }

    /// Returns the room's id.
    #[must_use]
    pub fn room_id(self) -> RoomId {
        RoomId::clone(&self.room_id.get())
    }

    pub(super) fn input(self, input: Input) {
        self.runtime().input(input);
    }

    pub(super) fn core<R>(self, read: impl FnOnce(&ClientCore) -> R) -> R {
        self.runtime().with(read)
    }

    /// Reads the room. Not reactive.
    pub(super) fn room<R>(self, read: impl FnOnce(&Room) -> R) -> R {
        self.core(|core| read(core.room()))
    }

    /// Sends an unconfirmed text again.
    pub fn send_again(self, local: LocalId) {
        self.input(Input::SendAgain(local));
    }

    /// Takes a text out of the outbox and puts it back into the message box.
    pub fn take_back(self, local: LocalId) {
        self.input(Input::TakeBack(local));
    }

    /// Asks the server for another name.
    ///
    /// # Errors
    /// If the server is not connected.
    pub fn rename(self, name: Nickname) -> Result<(), NotConnected> {
        if !self.core(ClientCore::is_connected) {
            return Err(NotConnected);
        }
        self.input(Input::Rename(name));
        Ok(())
    }

    /// Asks for older messages. Does nothing if there are none or some are under way, or if the
    /// last attempt failed and `is_retry` is false.
    pub fn load_older(self, is_retry: bool) {
        self.input(Input::LoadOlder { is_retry });
    }

    /// Asks for the history page that contains message `target`.
    pub fn load(self, target: MessageId, is_retry: bool) {
        self.input(Input::Load { target, is_retry });
    }

    /// Hides or shows joins and leaves, and remembers the choice.
    pub fn hide_lines(self, are_hidden: bool) {
        self.input(Input::SetLinesHidden(are_hidden));
    }

    /// Removes the notice about what the server could not do.
    pub fn dismiss_notice(self) {
        self.input(Input::DismissNotice);
    }

    /// Returns whether the server's rate limit asks for a pause. If so, shows the notice about it
    /// again.
    #[must_use]
    pub fn is_paused(self) -> bool {
        self.input(Input::RemindOfPause);
        self.core(ClientCore::is_paused)
    }

    /// Connects now instead of after the wait.
    pub fn try_now(self) {
        self.input(Input::TryNow);
    }
}
