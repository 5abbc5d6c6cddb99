//! A banner that says what the server could not do.

use leptos::prelude::*;

use super::button::icon_button;
use super::icon;
use crate::context::{Client, RoomView};
use crate::reactive::{dynamic, reactive_text};
use crate::settings::Settings;

/// The banner, until the person dismisses it.
#[component]
pub fn ServerError() -> impl IntoView {
    let (text, room, client) = (Settings::text(), RoomView::get(), Client::get());
    let line = dynamic(move || {
        let notice = room.status().notice.get()?;
        let aloud = text.notice(&notice, notice.retry_after_ms.unwrap_or(0).div_ceil(1000));
        let seen = reactive_text(move || text.notice(&notice, room.status().pause_s.get()));
        let dismiss = icon_button("quiet dismiss", text.dismiss, icon::CROSS, move || {
            client.dismiss_notice();
        });
        Some(view! {
            <p class="banner bad">
                <span class="server-error" aria-hidden="true">{seen}</span>
                // A screen reader reads the seconds once and not each second.
                <span class="sr-only">{aloud}</span>
                {dismiss}
            </p>
        })
    });
    view! { <div role="status">{line}</div> }
}
