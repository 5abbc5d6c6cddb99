//! The recent rooms.

use leptos::prelude::*;
use xmeet_shared::RoomId;

use super::button::word_button;
use super::forget_all::ForgetAll;
use crate::browser;
use crate::page::room_path;
use crate::prefs;
use crate::reactive::dynamic;
use crate::settings::Settings;

/// Links to the recent rooms. Draws nothing if there are none.
#[component]
pub fn RecentRooms() -> impl IntoView {
    let is_cleared = RwSignal::new(false);
    dynamic(move || {
        if is_cleared.get() {
            return ().into_any();
        }
        let text = Settings::text();
        let link = |room: RoomId| {
            view! { <li><a href=room_path(&browser::site(), &room)><bdi>{room.to_string()}</bdi></a></li> }
        };
        let links: Vec<_> = prefs::rooms().into_iter().map(link).collect();
        if links.is_empty() {
            return ().into_any();
        }
        let forget = word_button(
            "link forget-rooms",
            || text.recent_forget.to_owned(),
            move || {
                prefs::forget_rooms();
                is_cleared.set(true);
            },
        );
        let all = ForgetAll::button();
        let forget_all = word_button("link forget-all", move || all.label(), move || all.press());
        view! {
            <nav class="recent" aria-labelledby="recent-title">
                <h2 id="recent-title">{text.recent}</h2>
                <ul>{links}</ul>
                {forget}
                {forget_all}
            </nav>
        }
        .into_any()
    })
}
