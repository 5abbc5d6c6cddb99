//! What the server could not do, until it is dismissed.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use super::live::{live, words};
use crate::settings::Settings;
use crate::store::Store;

/// The line.
#[component]
pub fn ServerError() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let line = live(move || {
        let notice = store.notice()?;
        let aloud = text.notice(&notice, notice.retry_after_ms.unwrap_or(0).div_ceil(1000));
        let seen = words(move || text.notice(&notice, store.pause_s.get()));
        let dismiss = icon_button("quiet dismiss", text.dismiss, icon::CROSS, move || {
            store.dismiss_notice();
        });
        Some(view! {
            <p class="strip bad">
                <span class="server-error" aria-hidden="true">{seen}</span>
                // The seconds are not counted aloud.
                <span class="sr-only">{aloud}</span>
                {dismiss}
            </p>
        })
    });
    view! { <div role="status">{line}</div> }
}
