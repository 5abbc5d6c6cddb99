//! The settings of every page: language, theme, and what Return does.

use leptos::prelude::*;
use web_sys::HtmlButtonElement;

use crate::browser;
use crate::i18n::{Lang, Text};
use crate::prefs;
use crate::reactive::{ElementRef, Shared, Tracked, effect};

/// Matches while the system asks for dark pages.
const SYSTEM_IS_DARK: &str = "(prefers-color-scheme: dark)";

/// A handle to the settings. Copies are the same settings.
#[derive(Clone, Copy)]
pub struct Settings {
    lang: Shared<Tracked<Lang>>,
    /// The button that switches the language.
    pub language_button: ElementRef<HtmlButtonElement>,
    /// Whether the page is dark.
    pub dark: RwSignal<bool>,
    /// Whether Return sends a message. Otherwise it starts a new line.
    pub return_sends: RwSignal<bool>,
}

impl Settings {
    /// Provides the settings to every component below: the stored choices, or else the preferences
    /// of the browser.
    pub fn provide() -> Self {
        let asked =
            || Lang::from_tag(&browser::window().navigator().language().unwrap_or_default());
        let lang = prefs::language().unwrap_or_else(asked);
        let settings = Self {
            lang: Shared::new(Tracked::new(lang)),
            language_button: ElementRef::new(),
            dark: RwSignal::new(prefs::dark().unwrap_or_else(system_is_dark)),
            return_sends: RwSignal::new(return_sends()),
        };
        effect(move || browser::set_root_attribute("lang", Some(settings.lang().tag())));
        browser::on_media_change(SYSTEM_IS_DARK, move || {
            if prefs::dark().is_none() {
                settings.dark.set(system_is_dark());
            }
        });
        // A keyboard or a mouse may be connected or removed.
        for pointers in ["(pointer: coarse)", "(any-pointer: fine)"] {
            browser::on_media_change(pointers, move || settings.return_sends.set(return_sends()));
        }
        provide_context(settings);
        settings
    }

    /// Returns the settings of the page.
    #[must_use]
    pub fn get() -> Self {
        expect_context()
    }

    /// Returns the texts in the page's language. Not reactive: a switch of the language draws the
    /// whole page anew (`components::app`).
    #[must_use]
    pub fn text() -> &'static Text {
        untrack(|| Self::get().lang()).text()
    }

    /// Returns the language of the page. Reactive.
    #[must_use]
    pub fn lang(self) -> Lang {
        self.lang.get().get()
    }

    /// Switches to the other language.
    pub fn switch_language(self) {
        let lang = untrack(|| self.lang()).other();
        prefs::set_language(lang);
        self.lang.get().set(lang);
    }

    /// Switches what Return does, and remembers the choice.
    pub fn switch_return_sends(self) {
        let sends = !self.return_sends.get_untracked();
        prefs::set_return_sends(sends);
        self.return_sends.set(sends);
    }

    /// Switches between dark and light. A choice that equals the system's is not stored: the page
    /// follows the system again.
    pub fn switch_theme(self) {
        let dark = !self.dark.get_untracked();
        let chosen = (dark != system_is_dark()).then_some(dark);
        prefs::set_dark(chosen);
        let theme = chosen.map(|dark| if dark { "dark" } else { "light" });
        browser::set_root_attribute("data-theme", theme);
        self.dark.set(dark);
    }
}

/// Returns the stored choice, or else whether there is a real keyboard.
fn return_sends() -> bool {
    prefs::return_sends().unwrap_or_else(|| !browser::is_touch_only())
}

fn system_is_dark() -> bool {
    browser::matches_media(SYSTEM_IS_DARK)
}
