//! The button that switches the language.

use leptos::prelude::*;

use super::button::picture_button;
use crate::browser;
use crate::i18n::Lang;
use crate::settings::Settings;

/// The button, with the sign of the other language. Its name begins with the sign, because voice
/// control finds a button by its visible label.
#[component]
pub fn LanguageSwitch() -> impl IntoView {
    let (text, settings) = (Settings::text(), Settings::get());
    let sign = match untrack(|| settings.lang()) {
        Lang::Zh => "EN",
        Lang::En => "中",
    };
    let name = || text.switch_language.to_owned();
    let button = settings.language_button;
    picture_button("quiet language", button, name, sign.into_any(), move || {
        settings.switch_language();
        // The page is drawn anew, and this button with it.
        browser::next_frame(move || {
            if let Some(button) = button.get() {
                let _ = button.focus();
            }
        });
    })
}
