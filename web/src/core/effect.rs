//! The effects of the core, which the runtime carries out in order.

use std::sync::Arc;

use xmeet_shared::{MessageId, Nickname, Pid};

use super::input::Timer;
use crate::connection::Millis;
use crate::room::outbox::SavedEntry;

/// An action of the runtime.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Close the socket, if there is one, and open another. The runtime then ignores events of the
    /// earlier socket.
    Connect {
        /// The nickname to request.
        nickname: Option<Nickname>,
    },
    /// Close the socket. The runtime then ignores its events.
    CloseSocket,
    /// Send a text frame.
    Send(String),
    /// Return [`Input::Timer`](super::Input::Timer) after a delay.
    SetTimer {
        /// The timer to return.
        timer: Timer,
        /// The delay in milliseconds.
        after_ms: Millis,
    },
    /// Write to the browser's storage. The write is complete before the next effect.
    Persist(StorageWrite),
    /// Generate a new member token and store it, because another page uses the present one.
    RegenerateToken,
    /// Post a message to the other tabs of this site.
    PostToTabs(String),
    /// Change the page.
    Page(PageEffect),
}

/// A write to the browser's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageWrite {
    /// The texts whose delivery is not confirmed.
    Outbox(Vec<SavedEntry>),
    /// The member ids that this tab has had in the room, stored together with the member token.
    Member(Vec<Pid>),
    /// The read mark of the room.
    ReadMark(ReadMark),
    /// The nickname for the next connection.
    Nickname(Option<Nickname>),
    /// Whether joins and leaves are hidden.
    LinesHidden(bool),
}

/// The newest message of a room that the person has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMark {
    /// The id of the message.
    pub id: MessageId,
    /// The epoch of the id.
    pub epoch: Option<String>,
}

/// A change of the page.
#[derive(Debug, Clone, PartialEq)]
pub enum PageEffect {
    /// Draw the status and these parts of the page with the next animation frame.
    Redraw(Redraw),
    /// Stop waiting for the row that is the goal of the list's jump.
    StopAiming,
    /// Put a text back into the message box.
    ReturnText(Arc<str>),
    /// Open the rename form with this name in it.
    OpenRename(Nickname),
    /// Show a notification or play its sound.
    Notify(Notification),
    /// Check whether the server has another version of this client.
    CheckVersion,
}

/// The parts of the page that have changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redraw {
    /// The rows of the list.
    pub rows: bool,
    /// The members.
    pub people: bool,
}

/// A notification about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The author and the room.
    pub title: String,
    /// The beginning of the message.
    pub body: String,
    /// Whether the system shows it.
    pub is_shown: bool,
    /// Whether a sound is played.
    pub has_sound: bool,
}
