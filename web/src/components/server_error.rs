//! What the server could not do, until it is dismissed.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use super::live::live;
use crate::settings::Settings;
use crate::store::Store;

/// The line.
#[component]
pub fn ServerError() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let line = live(move || {
        let words = text.notice(&store.notice()?);
        let dismiss = icon_button("quiet", "dismiss", text.dismiss, icon::CROSS, move || {
            store.set_notice(None);
        });
        Some(view! {
            <p class="strip bad" data-testid="server-error"><span>{words}</span>{dismiss}</p>
        })
    });
    view! { <div role="status">{line}</div> }
}
