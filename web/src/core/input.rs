//! The inputs of the core: events of the socket, the timers, the browser and the person.

use xmeet_shared::{MessageId, Nickname, UnixMillis};

use crate::connection::Millis;
use crate::notification_election::NotificationKey;
use crate::room::outbox::LocalId;

/// The time of an input, and a random number for its handling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// The time on a clock for durations.
    pub elapsed_ms: Millis,
    /// The time of day on this machine's clock.
    pub wall_ms: UnixMillis,
    /// A random number from 0 to 1.
    pub jitter: f64,
}

/// A timer that the core has set. Timers are never cancelled. The core ignores outdated timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The page request with this number has reached its timeout.
    PageTimeout(u64),
    /// The page request with this number may be sent again.
    RetryPage(u64),
    /// The pause that the server asked for has ended.
    Pause,
    /// The time for objections to a notification about this message has ended.
    Objections(NotificationKey),
    /// The read mark may be written again.
    ReadMark,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The page is ready. The client connects.
    Start,
    /// A text frame arrived on the socket.
    Frame(String),
    /// The socket closed, or could not be opened.
    Closed {
        /// The close code; 1006 if there was none.
        code: u16,
    },
    /// About a second has passed.
    Tick {
        /// The bytes that the browser has not handed to the network yet.
        buffered_bytes: u64,
    },
    /// A timer has expired.
    Timer(Timer),
    /// The browser has a network.
    Online,
    /// The browser lost its network.
    Offline,
    /// The page was hidden.
    Hidden,
    /// The page became visible.
    Visible,
    /// Whether the page is visible and has the keyboard focus.
    Attended(bool),
    /// The page may be about to close. The client writes its read mark at once.
    Leaving,
    /// Another tab of this site posted this message.
    TabMessage(String),
    /// The rows are about to be drawn. The client drops messages that are far from the reader.
    Draw {
        /// The message in view; `None` at the bottom.
        reader: Option<MessageId>,
        /// Whether the list is on its way to a row that is not loaded yet.
        is_aiming: bool,
    },
    /// The rows were drawn.
    Drawn {
        /// Whether one of the rows is [the goal](super::ClientCore::is_goal) of the list's jump.
        has_goal: bool,
    },
    /// The person sends a text.
    SendText(String),
    /// The person sends an unconfirmed text again.
    SendAgain(LocalId),
    /// The person takes an unsent text back into the message box.
    TakeBack(LocalId),
    /// The person changes the nickname. Has no effect unless connected.
    Rename(Nickname),
    /// The list is near its top. The client loads older messages.
    LoadOlder {
        /// Whether to retry a failed page.
        is_retry: bool,
    },
    /// The list is near a gap. The client loads the page with message `target`.
    Load {
        /// The id of the message.
        target: MessageId,
        /// Whether to retry a failed page.
        is_retry: bool,
    },
    /// The person jumps to a message. Its page is loaded before any other.
    GoTo(MessageId),
    /// The person jumps to the newest message.
    GoToNewest,
    /// The list was scrolled. Messages count as read while an attended list is at the bottom.
    ScrollChanged {
        /// Whether the list is at the bottom and follows new messages.
        is_at_bottom: bool,
        /// Whether the list is on its way to a row that is not loaded yet.
        is_aiming: bool,
    },
    /// The person hides (true) or shows (false) joins and leaves.
    SetLinesHidden(bool),
    /// The person switches notifications or their sound.
    SetAlerts {
        /// Whether the system shows notifications.
        notify: bool,
        /// Whether a sound is played.
        sound: bool,
    },
    /// The person closes the notice.
    DismissNotice,
    /// The person tries to send during a pause. The client shows the notice again.
    RemindOfPause,
    /// The person asks for an attempt to connect now.
    TryNow,
}
