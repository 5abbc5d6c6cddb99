//! Holds the messages of a room by id, and what happened around them. Ids of a room are 1, 2, 3 …
//! without a gap, so which messages are missing is known exactly.
//!
//! A log holds a bounded part of the room: what is farthest from the reader is dropped and comes
//! back as pages of history. Missing at the front is older history, missing between is a gap, and
//! missing at the back is the tail: what was said since and waits to be read.
//!
//! Messages that the server does not keep have no id. They stand where they arrived, as lines do.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::outbox::LocalId;

/// The most join, leave and rename lines that are held; they are live only and lost on reload.
const LINES_MAX: usize = 400;

/// The most messages without an id that are held; they are live only too.
const UNSTORED_MESSAGES_MAX: usize = 400;

/// One message, kept by the server or still on its way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room; `None` until the server has kept it, and for good where the server
    /// does not keep it.
    pub id: Option<MessageId>,
    /// Who said it.
    pub from: Pid,
    /// What its author was called then.
    pub name: Arc<str>,
    /// What was said.
    pub text: Arc<str>,
    /// When.
    pub at: UnixMillis,
    /// What it was called in this client's outbox, for one of our own.
    pub local: Option<LocalId>,
}

/// Somebody came, went, or took another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Tells lines apart.
    pub number: u64,
    /// The number of the first line of the joins and leaves in a row that this one belongs to. It
    /// stays when that first line is dropped.
    pub group: u64,
    /// Who.
    pub pid: Pid,
    /// What they were called until then.
    pub name: Arc<str>,
    /// What happened.
    pub kind: LineKind,
    /// When.
    pub at: UnixMillis,
}

/// What a [`Line`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// A member came.
    Join,
    /// A member went.
    Leave,
    /// A member is now called this.
    Rename(Arc<str>),
    /// The connection was away, and the server keeps nothing: messages may be missing here.
    Missed,
}

/// Something without an id. It stands after the message that was newest when it arrived.
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

/// Messages and lines in the order in which the room saw them.
#[derive(Debug, Default)]
pub struct Log {
    /// By id: the newest comes last, and whole pages before the oldest.
    messages: VecDeque<(MessageId, Arc<Message>)>,
    /// In the order of their arrival.
    unnumbered: VecDeque<Unnumbered>,
    /// How many unnumbered have arrived.
    arrivals: u64,
    /// How many of the unnumbered are lines.
    line_count: usize,
    /// How often the ids began again.
    generation: u32,
    /// The newest message of the room, which may be newer than the newest here.
    head: MessageId,
    /// The server keeps nothing older than this id, as far as is known.
    oldest_kept: MessageId,
}

/// One step through a [`Log`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Message(Arc<Message>),
    /// A message without an id, with the number of its arrival.
    Unstored(u64, Arc<Message>),
    /// A line.
    Line(Arc<Line>),
    /// Messages that exist, or existed, and are not here.
    Gap(RangeInclusive<MessageId>),
}

impl Log {
    /// Takes in a message that was said just now. One that would stand behind a tail only makes
    /// the tail longer, unless it is one of our own, which its author wants to see. Says whether
    /// anything changed.
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

    /// Adds a message that has an id, unless it is there already. Says whether it was new.
    pub fn insert(&mut self, message: Message) -> bool {
        let Some(id) = message.id else { return false };
        self.head = self.head.max(id);
        let place = self.place_of(id);
        if place.is_err() {
            self.messages.insert(place.unwrap_or_else(|free| free), (id, Arc::new(message)));
        }
        place.is_err()
    }

    /// Drops what is farthest from message `reader`, or from the end where that is `None`, once
    /// there are more than `max`: enough of it that this is not done for each message. Half of
    /// what stays is on either side of the reader, so nothing that is seen can go.
    pub fn trim(&mut self, reader: Option<MessageId>, max: usize) {
        if self.messages.len() <= max {
            return;
        }
        let mut before =
            reader.map_or(self.messages.len(), |id| self.place_of(id).unwrap_or_else(|free| free));
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

    /// Notes that messages may be missing after the newest one, unless that was the last thing
    /// noted.
    pub fn push_missed(&mut self, me: Pid, at: UnixMillis) {
        let last = self.unnumbered.back().and_then(Unnumbered::line);
        if last.is_none_or(|line| line.kind != LineKind::Missed) {
            self.push_line(me, "".into(), LineKind::Missed, at);
        }
    }

    /// Adds a message without an id after the newest message. Returns the id that it follows, and
    /// the number of its arrival.
    pub fn push_unstored(&mut self, message: Message) -> (MessageId, u64) {
        self.push(UnnumberedContent::Message(Arc::new(message)));
        (self.head, self.arrivals)
    }

    /// Adds an entry, and drops the oldest of its kind where there are too many.
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

    /// Whether a message without an id is held.
    #[must_use]
    pub fn has_unstored(&self) -> bool {
        self.unnumbered.len() > self.line_count
    }

    fn place_of(&self, id: MessageId) -> Result<usize, usize> {
        self.messages.binary_search_by_key(&id, |(held, _)| *held)
    }

    /// Forgets everything: the room's ids begin again, in another generation.
    pub fn clear(&mut self) {
        self.generation += 1;
        self.messages.clear();
        self.unnumbered.clear();
        self.line_count = 0;
        self.oldest_kept = 0;
        self.head = 0;
    }

    /// Counts how often the ids began again: an id names a message within one generation only.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The message with this id, if it is here.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Arc<Message>> {
        let place = self.place_of(id).ok()?;
        self.messages.get(place).map(|(_, message)| message)
    }

    /// Remembers that message `id` is what `local` became.
    pub fn claim(&mut self, id: MessageId, local: LocalId) {
        let place = self.place_of(id);
        if let Some((_, message)) = place.ok().and_then(|place| self.messages.get_mut(place)) {
            Arc::make_mut(message).local = Some(local);
        }
    }

    /// The newest message of the room, as far as is known; 0 where nothing was said.
    #[must_use]
    pub fn head(&self) -> MessageId {
        self.head
    }

    /// What was said after the newest that is here.
    #[must_use]
    pub fn tail(&self) -> Option<RangeInclusive<MessageId>> {
        let newest = self.newest()?;
        (newest < self.head).then(|| newest + 1..=self.head)
    }

    /// The oldest message that the server keeps among those that are missing from `id` on, without
    /// one between that is here; `id` itself if there is none.
    #[must_use]
    pub fn first_kept(&self, id: MessageId) -> MessageId {
        let next = self.messages.partition_point(|(held, _)| *held <= id);
        let last = self.messages.get(next).map_or(self.head, |(held, _)| held - 1);
        if self.is_kept(id) || self.oldest_kept > last { id } else { self.oldest_kept }
    }

    /// The middle of the messages that are missing from `id` on; `id` itself where a page has them
    /// all.
    #[must_use]
    pub fn middle_of_gap(&self, id: MessageId) -> MessageId {
        let next = self.messages.partition_point(|(held, _)| *held <= id);
        let last = self.messages.get(next).map_or(self.head, |(held, _)| held - 1);
        let missing = last.saturating_sub(id);
        if missing < HISTORY_PAGE_MESSAGES { id } else { id + missing / 2 }
    }

    /// The newest id that is here.
    #[must_use]
    pub fn newest(&self) -> Option<MessageId> {
        self.messages.back().map(|(id, _)| *id)
    }

    /// The oldest id that is here.
    #[must_use]
    pub fn oldest(&self) -> Option<MessageId> {
        self.messages.front().map(|(id, _)| *id)
    }

    /// The messages after `id`, oldest first.
    pub fn after(&self, id: MessageId) -> impl Iterator<Item = &Arc<Message>> {
        let start = self.messages.partition_point(|(held, _)| *held <= id);
        self.messages.range(start..).map(|(_, message)| message)
    }

    /// Learns that the server keeps nothing older than `id`.
    pub fn learn_oldest_kept(&mut self, id: MessageId) {
        self.oldest_kept = self.oldest_kept.max(id);
    }

    /// Whether the server still keeps message `id`, as far as is known.
    #[must_use]
    pub fn is_kept(&self, id: MessageId) -> bool {
        id >= self.oldest_kept.max(1)
    }

    /// Whether it is known where message `id` belongs: not somewhere before the oldest here.
    #[must_use]
    pub fn has_place_of(&self, id: MessageId) -> bool {
        self.oldest().is_some_and(|oldest| oldest <= id || !self.is_kept(oldest.saturating_sub(1)))
    }

    /// Everything, oldest first, with a [`Item::Gap`] wherever ids are missing between two that
    /// are here, or after all of them. An entry stands beside a message that is here, or nowhere.
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
