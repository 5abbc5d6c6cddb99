//! A room as this client knows it: pure state, [`Room::apply`] takes in what the server says. No
//! clock, no browser, no reactivity; the store stands on top.
//!
//! - [`log`]: messages by id and the lines between them, [`rows`]: how they stand in the list,
//!   [`presence`]: lines that stand as one
//! - [`members`]: who is present, [`names`]: who shares a name, and which names look alike
//! - [`outbox`]: what was typed and is not known to be kept yet
//! - [`pager`]: which history page to ask for, `search`: what became of a message under way,
//!   `questions`: what an `error` is about
//! - [`announce`]: what is read aloud
//! - [`unread`]: what its reader has seen, [`burst`]: how often who is not looking is called

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

/// How many of our own earlier ids are remembered, to mark what we said before a reconnect or a
/// reload.
pub const OWN_PIDS_MAX: usize = 64;

/// Whether the server is being listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No connection.
    Disconnected,
    /// `self` has come, page 0 has not.
    Greeting,
    /// Greeted: what happens comes in, what is typed goes out.
    Live,
}

/// The view model of one room.
#[derive(Debug)]
pub struct Room {
    stage: Stage,
    me: Option<Pid>,
    own_pids: Vec<Pid>,
    epoch: Option<String>,
    /// The greeting that is coming is the first of another epoch.
    has_other_epoch: bool,
    members: Members,
    log: Log,
    outbox: Outbox,
    pager: Pager,
    /// What was under way is being looked for: everything newer than this was looked through.
    searched_to: Option<MessageId>,
    unread: Unread,
    /// What was asked on this connection and is not answered.
    pending_requests: PendingRequests,
    /// Whether a greeting has ever been complete.
    was_greeted: bool,
    /// Our own latest text came back without an id, so the server does not keep what we say.
    is_own_unstored: bool,
    /// How far the server's clock is ahead of this machine's, in milliseconds.
    clock_offset_ms: Option<i64>,
    /// Joins and leaves are left out of the rows.
    lines_hidden: bool,
    /// The most messages that are held.
    held_max: usize,
}

/// What an envelope changed, for whoever draws it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The rows changed.
    pub rows: bool,
    /// The member list changed.
    pub members: bool,
    /// The outbox changed.
    pub outbox: bool,
    /// A page of history came: what is in it was not said just now.
    pub is_replay: bool,
    /// Somebody came, went, or took another name just now.
    pub line: Option<Arc<log::Line>>,
    /// Somebody else said this just now.
    pub new_message: Option<Arc<log::Message>>,
    /// The greeting is complete: send what waits.
    pub is_greeted: bool,
    /// The server could not do something.
    pub notice: Option<Notice>,
    /// A text that the server refused, and what was to follow it, for the person to have back.
    pub returned_text: Option<Arc<str>>,
    /// A name that the server refused, for the person to have back.
    pub refused_name: Option<Nickname>,
    /// A page to ask for.
    pub request: Option<xmeet_shared::Cursor>,
    /// The page under way is to be asked for again after so many milliseconds.
    pub retry_page_ms: Option<u64>,
}

/// What the server could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// For programs.
    pub code: Option<ErrorCode>,
    /// For people, in the server's words.
    pub words: String,
    /// How long to wait before trying again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Room {
    /// A room that was not entered yet, with what an earlier life of this page left to send, and
    /// the ids that it had.
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
            searched_to: None,
            unread: Unread::new(None),
            pending_requests: PendingRequests::default(),
            was_greeted: false,
            is_own_unstored: false,
            clock_offset_ms: None,
            lines_hidden: false,
            held_max: requests::HELD_MAX,
        }
    }

    /// Everybody present, oldest member first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        self.members.people()
    }

    /// Returns how the name of a member is drawn, or of somebody who was one.
    #[must_use]
    pub fn name_style(&self, pid: &Pid, name: &str) -> NameStyle {
        self.members.style(pid, name)
    }

    /// Returns the place of a member in the list, from 0.
    #[must_use]
    pub fn member_index(&self, pid: &Pid) -> Option<usize> {
        self.members.place(pid)
    }

    /// Returns the names that may be drawn in another style since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.members.take_changed_names()
    }

    /// Returns the server's time at `now` of this machine's clock, as far as it is known.
    #[must_use]
    pub fn server_time(&self, now: UnixMillis) -> UnixMillis {
        now.saturating_add(self.clock_offset_ms.unwrap_or(0))
    }

    /// Whether the server keeps no messages: it tells no `epoch`, for its ids count nothing, or our
    /// own text came back without an id.
    #[must_use]
    pub fn is_history_off(&self) -> bool {
        self.was_greeted && self.log.head() == 0 && !self.can_look_up()
    }

    /// Whether a text that was under way when the connection went can be looked for in the history.
    fn can_look_up(&self) -> bool {
        self.epoch.is_some() && !self.is_own_unstored
    }

    /// Our own id, of the last connection.
    #[must_use]
    pub fn me(&self) -> Option<&Pid> {
        self.me.as_ref()
    }

    /// What we are called.
    #[must_use]
    pub fn my_name(&self) -> Option<Arc<str>> {
        self.members.name(self.me.as_ref()?).cloned()
    }

    /// Our own ids, of this connection and earlier ones.
    #[must_use]
    pub fn own_pids(&self) -> &[Pid] {
        &self.own_pids
    }

    /// What was said, and what happened around it.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Takes up what was read on an earlier visit, while the room's ids counted as `epoch` says.
    pub fn restore_read(&mut self, read_up_to: Option<MessageId>, epoch: Option<String>) {
        self.unread = Unread::new(read_up_to);
        self.epoch = epoch;
    }

    /// Which life of the room its ids belong to.
    #[must_use]
    pub fn epoch(&self) -> Option<&str> {
        self.epoch.as_deref()
    }

    /// What was read.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// What was read, for whoever sees what is looked at.
    pub fn unread_mut(&mut self) -> &mut Unread {
        &mut self.unread
    }

    /// What is on its way.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The rows of the list, on a clock that is `offset_minutes` ahead of UTC at a given moment.
    pub fn rows(&self, offset_minutes: &mut dyn FnMut(UnixMillis) -> i32) -> Vec<(RowKey, Row)> {
        rows::rows(self, offset_minutes)
    }

    /// Holds fewer messages, so that something is dropped often.
    #[cfg(test)]
    pub(crate) fn hold_at_most(&mut self, max: usize) {
        self.held_max = max;
    }

    fn is_me(&self, pid: &Pid) -> bool {
        self.own_pids.contains(pid)
    }

    /// The head of the list; `None` before the first greeting, when nothing is known.
    pub(crate) fn history_edge(&self) -> Option<HistoryEdge> {
        let Some(oldest) = self.log.oldest() else {
            let top = match self.log.head() {
                _ if self.is_history_off() => HistoryEdge::HistoryOff,
                0 => HistoryEdge::Beginning,
                _ => HistoryEdge::Gone,
            };
            return self.was_greeted.then_some(top);
        };
        let older = oldest.saturating_sub(1);
        Some(if oldest <= 1 {
            HistoryEdge::Beginning
        } else if !self.log.is_kept(older) {
            HistoryEdge::Gone
        } else if self.pager.target() == Some(older) {
            HistoryEdge::Loading
        } else if self.pager.failed() == Some(older) {
            HistoryEdge::Failed
        } else {
            HistoryEdge::More
        })
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
