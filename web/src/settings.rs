//! What a person can switch on every page: language, theme, and what Return does.

use leptos::prelude::*;

use crate::browser;
use crate::components::live::effect;
use crate::i18n::{Lang, Text};
use crate::prefs;

/// Holds while the system asks for dark pages.
const SYSTEM_IS_DARK: &str = "(prefers-color-scheme: dark)";

/// Language, theme and the Return key, reactive.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Whether the page is in Chinese: the signal type that is there anyway.
    chinese: RwSignal<bool>,
    /// Whether the page is dark.
    pub dark: RwSignal<bool>,
    /// Whether Return sends a message; otherwise it starts a new line.
    pub return_sends: RwSignal<bool>,
}

impl Settings {
    /// Reads what was chosen before, else what the browser asks for, and provides it to every
    /// component below.
    pub fn provide() -> Self {
        let asked =
            || Lang::from_tag(&browser::window().navigator().language().unwrap_or_default());
        let lang = prefs::language().unwrap_or_else(asked);
        let settings = Self {
            chinese: RwSignal::new(lang == Lang::Zh),
            dark: RwSignal::new(prefs::dark().unwrap_or_else(system_is_dark)),
            return_sends: RwSignal::new(return_sends()),
        };
        effect(move || browser::set_root_attribute("lang", Some(settings.lang().tag())));
        browser::on_media_change(SYSTEM_IS_DARK, move || {
            if prefs::dark().is_none() {
                settings.dark.set(system_is_dark());
            }
        });
        // A keyboard or a mouse may come and go.
        for pointers in ["(pointer: coarse)", "(any-pointer: fine)"] {
            browser::on_media_change(pointers, move || settings.return_sends.set(return_sends()));
        }
        provide_context(settings);
        settings
    }

    /// The settings that the page provides.
    #[must_use]
    pub fn get() -> Self {
        expect_context()
    }

    /// The texts, in the present language. They are not reactive: the page is drawn anew in the
    /// other language when it is switched (see `components::app`), which happens rarely, and
    /// everything else is smaller and faster for it.
    #[must_use]
    pub fn words() -> &'static Text {
        untrack(|| Self::get().lang()).text()
    }

    /// The language of the page; reactive.
    #[must_use]
    pub fn lang(self) -> Lang {
        if self.chinese.get() { Lang::Zh } else { Lang::En }
    }

    /// Switches to the other language.
    pub fn switch_language(self) {
        let lang = untrack(|| self.lang()).other();
        prefs::set_language(lang);
        self.chinese.set(lang == Lang::Zh);
    }

    /// Switches what Return does, and remembers it.
    pub fn switch_return_sends(self) {
        let sends = !self.return_sends.get_untracked();
        prefs::set_return_sends(sends);
        self.return_sends.set(sends);
    }

    /// Switches between dark and light. A person who chooses what the system asks for follows it.
    pub fn switch_theme(self) {
        let dark = !self.dark.get_untracked();
        let chosen = (dark != system_is_dark()).then_some(dark);
        prefs::set_dark(chosen);
        let theme = chosen.map(|dark| if dark { "dark" } else { "light" });
        browser::set_root_attribute("data-theme", theme);
        self.dark.set(dark);
    }
}

/// What was chosen; else Return sends where there is a real keyboard.
fn return_sends() -> bool {
    prefs::return_sends().unwrap_or_else(|| !browser::is_touch_only())
}

fn system_is_dark() -> bool {
    browser::matches_media(SYSTEM_IS_DARK)
}
