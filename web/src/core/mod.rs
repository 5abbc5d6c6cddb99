//! The client as one state machine: an [`Input`] goes in, [`Effect`]s come out as plain data. No
//! clock, no browser, no reactivity: time and randomness come with each input ([`Now`]), and
//! [`runtime`](crate::runtime) carries the effects out.
//!
//! - [`input`], [`effect`], [`status`]: the vocabulary
//! - `connection`: when to connect, and what an outage leads to; `frames`: what the server says
//! - `sending`: texts and names, `pages`: page requests and their timeouts, `pause`: rate limits
//! - `attention`: what was read, and notifications

pub mod effect;
pub mod input;
pub mod status;

mod attention;
mod connection;
mod frames;
mod pages;
mod pause;
mod sending;

use std::mem;

use xmeet_shared::{MessageId, Nickname, Pid, RoomId};

use crate::connection::machine::Machine;
use crate::connection::{self as link, Phase};
use crate::notification_election::NotificationElection;
use crate::room::announce::Announcements;
use crate::room::names::NameSet;
use crate::room::outbox::SavedEntry;
use crate::room::throttle::NotificationThrottle;
use crate::room::{HistoryEdge, Notice, Room, Row};
use attention::Notifications;
pub use effect::{Effect, Notification, PageEffect, ReadMark, Redraw, StorageWrite};
pub use input::{Input, Now, Timer};
use pause::Pause;
pub use status::{ConnectionAnnouncement, Status};

/// The first message of every room, kept or not.
pub const OLDEST: MessageId = 1;

/// What a page knows when it opens a room.
#[derive(Debug)]
pub struct Setup {
    /// The room.
    pub room_id: RoomId,
    /// The name of this tab among the tabs of this site.
    pub tab: String,
    /// The name to ask for.
    pub nickname: Option<Nickname>,
    /// Whether the storage has a name.
    pub is_nickname_kept: bool,
    /// The texts that an earlier page of this tab has left to send.
    pub outbox: Vec<SavedEntry>,
    /// The ids that this tab has had in the room.
    pub own_pids: Vec<Pid>,
    /// How far the room was read.
    pub read_mark: Option<ReadMark>,
    /// Whether joins and leaves are hidden.
    pub lines_hidden: bool,
    /// Whether the person wants notifications of the system.
    pub notify: bool,
    /// Whether the person wants a sound.
    pub sound: bool,
    /// Whether the page came from the service worker.
    pub is_cached_page: bool,
    /// Whether other tabs can be told something.
    pub has_channel: bool,
}

/// The client of one room.
#[derive(Debug)]
pub struct ClientCore {
    room_id: RoomId,
    machine: Machine,
    room: Room,
    announcements: Announcements,
    /// The name to come back with.
    nickname: Option<Nickname>,
    is_nickname_kept: bool,
    /// Whether a socket is open or opening.
    has_socket: bool,
    connection_announcement: ConnectionAnnouncement,
    notice: Option<Notice>,
    retry_in_s: u64,
    pause: Pause,
    is_full: bool,
    is_interrupted: bool,
    is_cached_page: bool,
    lines_hidden: bool,
    notifications: Notifications,
    /// The message that the list is on its way to, while it aims at something.
    goal: Option<MessageId>,
    is_aiming: bool,
    /// The read mark that is kept.
    saved_mark: Option<ReadMark>,
    /// Whether the read mark was written just now, so that the next write waits.
    is_mark_recent: bool,
    effects: Vec<Effect>,
    redraw: Redraw,
    /// The status at the end of the input before.
    shown: Option<Status>,
}

impl ClientCore {
    /// Returns the client of a room that was not entered yet. It does nothing until
    /// [`Input::Start`].
    #[must_use]
    pub fn new(setup: Setup, now: Now) -> Self {
        let mut room = Room::new(setup.outbox, setup.own_pids);
        let (read_up_to, epoch) = setup.read_mark.clone().map(|mark| (mark.id, mark.epoch)).unzip();
        room.restore_read(read_up_to, epoch.flatten());
        room.hide_lines(setup.lines_hidden);
        let notifications = Notifications {
            throttle: NotificationThrottle::default(),
            election: NotificationElection::new(setup.tab, &setup.room_id),
            waiting: Vec::new(),
            has_channel: setup.has_channel,
            notify: setup.notify,
            sound: setup.sound,
        };
        Self {
            room_id: setup.room_id,
            machine: Machine::new(now.elapsed_ms),
            room,
            announcements: Announcements::default(),
            nickname: setup.nickname,
            is_nickname_kept: setup.is_nickname_kept,
            has_socket: false,
            connection_announcement: ConnectionAnnouncement::None,
            notice: None,
            retry_in_s: 0,
            pause: Pause::default(),
            is_full: false,
            is_interrupted: false,
            is_cached_page: setup.is_cached_page,
            lines_hidden: setup.lines_hidden,
            notifications,
            goal: None,
            is_aiming: false,
            saved_mark: setup.read_mark,
            is_mark_recent: false,
            effects: Vec::new(),
            redraw: Redraw::default(),
            shown: None,
        }
    }

    /// Takes in what happened, and returns what to do about it, in order. A text is persisted as
    /// sent before it is sent: a page that ends in between looks for it in the history, and never
    /// sends it twice.
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        // A message that has just come is not read before it is drawn.
        let is_frame = matches!(input, Input::Frame(_));
        self.dispatch(input, now);
        if !is_frame {
            self.save_read_mark();
        }
        let status = self.status();
        let is_status_changed = self.shown.as_ref() != Some(&status);
        self.shown = Some(status);
        let redraw = mem::take(&mut self.redraw);
        if is_status_changed || redraw != Redraw::default() {
            self.effects.push(Effect::Page(PageEffect::Redraw(redraw)));
        }
        mem::take(&mut self.effects)
    }

    fn dispatch(&mut self, input: Input, now: Now) {
        match input {
            Input::Start => self.connection(link::Input::Start, now),
            Input::TryNow => self.connection(link::Input::TryNow, now),
            Input::Online => self.connection(link::Input::Online, now),
            Input::Offline => self.connection(link::Input::Offline, now),
            Input::Hidden => self.connection(link::Input::Hidden, now),
            Input::Visible => self.connection(link::Input::Visible, now),
            Input::Frame(frame) => self.frame(&frame, now),
            Input::Closed { code } => self.closed(code, now),
            Input::Tick { buffered_bytes } => self.tick(buffered_bytes, now),
            Input::Timer(timer) => self.timer(timer, now),
            Input::Attended(is_attended) => self.room.unread_mut().set_attended(is_attended),
            Input::ScrollChanged { is_at_bottom, is_aiming } => {
                self.room.unread_mut().scroll_changed(is_at_bottom, is_aiming);
            }
            Input::Leaving => self.is_mark_recent = false,
            Input::TabMessage(message) => self.tab_message(&message),
            Input::Draw { reader, is_aiming } => self.draw(reader, is_aiming),
            Input::Drawn { has_goal } => self.drawn(has_goal),
            Input::Say(text) => self.say(&text, now),
            Input::SendAgain(local) => self.send_again(local, now),
            Input::TakeBack(local) => self.take_back(local, now),
            Input::Rename(name) => self.rename(name, now),
            Input::LoadOlder { is_retry } => self.load_older(is_retry, now),
            Input::Load { target, is_retry } => self.load(target, is_retry, now),
            Input::GoTo(target) => self.go_to(target, now),
            Input::GoToNewest => self.go_to_newest(now),
            Input::HideLines(are_hidden) => self.hide_lines(are_hidden),
            Input::SetAlerts { notify, sound } => {
                (self.notifications.notify, self.notifications.sound) = (notify, sound);
            }
            Input::DismissNotice => self.notice = None,
            Input::RemindOfPause => self.remind_of_pause(),
        }
    }

    fn timer(&mut self, timer: Timer, now: Now) {
        match timer {
            Timer::PageTimeout(number) => self.page_timed_out(number, now),
            Timer::RetryPage(number) => self.retry_page(number, now),
            Timer::Pause => self.update_pause(now),
            Timer::Objections(key) => self.decide_notification(key),
            Timer::ReadMark => self.is_mark_recent = false,
        }
    }

    /// Once a second: the deadlines of the connection, and what counts seconds.
    fn tick(&mut self, buffered_bytes: u64, now: Now) {
        let is_unanswered = self.room.outbox().is_sending();
        self.connection(link::Input::Tick { is_unanswered, buffered_bytes }, now);
        self.update_retry_countdown(now);
        self.update_pause(now);
        self.announcements.second_passed();
    }

    fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn show(&mut self, effect: PageEffect) {
        self.effects.push(Effect::Page(effect));
    }

    fn hide_lines(&mut self, are_hidden: bool) {
        self.lines_hidden = are_hidden;
        self.room.hide_lines(are_hidden);
        self.emit(Effect::Persist(StorageWrite::LinesHidden(are_hidden)));
        self.redraw.rows = true;
    }

    /// Drops what is far from the reader, or from what the list is on its way to.
    fn draw(&mut self, reader: Option<MessageId>, is_aiming: bool) {
        self.is_aiming = is_aiming;
        let goal = self.goal.filter(|_| is_aiming);
        self.room.trim(goal.or(reader));
    }

    fn drawn(&mut self, has_goal: bool) {
        if !has_goal && !self.room.is_fetching() {
            self.end_jump();
        }
    }

    /// Whether a row is what the list is on its way to.
    #[must_use]
    pub fn is_goal(&self, row: &Row) -> bool {
        let goal = self.goal.filter(|_| self.is_aiming);
        match row {
            Row::Unread => self.room.unread().is_opening(),
            Row::HistoryEdge(
                HistoryEdge::Beginning | HistoryEdge::Gone | HistoryEdge::HistoryOff,
            ) => goal == Some(OLDEST),
            Row::Message(row) => goal.is_some() && row.message.id == goal,
            _ => false,
        }
    }

    /// Returns the room, for what is drawn of it.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Returns the names that may be drawn in another style since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.room.take_changed_names()
    }

    /// Returns the announcements for those who do not see the page.
    #[must_use]
    pub fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// Whether the server is connected and has greeted.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.phase() == Phase::Connected && self.has_socket
    }

    /// Whether the server wants to hear nothing yet.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.left_s > 0
    }

    /// Returns the status, as it is now.
    #[must_use]
    pub fn status(&self) -> Status {
        let unread = self.room.unread();
        Status {
            phase: self.machine.phase(),
            connection_announcement: self.connection_announcement,
            notice: self.notice.clone(),
            retry_in_s: self.retry_in_s,
            pause_s: self.pause.left_s,
            is_full: self.is_full,
            is_interrupted: self.is_interrupted,
            newest: self.room.log().head(),
            unread: unread.count(),
            is_attended: unread.is_attended(),
            lines_hidden: self.lines_hidden,
            announcement: self.announcements.last_number(),
        }
    }
}

/// Returns the whole seconds from `now_ms` to `until_ms`, rounded up; 0 once it is over.
fn seconds_until(until_ms: link::Millis, now_ms: link::Millis) -> u64 {
    u64::try_from(until_ms - now_ms).unwrap_or(0).div_ceil(1000)
}

#[cfg(test)]
mod tests;
