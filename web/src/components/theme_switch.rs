//! The button that switches between dark and light.

use leptos::prelude::*;

use super::button::picture_button;
use super::icon::{self, Icon};
use crate::reactive::{ElementRef, dynamic};
use crate::settings::Settings;

/// The button, with a picture of the theme that it switches to.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let (text, settings) = (Settings::text(), Settings::get());
    let name = move || {
        let name = if settings.dark.get() { text.theme_to_light } else { text.theme_to_dark };
        name.to_owned()
    };
    let picture = dynamic(move || {
        let path = if settings.dark.get() { icon::SUN } else { icon::MOON };
        view! { <Icon path/> }
    });
    picture_button("quiet theme", ElementRef::new(), name, picture, move || settings.switch_theme())
}
