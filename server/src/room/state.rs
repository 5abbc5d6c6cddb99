//! The room's state and what each input does to it.

use std::collections::HashMap;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{
    Cursor, ErrorCode, Member, MessageId, Nickname, Pid, ServerMessage, UnixMillis,
};

use super::age;
use super::interface::{Audience, Effect, Event, Input, MemberKey, Snapshot, Stored};
use super::message::{Kept, Message};
use super::pending::{Entry, Pending, Placed};
use super::roster::Roster;
use super::tail::{TAIL_TEXT_BYTES_MAX, Tail};

/// Entries that may wait for the store before the room takes no more.
const PENDING_ENTRIES_MAX: usize = 1024;

/// Text that may wait for the store before the room takes no more, in bytes.
const PENDING_TEXT_BYTES_MAX: usize = 1024 * 1024;

/// A room.
#[derive(Debug)]
pub struct Room {
    roster: Roster,
    /// How many there will be once everything pending is applied.
    member_count: usize,
    /// Who came last, one right behind the other, and is not greeted yet.
    newcomers: Vec<(MemberKey, Pid)>,
    /// When the last of them came.
    newcomers_ts: UnixMillis,
    /// Members that will be others, or will not be, once everything pending is applied: a message
    /// that waits is kept under the name its author had when it took its place. Empty when nothing
    /// is pending.
    ahead: HashMap<MemberKey, Option<Member>>,
    pending: Pending,
    kept: RangeInclusive<MessageId>,
    kept_max: u64,
    /// How old a message may be, in milliseconds.
    age_ms_max: Option<UnixMillis>,
    /// The newest page.
    tail: Tail,
    /// The latest time of what stands before it and is not from the future.
    before_tail_ts: Option<UnixMillis>,
    /// The latest time given out: while the room is in memory, a clock that jumps back does not
    /// turn its times around. Not taken from the store, where one wrong clock would stay for good.
    latest_ts: UnixMillis,
}

impl Room {
    /// Opens a room on what the store holds of it; `kept_max` messages stay in its history. With
    /// 0 the history is off: nothing is stored, and messages have no ids.
    #[must_use]
    pub fn new(stored: Stored, kept_max: u64) -> Self {
        Self::holding(stored, kept_max, TAIL_TEXT_BYTES_MAX)
    }

    /// The same with a bound of its own on the texts that are in memory, in bytes.
    pub(super) fn holding(stored: Stored, kept_max: u64, text_bytes_max: usize) -> Self {
        let mut room = Self {
            roster: Roster::default(),
            member_count: 0,
            newcomers: Vec::new(),
            newcomers_ts: UnixMillis::MIN,
            ahead: HashMap::new(),
            pending: Pending::new(kept_max > 0),
            kept: stored.oldest.max(1)..=stored.newest,
            kept_max,
            age_ms_max: None,
            tail: Tail::new(stored.tail, text_bytes_max),
            before_tail_ts: stored.timely_before,
            latest_ts: UnixMillis::MIN,
        };
        room.trim();
        room
    }

    /// The same room, which shows no message that is older than this, in milliseconds.
    #[must_use]
    pub fn forgetting_after(mut self, age_ms_max: Option<UnixMillis>) -> Self {
        self.age_ms_max = age_ms_max;
        self
    }

    /// How many members there are, those included that are waited for.
    #[must_use]
    pub fn members(&self) -> usize {
        self.roster.len()
    }

    /// Whether nobody is here and nothing is under way, so that the room can leave memory.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.roster.is_empty() && self.pending.is_empty()
    }

    /// How many members there are once everything under way is done.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.member_count
    }

    /// Whether so much waits for the store that further inputs must wait outside.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_ENTRIES_MAX
            || self.pending.text_bytes() >= PENDING_TEXT_BYTES_MAX
    }

    /// Takes one input; what is to be done is appended to `effects`. After as many inputs as came
    /// together, [`Self::settle`] is due.
    pub fn handle(&mut self, input: Input, now: UnixMillis, effects: &mut Vec<Effect>) {
        self.latest_ts = self.latest_ts.max(now);
        match input {
            Input::Appended { first } => self.appended(first, effects),
            Input::AppendFailed => self.append_failed(effects),
            other => {
                if let Some(entry) = self.take_place(other) {
                    self.pending.push(entry, self.latest_ts);
                }
            }
        }
        while let Some(placed) = self.pending.pop_ready() {
            self.apply(placed, effects);
        }
        if self.pending.is_empty() {
            debug_assert_eq!(self.member_count, self.roster.len(), "everything is done");
            if !self.ahead.is_empty() {
                self.ahead = HashMap::new();
            }
        }
    }

    /// Ends a row of inputs: whoever came with them is greeted, all at once, and what was said goes
    /// to the store, all in one batch.
    pub fn settle(&mut self, effects: &mut Vec<Effect>) {
        self.greet(effects);
        if let Some(batch) = self.pending.next_batch() {
            effects.push(Effect::Append(batch));
        }
    }

    /// Gives an input its place in the order. `None` for one whose author is not here.
    fn take_place(&mut self, input: Input) -> Option<Entry> {
        Some(match input {
            Input::Join { member, pid, nickname } => {
                let joins = Member { pid: pid.clone(), nickname: nickname.clone() };
                self.ahead.insert(member, Some(joins));
                self.member_count += 1;
                Entry::Join { member, pid, nickname }
            }
            Input::Leave { member } => {
                self.member_ahead(member)?;
                self.ahead.insert(member, None);
                self.member_count -= 1;
                Entry::Leave { member }
            }
            Input::Lose { member } => Entry::Lose { member },
            Input::Return { member, nickname } => {
                self.rename_ahead(member, &nickname)?;
                Entry::Return { member, nickname }
            }
            Input::Say { member, text } => {
                let Member { pid: from, nickname } = self.member_ahead(member)?.clone();
                let message = Message { from, nickname, text, ts: self.latest_ts };
                Entry::Say { member, message: Arc::new(message) }
            }
            Input::ChangeName { member, nickname } => {
                self.rename_ahead(member, &nickname)?;
                Entry::ChangeName { member, nickname }
            }
            Input::History { member, cursor } => Entry::History { member, cursor },
            Input::Refuse { member, code, words, retry_after_ms, is_awaited } => {
                Entry::Refuse { member, code, words, retry_after_ms, is_awaited }
            }
            Input::Mark { member } => Entry::Mark { member },
            Input::Finish { member } => Entry::Finish { member },
            Input::Appended { .. } | Input::AppendFailed => return None,
        })
    }

    /// A member as it will be once everything pending is applied.
    fn member_ahead(&self, member: MemberKey) -> Option<&Member> {
        match self.ahead.get(&member) {
            Some(ahead) => ahead.as_ref(),
            None => self.roster.get(member),
        }
    }

    fn rename_ahead(&mut self, member: MemberKey, nickname: &Nickname) -> Option<()> {
        let pid = self.member_ahead(member)?.pid.clone();
        self.ahead.insert(member, Some(Member { pid, nickname: nickname.clone() }));
        Some(())
    }

    fn appended(&mut self, first: MessageId, effects: &mut Vec<Effect>) {
        let mut id = first;
        while let Some(placed) = self.pending.pop_answered() {
            if let Entry::Say { message, .. } = placed.entry {
                self.keep(Kept { id, message }, effects);
                id += 1;
            } else {
                self.apply(placed, effects);
            }
        }
    }

    fn append_failed(&mut self, effects: &mut Vec<Effect>) {
        while let Some(placed) = self.pending.pop_answered() {
            if let Entry::Say { member, .. } = placed.entry {
                let words = "the message could not be stored, so nobody received it".to_owned();
                let (code, retry_after_ms, is_awaited) = (ErrorCode::Storage, None, false);
                let entry = Entry::Refuse { member, code, words, retry_after_ms, is_awaited };
                self.apply(Placed { entry, ..placed }, effects);
            } else {
                self.apply(placed, effects);
            }
        }
    }

    fn keep(&mut self, kept: Kept, effects: &mut Vec<Effect>) {
        self.said(&kept.message, Some(kept.id), effects);
        self.kept = *self.kept.start()..=kept.id;
        self.tail.push(kept);
        self.trim();
    }

    fn said(&mut self, said: &Message, id: Option<MessageId>, effects: &mut Vec<Effect>) {
        self.greet(effects);
        let message = ServerMessage::Normal { text: said.text.clone(), id };
        effects.push(tell(Audience::All, &said.from, message, said.ts));
    }

    /// Forgets what is no longer kept, and of the tail what is not on page 0.
    fn trim(&mut self) {
        let newest = *self.kept.end();
        let oldest = (newest + 1).saturating_sub(self.kept_max).max(*self.kept.start());
        self.kept = oldest..=newest;
        let page = Cursor(0).ids(&self.kept);
        let is_on_page = |id| page.as_ref().is_some_and(|page| page.contains(&id));
        while self.tail.first_id().is_some_and(|id| !is_on_page(id)) {
            let ts = self.tail.pop();
            self.before_tail_ts = self.before_tail_ts.max(ts.filter(|ts| *ts <= self.latest_ts));
        }
    }

    /// Forgets what has become too old, as far as it is in memory: something timely before the tail
    /// keeps all that stands behind it.
    fn forget_old(&mut self) {
        let (Some(age_ms_max), Some(first)) = (self.age_ms_max, self.tail.first_id()) else {
            return;
        };
        let timely = self.latest_ts.saturating_sub(age_ms_max)..=self.latest_ts;
        let is_cut = *self.kept.start() < first;
        if is_cut && self.before_tail_ts.is_some_and(|ts| timely.contains(&ts)) {
            return;
        }
        let gone = age::gone(self.tail.times(), &timely);
        if gone > 0 {
            self.kept = first + gone as u64..=*self.kept.end();
            for _ in 0..gone {
                self.tail.pop();
            }
        }
    }

    fn apply(&mut self, Placed { entry, ts }: Placed, effects: &mut Vec<Effect>) {
        // Only who comes one right behind the other is greeted together: nobody misses what
        // happens behind its own coming.
        if !matches!(entry, Entry::Join { .. } | Entry::Return { .. }) {
            self.greet(effects);
        }
        match entry {
            Entry::Join { member, pid, nickname } => {
                let joined = ServerMessage::Join(nickname.clone());
                effects.push(tell(Audience::All, &pid, joined, ts));
                self.roster.add(member, Member { pid: pid.clone(), nickname });
                self.welcome(member, pid, ts);
            }
            Entry::Lose { member } => effects.push(Effect::Part { member }),
            Entry::Return { member, nickname } => self.come_back(member, nickname, ts, effects),
            Entry::Leave { member } => {
                if let Some(pid) = self.roster.remove(member) {
                    effects.push(Effect::Part { member });
                    effects.push(tell(Audience::All, &pid, ServerMessage::Leave, ts));
                }
            }
            Entry::ChangeName { member, nickname } => {
                if let Some(pid) = self.roster.rename(member, nickname.clone()) {
                    let renamed = ServerMessage::ChangeName(nickname);
                    effects.push(tell(Audience::All, &pid, renamed, ts));
                }
            }
            Entry::History { member, cursor } => self.page(member, cursor, effects),
            Entry::Refuse { member, code, words, retry_after_ms, is_awaited } => {
                if let Some(pid) = self.roster.pid(member) {
                    let error = ServerMessage::Error { words, code: Some(code), retry_after_ms };
                    let to = if is_awaited { Audience::Waiting } else { Audience::One };
                    effects.push(tell(to(member), pid, error, ts));
                }
            }
            Entry::Mark { member } => effects.push(Effect::Reached { member }),
            Entry::Finish { member } => effects.push(Effect::Finish { member }),
            // The store has answered, or there is none.
            Entry::Say { message, .. } => self.said(&message, None, effects),
        }
    }

    fn come_back(
        &mut self,
        member: MemberKey,
        nickname: Nickname,
        ts: UnixMillis,
        effects: &mut Vec<Effect>,
    ) {
        let Some(present) = self.roster.get(member).cloned() else { return };
        if present.nickname != nickname {
            self.roster.rename(member, nickname.clone());
            let renamed = ServerMessage::ChangeName(nickname);
            effects.push(tell(Audience::All, &present.pid, renamed, ts));
        }
        self.welcome(member, present.pid, ts);
    }

    fn welcome(&mut self, member: MemberKey, pid: Pid, ts: UnixMillis) {
        self.newcomers.push((member, pid));
        self.newcomers_ts = ts;
    }

    fn greet(&mut self, effects: &mut Vec<Effect>) {
        if self.newcomers.is_empty() {
            return;
        }
        self.forget_old();
        let snapshot = Snapshot {
            roster: self.roster.clone(),
            absent: self.tail.absent(),
            tail: self.tail.messages(),
            ts: self.newcomers_ts,
        };
        effects.push(Effect::Greet { members: mem::take(&mut self.newcomers), snapshot });
    }

    fn page(&mut self, member: MemberKey, cursor: Cursor, effects: &mut Vec<Effect>) {
        let Some(pid) = self.roster.pid(member).cloned() else { return };
        self.forget_old();
        effects.push(match cursor.ids(&self.kept) {
            None => Effect::Page { member, pid, messages: Vec::new() },
            Some(_) if cursor == Cursor(0) && self.tail.absent().is_none() => {
                Effect::Page { member, pid, messages: self.tail.messages() }
            }
            Some(ids) => Effect::ReadPage { member, pid, ids },
        });
    }
}

fn tell(to: Audience, from: &Pid, message: ServerMessage, ts: UnixMillis) -> Effect {
    Effect::Tell { to, event: Event { from: from.clone(), message, ts } }
}
