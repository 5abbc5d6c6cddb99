//! What a person does.

use leptos::prelude::*;
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId, Nickname};

use super::Store;
use crate::core::{Input, OLDEST};
use crate::room::outbox::LocalId;
use crate::scroll::Scroller;

/// The head of a list above which nothing can be loaded.
const BEGINNING: &str = ":is([data-row=beginning], [data-row=gone], [data-row=unkept])";

/// Why a rename was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The server is not connected.
    NotConnected,
}

impl Store {
    /// Remembers what is in the message box.
    pub fn set_draft(self, text: String) {
        self.draft.set(text);
        self.save_soon();
    }

    /// Says `text` in the room, as soon as that is possible.
    pub fn say(self, text: &str) {
        self.input(Input::Say(text.to_owned()));
        self.said.update(|said| *said += 1);
        // The text stands there at once, not with the next frame.
        self.flush();
    }

    /// Puts a text back into the message box, before the draft.
    pub(super) fn give_back(self, text: &str) {
        let draft = self.draft.get_untracked();
        let both =
            if draft.trim().is_empty() { text.to_owned() } else { format!("{text}\n{draft}") };
        self.set_draft(both);
    }

    /// Sends an unconfirmed text again.
    pub fn send_again(self, local: LocalId) {
        self.input(Input::SendAgain(local));
    }

    /// Takes a text out of the outbox and puts it back into the message box.
    pub fn put_back(self, local: LocalId) {
        self.input(Input::TakeBack(local));
    }

    /// Asks the server for another name.
    ///
    /// # Errors
    /// [`Refusal`] when the server cannot be asked.
    pub fn rename(self, name: Nickname) -> Result<(), Refusal> {
        if !self.inner().runtime.with(|core| core.is_connected()) {
            return Err(Refusal::NotConnected);
        }
        self.input(Input::Rename(name));
        Ok(())
    }

    /// Opens the form for the nickname with a name that the server refused. A form that is open has
    /// a newer name in it.
    pub(super) fn open_rename(self, name: Nickname) {
        if !self.is_renaming.get_untracked() {
            *self.inner().refused_name.borrow_mut() = Some(name);
            self.is_renaming.set(true);
        }
    }

    /// Returns the name that the server refused, once.
    #[must_use]
    pub fn take_refused_name(self) -> Option<Nickname> {
        self.inner().refused_name.take()
    }

    /// Asks for older messages, unless there are none, some are under way, or the last attempt
    /// failed and `is_retry` is false.
    pub fn load_older(self, is_retry: bool) {
        self.input(Input::LoadOlder { is_retry });
    }

    /// Asks for the page with message `target`.
    pub fn load(self, target: MessageId, is_retry: bool) {
        self.input(Input::Load { target, is_retry });
    }

    /// Does what `@history:N` asks for. Returns false when the history does not go back that far.
    #[must_use]
    pub fn load_page(self, page: Cursor) -> bool {
        let newest = self.newest.get_untracked();
        let target = page
            .0
            .checked_mul(HISTORY_PAGE_MESSAGES)
            .and_then(|back| newest.checked_sub(back))
            .filter(|target| *target > 0);
        if let Some(target) = target {
            let goal = format!("[data-id=\"{target}\"]");
            self.go_to(target, |scroller| scroller.aim(goal));
        }
        target.is_some()
    }

    /// Shows the oldest message that is kept, or the oldest one here until that has come.
    pub fn to_oldest(self) {
        self.go_to(OLDEST, |scroller| {
            scroller.to_top();
            scroller.aim(BEGINNING.to_owned());
        });
    }

    /// Loads message `target`, which the list then `aim`s at.
    fn go_to(self, target: MessageId, aim: impl FnOnce(&Scroller)) {
        // First: a list that moves asks for pages itself.
        self.input(Input::GoTo(target));
        self.scroll(aim);
    }

    /// Shows the newest message, and stays there. It may have to come first.
    pub fn to_bottom(self) {
        self.input(Input::GoToNewest);
        self.scroll(Scroller::to_bottom);
    }

    /// Hides joins and leaves, or shows them, and remembers that.
    pub fn hide_lines(self, are_hidden: bool) {
        self.input(Input::HideLines(are_hidden));
    }

    /// Hides the notice.
    pub fn dismiss_notice(self) {
        self.input(Input::DismissNotice);
    }

    /// Whether the server wants to hear nothing yet. A person who tries to send is told again.
    pub fn holds_back(self) -> bool {
        self.input(Input::RemindOfPause);
        self.inner().runtime.with(|core| core.is_paused())
    }

    /// Tries to connect now.
    pub fn try_now(self) {
        self.input(Input::TryNow);
    }
}
