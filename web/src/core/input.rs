//! The inputs of the core: what the socket, the timers, the browser and the person do.

use xmeet_shared::{MessageId, Nickname, UnixMillis};

use crate::connection::Millis;
use crate::notification_election::NotificationKey;
use crate::room::outbox::LocalId;

/// The time of an input, and the random number that it may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// A clock for durations.
    pub elapsed_ms: Millis,
    /// The time of day by this machine's clock.
    pub wall_ms: UnixMillis,
    /// A random number from 0 to 1.
    pub jitter: f64,
}

/// A timer that the core has set. Timers are never cancelled: the core ignores one that is out of
/// date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The page request with this number has taken long.
    PageTimeout(u64),
    /// The wait before the page request with this number is sent again is over.
    RetryPage(u64),
    /// The pause that the server asked for is over.
    Pause,
    /// Other tabs had time to object to a notification about this message.
    Objections(NotificationKey),
    /// The read mark may be written again.
    ReadMark,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The page is ready: connect.
    Start,
    /// A text frame came on the socket.
    Frame(String),
    /// The socket closed, or could not be opened.
    Closed {
        /// The close code; 1006 where there was none.
        code: u16,
    },
    /// A second has passed, about.
    Tick {
        /// Bytes that the browser has not handed to the network yet.
        buffered_bytes: u64,
    },
    /// A timer is due.
    Timer(Timer),
    /// The browser has a network.
    Online,
    /// The browser lost its network.
    Offline,
    /// The page went out of sight.
    Hidden,
    /// The page came into sight.
    Visible,
    /// The page is in sight with the keyboard, or no longer.
    Attended(bool),
    /// The page may be about to go: writes what waits to be written.
    Leaving,
    /// Another tab of this site said this.
    TabMessage(String),
    /// The page is about to be drawn. Drops the messages that are far from the reader.
    Draw {
        /// The message that the list shows; `None` at the bottom.
        reader: Option<MessageId>,
        /// Whether the list is on its way to a row that is not there yet.
        is_aiming: bool,
    },
    /// The rows were drawn.
    Drawn {
        /// Whether one of them is [the goal](super::ClientCore::is_goal).
        has_goal: bool,
    },
    /// The person says this.
    Say(String),
    /// The person wants an unconfirmed text sent again.
    SendAgain(LocalId),
    /// The person wants a text back in the message box.
    TakeBack(LocalId),
    /// The person asks for another name. Does nothing unless connected.
    Rename(Nickname),
    /// The list is near its top: loads older messages.
    LoadOlder {
        /// Whether to try again what has failed.
        is_retry: bool,
    },
    /// The list is near a gap: loads the page with message `target`.
    Load {
        /// The message.
        target: MessageId,
        /// Whether to try again what has failed.
        is_retry: bool,
    },
    /// The person goes to a message. Its page is loaded before any other.
    GoTo(MessageId),
    /// The person goes to the newest message.
    GoToNewest,
    /// The list stands somewhere else. What is seen at the bottom is read.
    ScrollChanged {
        /// Whether it is at the bottom, and stays there.
        is_at_bottom: bool,
        /// Whether it is on its way to a row that is not there yet.
        is_aiming: bool,
    },
    /// The person hides joins and leaves, or shows them.
    HideLines(bool),
    /// The person wants notifications and a sound, or not.
    SetAlerts {
        /// Notifications of the system.
        notify: bool,
        /// The sound.
        sound: bool,
    },
    /// The person has read the notice.
    DismissNotice,
    /// The person tries to send during a pause: shows the notice about it again.
    RemindOfPause,
    /// The person wants an attempt to connect now.
    TryNow,
}
