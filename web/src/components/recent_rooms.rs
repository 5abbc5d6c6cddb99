//! The rooms visited before.

use leptos::prelude::*;
use xmeet_shared::RoomId;

use super::button::word_button;
use super::forget_all::ForgetAll;
use super::live::live;
use crate::browser;
use crate::page::room_path;
use crate::prefs;
use crate::settings::Settings;

/// Links to the rooms visited before; nothing where there are none.
#[component]
pub fn RecentRooms() -> impl IntoView {
    let forgets = RwSignal::new(0_u64);
    live(move || {
        forgets.track();
        let text = Settings::words();
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
                forgets.update(|forgets| *forgets += 1);
            },
        );
        let all = ForgetAll::unpressed();
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
