//! What a person does.

use leptos::prelude::*;
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{ClientCommand, Cursor, MessageId, Nickname};

use super::Store;
use crate::connection::{Input, Phase};
use crate::encoding::{query_value, query_without};
use crate::room::Notice;
use crate::room::outbox::LocalId;
use crate::scroll::Scroller;
use crate::{browser, prefs};

/// The head of the list, once nothing older is kept.
/// The first message of every room, kept or not.
pub(super) const OLDEST: MessageId = 1;

/// The head of a list that begins with the room.
const BEGINNING: &str = "[data-row=beginning]";

/// Why a rename was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is there to ask.
    NotConnected,
}

/// The nickname in the page's own address. It is taken out of the address, so that a name chosen
/// later outlives a reload and a copied address does not carry it.
pub(super) fn nickname_of_address() -> Option<Nickname> {
    const KEY: &str = "nickname";
    let location = browser::window().location();
    let query = location.search().ok()?;
    let asked = query_value(&query, KEY)?;
    let name = Nickname::from_handshake(&asked);
    if let Some(name) = &name {
        prefs::set_nickname(Some(name.as_str()));
    }
    let path = location.pathname().ok()?;
    let rest = format!("{path}{}", query_without(&query, KEY));
    let history = browser::window().history().ok()?;
    let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&rest));
    name
}

impl Store {
    /// Remembers what is in the message box.
    pub fn set_draft(self, text: String) {
        prefs::set_draft(&self.inner().room_id, &text);
        self.draft.set(text);
    }

    /// Says `text` in the room, as soon as that is possible.
    pub fn say(self, text: &str) {
        let local = self.inner().model.borrow_mut().say(text, browser::now());
        self.said.set(local.0);
        self.set_notice(None);
        self.outbox_changed();
        // It stands there at once, not with the next frame.
        self.flush();
    }

    /// Puts a text back into the message box, before whatever is there.
    pub(super) fn give_back(self, text: &str) {
        let draft = self.draft.get_untracked();
        let both =
            if draft.trim().is_empty() { text.to_owned() } else { format!("{text}\n{draft}") };
        self.set_draft(both);
    }

    /// Sends a text again that is in doubt.
    pub fn send_again(self, local: LocalId) {
        self.inner().model.borrow_mut().send_again(local);
        self.outbox_changed();
    }

    /// Takes a text out of the outbox and puts it back into the message box.
    pub fn put_back(self, local: LocalId) {
        let text = self.inner().model.borrow_mut().withdraw(local);
        if let Some(text) = text {
            self.give_back(&text);
        }
        self.outbox_changed();
    }

    /// Asks the server for another name.
    ///
    /// # Errors
    /// [`Refusal`] when it cannot be asked.
    pub fn rename(self, name: Nickname) -> Result<(), Refusal> {
        let is_connected = untrack(|| self.phase()) == Phase::Connected;
        if !is_connected || !self.transmit(&ClientCommand::ChangeName(name.clone()).to_string()) {
            return Err(Refusal::NotConnected);
        }
        self.inner().model.borrow_mut().rename_sent(name);
        self.set_notice(None);
        Ok(())
    }

    /// The name that the server refused, once.
    #[must_use]
    pub fn take_refused_name(self) -> Option<Nickname> {
        self.inner().refused_name.take()
    }

    /// Asks for older messages, unless there are none, some are under way, or the last attempt
    /// failed and `is_retry` is false.
    pub fn load_older(self, is_retry: bool) {
        if !is_retry && self.is_paused() {
            return;
        }
        let cursor = self.inner().model.borrow_mut().load_older(is_retry);
        if let Some(cursor) = cursor {
            self.ask_page(cursor);
        }
    }

    /// Asks for the page with message `target`.
    pub fn load(self, target: MessageId, is_retry: bool) {
        if !is_retry && self.is_paused() {
            return;
        }
        let cursor = self.inner().model.borrow_mut().load(target, is_retry);
        if let Some(cursor) = cursor {
            self.ask_page(cursor);
        }
    }

    /// Does what `@history:N` asks for. False when the history does not go back that far.
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

    /// Shows the oldest message that is kept, or what is oldest here until that has come.
    pub fn to_oldest(self) {
        self.go_to(OLDEST, |scroller| {
            scroller.to_top();
            scroller.aim(BEGINNING.to_owned());
        });
    }

    /// Loads message `target`, which the list then `aim`s at.
    fn go_to(self, target: MessageId, aim: impl FnOnce(&Scroller)) {
        self.inner().going_to.set(Some(target));
        // First: a list that moves asks for pages itself.
        self.load_first(target);
        self.scroll(aim);
    }

    /// Asks for the page with message `target` before whatever else is under way.
    pub(super) fn load_first(self, target: MessageId) {
        let cursor = self.inner().model.borrow_mut().load_first(target);
        if let Some(cursor) = cursor {
            self.ask_page(cursor);
        }
    }

    /// Leaves joins and leaves out of the list, or no longer, and remembers that.
    pub fn hide_lines(self, are_hidden: bool) {
        prefs::set_lines_hidden(are_hidden);
        self.lines_hidden.set(are_hidden);
        self.inner().model.borrow_mut().hide_lines(are_hidden);
        self.schedule_flush();
    }

    /// Shows what the server could not do; `None` dismisses it.
    pub fn set_notice(self, notice: Option<Notice>) {
        self.inner().notice.set(notice);
    }

    /// Tries to connect now.
    pub fn try_now(self) {
        self.input(Input::TryNow);
    }
}
