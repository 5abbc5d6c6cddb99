//! The page at an address that is not a page, or not a valid room.

use leptos::prelude::*;

use super::landing::TopBar;
use crate::browser;
use crate::page::BadRoom;
use crate::settings::Settings;

/// Says what is wrong, with a link to the home page.
#[component]
pub fn BadPage(
    /// Why the address is not a valid room. `None` if it is not a room's address at all.
    why: Option<BadRoom>,
) -> impl IntoView {
    let text = Settings::text();
    let title = if why.is_some() { text.bad_room } else { text.page_unknown };
    let reason = why.map(|why| text.bad_room_reason(why)).unwrap_or_default();
    view! {
        <div class="landing">
            <TopBar/>
            <main class="bad-page">
                <h1>{title}</h1>
                <p class="room-error">{reason}</p>
                <a class="button primary" href=browser::home()>{text.back_home}</a>
            </main>
        </div>
    }
}
