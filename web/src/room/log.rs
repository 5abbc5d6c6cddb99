//! The messages of a room by id, and the lines between them. The ids of a room are 1, 2, 3 … without
//! a gap, so the log knows exactly which messages are missing.
//!
//! The log holds a bounded number of messages. It drops those farthest from the reader, and history
//! pages bring them back. Messages can be missing before the oldest held one, between held ones (a
//! gap), and after the newest held one (the tail).
//!
//! Messages that the server does not store have no id. Their position is that of their arrival, as
//! it is for lines.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::outbox::LocalId;

/// The most lines that are held. Lines are live only, so a reload loses them.
const LINES_MAX: usize = 400;

/// The most messages without an id that are held. A reload loses them too.
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
    /// The outbox id, for an own message that this page sent.
    pub local: Option<LocalId>,
}

/// A join, leave, rename or missed-messages line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of its arrival.
    pub number: u64,
    /// The number of the first line of its group. It stays the same when that line is dropped.
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

/// A line or message without an id. It follows the message that was newest when it arrived.
#[derive(Debug)]
struct Unnumbered {
    after: MessageId,
    number: u64,
    content: UnnumberedContent,
}

#[derive(Debug)]
enum UnnumberedContent {
    Line(Arc<Line>),
    Message(Arc<Message>),
}

impl Unnumbered {
    fn is_line(&self) -> bool {
        matches!(self.content, UnnumberedContent::Line(_))
    }

    fn line(&self) -> Option<&Line> {
        match &self.content {
            UnnumberedContent::Line(line) => Some(line),
            UnnumberedContent::Message(_) => None,
        }
    }

    fn item(&self) -> Item {
        match &self.content {
            UnnumberedContent::Line(line) => Item::Line(line.clone()),
            UnnumberedContent::Message(message) => Item::Unstored(self.number, message.clone()),
        }
    }
}

/// The messages and lines of a room in their order.
#[derive(Debug, Default)]
pub struct Log {
    /// The messages by id, oldest first.
    messages: VecDeque<(MessageId, Arc<Message>)>,
    /// The entries without an id, in the order of arrival.
    unnumbered: VecDeque<Unnumbered>,
    /// The number of entries without an id that have ever arrived.
    arrivals: u64,
    /// The number of lines among `unnumbered`.
    line_count: usize,
    /// The number of epochs so far. See [`Log::generation`].
    generation: u32,
    /// The newest message of the room, held or not.
    head: MessageId,
    /// The oldest message that the server may still have.
    oldest_kept: MessageId,
}

/// An item of a [`Log`], in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message with an id.
    Message(Arc<Message>),
    /// A message without an id, with the number of its arrival.
    Unstored(u64, Arc<Message>),
    /// A line.
    Line(Arc<Line>),
    /// The ids of messages that are not held.
    Gap(RangeInclusive<MessageId>),
}

impl Log {
    /// Adds a new message. A message after a tail only extends the tail, unless it is an own one,
    /// which its author must see. Returns whether the log changed.
    pub fn insert_live(&mut self, message: Message) -> bool {
        let Some(id) = message.id else { return false };
        let follows = self.tail().is_none_or(|tail| *tail.start() == id);
        if follows || message.local.is_some() {
            return self.insert(message);
        }
        let is_new = id > self.head;
        self.head = self.head.max(id);
        is_new
    }

    /// Adds a message that has an id. Returns whether it was not held before.
    pub fn insert(&mut self, message: Message) -> bool {
        let Some(id) = message.id else { return false };
        self.head = self.head.max(id);
        let index = self.index_of(id);
        if index.is_err() {
            self.messages.insert(index.unwrap_or_else(|free| free), (id, Arc::new(message)));
        }
        index.is_err()
    }

    /// Drops the messages farthest from message `reader`, or from the newest if `None`, once more
    /// than `max` are held. It drops a tenth at a time, so that not every message causes a drop. About
    /// half of the rest is on each side of the reader, so messages in view stay.
    pub fn trim(&mut self, reader: Option<MessageId>, max: usize) {
        if self.messages.len() <= max {
            return;
        }
        let mut before =
            reader.map_or(self.messages.len(), |id| self.index_of(id).unwrap_or_else(|free| free));
        while self.messages.len() > max - max / 10 {
            if before > self.messages.len() - before {
                self.messages.pop_front();
                before -= 1;
            } else {
                self.messages.pop_back();
            }
        }
    }

    /// Adds a line after the newest message, and returns it.
    pub fn push_line(
        &mut self,
        pid: Pid,
        name: Arc<str>,
        kind: LineKind,
        at: UnixMillis,
    ) -> Arc<Line> {
        let number = self.arrivals + 1;
        let before = self.unnumbered.back().filter(|entry| entry.after == self.head);
        let before = before.and_then(Unnumbered::line);
        let mut line = Line { number, group: number, pid, name, kind, at };
        if let Some(before) =
            before.filter(|before| before.is_join_or_leave() && line.is_join_or_leave())
        {
            line.group = before.group;
        }
        let line = Arc::new(line);
        self.push(UnnumberedContent::Line(line.clone()));
        line
    }

    /// Adds a [`LineKind::Missed`] line, unless the last entry is one.
    pub fn push_missed(&mut self, me: Pid, at: UnixMillis) {
        let last = self.unnumbered.back().and_then(Unnumbered::line);
        if last.is_none_or(|line| line.kind != LineKind::Missed) {
            self.push_line(me, "".into(), LineKind::Missed, at);
        }
    }

    /// Adds a message without an id after the newest message. Returns the id that precedes it, and
    /// the number of its arrival.
    pub fn push_unstored(&mut self, message: Message) -> (MessageId, u64) {
        self.push(UnnumberedContent::Message(Arc::new(message)));
        (self.head, self.arrivals)
    }

    /// Adds an entry without an id, and drops the oldest one of its kind if there are too many.
    fn push(&mut self, content: UnnumberedContent) {
        self.arrivals += 1;
        let entry = Unnumbered { after: self.head, number: self.arrivals, content };
        let is_line = entry.is_line();
        self.line_count += usize::from(is_line);
        self.unnumbered.push_back(entry);
        let (count, max) = if is_line {
            (self.line_count, LINES_MAX)
        } else {
            (self.unnumbered.len() - self.line_count, UNSTORED_MESSAGES_MAX)
        };
        if count > max
            && let Some(oldest) =
                self.unnumbered.iter().position(|entry| entry.is_line() == is_line)
        {
            self.unnumbered.remove(oldest);
            self.line_count -= usize::from(is_line);
        }
    }

    /// Returns whether a message without an id is held.
    #[must_use]
    pub fn has_unstored(&self) -> bool {
        self.unnumbered.len() > self.line_count
    }

    fn index_of(&self, id: MessageId) -> Result<usize, usize> {
        self.messages.binary_search_by_key(&id, |(held, _)| *held)
    }

    /// Removes everything and starts a new generation, because the room's ids start again.
    pub fn clear(&mut self) {
        self.generation += 1;
        self.messages.clear();
        self.unnumbered.clear();
        self.line_count = 0;
        self.oldest_kept = 0;
        self.head = 0;
    }

    /// Returns the generation of the ids. An id identifies a message within one generation only.
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

    /// Records that message `id` was sent as outbox entry `local`.
    pub fn claim(&mut self, id: MessageId, local: LocalId) {
        let index = self.index_of(id);
        if let Some((_, message)) = index.ok().and_then(|index| self.messages.get_mut(index)) {
            Arc::make_mut(message).local = Some(local);
        }
    }

    /// Returns the newest known message of the room, held or not; 0 for a room without messages.
    #[must_use]
    pub fn head(&self) -> MessageId {
        self.head
    }

    /// Returns the messages after the newest held one.
    #[must_use]
    pub fn tail(&self) -> Option<RangeInclusive<MessageId>> {
        let newest = self.newest()?;
        (newest < self.head).then(|| newest + 1..=self.head)
    }

    /// Returns the oldest message that the server may have in the gap that starts at `id`. Returns
    /// `id` if the server has none of the gap.
    #[must_use]
    pub fn first_kept(&self, id: MessageId) -> MessageId {
        let next = self.messages.partition_point(|(held, _)| *held <= id);
        let last = self.messages.get(next).map_or(self.head, |(held, _)| held - 1);
        if self.is_kept(id) || self.oldest_kept > last { id } else { self.oldest_kept }
    }

    /// Returns the middle of the gap that starts at `id`. Returns `id` if the gap fits in a page.
    #[must_use]
    pub fn middle_of_gap(&self, id: MessageId) -> MessageId {
        let next = self.messages.partition_point(|(held, _)| *held <= id);
        let last = self.messages.get(next).map_or(self.head, |(held, _)| held - 1);
        let missing = last.saturating_sub(id);
        if missing < HISTORY_PAGE_MESSAGES { id } else { id + missing / 2 }
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

    /// Returns the held messages after `id`, oldest first.
    pub fn after(&self, id: MessageId) -> impl Iterator<Item = &Arc<Message>> {
        let start = self.messages.partition_point(|(held, _)| *held <= id);
        self.messages.range(start..).map(|(_, message)| message)
    }

    /// Records that the server has no messages older than `id`.
    pub fn learn_oldest_kept(&mut self, id: MessageId) {
        self.oldest_kept = self.oldest_kept.max(id);
    }

    /// Returns whether the server may still have message `id`.
    #[must_use]
    pub fn is_kept(&self, id: MessageId) -> bool {
        id >= self.oldest_kept.max(1)
    }

    /// Returns whether message `id` has a position in the list: it is not among unloaded messages
    /// before the oldest held one.
    #[must_use]
    pub fn has_position(&self, id: MessageId) -> bool {
        self.oldest().is_some_and(|oldest| oldest <= id || !self.is_kept(oldest.saturating_sub(1)))
    }

    /// Returns all items, oldest first, with an [`Item::Gap`] for the ids that are missing between
    /// held messages or after them. An entry without an id is included if the message before or
    /// after it is held.
    pub fn items(&self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.messages.len() + self.unnumbered.len());
        let mut unnumbered = self.unnumbered.iter().peekable();
        let mut previous: Option<MessageId> = None;
        for (id, message) in &self.messages {
            while let Some(entry) = unnumbered.next_if(|entry| Some(entry.after) == previous) {
                items.push(entry.item());
            }
            if let Some(previous) = previous
                && id - previous > 1
            {
                items.push(Item::Gap(previous + 1..=id - 1));
            }
            while let Some(entry) = unnumbered.next_if(|entry| entry.after < *id) {
                if entry.after + 1 == *id {
                    items.push(entry.item());
                }
            }
            items.push(Item::Message(message.clone()));
            previous = Some(*id);
        }
        let end = previous.unwrap_or(self.head);
        let at_the_end = unnumbered.take_while(|entry| entry.after <= end);
        items.extend(at_the_end.map(Unnumbered::item));
        items.extend(self.tail().map(Item::Gap));
        items
    }
}
