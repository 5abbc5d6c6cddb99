//! Read marks, and notifications while the page is not attended.

use super::{ClientCore, Effect, Notification, Now, PageEffect, ReadMark, StorageWrite, Timer};
use crate::connection::Millis;
use crate::notification_election::{NotificationElection, NotificationKey, OBJECTION_MS};
use crate::room::log::Message;
use crate::room::throttle::{NotificationThrottle, excerpt};
use crate::room::unread::FirstUnread;

/// The shortest time between two writes of the read mark.
const READ_MARK_MS: Millis = 500;

/// The state of notifications.
#[derive(Debug)]
pub(super) struct Notifications {
    pub(super) throttle: NotificationThrottle,
    pub(super) election: NotificationElection,
    /// Notifications that wait for objections of other tabs.
    pub(super) waiting: Vec<(NotificationKey, Notification)>,
    /// Whether the browser can post messages to the other tabs of this site.
    pub(super) has_channel: bool,
    /// Whether the system shows notifications.
    pub(super) notify: bool,
    /// Whether notifications play a sound.
    pub(super) sound: bool,
}

impl ClientCore {
    /// Jumps to the first unread message if the page was just opened. Otherwise ends the jump of
    /// the list. The greeting must be complete.
    pub(super) fn open_at_first_unread(&mut self, now: Now) {
        let is_opening = self.room.unread().is_opening();
        match self.room.unread().marker() {
            Some(FirstUnread::Id(first_unread)) if is_opening => self.go_to(first_unread, now),
            _ => self.end_jump(),
        }
    }

    /// Ends the jump of the list, because its goal does not exist or cannot be loaded.
    pub(super) fn end_jump(&mut self) {
        self.goal = None;
        self.emit_page_effect(PageEffect::StopAiming);
        if self.room.unread().is_opening() {
            self.room.unread_mut().end_opening();
        }
    }

    /// Persists the read mark if it has changed, at most twice a second.
    pub(super) fn save_read_mark(&mut self) {
        let Some(id) = self.room.unread().read_up_to() else { return };
        let mark = ReadMark { id, epoch: self.room.epoch().map(str::to_owned) };
        let is_saved = self.saved_mark.as_ref() == Some(&mark);
        if self.is_read_mark_write_delayed || is_saved {
            return;
        }
        self.saved_mark = Some(mark.clone());
        self.is_read_mark_write_delayed = true;
        self.emit(Effect::Persist(StorageWrite::ReadMark(mark)));
        self.emit(Effect::SetTimer { timer: Timer::ReadMark, after_ms: READ_MARK_MS });
    }

    /// Notifies the person of a new message, unless the page is attended or the previous
    /// notification was too recent. Of several tabs with this room, only one notifies.
    pub(super) fn notify(&mut self, message: &Message, is_mention: bool, now: Now) {
        let (is_shown, has_sound) = (self.notifications.notify, self.notifications.sound);
        let is_switched_off = !is_shown && !has_sound;
        if is_switched_off || self.room.unread().is_attended() {
            return;
        }
        if !self.notifications.throttle.allows(now.elapsed_ms, is_mention) {
            return;
        }
        let title = format!("{} · {}", message.name, self.room_id);
        let body = excerpt(&message.text);
        let notification = Notification { title, body, is_shown, has_sound };

        // All tabs derive the same key from a message, so they can agree which one notifies.
        let key = key_of(message);
        let proposal = self.notifications.election.propose(key);
        if self.notifications.has_channel {
            self.notifications.waiting.push((key, notification));
            self.emit(Effect::PostToTabs(proposal));
            let after_ms = Millis::from(OBJECTION_MS);
            self.emit(Effect::SetTimer { timer: Timer::Objections(key), after_ms });
        } else {
            self.emit_page_effect(PageEffect::Notify(notification));
        }
    }

    /// Shows a notification if no other tab has objected in time.
    pub(super) fn decide_notification(&mut self, key: NotificationKey) {
        let has_key = |(waiting, _): &(NotificationKey, Notification)| *waiting == key;
        let Some(index) = self.notifications.waiting.iter().position(has_key) else { return };
        let (_, notification) = self.notifications.waiting.remove(index);
        if self.notifications.election.decide(key) && !self.room.unread().is_attended() {
            self.emit_page_effect(PageEffect::Notify(notification));
        }
    }

    /// Handles a message of another tab: a proposed notification, or an objection to a
    /// notification.
    pub(super) fn on_tab_message(&mut self, message: &str) {
        let is_attended = self.room.unread().is_attended();
        if let Some(answer) = self.notifications.election.on_message(message, is_attended) {
            self.emit(Effect::PostToTabs(answer));
        }
    }
}

/// Returns the key of a notification about a message: the message id or, without an id, the time.
fn key_of(message: &Message) -> NotificationKey {
    let id = message.id.and_then(|id| NotificationKey::try_from(id).ok());
    id.unwrap_or(message.at)
}
