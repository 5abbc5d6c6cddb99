//! A banner that says that the browser does not keep drafts and unsent messages.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use crate::context::Panels;
use crate::reactive::show_if;
use crate::settings::Settings;

/// Draws the banner until the person dismisses it.
pub fn storage_failed() -> AnyView {
    let (text, panels) = (Settings::text(), Panels::get());
    let notice = move || {
        let dismiss = icon_button("quiet storage-dismiss", text.dismiss, icon::CROSS, move || {
            panels.is_storage_failing.set(false);
        });
        view! {
            <p class="banner bad"><span class="storage-failed">{text.storage_failed}</span>{dismiss}</p>
        }
    };
    view! { <div role="status">{show_if(move || panels.is_storage_failing.get(), notice)}</div> }
        .into_any()
}
