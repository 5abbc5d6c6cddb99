//! The whole client: the page at the address of the window.

use leptos::prelude::*;

use super::bad_page::BadPage;
use super::landing::Landing;
use super::room_form::LandingDraft;
use super::room_page::{self, RoomPage};
use crate::page::Page;
use crate::reactive::dynamic;
use crate::settings::Settings;
use crate::{browser, context};

/// The client. A switch of the language draws the page anew, so all state lives in contexts that
/// are provided here.
#[component]
pub fn App() -> impl IntoView {
    let settings = Settings::provide();
    let path = browser::window().location().pathname().unwrap_or_default();
    let page = Page::at(&browser::site(), &path);
    match &page {
        Page::Landing => LandingDraft::provide(),
        Page::Room(room) => {
            context::provide(room.clone());
            room_page::watch_keys();
        }
        Page::BadRoom(_) | Page::Unknown => {}
    }
    dynamic(move || {
        // The whole page is drawn anew in another language.
        let _ = settings.lang();
        match page {
            Page::Landing => view! { <Landing/> }.into_any(),
            Page::Room(_) => view! { <RoomPage/> }.into_any(),
            Page::BadRoom(why) => view! { <BadPage why=Some(why)/> }.into_any(),
            Page::Unknown => view! { <BadPage why=None/> }.into_any(),
        }
    })
}
