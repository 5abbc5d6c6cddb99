//! The tools of a room that stand in the header, or in the menu where the header is too narrow.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use super::language_switch::LanguageSwitch;
use super::theme_switch::ThemeSwitch;
use crate::context::Panels;
use crate::settings::Settings;

/// Draws the tools.
pub fn room_tools() -> AnyView {
    let panels = Panels::get();
    let share = move || panels.open_share();
    view! {
        {icon_button("quiet share", Settings::text().share, icon::LINK, share)}
        <LanguageSwitch/>
        <ThemeSwitch/>
    }
    .into_any()
}
