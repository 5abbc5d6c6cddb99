//! What both pages share and a person can switch: language and theme.

use leptos::prelude::*;

use crate::browser;
use crate::components::live::effect;
use crate::i18n::{Lang, Text};
use crate::prefs;

/// Language and theme, reactive.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Whether the page is in Chinese: the signal type that is there anyway.
    chinese: RwSignal<bool>,
    /// Whether the page is dark.
    pub dark: RwSignal<bool>,
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
        };
        effect(move || set_root_attribute("lang", Some(settings.lang().tag())));
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

    /// Switches between dark and light. Choosing what the system asks for is following it.
    pub fn switch_theme(self) {
        let dark = !self.dark.get_untracked();
        let chosen = (dark != system_is_dark()).then_some(dark);
        prefs::set_dark(chosen);
        let theme = chosen.map(|dark| if dark { "dark" } else { "light" });
        set_root_attribute("data-theme", theme);
        self.dark.set(dark);
    }
}

fn system_is_dark() -> bool {
    browser::matches_media("(prefers-color-scheme: dark)")
}

fn set_root_attribute(name: &str, value: Option<&str>) {
    if let Some(root) = browser::document().document_element() {
        let _ = match value {
            Some(value) => root.set_attribute(name, value),
            None => root.remove_attribute(name),
        };
    }
}
