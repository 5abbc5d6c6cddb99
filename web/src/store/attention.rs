//! What the reader has seen, and calling whoever does not look.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Store;
use crate::alerts::{self, Permission};
use crate::connection::Phase;
use crate::room::burst::excerpt;
use crate::room::log::Message;
use crate::room::unread::Unread;
use crate::scroll::Scroller;
use crate::{browser, prefs};

/// The unread line, in the list.
pub const UNREAD_LINE: &str = "[data-row=unread]";

/// How long after a replay was drawn what comes counts as new.
const SETTLE_MS: i32 = 500;

impl Store {
    pub(super) fn watch_attention(self) {
        self.note_attention();
        for event in ["visibilitychange", "focus", "blur"] {
            browser::on(event, move || self.note_attention());
        }
    }

    /// Whether somebody is looking may have changed.
    fn note_attention(self) {
        self.note_unread(&|unread| unread.attend(browser::is_attended()));
    }

    /// The list is at the bottom or not, and perhaps on its way to what was not read.
    pub fn stand(self, is_at_bottom: bool, is_aiming: bool) {
        self.note_unread(&|unread| unread.stand(is_at_bottom, is_aiming));
    }

    /// Whether the reader is still to be shown where to go on reading.
    #[must_use]
    pub fn is_opening(self) -> bool {
        self.inner().model.borrow().unread().is_opening()
    }

    /// After a greeting: leads to the first message that was not read, if there is one.
    pub(super) fn find_unread(self) {
        let line = self.inner().model.borrow().unread().line();
        match line.filter(|_| self.is_opening()) {
            Some(line) => {
                self.inner().going_to.set(Some(line));
                self.load_first(line);
            }
            None => self.stop_seeking(),
        }
    }

    /// What the list is on its way to is not to be had.
    pub(super) fn stop_seeking(self) {
        self.inner().going_to.set(None);
        self.scroll(Scroller::stop_aiming);
        if self.is_opening() {
            self.note_unread(&Unread::opened);
        }
    }

    fn note_unread(self, note: &dyn Fn(&mut Unread)) {
        note(self.inner().model.borrow_mut().unread_mut());
        self.tell_unread();
        self.remember_read();
    }

    /// Says what is unread: to the tab too, while nobody looks.
    pub(super) fn tell_unread(self) {
        let inner = self.inner();
        let (count, is_attended) = {
            let model = inner.model.borrow();
            (model.unread().count(), model.unread().is_attended())
        };
        if self.unread.get_untracked() != count {
            self.unread.set(count);
        }
        inner.tab.show(if is_attended { 0 } else { count });
    }

    /// Remembers what was read, for the next visit.
    pub(super) fn remember_read(self) {
        let inner = self.inner();
        let model = inner.model.borrow();
        let read_up_to = model.unread().read_up_to();
        if inner.remembered.replace(read_up_to) != read_up_to
            && let Some(id) = read_up_to
        {
            prefs::set_read_up_to(&inner.room_id, id, model.epoch());
        }
    }

    /// Calls whoever does not look and wants to be called about `message`.
    pub(super) fn call(self, message: &Message, is_mention: bool) {
        let (notify, sound) = (self.notify.get_untracked(), self.sound.get_untracked());
        let is_wanted = (notify || sound) && !self.is_catching_up.get_untracked();
        let inner = self.inner();
        if !is_wanted
            || browser::is_attended()
            || !inner.burst.borrow_mut().calls(browser::now(), is_mention)
        {
            return;
        }
        if notify {
            let room = inner.room_id.as_str();
            let title = format!("{} · {room}", message.name);
            alerts::show(&title, &excerpt(&message.text), room);
        }
        if sound {
            alerts::chime();
        }
    }

    /// Turns notices by the system on, if the browser lets us, or off.
    pub fn switch_notify(self) {
        let is_on = !self.notify.get_untracked();
        if !is_on || alerts::permission() != Permission::Undecided {
            return self.set_notify(is_on);
        }
        spawn_local(async move {
            if let Ok(answer) = alerts::ask() {
                let _ = answer.await;
            }
            self.set_notify(true);
        });
    }

    fn set_notify(self, is_on: bool) {
        let is_allowed = alerts::permission() == Permission::Granted;
        self.notify_denied.set(is_on && !is_allowed);
        self.notify.set(is_on && is_allowed);
        prefs::set_notify(is_on && is_allowed);
    }

    /// Turns the sound on, and lets it be heard once, or off.
    pub fn switch_sound(self) {
        let is_on = !self.sound.get_untracked();
        self.sound.set(is_on);
        prefs::set_sound(is_on);
        if is_on {
            alerts::chime();
        }
    }

    /// What is drawn from now on is not new, and not to be read aloud.
    pub(super) fn hush(self) {
        let inner = self.inner();
        inner.hushes.set(inner.hushes.get() + 1);
        if !self.is_catching_up.get_untracked() {
            self.is_catching_up.set(true);
        }
    }

    /// It was drawn: soon what comes is new again.
    pub(super) fn unhush(self) {
        let is_connected = untrack(|| self.phase()) == Phase::Connected;
        if !is_connected || !self.is_catching_up.get_untracked() {
            return;
        }
        let hush = self.inner().hushes.get();
        browser::after(SETTLE_MS, move || {
            if self.inner().hushes.get() == hush {
                self.is_catching_up.set(false);
            }
        });
    }
}
