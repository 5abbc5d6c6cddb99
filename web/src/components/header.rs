//! The header of a room: its name, the connection, the number of members, and the tools.

use leptos::prelude::*;
use web_sys::HtmlButtonElement;

use super::connection_badge::ConnectionBadge;
use super::icon::{self, Icon};
use super::room_menu::RoomMenu;
use super::room_tools::room_tools;
use crate::browser;
use crate::context::{Client, MemberList, Panels, RoomView};
use crate::reactive::{ElementRef, aria_bool, attribute, flag, reactive_text, show_if};
use crate::settings::Settings;

/// The header.
#[component]
pub fn Header() -> impl IntoView {
    let (text, panels) = (Settings::text(), Panels::get());
    let name = Client::get().room_id().to_string();
    let title = name.clone();
    view! {
        <header class="room-header" inert=flag(move || panels.is_member_list_open.get())>
            <a class="brand" href=browser::home() aria-label=text.home title=text.home>
                <Icon path=icon::MARK/>
            </a>
            <h1 class="room-name" title=title><bdi>{name}</bdi></h1>
            <ConnectionBadge/>
            <div class="tools">
                <MemberCount/>
                {show_if(move || !panels.is_narrow.get(), room_tools)}
                <RoomMenu/>
            </div>
        </header>
    }
}

/// The number of members. In a narrow window, it opens the member list.
#[component]
fn MemberCount() -> impl IntoView {
    let (text, room, panels) = (Settings::text(), RoomView::get(), Panels::get());
    let members = MemberList::get();
    let count = move || room.member_count().to_string();
    let name = move || match room.member_count() {
        0 => Some(text.members_show.to_owned()),
        count => Some(format!("{} · {}", (text.member_count)(count), text.members_show)),
    };
    let toggle: ElementRef<HtmlButtonElement> = panels.member_list_toggle;
    view! {
        <button
            type="button"
            class="quiet count members-toggle"
            node_ref=toggle
            aria-label=attribute(name)
            title=attribute(name)
            aria-expanded=aria_bool(move || panels.is_member_list_open.get())
            aria-controls="members"
            on:click=move |_| {
                if panels.has_member_list_beside() {
                    members.focus();
                } else {
                    panels.is_member_list_open.set(true);
                }
            }
        >
            <Icon path=icon::PEOPLE/>
            <span class="member-count" data-count=attribute(move || Some(count()))>
                {reactive_text(move || room.member_count_text())}
            </span>
        </button>
    }
}
