//! Switches between the two languages.

use leptos::prelude::*;

use super::button::picture_button;
use crate::browser;
use crate::i18n::Lang;
use crate::settings::Settings;

/// A button that bears the other language's sign. Its name begins with the sign, for those who
/// press buttons by saying what is on them.
#[component]
pub fn LanguageSwitch() -> impl IntoView {
    let (text, settings) = (Settings::words(), Settings::get());
    let sign = match untrack(|| settings.lang()) {
        Lang::Zh => "EN",
        Lang::En => "中",
    };
    let name = || text.switch_language.to_owned();
    picture_button("quiet language", name, sign.into_any(), move || {
        settings.switch_language();
        // The page was drawn anew, this button with it.
        browser::focus_next_frame(".language");
    })
}
