//! The effects of the core: what the runtime does for it. Effects are carried out in their order.

use std::sync::Arc;

use xmeet_shared::{MessageId, Nickname, Pid};

use super::input::Timer;
use crate::connection::Millis;
use crate::room::outbox::SavedEntry;

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Close the socket, if there is one, and open another. Nothing of the earlier one may come in
    /// afterwards.
    Connect {
        /// The name to ask for.
        nickname: Option<Nickname>,
    },
    /// Close the socket. Nothing of it may come in afterwards.
    CloseSocket,
    /// Send a text frame.
    Send(String),
    /// Come back with [`Input::Timer`](super::Input::Timer).
    SetTimer {
        /// The timer.
        timer: Timer,
        /// When, in milliseconds from now.
        after_ms: Millis,
    },
    /// Write to the browser's storage, before the effects that follow.
    Persist(StorageWrite),
    /// Draw another member secret and keep it: another page goes by the present one.
    RegenerateToken,
    /// Say this to the other tabs of this site.
    PostToTabs(String),
    /// Show something on the page.
    Page(PageEffect),
}

/// Something to keep in the browser's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageWrite {
    /// The texts that are not known to be kept by the server.
    Outbox(Vec<SavedEntry>),
    /// The ids that this tab has had in the room, to be kept with the member secret.
    Member(Vec<Pid>),
    /// How far the room was read.
    ReadMark(ReadMark),
    /// The name to come back with.
    Nickname(Option<Nickname>),
    /// Whether joins and leaves are hidden.
    LinesHidden(bool),
}

/// How far a room was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMark {
    /// The newest message that was read.
    pub id: MessageId,
    /// The epoch of the room that the id belongs to.
    pub epoch: Option<String>,
}

/// Something that the page shows.
#[derive(Debug, Clone, PartialEq)]
pub enum PageEffect {
    /// Draw with the next frame what has changed. The status is always part of it.
    Redraw(Redraw),
    /// Stop looking for the row that the list is on its way to.
    StopAiming,
    /// Put a text back into the message box.
    ReturnText(Arc<str>),
    /// Open the form for the nickname with this name in it.
    OpenRename(Nickname),
    /// Notify the person.
    Notify(Notification),
    /// Ask the server whether it has another version of this client.
    CheckVersion,
}

/// What is to be drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redraw {
    /// The rows of the list.
    pub rows: bool,
    /// Who is present.
    pub people: bool,
}

/// A notification about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Who said it, and in which room.
    pub title: String,
    /// The beginning of the message.
    pub body: String,
    /// Whether the system shows it.
    pub is_shown: bool,
    /// Whether the sound is played.
    pub has_sound: bool,
}
