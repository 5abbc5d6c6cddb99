//! The switches for notifications and sound, and the notifications themselves.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::client::Client;
use crate::alerts::{self, Permission};
use crate::core::{Input, Notification};
use crate::prefs;

/// A handle to the switches. Copies are the same switches.
#[derive(Clone, Copy)]
pub struct Notifications {
    client: Client,
    /// Whether the system notifies a reader who is not looking.
    pub is_on: RwSignal<bool>,
    /// Whether the browser denied the permission.
    pub is_denied: RwSignal<bool>,
    /// Whether the browser gave the permission and then showed nothing.
    pub has_failed: RwSignal<bool>,
    /// Whether a sound is played for a reader who is not looking.
    pub is_sound_on: RwSignal<bool>,
}

impl Notifications {
    pub(super) fn new(client: Client) -> Self {
        let is_allowed = alerts::permission() == Permission::Granted;
        Self {
            client,
            is_on: RwSignal::new(prefs::notify() && is_allowed),
            is_denied: RwSignal::new(false),
            has_failed: RwSignal::new(false),
            is_sound_on: RwSignal::new(prefs::sound()),
        }
    }

    pub(super) fn show(self, notification: Notification) {
        if notification.has_sound {
            alerts::chime();
        }
        if !notification.is_shown {
            return;
        }
        spawn_local(async move {
            let Notification { title, body, .. } = notification;
            if !alerts::show(&title, &body, &self.client.room_id()).await {
                self.set_on(false);
                self.has_failed.set(true);
            }
        });
    }

    /// Switches notifications off, or asks the browser for permission and switches them on if it
    /// shows one. `words` is the text of that first notification.
    pub fn switch(self, words: &'static str) {
        self.is_denied.set(false);
        self.has_failed.set(false);
        if self.is_on.get_untracked() {
            return self.set_on(false);
        }
        spawn_local(async move {
            if alerts::permission() == Permission::Undecided
                && let Ok(answer) = alerts::ask()
            {
                let _ = answer.await;
            }
            let is_allowed = alerts::permission() == Permission::Granted;
            let room_id = self.client.room_id();
            let is_shown =
                is_allowed && alerts::can_show(&room_id.to_string(), words, &room_id).await;
            self.is_denied.set(!is_allowed);
            self.has_failed.set(is_allowed && !is_shown);
            self.set_on(is_shown);
        });
    }

    fn set_on(self, is_on: bool) {
        self.is_on.set(is_on);
        prefs::set_notify(is_on);
        self.tell_core();
    }

    /// Switches the sound off, or on, and then plays it once.
    pub fn switch_sound(self) {
        let is_on = !self.is_sound_on.get_untracked();
        self.is_sound_on.set(is_on);
        prefs::set_sound(is_on);
        self.tell_core();
        if is_on {
            alerts::chime();
        }
    }

    fn tell_core(self) {
        let (notify, sound) = (self.is_on.get_untracked(), self.is_sound_on.get_untracked());
        self.client.input(Input::SetAlerts { notify, sound });
    }
}
