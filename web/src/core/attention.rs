//! Read marks, and notifications while the page is not attended.

use xmeet_shared::MessageId;

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
    pub(super) has_channel: bool,
    pub(super) notify: bool,
    pub(super) sound: bool,
}

impl ClientCore {
    /// Opens the list at the first unread message, after the first greeting.
    pub(super) fn open_at_first_unread(&mut self, now: Now) {
        let is_opening = self.room.unread().is_opening();
        match self.room.unread().marker().filter(|_| is_opening) {
            Some(FirstUnread::Id(line)) => self.go_to(line, now),
            Some(FirstUnread::Arrival(_)) | None => self.end_jump(),
        }
    }

    /// Ends the jump of the list because its goal does not exist.
    pub(super) fn end_jump(&mut self) {
        self.goal = None;
        self.emit_page_effect(PageEffect::StopAiming);
        if self.room.unread().is_opening() {
            self.room.unread_mut().end_opening();
        }
    }

    /// Persists the read mark if it changed, at most twice a second.
    pub(super) fn save_read_mark(&mut self) {
        let Some(id) = self.room.unread().read_up_to() else { return };
        let epoch = self.room.epoch();
        let is_saved = |mark: &ReadMark| mark.id == id && mark.epoch.as_deref() == epoch;
        if self.is_read_mark_write_delayed || self.saved_mark.as_ref().is_some_and(is_saved) {
            return;
        }
        let mark = ReadMark { id, epoch: epoch.map(str::to_owned) };
        self.saved_mark = Some(mark.clone());
        self.is_read_mark_write_delayed = true;
        self.emit(Effect::Persist(StorageWrite::ReadMark(mark)));
        self.emit(Effect::SetTimer { timer: Timer::ReadMark, after_ms: READ_MARK_MS });
    }

    /// Notifies the person unless the page is attended. If there are other tabs, only one of them
    /// notifies.
    pub(super) fn notify(&mut self, message: &Message, is_mention: bool, now: Now) {
        let (is_shown, has_sound) = (self.notifications.notify, self.notifications.sound);
        if !(is_shown || has_sound)
            || self.room.unread().is_attended()
            || !self.notifications.throttle.allows(now.elapsed_ms, is_mention)
        {
            return;
        }
        let title = format!("{} · {}", message.name, self.room_id);
        let body = excerpt(&message.text);
        let notification = Notification { title, body, is_shown, has_sound };
        let key = message.id.and_then(key_of).unwrap_or(message.at);
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

    pub(super) fn on_tab_message(&mut self, message: &str) {
        let is_attended = self.room.unread().is_attended();
        if let Some(answer) = self.notifications.election.on_message(message, is_attended) {
            self.emit(Effect::PostToTabs(answer));
        }
    }
}

fn key_of(id: MessageId) -> Option<NotificationKey> {
    NotificationKey::try_from(id).ok()
}
