//! The page of a room: header, messages, message box, members.

use leptos::prelude::*;

use super::composer::Composer;
use super::header::Header;
use super::live::flag;
use super::member_list::MemberPanel;
use super::message_list::MessageList;
use crate::store::Store;
use crate::{browser, prefs};

/// A room.
#[component]
pub fn RoomPage() -> impl IntoView {
    let store = Store::get();
    let room = store.room_id();
    browser::document().set_title(&format!("{room} · XMeet"));
    prefs::visited(&room);
    view! {
        <div class="room">
            <Header/>
            <main class="conversation" inert=flag(move || store.members_open.get())>
                <MessageList/>
                <Composer/>
            </main>
            <MemberPanel/>
        </div>
    }
}
