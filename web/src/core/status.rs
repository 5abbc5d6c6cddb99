//! The status of the room and of its connection.

use xmeet_shared::MessageId;

use crate::connection::Phase;
use crate::room::Notice;

/// The latest loss or return of the connection, as announced to screen readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionAnnouncement {
    /// The connection was never lost on this page.
    None,
    /// The connection was lost.
    Disconnected,
    /// The connection was restored.
    Reconnected,
}

/// Everything that the page shows in addition to the rows and the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The phase of the connection.
    pub phase: Phase,
    /// The latest loss or return of the connection.
    pub connection_announcement: ConnectionAnnouncement,
    /// The latest error of the server, until the person closes it.
    pub notice: Option<Notice>,
    /// The seconds until the next attempt to connect.
    pub retry_in_s: u64,
    /// The seconds until the client may send again.
    pub pause_s: u64,
    /// Whether the server refused the connection because the room is full.
    pub is_full: bool,
    /// Whether the connection was lost or failed, and is not restored yet.
    pub is_interrupted: bool,
    /// The id of the room's newest message.
    pub newest: MessageId,
    /// The number of unread messages of other members.
    pub unread: u64,
    /// Whether the page is visible and has the keyboard focus.
    pub is_attended: bool,
    /// Whether joins and leaves are hidden.
    pub lines_hidden: bool,
    /// The number of the latest announcement for screen readers.
    pub announcement: u64,
}
