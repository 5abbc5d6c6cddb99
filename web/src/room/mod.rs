//! A room as this client knows it: pure state, [`Room::apply`] takes in what the server says. No
//! clock, no browser, no reactivity; the store stands on top.
//!
//! - [`log`]: messages by id and the lines between them, [`rows`]: how they stand in the list,
//!   [`run`]: lines that stand as one
//! - [`members`]: who is present
//! - [`outbox`]: what was typed and is not known to be kept yet
//! - [`pager`]: which history page to ask for, `search`: what became of a message under way,
//!   `questions`: what an `error` is about
//! - [`unread`]: what its reader has seen, [`burst`]: how often who is not looking is called

pub mod burst;
pub mod log;
pub mod members;
pub mod outbox;
pub mod pager;
pub mod rows;
pub mod run;
pub mod unread;

mod apply;
mod questions;
mod requests;
mod search;

use std::sync::Arc;

use xmeet_shared::{ErrorCode, MessageId, Nickname, Pid};

use log::Log;
use members::{Look, Members, Person};
use outbox::{Outbox, SavedEntry};
use pager::Pager;
use questions::Questions;
pub use rows::{GapRow, MessageRow, Row, RowKey, Top};
pub use run::Run;
use unread::Unread;

/// How many of our own earlier ids are remembered, to mark what we said before a reconnect or a
/// reload.
const OWN_PIDS_MAX: usize = 64;

/// Whether the server is being listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No connection.
    Away,
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
    members: Members,
    log: Log,
    outbox: Outbox,
    pager: Pager,
    /// What was under way is being looked for: everything newer than this was looked through.
    searched_to: Option<MessageId>,
    unread: Unread,
    /// What was asked on this connection and is not answered.
    questions: Questions,
    /// Whether a greeting has ever been complete.
    was_greeted: bool,
    /// Joins and leaves are left out of the rows.
    lines_hidden: bool,
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
    /// What came was not new: it is not read aloud.
    pub is_replay: bool,
    /// Somebody else said this just now.
    pub heard: Option<Arc<log::Message>>,
    /// The greeting is complete: send what waits.
    pub is_greeted: bool,
    /// The server could not do something.
    pub notice: Option<Notice>,
    /// A text that the server refused, and what was to follow it, for the person to have back.
    pub returned: Option<Arc<str>>,
    /// A name that the server refused, for the person to have back.
    pub refused_name: Option<Nickname>,
    /// A page to ask for.
    pub ask: Option<xmeet_shared::Cursor>,
    /// The page under way is to be asked for again after so many milliseconds.
    pub ask_again_ms: Option<u64>,
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
            stage: Stage::Away,
            me: None,
            own_pids,
            epoch: None,
            members: Members::default(),
            log: Log::default(),
            outbox: Outbox::restore(saved),
            pager: Pager::default(),
            searched_to: None,
            unread: Unread::new(None),
            questions: Questions::default(),
            was_greeted: false,
            lines_hidden: false,
        }
    }

    /// Everybody present, oldest member first.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        self.members.people()
    }

    /// How the name of a member stands out, or of somebody who was one.
    #[must_use]
    pub fn look(&self, pid: &Pid, name: &str) -> Look {
        self.members.look(pid, name)
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
    pub fn rows(
        &self,
        offset_minutes: &mut dyn FnMut(xmeet_shared::UnixMillis) -> i32,
    ) -> Vec<(RowKey, Row)> {
        rows::rows(self, offset_minutes)
    }

    fn is_me(&self, pid: &Pid) -> bool {
        self.own_pids.contains(pid)
    }

    /// The head of the list; `None` before the first greeting, when nothing is known.
    fn top(&self) -> Option<Top> {
        let Some(oldest) = self.log.oldest() else {
            return self.was_greeted.then_some(Top::Beginning);
        };
        let older = oldest.saturating_sub(1);
        Some(if !self.log.is_kept(older) {
            Top::Beginning
        } else if self.pager.target() == Some(older) {
            Top::Loading
        } else if self.pager.failed() == Some(older) {
            Top::Failed
        } else {
            Top::More
        })
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_property;
#[cfg(test)]
mod tests_reading;
#[cfg(test)]
mod tests_refused;
#[cfg(test)]
mod tests_resume;
#[cfg(test)]
mod tests_window;
