//! The head of a room: its name, who is there, how the connection is, and the tools.

use leptos::prelude::*;

use super::connection_badge::ConnectionBadge;
use super::icon::{self, Icon};
use super::language_switch::LanguageSwitch;
use super::live::{attribute, flag, truth, when, words};
use super::room_menu::RoomMenu;
use super::share_button::ShareButton;
use super::theme_switch::ThemeSwitch;
use crate::browser;
use crate::settings::Settings;
use crate::store::{MEMBERS_BESIDE, Store};

/// The header.
#[component]
pub fn Header() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let (name, title) = (store.room_id().to_string(), store.room_id().to_string());
    view! {
        <header class="room-header" inert=flag(move || store.members_open.get())>
            <a class="brand" href=browser::home() aria-label=text.home title=text.home>
                <Icon path=icon::MARK/>
            </a>
            <h1 class="room-name" title=title><bdi>{name}</bdi></h1>
            <ConnectionBadge/>
            <div class="tools">
                <MemberCount/>
                {when(move || !store.is_narrow.get(), further_tools)}
                <RoomMenu/>
            </div>
        </header>
    }
}

/// The tools that are in the menu where the header is too narrow for them.
pub fn further_tools() -> AnyView {
    view! {
        <ShareButton/>
        <LanguageSwitch/>
        <ThemeSwitch/>
    }
    .into_any()
}

/// How many are here. Where the list has no room beside the messages, it opens it.
#[component]
fn MemberCount() -> impl IntoView {
    let (text, store) = (Settings::words(), Store::get());
    let count = move || store.count().to_string();
    let name = move || match store.count() {
        // The count is not known before the room has let us in.
        0 => Some(text.members_show.to_owned()),
        count => Some(format!("{} · {}", (text.member_count)(count), text.members_show)),
    };
    view! {
        <button
            type="button"
            class="quiet count members-toggle"
            aria-label=attribute(name)
            title=attribute(name)
            aria-expanded=truth(move || store.members_open.get())
            aria-controls="members"
            on:click=move |_| {
                // Where the list stands beside the messages it is open already.
                if browser::matches_media(MEMBERS_BESIDE) {
                    browser::focus("#member-list");
                } else {
                    store.members_open.set(true);
                }
            }
        >
            <Icon path=icon::PEOPLE/>
            <span class="member-count" data-count=attribute(move || Some(count()))>
                {words(move || store.count_text())}
            </span>
        </button>
    }
}
