//! The page of a room: header, messages, message box, members.

use leptos::prelude::*;

use super::composer::Composer;
use super::header::Header;
use super::live::flag;
use super::member_list::MemberPanel;
use super::message_list::MessageList;
use super::share_button::SharePanel;
use crate::prefs;
use crate::store::Store;

/// A room.
#[component]
pub fn RoomPage() -> impl IntoView {
    let store = Store::get();
    prefs::visited(&store.room_id());
    view! {
        // A browser that translates the page takes text nodes away that the program writes to.
        <div class="room" translate="no">
            <Header/>
            <main class="conversation" inert=flag(move || store.members_open.get())>
                <MessageList/>
                <Composer/>
            </main>
            <MemberPanel/>
            <SharePanel/>
        </div>
    }
}
