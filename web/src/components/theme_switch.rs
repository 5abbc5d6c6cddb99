//! Switches between dark and light.

use leptos::prelude::*;

use super::button::picture_button;
use super::icon::{self, Icon};
use super::live::live;
use crate::settings::Settings;

/// A button that shows what it switches to.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let (text, settings) = (Settings::words(), Settings::get());
    let name = move || {
        let name = if settings.dark.get() { text.theme_to_light } else { text.theme_to_dark };
        name.to_owned()
    };
    let picture = live(move || {
        let path = if settings.dark.get() { icon::SUN } else { icon::MOON };
        view! { <Icon path/> }
    });
    picture_button("quiet theme", name, picture, move || settings.switch_theme())
}
