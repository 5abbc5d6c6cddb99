//! The contexts that the components of a room page share: handles over the [core](crate::core).
//!
//! - `client`: the core and its inputs; `room_view`: rows, members and status as the page shows them
//! - `list_view`: the message list and its place; `member_list`: the member list and its filter
//! - `message_box`: the draft and the mention menu; `panels`: the open and closed panels
//! - `notifications`: the switches for notifications and sound
//! - `drawing`: brings all of it up to date once per frame; `focus`: keeps the focus on the page
//! - `sender`: says texts
//!
//! They outlive the components, which are drawn anew when the language changes.

mod client;
mod drawing;
mod focus;
mod list_view;
mod member_list;
mod message_box;
mod notifications;
mod panels;
mod room_view;
mod sender;

use leptos::prelude::*;
use xmeet_shared::RoomId;

use crate::browser;
use crate::core::PageEffect;
pub use client::{Client, NotConnected};
use drawing::Drawing;
use focus::Focus;
pub use list_view::ListView;
pub use member_list::MemberList;
pub use message_box::MessageBox;
pub use notifications::Notifications;
pub use panels::Panels;
pub use room_view::{RoomView, StatusView};
pub use sender::Sender;

/// All contexts of a room. Leptos compiles its look-up of a context for each type, so they are provided
/// together.
#[derive(Clone, Copy)]
struct Contexts {
    client: Client,
    room: RoomView,
    list: ListView,
    panels: Panels,
    message_box: MessageBox,
    members: MemberList,
    notifications: Notifications,
    sender: Sender,
}

macro_rules! contexts {
    ($($context:ty => $field:ident,)+) => {
        $(impl $context {
            /// Returns the context of the page's room.
            #[must_use]
            pub fn get() -> Self {
                let contexts: Contexts = expect_context();
                contexts.$field
            }
        })+
    };
}

contexts! {
    Client => client,
    RoomView => room,
    ListView => list,
    Panels => panels,
    MessageBox => message_box,
    MemberList => members,
    Notifications => notifications,
    Sender => sender,
}

/// Provides the contexts of a room to every component below, and connects.
pub fn provide(room_id: RoomId) {
    let client = Client::new(room_id);
    let (room, list, panels) = (RoomView::new(client), ListView::new(client), Panels::new());
    let message_box = MessageBox::new(client);
    let focus = Focus::new(list, message_box);
    let members = MemberList::new(client, room, panels, focus);
    let notifications = Notifications::new(client);
    let drawing = Drawing::new(client, room, list, members, message_box, focus);
    let sender = Sender::new(client, list, message_box, drawing);
    provide_context(Contexts {
        client,
        room,
        list,
        panels,
        message_box,
        members,
        notifications,
        sender,
    });
    drawing.draw();
    message_box.keep_draft(panels);
    focus.watch();
    drawing.watch_clock();
    browser::on("resize", move || {
        panels.resized();
        members.view_changed();
    });
    browser::on("visibilitychange", move || {
        if browser::is_hidden() {
            drawing.page_hidden();
        }
    });
    client.runtime().start(move |effect| match effect {
        PageEffect::Redraw(redraw) => drawing.schedule(redraw),
        PageEffect::StopAiming => list.clear_goal(),
        PageEffect::ReturnText(text) => message_box.give_back(&text),
        PageEffect::OpenRename(name) => panels.rename_again(name),
        PageEffect::Notify(notification) => notifications.show(notification),
        PageEffect::CheckVersion => panels.check_version(),
    });
}
