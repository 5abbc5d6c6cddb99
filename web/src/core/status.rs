//! The status of the room and of its connection, as the page shows it.

use xmeet_shared::MessageId;

use crate::connection::Phase;
use crate::room::Notice;

/// A change of the connection, for those who do not see the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionAnnouncement {
    /// None since the page was opened.
    None,
    /// It was lost.
    Disconnected,
    /// It came back.
    Reconnected,
}

/// Everything that the page shows beside the rows and the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the connection stands.
    pub phase: Phase,
    /// What was last said about the connection.
    pub connection_announcement: ConnectionAnnouncement,
    /// What the server could not do.
    pub notice: Option<Notice>,
    /// Seconds until the next attempt to connect.
    pub retry_in_s: u64,
    /// Seconds until the server takes something again.
    pub pause_s: u64,
    /// Whether the room takes no more members.
    pub is_full: bool,
    /// Whether the connection went, or could not be made, and is not there yet.
    pub is_interrupted: bool,
    /// The newest message known.
    pub newest: MessageId,
    /// How many messages of others were not read.
    pub unread: u64,
    /// Whether the page is in sight with the keyboard.
    pub is_attended: bool,
    /// Whether joins and leaves are hidden.
    pub lines_hidden: bool,
    /// The number of the latest announcement.
    pub announcement: u64,
}
