//! The messages of a room by id, and the lines between them. The server numbers messages 1, 2, 3 …
//! without a gap, so the log knows exactly which messages are missing.
//!
//! The log holds a bounded number of messages. It drops those farthest from the reader; history
//! pages bring them back. Messages can be missing before the oldest held one, between held ones (a
//! gap), and after the newest held one (the tail).
//!
//! Lines, and messages that the server does not store, have no id. Each follows the message that
//! was the newest one when it arrived.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::outbox::LocalId;

/// The most lines that are held. No history has lines, so a reload loses them.
const LINES_MAX: usize = 400;

/// The most messages without an id that are held. A reload loses these messages too.
const UNSTORED_MESSAGES_MAX: usize = 400;

/// A message, stored by the server or pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id; `None` while the message is pending, and always if the server does not store it.
    pub id: Option<MessageId>,
    /// The author.
    pub from: Pid,
    /// The author's nickname at that time.
    pub name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
    /// The time.
    pub at: UnixMillis,
    /// The id in the outbox, if this page sent the message.
    pub local: Option<LocalId>,
}

/// A join, leave, rename or missed-messages line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The arrival number: a count of the lines and messages without an id.
    pub number: u64,
    /// The arrival number of the first line of the group. Dropping the first line does not change
    /// the number.
    pub group: u64,
    /// The member.
    pub pid: Pid,
    /// The member's nickname before the event.
    pub name: Arc<str>,
    /// The kind.
    pub kind: LineKind,
    /// The time.
    pub at: UnixMillis,
}

/// The kind of a [`Line`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// The member joined.
    Join,
    /// The member left.
    Leave,
    /// The member has this new nickname.
    Rename(Arc<str>),
    /// The connection was lost and the server keeps no history, so messages may be missing here.
    Missed,
}

/// An entry of the log without a message id: a line, or a message that the server does not store.
#[derive(Debug)]
struct EntryWithoutId {
    /// The message that was the newest one when this entry arrived. The entry follows it.
    after: MessageId,
    /// The arrival number.
    number: u64,
    content: ContentWithoutId,
}

#[derive(Debug)]
enum ContentWithoutId {
    Line(Arc<Line>),
    Message(Arc<Message>),
}

impl EntryWithoutId {
    fn is_line(&self) -> bool {
        matches!(self.content, ContentWithoutId::Line(_))
    }

    fn line(&self) -> Option<&Line> {
        match &self.content {
            ContentWithoutId::Line(line) => Some(line),
            ContentWithoutId::Message(_) => None,
        }
    }

    fn to_item(&self) -> Item {
        match &self.content {
            ContentWithoutId::Line(line) => Item::Line(line.clone()),
            ContentWithoutId::Message(message) => Item::Unstored(self.number, message.clone()),
        }
    }
}

/// The messages and lines of a room in their order.
#[derive(Debug, Default)]
pub struct Log {
    /// The messages by id, oldest first.
    messages: VecDeque<(MessageId, Arc<Message>)>,
    /// The entries without an id, in the order of arrival.
    without_id: VecDeque<EntryWithoutId>,
    /// The number of entries without an id so far, including dropped ones.
    arrival_count: u64,
    /// The number of lines among `without_id`.
    line_count: usize,
    /// How often the ids began anew. See [`Log::generation`].
    generation: u32,
    /// The newest known message of the room, held or not.
    head: MessageId,
    /// The oldest message that the server may still have.
    oldest_kept: MessageId,
}

/// An item of a [`Log`], in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message with an id.
    Message(Arc<Message>),
    /// A message without an id, with its arrival number.
    Unstored(u64, Arc<Message>),
    /// A line.
    Line(Arc<Line>),
    /// The ids of messages that are not held.
    Gap(RangeInclusive<MessageId>),
}

impl Log {
    /// Adds a live message that has an id. Returns whether the log changed.
    ///
    /// If messages after the newest held one are missing (the tail), the message only makes the
    /// tail longer. But an own message is always held, so that its author sees it.
    pub fn insert_live(&mut self, message: Message) -> bool {
        let Some(id) = message.id else { return false };
        let follows_held = self.tail().is_none_or(|tail| *tail.start() == id);
        if follows_held || message.local.is_some() {
            return self.insert(message);
        }
        // The message belongs to the tail.
        let is_new = id > self.head;
        self.head = self.head.max(id);
        is_new
    }

    /// Adds a message that has an id. Returns false if the message was already held.
    pub fn insert(&mut self, message: Message) -> bool {
        let Some(id) = message.id else { return false };
        self.head = self.head.max(id);
        match self.index_of(id) {
            Ok(_) => false,
            Err(index) => {
                self.messages.insert(index, (id, Arc::new(message)));
                true
            }
        }
    }

    /// If more than `max` messages are held, drops messages until nine tenths of `max` are left.
    /// Dropping many at once makes drops rare.
    ///
    /// The messages farthest from message `reader` are dropped first, so messages in view stay. If
    /// `reader` is `None`, the reader is at the newest message.
    pub fn trim(&mut self, reader: Option<MessageId>, max: usize) {
        if self.messages.len() <= max {
            return;
        }
        let mut count_before_reader = match reader {
            Some(id) => self.index_of(id).unwrap_or_else(|index| index),
            None => self.messages.len(),
        };
        while self.messages.len() > max - max / 10 {
            let count_from_reader = self.messages.len() - count_before_reader;
            if count_before_reader > count_from_reader {
                self.messages.pop_front();
                count_before_reader -= 1;
            } else {
                self.messages.pop_back();
            }
        }
    }

    /// Adds a line after the newest message, and returns the line. Consecutive joins and leaves
    /// form a group.
    pub fn push_line(
        &mut self,
        pid: Pid,
        name: Arc<str>,
        kind: LineKind,
        at: UnixMillis,
    ) -> Arc<Line> {
        let number = self.arrival_count + 1;
        let mut line = Line { number, group: number, pid, name, kind, at };
        let last_entry = self.without_id.back().filter(|entry| entry.after == self.head);
        if let Some(previous) = last_entry.and_then(EntryWithoutId::line)
            && previous.is_join_or_leave()
            && line.is_join_or_leave()
        {
            line.group = previous.group;
        }
        let line = Arc::new(line);
        self.push_without_id(ContentWithoutId::Line(line.clone()));
        line
    }

    /// Adds a [`LineKind::Missed`] line, unless the last entry is such a line.
    pub fn push_missed_line(&mut self, me: Pid, at: UnixMillis) {
        let last = self.without_id.back().and_then(EntryWithoutId::line);
        if last.is_none_or(|line| line.kind != LineKind::Missed) {
            self.push_line(me, "".into(), LineKind::Missed, at);
        }
    }

    /// Adds a message without an id after the newest message. Returns the id of that newest
    /// message, and the arrival number of the added one.
    pub fn push_unstored(&mut self, message: Message) -> (MessageId, u64) {
        self.push_without_id(ContentWithoutId::Message(Arc::new(message)));
        (self.head, self.arrival_count)
    }

    /// Adds an entry without an id. Drops the oldest line if too many lines are held, or the oldest
    /// message without an id if too many of these are held.
    fn push_without_id(&mut self, content: ContentWithoutId) {
        self.arrival_count += 1;
        let entry = EntryWithoutId { after: self.head, number: self.arrival_count, content };
        let is_line = entry.is_line();
        self.line_count += usize::from(is_line);
        self.without_id.push_back(entry);

        let has_too_many = if is_line {
            self.line_count > LINES_MAX
        } else {
            self.without_id.len() - self.line_count > UNSTORED_MESSAGES_MAX
        };
        let is_same_kind = |entry: &EntryWithoutId| entry.is_line() == is_line;
        if has_too_many && let Some(oldest) = self.without_id.iter().position(is_same_kind) {
            self.without_id.remove(oldest);
            self.line_count -= usize::from(is_line);
        }
    }

    /// Returns the index of message `id`, or as the error the index at which to insert the message.
    fn index_of(&self, id: MessageId) -> Result<usize, usize> {
        self.messages.binary_search_by_key(&id, |(held, _)| *held)
    }

    /// Removes everything and starts a new generation. The caller has found that the server numbers
    /// its messages anew.
    pub fn clear(&mut self) {
        self.generation += 1;
        self.messages.clear();
        self.without_id.clear();
        self.line_count = 0;
        self.oldest_kept = 0;
        self.head = 0;
    }

    /// Returns the generation of the ids. Messages of different generations can have equal ids.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns the message with this id if it is held.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Arc<Message>> {
        let index = self.index_of(id).ok()?;
        self.messages.get(index).map(|(_, message)| message)
    }

    /// Records that this page sent message `id`, as the outbox entry `local`.
    pub fn set_local_id(&mut self, id: MessageId, local: LocalId) {
        let Ok(index) = self.index_of(id) else { return };
        if let Some((_, message)) = self.messages.get_mut(index) {
            Arc::make_mut(message).local = Some(local);
        }
    }

    /// Returns the id of the newest known message, held or not; 0 for a room without messages.
    #[must_use]
    pub fn head(&self) -> MessageId {
        self.head
    }

    /// Returns the ids after the newest held message. Returns `None` if no newer message is known.
    #[must_use]
    pub fn tail(&self) -> Option<RangeInclusive<MessageId>> {
        let newest = self.newest()?;
        (newest < self.head).then(|| newest + 1..=self.head)
    }

    /// Returns the last id of the gap that starts at `id`.
    fn end_of_gap(&self, id: MessageId) -> MessageId {
        let next_held = self.messages.partition_point(|(held, _)| *held <= id);
        self.messages.get(next_held).map_or(self.head, |(held, _)| held - 1)
    }

    /// Returns the oldest message that the server may have in the gap that starts at `id`. Returns
    /// `id` if the server has no message of the gap.
    #[must_use]
    pub fn first_kept(&self, id: MessageId) -> MessageId {
        let is_gap_dropped = self.oldest_kept > self.end_of_gap(id);
        if self.is_kept(id) || is_gap_dropped { id } else { self.oldest_kept }
    }

    /// Returns the middle of the gap that starts at `id`. Returns `id` if the gap fits in a page.
    #[must_use]
    pub fn middle_of_gap(&self, id: MessageId) -> MessageId {
        let following = self.end_of_gap(id).saturating_sub(id);
        if following < HISTORY_PAGE_MESSAGES { id } else { id + following / 2 }
    }

    /// Returns the newest held id.
    #[must_use]
    pub fn newest(&self) -> Option<MessageId> {
        self.messages.back().map(|(id, _)| *id)
    }

    /// Returns the oldest held id.
    #[must_use]
    pub fn oldest(&self) -> Option<MessageId> {
        self.messages.front().map(|(id, _)| *id)
    }

    /// Returns the held messages with greater ids than `id`, oldest first.
    pub fn messages_after(&self, id: MessageId) -> impl Iterator<Item = &Arc<Message>> {
        let start = self.messages.partition_point(|(held, _)| *held <= id);
        self.messages.range(start..).map(|(_, message)| message)
    }

    /// Records that the server has no messages older than `id`.
    pub fn record_oldest_kept(&mut self, id: MessageId) {
        self.oldest_kept = self.oldest_kept.max(id);
    }

    /// Returns whether the server may still have message `id`.
    #[must_use]
    pub fn is_kept(&self, id: MessageId) -> bool {
        id >= self.oldest_kept.max(1)
    }

    /// Returns whether the list has a position for message `id`. Returns false if older pages must
    /// be loaded first.
    #[must_use]
    pub fn has_position(&self, id: MessageId) -> bool {
        let Some(oldest) = self.oldest() else { return false };
        let can_load_older = self.is_kept(oldest.saturating_sub(1));
        id >= oldest || !can_load_older
    }

    /// Returns all items, oldest first, with an [`Item::Gap`] for the ids that are missing between
    /// held messages or after them. An entry without an id is included if the message before or
    /// after it is held.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.messages.len() + self.without_id.len());
        let mut without_id = self.without_id.iter().peekable();
        let mut previous: Option<MessageId> = None;
        for (id, message) in &self.messages {
            // 1. Entries that follow the previous held message.
            while let Some(entry) = without_id.next_if(|entry| Some(entry.after) == previous) {
                items.push(entry.to_item());
            }
            // 2. The gap between the previous held message and this one.
            if let Some(previous) = previous
                && id - previous > 1
            {
                items.push(Item::Gap(previous + 1..=id - 1));
            }
            // 3. Entries directly before this message. Other entries in the gap are left out.
            while let Some(entry) = without_id.next_if(|entry| entry.after < *id) {
                if entry.after + 1 == *id {
                    items.push(entry.to_item());
                }
            }
            // 4. This message.
            items.push(Item::Message(message.clone()));
            previous = Some(*id);
        }
        let newest_held = previous.unwrap_or(self.head);
        let last_entries = without_id.take_while(|entry| entry.after <= newest_held);
        items.extend(last_entries.map(EntryWithoutId::to_item));
        items.extend(self.tail().map(Item::Gap));
        items
    }
}
