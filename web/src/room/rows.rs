//! What stands in the message list, row by row.

use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::Room;
use super::log::{Item, Line, Message};
use super::outbox::{Delivery, LocalId};
use super::presence::PresenceGroup;
use super::unread::FirstUnread;
use crate::time::{Day, LocalTime, close_enough};

/// The most rows under one heading. It is counted by ids, not from the heading: rows that are loaded
/// or dropped above leave the headings below as they are.
const GROUP_ROWS_MAX: u64 = 12;

/// A pending text that seems up to this much older than the row above it is not: it was typed
/// after it, and the clocks do not agree to the millisecond.
const CLOCK_ERROR_MS_MAX: UnixMillis = 5_000;

/// Names a row for as long as it is on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// The head of the list.
    HistoryEdge,
    /// A day, before the row that has this message id, or else this number.
    Day(MessageId, u64),
    /// A message of somebody else, or of an earlier visit, in this generation of ids.
    Message(u32, MessageId),
    /// A message without an id, by the number of its arrival.
    Unstored(u64),
    /// One of our own: the name stays while it is sent and kept.
    Local(LocalId),
    /// Lines, by the number of the first.
    Line(u64),
    /// Missing messages after this id.
    Gap(MessageId),
    /// The line above what was not read, before this message.
    Unread(FirstUnread),
}

impl RowKey {
    /// Names the row of a message on the page.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Message(generation, id) => Some(format!("{generation}-{id}")),
            Self::Unstored(arrival) => Some(format!("u{arrival}")),
            Self::Local(LocalId(local)) => Some(format!("l{local}")),
            _ => None,
        }
    }

    /// Whether the row is a message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Message(..) | Self::Unstored(_) | Self::Local(_))
    }
}

/// The head of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryEdge {
    /// There is more, or may be.
    More,
    /// More is on its way.
    Loading,
    /// More could not be loaded.
    Failed,
    /// The first message of the room stands below.
    Beginning,
    /// There were older messages, and the server no longer keeps them.
    Gone,
    /// The server keeps no messages at all.
    HistoryOff,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The head of the list.
    HistoryEdge(HistoryEdge),
    /// A day begins.
    Day(Day),
    /// A message.
    Message(MessageRow),
    /// Somebody came, went, or took another name.
    Lines(PresenceGroup),
    /// Messages are missing here.
    Gap(GapRow),
    /// What stands below was not read.
    Unread,
}

/// A message as it stands in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The message.
    pub message: Arc<Message>,
    /// Whether its author stands above it, or it continues the row before.
    pub is_head: bool,
    /// Whether it is one of our own.
    pub is_own: bool,
    /// How far it has come; `None` once the server has kept it.
    pub delivery: Option<Delivery>,
}

/// Missing messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRow {
    /// The oldest missing id.
    pub first: MessageId,
    /// The newest missing id.
    pub last: MessageId,
    /// Whether nothing that is here comes after them.
    pub is_tail: bool,
    /// Whether the server still keeps them.
    pub is_kept: bool,
    /// Whether they are on their way.
    pub is_loading: bool,
    /// Whether they could not be loaded.
    pub has_failed: bool,
}

/// Collects rows and remembers what the next one follows.
struct Builder<'a> {
    room: &'a Room,
    offset_minutes: &'a mut dyn FnMut(UnixMillis) -> i32,
    rows: Vec<(RowKey, Row)>,
    day: Option<Day>,
    group: Option<Group>,
    /// The time of the last message.
    latest: Option<UnixMillis>,
    /// The first message that was not read, until the line above it stands.
    unread: Option<FirstUnread>,
}

/// The messages that stand under one heading.
struct Group {
    from: Pid,
    name: Arc<str>,
    /// When the last of them was said.
    last_at: UnixMillis,
    /// The last number among them: an id, or that of an arrival.
    last_number: u64,
}

impl Group {
    /// Whether a message stands under the same heading. `number` is its id, or that of its arrival;
    /// `None` while it is pending.
    fn takes(&self, message: &Message, number: Option<u64>) -> bool {
        let section = |number: u64| number.saturating_sub(1) / GROUP_ROWS_MAX;
        self.from == message.from
            && self.name == message.name
            && number.is_none_or(|number| section(number) == section(self.last_number))
            && close_enough(self.last_at, message.at)
    }
}

/// All rows of `room`, on a clock that is `offset_minutes` ahead of UTC at a given moment.
pub(super) fn rows(
    room: &Room,
    offset_minutes: &mut dyn FnMut(UnixMillis) -> i32,
) -> Vec<(RowKey, Row)> {
    let items = room.log.items();
    let rows = Vec::with_capacity(items.len() + 8);
    let has_place = |line: &FirstUnread| match line {
        FirstUnread::Id(id) => room.log.has_place_of(*id),
        FirstUnread::Arrival(_) => true,
    };
    let unread = room.unread.marker().filter(has_place);
    let (day, group, latest) = (None, None, None);
    let mut builder = Builder { room, offset_minutes, rows, day, group, latest, unread };
    if let Some(top) = room.history_edge() {
        builder.rows.push((RowKey::HistoryEdge, Row::HistoryEdge(top)));
    }
    for item in items {
        builder.item(item);
    }
    for entry in room.outbox.entries() {
        let message = Message {
            id: None,
            from: room.me.clone().unwrap_or_else(|| Pid::from_wire("")),
            name: room.my_name().unwrap_or_default(),
            text: entry.text.clone(),
            at: builder.time_of_pending(entry.at),
            local: Some(entry.local),
        };
        builder.day(message.at, MessageId::MAX, entry.local.0);
        let key = RowKey::Local(entry.local);
        builder.message(key, None, Arc::new(message), Some(entry.delivery));
    }
    builder.rows
}

impl Builder<'_> {
    fn item(&mut self, item: Item) {
        match item {
            Item::Message(message) => {
                let id = message.id.unwrap_or(0);
                self.day(message.at, id, 0);
                self.unread_line(|first| matches!(first, FirstUnread::Id(first) if first <= id));
                let key = RowKey::Message(self.room.log.generation(), id);
                self.message(message.local.map_or(key, RowKey::Local), Some(id), message, None);
            }
            Item::Unstored(arrival, message) => {
                self.day(message.at, 0, arrival);
                let reaches =
                    |first| matches!(first, FirstUnread::Arrival(first) if first <= arrival);
                self.unread_line(reaches);
                let key = message.local.map_or(RowKey::Unstored(arrival), RowKey::Local);
                self.message(key, Some(arrival), message, None);
            }
            Item::Line(line) if line.is_join_or_leave() && self.room.lines_hidden => {}
            Item::Line(line) => self.line(line),
            Item::Gap(missing) => {
                let (first, last) = missing.into_inner();
                let within = |id: Option<MessageId>| id.is_some_and(|id| first <= id && id <= last);
                self.group = None;
                self.unread_line(|line| matches!(line, FirstUnread::Id(first) if first <= last));
                let gap = GapRow {
                    first,
                    last,
                    is_tail: last == self.room.log.head(),
                    is_kept: self.room.log.is_kept(last),
                    is_loading: within(self.room.pager.target()),
                    has_failed: within(self.room.pager.failed()),
                };
                self.rows.push((RowKey::Gap(first - 1), Row::Gap(gap)));
            }
        }
    }

    fn line(&mut self, line: Arc<Line>) {
        let is_new_day = self.day(line.at, 0, line.number);
        self.group = None;
        let alone = match self.rows.last_mut() {
            Some((_, Row::Lines(group))) => group.try_push(line),
            _ => Some(line),
        };
        self.rows.extend(alone.map(|line| {
            // A run keeps its key when its first lines are dropped; a day may cut it in two.
            let number = if is_new_day { line.number } else { line.group };
            (RowKey::Line(number), Row::Lines(PresenceGroup::new(line)))
        }));
    }

    fn message(
        &mut self,
        key: RowKey,
        number: Option<u64>,
        message: Arc<Message>,
        delivery: Option<Delivery>,
    ) {
        let continues = self.group.as_ref().is_some_and(|group| group.takes(&message, number));
        let before = self.group.as_ref().map_or(0, |group| group.last_number);
        self.group = Some(Group {
            from: message.from.clone(),
            name: message.name.clone(),
            last_at: message.at,
            last_number: number.unwrap_or(before),
        });
        self.latest = Some(message.at);
        let is_own = message.local.is_some() || self.room.is_me(&message.from);
        let row = MessageRow { message, is_head: !continues, is_own, delivery };
        self.rows.push((key, Row::Message(row)));
    }

    /// The time of a text that was typed at `typed_at` of this machine's clock, on the server's.
    fn time_of_pending(&self, typed_at: UnixMillis) -> UnixMillis {
        let at = self.room.server_time(typed_at);
        let above = self.latest.unwrap_or(at);
        if (0..CLOCK_ERROR_MS_MAX).contains(&above.saturating_sub(at)) { above } else { at }
    }

    /// The line, before the first row that reaches up to the first message that was not read.
    fn unread_line(&mut self, reaches: impl Fn(FirstUnread) -> bool) {
        if let Some(first) = self.unread.take_if(|first| reaches(*first)) {
            self.group = None;
            self.rows.push((RowKey::Unread(first), Row::Unread));
        }
    }

    /// Adds the heading of a day where `at` falls on another one than the row above. Says whether
    /// it does.
    fn day(&mut self, at: UnixMillis, id: MessageId, number: u64) -> bool {
        let day = LocalTime::new(at, (self.offset_minutes)(at)).day;
        let is_new = self.day != Some(day);
        if is_new {
            self.day = Some(day);
            self.group = None;
            self.rows.push((RowKey::Day(id, number), Row::Day(day)));
        }
        is_new
    }
}
