//! Forgets everything on this device, at the second press of a button.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser;
use crate::i18n::Text;
use crate::settings::Settings;
use crate::storage::forget;

/// A button's words and what it does.
#[derive(Clone, Copy)]
pub struct ForgetAll {
    text: &'static Text,
    is_sure: RwSignal<bool>,
}

impl ForgetAll {
    /// Returns a button that was not pressed.
    #[must_use]
    pub fn unpressed() -> Self {
        Self { text: Settings::words(), is_sure: RwSignal::new(false) }
    }

    /// Returns what is on the button; reactive.
    #[must_use]
    pub fn label(self) -> String {
        let words =
            if self.is_sure.get() { self.text.forget_all_sure } else { self.text.forget_all };
        words.to_owned()
    }

    /// Asks for a second press at the first. At the second, forgets everything and goes to the
    /// front page.
    pub fn press(self) {
        if !self.is_sure.get_untracked() {
            return self.is_sure.set(true);
        }
        spawn_local(async {
            forget::everything().await;
            let _ = browser::window().location().replace(&browser::home());
        });
    }
}
