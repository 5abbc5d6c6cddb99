//! The whole client: the page that the address asks for.

use leptos::prelude::*;

use super::bad_page::BadPage;
use super::landing::Landing;
use super::live::live;
use super::log_keys;
use super::member_list;
use super::room_form::Entrance;
use super::room_page::RoomPage;
use crate::browser;
use crate::page::Page;
use crate::settings::Settings;
use crate::store::Store;

/// The client. What a person has done lives outside of the page, which is drawn anew in the other
/// language when that is switched.
#[component]
pub fn App() -> impl IntoView {
    let settings = Settings::provide();
    let path = browser::window().location().pathname().unwrap_or_default();
    let page = Page::at(&browser::site(), &path);
    match &page {
        Page::Landing => Entrance::provide(),
        Page::Room(room) => {
            Store::provide(room.clone());
            log_keys::keep_one_tab_stop();
            browser::watch_focus();
            member_list::close_at_escape();
        }
        Page::BadRoom(_) | Page::Unknown => {}
    }
    live(move || {
        // Drawn anew in the other language.
        let _ = settings.lang();
        match page {
            Page::Landing => view! { <Landing/> }.into_any(),
            Page::Room(_) => view! { <RoomPage/> }.into_any(),
            Page::BadRoom(why) => view! { <BadPage why=Some(why)/> }.into_any(),
            Page::Unknown => view! { <BadPage why=None/> }.into_any(),
        }
    })
}
