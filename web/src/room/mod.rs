//! The model of a room: pure state without clock, browser or signals. [`Room::apply`] applies a
//! frame of the server; `history` does so for history pages. [`core`](crate::core) uses the room.
//!
//! - [`log`]: messages by id, and the lines between them; [`rows`]: the rows of the list;
//!   [`presence`]: joins and leaves that share a row
//! - [`members`]: the member list; [`names`]: shared names and names that look alike
//! - [`outbox`]: texts whose delivery is not confirmed
//! - [`pager`]: which history page to request; `search`: the search for an unconfirmed text;
//!   `pending_requests`: which request an `error` answers
//! - [`announce`]: announcements for screen readers
//! - [`unread`]: unread messages; [`throttle`]: how often the person is notified

pub mod announce;
pub mod log;
pub mod members;
pub mod names;
pub mod outbox;
pub mod pager;
pub mod presence;
pub mod rows;
pub mod throttle;
pub mod unread;

mod apply;
mod history;
mod pending_requests;
mod requests;
mod search;

use std::sync::Arc;

use xmeet_shared::{ErrorCode, MessageId, Nickname, Pid, UnixMillis};

use log::Log;
use members::{Members, NameStyle, Person};
use names::NameSet;
use outbox::{Outbox, SavedEntry};
use pager::Pager;
use pending_requests::PendingRequests;
pub use presence::PresenceGroup;
pub use rows::{GapRow, HistoryEdge, MessageRow, Row, RowKey};
use unread::Unread;

/// The most own member ids that are remembered. They mark own messages from before a reconnect or
/// a reload.
pub const OWN_PIDS_MAX: usize = 64;

/// The stage of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no connection.
    Disconnected,
    /// `self` has arrived, and page 0 has not.
    Greeting,
    /// The greeting is complete.
    Live,
}

/// The view model of one room.
#[derive(Debug)]
pub struct Room {
    stage: Stage,
    me: Option<Pid>,
    own_pids: Vec<Pid>,
    epoch: Option<String>,
    /// Whether the greeting that is arriving is the first one of a new epoch.
    has_other_epoch: bool,
    members: Members,
    log: Log,
    outbox: Outbox,
    pager: Pager,
    /// While the history is searched for a text in flight: the newest id that was not searched yet.
    search_position: Option<MessageId>,
    unread: Unread,
    /// The unanswered requests of this connection.
    pending_requests: PendingRequests,
    /// Whether a greeting was ever complete.
    was_greeted: bool,
    /// Whether the latest own text came back without an id, so the server does not store own texts.
    is_own_unstored: bool,
    /// How far the server's clock is ahead of this machine's, in milliseconds.
    clock_offset_ms: Option<i64>,
    /// Whether joins and leaves are hidden.
    lines_hidden: bool,
    /// The most messages that are held.
    held_max: usize,
}

/// The changes that a frame made, and the reactions that it needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The rows changed.
    pub rows: bool,
    /// The member list changed.
    pub members: bool,
    /// The outbox changed.
    pub outbox: bool,
    /// Whether the frame was a history page, whose messages are not new.
    pub is_replay: bool,
    /// A join, leave or rename that happened just now.
    pub line: Option<Arc<log::Line>>,
    /// A new message of another member.
    pub new_message: Option<Arc<log::Message>>,
    /// The greeting is complete, so waiting texts can be sent.
    pub is_greeted: bool,
    /// An error of the server to show.
    pub notice: Option<Notice>,
    /// The refused text, joined with the texts that waited behind the refused one. The message box
    /// shows it.
    pub returned_text: Option<Arc<str>>,
    /// The refused nickname. The rename form shows it.
    pub refused_name: Option<Nickname>,
    /// A history page to request.
    pub request: Option<xmeet_shared::Cursor>,
    /// The time in milliseconds after which to request the wanted page again.
    pub retry_page_ms: Option<u64>,
}

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The machine-readable code.
    pub code: Option<ErrorCode>,
    /// The server's explanation for people.
    pub words: String,
    /// The time to wait before a retry, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Room {
    /// Returns a room before its first connection. `saved` and `own_pids` are the outbox and the
    /// own member ids that an earlier page of this tab has stored.
    #[must_use]
    pub fn new(saved: Vec<SavedEntry>, own_pids: Vec<Pid>) -> Self {
        Self {
            stage: Stage::Disconnected,
            me: None,
            own_pids,
            epoch: None,
            has_other_epoch: false,
            members: Members::default(),
            log: Log::default(),
            outbox: Outbox::restore(saved),
            pager: Pager::default(),
            search_position: None,
            unread: Unread::new(None),
            pending_requests: PendingRequests::default(),
            was_greeted: false,
            is_own_unstored: false,
            clock_offset_ms: None,
            lines_hidden: false,
            held_max: requests::HELD_MAX,
        }
    }

    /// Returns the members, oldest first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        self.members.people()
    }

    /// Returns the colour and the marks of a member's name. The member may have left.
    #[must_use]
    pub fn name_style(&self, pid: &Pid, name: &str) -> NameStyle {
        self.members.style(pid, name)
    }

    /// Returns the index of a member in the list.
    #[must_use]
    pub fn member_index(&self, pid: &Pid) -> Option<usize> {
        self.members.index(pid)
    }

    /// Returns the names whose colour or marks may have changed since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.members.take_changed_names()
    }

    /// Converts `now`, a time on this machine's clock, to the server's clock. Returns `now` itself
    /// if no frame with a time has arrived yet.
    #[must_use]
    pub fn server_time(&self, now: UnixMillis) -> UnixMillis {
        now.saturating_add(self.clock_offset_ms.unwrap_or(0))
    }

    /// Returns whether the server stores no messages: its greeting had no `epoch`, or an own text
    /// came back without an id. Returns false before the first greeting.
    #[must_use]
    pub fn is_history_off(&self) -> bool {
        self.was_greeted && self.log.head() == 0 && !self.can_search_history()
    }

    /// Returns whether the history can be searched for a text that was in flight when the
    /// connection closed.
    fn can_search_history(&self) -> bool {
        self.epoch.is_some() && !self.is_own_unstored
    }

    /// Returns the own member id on the latest connection.
    #[must_use]
    pub fn me(&self) -> Option<&Pid> {
        self.me.as_ref()
    }

    /// Returns the own nickname.
    #[must_use]
    pub fn my_name(&self) -> Option<Arc<str>> {
        self.members.name(self.me.as_ref()?).cloned()
    }

    /// Returns the own member ids of this connection and earlier ones, oldest first.
    #[must_use]
    pub fn own_pids(&self) -> &[Pid] {
        &self.own_pids
    }

    /// Returns the messages and lines.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Restores the read mark of an earlier visit: the id of the newest read message, and the epoch
    /// of that id.
    pub fn restore_read_mark(&mut self, read_up_to: Option<MessageId>, epoch: Option<String>) {
        self.unread = Unread::new(read_up_to);
        self.epoch = epoch;
    }

    /// Returns the epoch of the message ids.
    #[must_use]
    pub fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// Returns the state of unread messages.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Returns the state of unread messages, so that the caller can record attention and scrolling.
    pub fn unread_mut(&mut self) -> &mut Unread {
        &mut self.unread
    }

    /// Returns the texts whose delivery is not confirmed.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Returns the rows of the list, oldest first. `offset_minutes` returns the offset of the local
    /// time from UTC at a given moment.
    pub fn rows(&self, offset_minutes: &mut dyn FnMut(UnixMillis) -> i32) -> Vec<(RowKey, Row)> {
        rows::build_rows(self, offset_minutes)
    }

    /// Sets a smaller limit of held messages, so that tests drop messages often.
    #[cfg(test)]
    pub(crate) fn hold_at_most(&mut self, max: usize) {
        self.held_max = max;
    }

    /// Returns whether `pid` is an own member id, of this connection or an earlier one.
    fn is_me(&self, pid: &Pid) -> bool {
        self.own_pids.contains(pid)
    }

    /// Returns the state of the upper end of the list. Returns `None` before the first greeting.
    pub(crate) fn history_edge(&self) -> Option<HistoryEdge> {
        match self.log.oldest() {
            Some(oldest) => Some(self.edge_above(oldest)),
            None => self.was_greeted.then(|| self.edge_without_messages()),
        }
    }

    fn edge_without_messages(&self) -> HistoryEdge {
        if self.is_history_off() {
            HistoryEdge::HistoryOff
        } else if self.log.head() == 0 {
            HistoryEdge::Beginning
        } else {
            HistoryEdge::Gone
        }
    }

    /// Returns the state of the upper end above `oldest`, the oldest held message.
    fn edge_above(&self, oldest: MessageId) -> HistoryEdge {
        let older = oldest.saturating_sub(1);
        if older == 0 {
            HistoryEdge::Beginning
        } else if !self.log.is_kept(older) {
            HistoryEdge::Gone
        } else if self.pager.target() == Some(older) {
            HistoryEdge::Loading
        } else if self.pager.failed_target() == Some(older) {
            HistoryEdge::Failed
        } else {
            HistoryEdge::More
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_clock;
#[cfg(test)]
mod tests_history_off;
#[cfg(test)]
mod tests_refused;
#[cfg(test)]
mod tests_resume;
#[cfg(test)]
mod tests_window;
