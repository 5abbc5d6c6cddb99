//! Removes everything from this device, at the second press of a button.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser;
use crate::i18n::Text;
use crate::settings::Settings;
use crate::storage::forget;

/// The label and the action of a button.
#[derive(Clone, Copy)]
pub struct ForgetAll {
    text: &'static Text,
    is_confirming: RwSignal<bool>,
}

impl ForgetAll {
    /// Returns a button that was not pressed.
    #[must_use]
    pub fn button() -> Self {
        Self { text: Settings::text(), is_confirming: RwSignal::new(false) }
    }

    /// Returns the label. Reactive.
    #[must_use]
    pub fn label(self) -> String {
        let is_confirming = self.is_confirming.get();
        let label = if is_confirming { self.text.forget_all_sure } else { self.text.forget_all };
        label.to_owned()
    }

    /// The first press asks for confirmation. The second removes everything and opens the front page.
    pub fn press(self) {
        if !self.is_confirming.get_untracked() {
            return self.is_confirming.set(true);
        }
        spawn_local(async {
            forget::everything().await;
            let _ = browser::window().location().replace(&browser::home());
        });
    }
}
