//! The client of a room as a pure state machine: it takes an [`Input`] and returns [`Effect`]s. It
//! uses no clock, browser or signals. Each input carries its time and randomness ([`Now`]), and
//! [`runtime`](crate::runtime) carries out the effects.
//!
//! - [`input`], [`effect`], [`status`]: the types of its interface
//! - `connection`: the socket and outages; `frames`: the server's frames
//! - `sending`: texts and renames; `pages`: page requests and their timeouts; `pause`: rate limits
//! - `attention`: read marks and notifications

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
use crate::connection::{Input as MachineInput, Millis, Phase};
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

/// The id of the first message of every room. The server may have dropped that message.
pub const OLDEST: MessageId = 1;

/// The state from which a page opens a room.
#[derive(Debug)]
pub struct Setup {
    /// The room.
    pub room_id: RoomId,
    /// The id of this tab, unique among the tabs of this site.
    pub tab: String,
    /// The nickname to request.
    pub nickname: Option<Nickname>,
    /// Whether the browser's storage has a nickname.
    pub is_nickname_kept: bool,
    /// The outbox of the earlier page of this tab.
    pub outbox: Vec<SavedEntry>,
    /// The member ids that this tab has had in the room.
    pub own_pids: Vec<Pid>,
    /// The read mark of an earlier visit.
    pub read_mark: Option<ReadMark>,
    /// Whether joins and leaves are hidden.
    pub lines_hidden: bool,
    /// Whether the system shows notifications.
    pub notify: bool,
    /// Whether notifications play a sound.
    pub sound: bool,
    /// Whether the page came from the service worker's cache.
    pub is_cached_page: bool,
    /// Whether the browser can post messages to the other tabs of this site.
    pub has_channel: bool,
}

/// The client of one room.
#[derive(Debug)]
pub struct ClientCore {
    room_id: RoomId,
    machine: Machine,
    room: Room,
    announcements: Announcements,
    /// The nickname for the next connection.
    nickname: Option<Nickname>,
    /// Whether the browser's storage has a nickname.
    is_nickname_kept: bool,
    /// Whether a socket is open or opening.
    has_socket: bool,
    connection_announcement: ConnectionAnnouncement,
    notice: Option<Notice>,
    retry_in_s: u64,
    pause: Pause,
    /// Whether the server refused the latest connection because the room is full.
    is_full: bool,
    /// Whether the connection was lost or failed, and is not restored yet.
    is_interrupted: bool,
    /// Whether the page came from the service worker's cache.
    is_cached_page: bool,
    lines_hidden: bool,
    notifications: Notifications,
    /// The message to which the list jumps, while `is_aiming`.
    goal: Option<MessageId>,
    /// Whether the list is on its way to a row that may not be loaded yet.
    is_aiming: bool,
    /// The read mark in the browser's storage.
    saved_mark: Option<ReadMark>,
    /// Whether the next write of the read mark must wait.
    is_read_mark_write_delayed: bool,
    effects: Vec<Effect>,
    redraw: Redraw,
    /// The status after the previous input.
    last_status: Option<Status>,
}

impl ClientCore {
    /// Returns a client that is not connected. It connects after [`Input::Start`].
    #[must_use]
    pub fn new(setup: Setup, now: Now) -> Self {
        let mut room = Room::new(setup.outbox, setup.own_pids);
        if let Some(mark) = &setup.read_mark {
            room.restore_read_mark(Some(mark.id), mark.epoch.clone());
        }
        room.set_lines_hidden(setup.lines_hidden);
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
            is_read_mark_write_delayed: false,
            effects: Vec::new(),
            redraw: Redraw::default(),
            last_status: None,
        }
    }

    /// Handles an input and returns the effects to carry out, in order.
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        // A message that has just arrived counts as read only after it was drawn.
        let is_frame = matches!(input, Input::Frame(_));
        self.dispatch(input, now);
        if !is_frame {
            self.save_read_mark();
        }
        let status = self.status();
        let is_status_changed = self.last_status.as_ref() != Some(&status);
        self.last_status = Some(status);
        let redraw = mem::take(&mut self.redraw);
        let has_redraw = redraw != Redraw::default();
        if is_status_changed || has_redraw {
            self.effects.push(Effect::Page(PageEffect::Redraw(redraw)));
        }
        mem::take(&mut self.effects)
    }

    /// Calls the handler of an input.
    fn dispatch(&mut self, input: Input, now: Now) {
        match input {
            Input::Start => self.drive_machine(MachineInput::Start, now),
            Input::TryNow => self.drive_machine(MachineInput::TryNow, now),
            Input::Online => self.drive_machine(MachineInput::Online, now),
            Input::Offline => self.drive_machine(MachineInput::Offline, now),
            Input::Hidden => self.drive_machine(MachineInput::Hidden, now),
            Input::Visible => self.drive_machine(MachineInput::Visible, now),
            Input::Frame(frame) => self.on_frame(&frame, now),
            Input::Closed { code } => self.on_closed(code, now),
            Input::Tick { buffered_bytes } => self.on_tick(buffered_bytes, now),
            Input::Timer(timer) => self.on_timer(timer, now),
            Input::Attended(is_attended) => self.room.unread_mut().set_attended(is_attended),
            Input::ScrollChanged { is_at_bottom, is_aiming } => {
                self.room.unread_mut().on_scroll(is_at_bottom, is_aiming);
            }
            Input::Leaving => self.is_read_mark_write_delayed = false,
            Input::TabMessage(message) => self.on_tab_message(&message),
            Input::Draw { reader, is_aiming } => self.on_draw(reader, is_aiming),
            Input::Drawn { has_goal } => self.on_drawn(has_goal),
            Input::SendText(text) => self.send_text(&text, now),
            Input::SendAgain(local) => self.send_again(local, now),
            Input::TakeBack(local) => self.take_back(local, now),
            Input::Rename(name) => self.rename(name, now),
            Input::LoadOlder { is_retry } => self.load_older(is_retry, now),
            Input::Load { target, is_retry } => self.load(target, is_retry, now),
            Input::GoTo(target) => self.go_to(target, now),
            Input::GoToNewest => self.go_to_newest(now),
            Input::SetLinesHidden(are_hidden) => self.set_lines_hidden(are_hidden),
            Input::SetAlerts { notify, sound } => {
                self.notifications.notify = notify;
                self.notifications.sound = sound;
            }
            Input::DismissNotice => self.notice = None,
            Input::RemindOfPause => self.remind_of_pause(),
        }
    }

    /// Handles a timer that has expired.
    fn on_timer(&mut self, timer: Timer, now: Now) {
        match timer {
            Timer::PageTimeout(number) => self.on_page_timeout(number, now),
            Timer::RetryPage(number) => self.retry_page(number, now),
            Timer::Pause => self.update_pause(now),
            Timer::Objections(key) => self.decide_notification(key),
            Timer::ReadMark => self.is_read_mark_write_delayed = false,
        }
    }

    /// Checks the deadlines of the connection and updates countdowns, once a second.
    fn on_tick(&mut self, buffered_bytes: u64, now: Now) {
        let is_text_unanswered = self.room.outbox().is_sending();
        let tick = MachineInput::Tick { is_unanswered: is_text_unanswered, buffered_bytes };
        self.drive_machine(tick, now);
        self.update_retry_countdown(now);
        self.update_pause(now);
        self.announcements.on_second();
    }

    /// Adds an effect to the effects of the present input.
    fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn emit_page_effect(&mut self, effect: PageEffect) {
        self.effects.push(Effect::Page(effect));
    }

    fn set_lines_hidden(&mut self, are_hidden: bool) {
        self.lines_hidden = are_hidden;
        self.room.set_lines_hidden(are_hidden);
        self.emit(Effect::Persist(StorageWrite::LinesHidden(are_hidden)));
        self.redraw.rows = true;
    }

    /// Prepares the rows for drawing: drops messages that are far from the goal of the list's jump.
    /// If the list does not jump, drops messages that are far from the reader.
    fn on_draw(&mut self, reader: Option<MessageId>, is_aiming: bool) {
        self.is_aiming = is_aiming;
        self.room.trim(self.present_goal().or(reader));
    }

    /// Ends the jump of the list if no row is the goal and no page with the goal can still arrive.
    fn on_drawn(&mut self, has_goal: bool) {
        if !has_goal && !self.room.is_fetching() {
            self.end_jump();
        }
    }

    /// Returns the message to which the list jumps now.
    fn present_goal(&self) -> Option<MessageId> {
        if self.is_aiming { self.goal } else { None }
    }

    /// Returns whether a row is the goal of the list's jump.
    #[must_use]
    pub fn is_goal(&self, row: &Row) -> bool {
        let goal = self.present_goal();
        match row {
            Row::Unread => self.room.unread().is_opening(),
            Row::HistoryEdge(
                HistoryEdge::Beginning | HistoryEdge::Gone | HistoryEdge::HistoryOff,
            ) => goal == Some(OLDEST),
            Row::Message(row) => goal.is_some() && row.message.id == goal,
            _ => false,
        }
    }

    /// Returns the room.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Returns the names whose style may have changed since the last call.
    pub fn take_changed_names(&mut self) -> NameSet {
        self.room.take_changed_names()
    }

    /// Returns the announcements for screen readers.
    #[must_use]
    pub fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// Returns whether the client is connected and greeted.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.phase() == Phase::Connected && self.has_socket
    }

    /// Returns whether the client must not send because of the server's rate limit.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.left_s > 0
    }

    /// Returns the present status.
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

/// Returns the seconds from `now_ms` to `until_ms`, rounded up; 0 if `until_ms` has passed.
fn seconds_until(until_ms: Millis, now_ms: Millis) -> u64 {
    u64::try_from(until_ms - now_ms).unwrap_or(0).div_ceil(1000)
}

#[cfg(test)]
mod tests;
