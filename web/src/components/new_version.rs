//! A banner that offers to reload the page when the server has a new version of it.

use leptos::prelude::*;

use super::button::label_button;
use crate::browser;
use crate::context::Panels;
use crate::reactive::show_if;
use crate::settings::Settings;

/// Draws the banner. A reload keeps the draft.
pub fn new_version() -> AnyView {
    let (text, panels) = (Settings::text(), Panels::get());
    let notice = move || {
        let reload = label_button("small new-version-reload", text.reload, || {
            let _ = browser::window().location().reload();
        });
        view! {
            <div class="banner calm new-version"><span>{text.new_version}</span>{reload}</div>
        }
    };
    view! { <div role="status">{show_if(move || panels.is_outdated.get(), notice)}</div> }
        .into_any()
}
