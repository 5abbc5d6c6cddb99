//! What the reader has seen, and notifications.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Store;
use crate::alerts::{self, Permission};
use crate::core::{Input, Notification};
use crate::prefs;

/// The unread line, in the list.
pub const UNREAD_LINE: &str = "[data-row=unread]";

impl Store {
    /// The list is at the bottom or not, and perhaps on its way to what was not read.
    pub fn stand(self, is_at_bottom: bool, is_aiming: bool) {
        self.input(Input::ScrollChanged { is_at_bottom, is_aiming });
    }

    /// Whether the reader is still to be shown where to go on reading.
    #[must_use]
    pub fn is_opening(self) -> bool {
        self.room(|room| room.unread().is_opening())
    }

    /// Notifies the person.
    pub(super) fn notify_person(self, notification: Notification) {
        if notification.has_sound {
            alerts::chime();
        }
        if notification.is_shown {
            spawn_local(async move {
                let Notification { title, body, .. } = notification;
                if !alerts::show(&title, &body, &self.room_id()).await {
                    self.set_notify(false);
                    self.notify_failed.set(true);
                }
            });
        }
    }

    /// Turns notifications on, if the browser asks for leave and then shows them, or off.
    /// `words` are shown where it takes a notification to find out.
    pub fn switch_notify(self, words: &'static str) {
        self.notify_denied.set(false);
        self.notify_failed.set(false);
        if self.notify.get_untracked() {
            return self.set_notify(false);
        }
        spawn_local(async move {
            if alerts::permission() == Permission::Undecided
                && let Ok(answer) = alerts::ask()
            {
                let _ = answer.await;
            }
            let is_allowed = alerts::permission() == Permission::Granted;
            let title = self.room_id().to_string();
            let is_shown = is_allowed && alerts::can_show(&title, words, &self.room_id()).await;
            self.notify_denied.set(!is_allowed);
            self.notify_failed.set(is_allowed && !is_shown);
            self.set_notify(is_shown);
        });
    }

    fn set_notify(self, is_on: bool) {
        self.notify.set(is_on);
        prefs::set_notify(is_on);
        self.tell_alerts();
    }

    /// Turns the sound on, and lets it be heard once, or off.
    pub fn switch_sound(self) {
        let is_on = !self.sound.get_untracked();
        self.sound.set(is_on);
        prefs::set_sound(is_on);
        self.tell_alerts();
        if is_on {
            alerts::chime();
        }
    }

    fn tell_alerts(self) {
        let (notify, sound) = (self.notify.get_untracked(), self.sound.get_untracked());
        self.input(Input::SetAlerts { notify, sound });
    }
}
