//! The room's state, its pending inputs, and its messages. [`apply`] applies inputs in their order.

mod apply;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{Cursor, ErrorCode, Member, MessageId, Pid, ServerMessage, UnixMillis};

use super::age;
use super::interface::{Action, Effect, Event, Input, RoomHistory};
use super::message::{Message, StoredMessage};
use super::pending::{Pending, PendingQueue};
use super::roster::{MemberKey, Roster};
use super::tail::{HELD_TEXT_BYTES_MAX_DEFAULT, Tail};

/// Pending inputs at which the room is full.
const PENDING_INPUTS_MAX: usize = 1024;

/// Memory of a pending input beside its text, in bytes.
const PENDING_INPUT_BYTES: usize = 256;

/// Text of pending inputs at which the room is full, in bytes.
const PENDING_TEXT_BYTES_MAX: usize = 1024 * 1024;

/// How far the room's time may be ahead of the clock, in milliseconds. A clock that is set back by
/// less never makes the room's time fall. A clock that is set back by more is followed at once, so
/// that one message with a wrong time does not give later messages a wrong time.
const TIME_AHEAD_MS_MAX: UnixMillis = 1_000;

/// A room.
#[derive(Debug)]
pub struct Room {
    roster: Roster,
    /// The number of members once all pending inputs are applied.
    member_count: usize,
    /// The members who joined last, one directly after the other, and are not greeted yet.
    newcomers: Vec<(MemberKey, Pid)>,
    /// When the last of the newcomers joined.
    newcomers_ts: UnixMillis,
    /// Each member that pending inputs change, as it is once they are applied; `None` for a member
    /// that leaves. A message carries its author's name at the message's place in the order. Empty
    /// when nothing is pending.
    members_ahead: HashMap<MemberKey, Option<Member>>,
    pending: PendingQueue,
    /// The ids in the history.
    kept: RangeInclusive<MessageId>,
    kept_max: u64,
    /// The retention period, in milliseconds.
    age_ms_max: Option<UnixMillis>,
    /// The newest page.
    tail: Tail,
    /// The latest time of a message before `tail` that is not in the future.
    before_tail_ts: Option<UnixMillis>,
    /// The room's time, at most [`TIME_AHEAD_MS_MAX`] ahead of the clock. It is not restored from
    /// the history, where one message with a wrong time would determine it for good.
    latest_ts: UnixMillis,
}

impl Room {
    /// Opens a room on its history, of which it keeps the newest `kept_max` messages. With 0 the
    /// history is off: nothing is stored, and messages have no ids.
    #[must_use]
    pub fn new(stored: RoomHistory, kept_max: u64) -> Self {
        Self::with_text_bound(stored, kept_max, HELD_TEXT_BYTES_MAX_DEFAULT)
    }

    /// Like [`Self::new`], with `text_bytes_max` bytes of texts in memory.
    #[must_use]
    pub fn with_text_bound(stored: RoomHistory, kept_max: u64, text_bytes_max: usize) -> Self {
        let mut room = Self {
            roster: Roster::default(),
            member_count: 0,
            newcomers: Vec::new(),
            newcomers_ts: UnixMillis::MIN,
            members_ahead: HashMap::new(),
            pending: PendingQueue::default(),
            kept: stored.oldest.max(1)..=stored.newest,
            kept_max,
            age_ms_max: None,
            tail: Tail::new(stored.tail, text_bytes_max),
            before_tail_ts: stored.valid_before,
            latest_ts: UnixMillis::MIN,
        };
        room.trim();
        room
    }

    /// Sets the retention period, in milliseconds: the room shows no older message.
    #[must_use]
    pub fn with_retention(mut self, age_ms_max: Option<UnixMillis>) -> Self {
        self.age_ms_max = age_ms_max;
        self
    }

    /// Returns the number of members, including members in their grace period.
    #[must_use]
    pub fn members(&self) -> usize {
        self.roster.len()
    }

    /// Returns whether the room has no member and no pending input, so that it can leave memory.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.roster.is_empty() && self.pending.is_empty()
    }

    /// Returns the number of members once all pending inputs are applied.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.member_count
    }

    /// Returns the memory of the pending inputs, in bytes.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.text_bytes() + self.pending.len() * PENDING_INPUT_BYTES
    }

    /// Returns whether further inputs must wait until the store has answered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_INPUTS_MAX
            || self.pending.text_bytes() >= PENDING_TEXT_BYTES_MAX
    }

    /// Handles one input and appends its effects. After the last input of a round, call
    /// [`Self::end_round`].
    pub fn handle(&mut self, input: Input, now: UnixMillis, effects: &mut Vec<Effect>) {
        self.latest_ts = next_ts(self.latest_ts, now);
        match input {
            Input::Say { member, text, is_stored } => self.push_message(member, text, is_stored),
            Input::Action { member, action } => self.push_action(member, action),
            Input::Appended { first } => self.appended(first, effects),
            Input::AppendFailed => self.append_failed(effects),
        }
        while let Some(input) = self.pending.pop_ready() {
            self.apply(input, effects);
        }
        if self.pending.is_empty() {
            debug_assert_eq!(self.member_count, self.roster.len(), "all inputs are applied");
            if !self.members_ahead.is_empty() {
                self.members_ahead = HashMap::new();
            }
        }
    }

    /// Ends a round of inputs: greets the round's last newcomers together, and gives the store the
    /// messages that wait for it as one batch.
    pub fn end_round(&mut self, effects: &mut Vec<Effect>) {
        self.greet(effects);
        if let Some(batch) = self.pending.next_batch() {
            effects.push(Effect::Append(batch));
        }
    }

    /// Ignores a text of a member that is not here.
    fn push_message(&mut self, member: MemberKey, text: String, is_stored: bool) {
        let Some(Member { pid: from, nickname }) = self.member_ahead(member).cloned() else {
            return;
        };
        let message = Arc::new(Message { from, nickname, text, ts: self.latest_ts });
        let is_stored = is_stored && self.kept_max > 0;
        self.pending.push(Pending::Message { member, message, is_stored });
    }

    /// Ignores an action of a member that is not here.
    fn push_action(&mut self, member: MemberKey, action: Action) {
        let author = self.member_ahead(member).cloned();
        match (&action, author) {
            (Action::Join { pid, nickname }, _) => {
                let joins = Member { pid: pid.clone(), nickname: nickname.clone() };
                self.members_ahead.insert(member, Some(joins));
                self.member_count += 1;
            }
            (Action::Leave, Some(_)) => {
                self.members_ahead.insert(member, None);
                self.member_count -= 1;
            }
            (Action::Resume { nickname } | Action::ChangeName { nickname }, Some(author)) => {
                let renamed = Member { nickname: nickname.clone(), ..author };
                self.members_ahead.insert(member, Some(renamed));
            }
            (Action::Leave | Action::Resume { .. } | Action::ChangeName { .. }, None) => return,
            (
                Action::ConnectionLost
                | Action::RequestPage { .. }
                | Action::Barrier
                | Action::Finish,
                _,
            ) => {}
        }
        self.pending.push(Pending::Action { member, action, ts: self.latest_ts });
    }

    /// Returns a member as it is once all pending inputs are applied.
    fn member_ahead(&self, member: MemberKey) -> Option<&Member> {
        match self.members_ahead.get(&member) {
            Some(ahead) => ahead.as_ref(),
            None => self.roster.get(member),
        }
    }

    fn appended(&mut self, first: MessageId, effects: &mut Vec<Effect>) {
        let mut id = first;
        while let Some(input) = self.pending.pop_answered() {
            if let Pending::Message { message, is_stored: true, .. } = input {
                self.keep(StoredMessage { id, message }, effects);
                id += 1;
            } else {
                self.apply(input, effects);
            }
        }
    }

    fn append_failed(&mut self, effects: &mut Vec<Effect>) {
        while let Some(input) = self.pending.pop_answered() {
            if let Pending::Message { member, message, is_stored: true } = input {
                self.refuse_unstored(member, message.ts, effects);
            } else {
                self.apply(input, effects);
            }
        }
    }

    fn refuse_unstored(&mut self, member: MemberKey, ts: UnixMillis, effects: &mut Vec<Effect>) {
        self.greet(effects);
        let Some(pid) = self.roster.pid(member) else { return };
        let message = ServerMessage::Error {
            words: "the message could not be stored, so nobody received it".to_owned(),
            code: Some(ErrorCode::Storage),
            retry_after_ms: None,
        };
        effects.push(Effect::Reply { member, event: event(pid, message, ts) });
    }

    fn keep(&mut self, kept: StoredMessage, effects: &mut Vec<Effect>) {
        self.broadcast_message(&kept.message, Some(kept.id), effects);
        self.kept = *self.kept.start()..=kept.id;
        self.tail.push(kept);
        self.trim();
    }

    fn broadcast_message(
        &mut self,
        message: &Message,
        id: Option<MessageId>,
        effects: &mut Vec<Effect>,
    ) {
        self.greet(effects);
        let nickname = Some(message.nickname.clone());
        let normal = ServerMessage::Normal { text: message.text.clone(), id, nickname };
        effects.push(broadcast(&message.from, normal, message.ts));
    }

    /// Drops ids past `kept_max` from the history, and messages that are not on page 0 from the
    /// tail.
    fn trim(&mut self) {
        let newest = *self.kept.end();
        let oldest = (newest + 1).saturating_sub(self.kept_max).max(*self.kept.start());
        self.kept = oldest..=newest;
        let page = Cursor(0).ids(&self.kept);
        let is_on_page = |id| page.as_ref().is_some_and(|page| page.contains(&id));
        while self.tail.first_id().is_some_and(|id| !is_on_page(id)) {
            let ts = self.tail.pop();
            let times = self.before_tail_ts.into_iter().chain(ts);
            self.before_tail_ts = times.filter(|ts| *ts <= self.latest_ts).max();
        }
    }

    /// Drops expired messages from the tail. A message before the tail that is not expired keeps
    /// every message behind it.
    fn expire(&mut self) {
        let (Some(age_ms_max), Some(first)) = (self.age_ms_max, self.tail.first_id()) else {
            return;
        };
        let timely = self.latest_ts.saturating_sub(age_ms_max)..=self.latest_ts;
        let has_older = *self.kept.start() < first;
        if has_older && self.before_tail_ts.is_some_and(|ts| timely.contains(&ts)) {
            return;
        }
        let expired = age::expired_count(self.tail.times(), &timely);
        if expired > 0 {
            self.kept = first + expired as u64..=*self.kept.end();
            for _ in 0..expired {
                self.tail.pop();
            }
        }
    }
}

/// Returns the room's time behind `latest` when the clock shows `now`.
fn next_ts(latest: UnixMillis, now: UnixMillis) -> UnixMillis {
    if latest.saturating_sub(now) > TIME_AHEAD_MS_MAX { now } else { latest.max(now) }
}

fn event(from: &Pid, message: ServerMessage, ts: UnixMillis) -> Event {
    Event { from: from.clone(), message, ts }
}

fn broadcast(from: &Pid, message: ServerMessage, ts: UnixMillis) -> Effect {
    Effect::Broadcast(event(from, message, ts))
}
