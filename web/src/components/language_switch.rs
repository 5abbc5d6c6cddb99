//! Switches between the two languages.

use leptos::prelude::*;

use super::button::picture_button;
use crate::browser;
use crate::i18n::Lang;
use crate::settings::Settings;

/// A button that bears the other language's sign.
#[component]
pub fn LanguageSwitch() -> impl IntoView {
    let (text, settings) = (Settings::words(), Settings::get());
    let sign = match settings.lang.get_untracked() {
        Lang::Zh => "EN",
        Lang::En => "中",
    };
    let name = || text.switch_language.to_owned();
    picture_button("quiet language", "language", name, sign.into_any(), move || {
        settings.switch_language();
        // The page was drawn anew, this button with it.
        request_animation_frame(|| browser::focus("[data-testid=language]"));
    })
}
