//! The page of a room: header, messages, message box, members.

use leptos::prelude::*;

use super::composer::Composer;
use super::header::Header;
use super::log_keys;
use super::member_list::{self, MemberPanel};
use super::message_list::MessageList;
use super::share_panel::SharePanel;
use crate::context::{Client, Panels};
use crate::prefs;
use crate::reactive::flag;

/// Watches the keys that act on the whole page, for as long as it lives.
pub fn watch_keys() {
    log_keys::watch_tab();
    member_list::close_at_escape();
}

/// A room.
#[component]
pub fn RoomPage() -> impl IntoView {
    prefs::visited(&Client::get().room_id());
    let panels = Panels::get();
    view! {
        // A browser that translates the page removes text nodes that the program writes to.
        <div class="room" translate="no">
            <Header/>
            <main class="conversation" inert=flag(move || panels.is_member_list_open.get())>
                <MessageList/>
                <Composer/>
            </main>
            <MemberPanel/>
            <SharePanel/>
        </div>
    }
}
