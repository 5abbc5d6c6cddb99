//! What stands in the message list, row by row.

use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::Room;
use super::log::{Item, Line, Message};
use super::outbox::{Delivery, LocalId};
use super::run::Run;
use crate::time::{Day, LocalTime, close_enough};

/// Names a row for as long as it is on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// The head of the list.
    Top,
    /// A day, before the row that has this message id, or this line number.
    Day(MessageId, u64),
    /// A message of somebody else, or of an earlier visit.
    Message(MessageId),
    /// One of our own: the name stays while it is sent and kept.
    Local(LocalId),
    /// Lines, by the number of the first.
    Line(u64),
    /// Missing messages after this id.
    Gap(MessageId),
    /// The line above what was not read, before this id.
    Unread(MessageId),
}

/// The head of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// There is more, or may be.
    More,
    /// More is on its way.
    Loading,
    /// More could not be loaded.
    Failed,
    /// Nothing older is kept.
    Beginning,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The head of the list.
    Top(Top),
    /// A day begins.
    Day(Day),
    /// A message.
    Message(MessageRow),
    /// Somebody came, went, or took another name.
    Lines(Run),
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
    above: Option<(Pid, Arc<str>, UnixMillis)>,
    /// The first message that was not read, until the line above it stands.
    unread: Option<MessageId>,
}

/// All rows of `room`, on a clock that is `offset_minutes` ahead of UTC at a given moment.
pub(super) fn rows(
    room: &Room,
    offset_minutes: &mut dyn FnMut(UnixMillis) -> i32,
) -> Vec<(RowKey, Row)> {
    let items = room.log.items();
    let rows = Vec::with_capacity(items.len() + 8);
    let unread = room.unread.line().filter(|line| room.log.has_place_of(*line));
    let mut builder = Builder { room, offset_minutes, rows, day: None, above: None, unread };
    if let Some(top) = room.top() {
        builder.rows.push((RowKey::Top, Row::Top(top)));
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
            at: entry.at,
            local: Some(entry.local),
        };
        builder.message(Arc::new(message), Some(entry.delivery));
    }
    builder.rows
}

impl Builder<'_> {
    fn item(&mut self, item: Item) {
        match item {
            Item::Message(message) => self.message(message, None),
            Item::Line(line) if line.is_passage() && self.room.lines_hidden => {}
            Item::Line(line) => self.line(line),
            Item::Gap(missing) => {
                let (first, last) = missing.into_inner();
                let within = |id: Option<MessageId>| id.is_some_and(|id| first <= id && id <= last);
                self.above = None;
                self.unread_line(last);
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
        self.day(line.at, 0, line.number);
        self.above = None;
        let alone = match self.rows.last_mut() {
            Some((_, Row::Lines(run))) => run.take(line),
            _ => Some(line),
        };
        self.rows.extend(alone.map(|line| (RowKey::Line(line.number), Row::Lines(Run::new(line)))));
    }

    fn message(&mut self, message: Arc<Message>, delivery: Option<Delivery>) {
        let key = match (message.local, message.id) {
            (Some(local), _) => RowKey::Local(local),
            (None, id) => RowKey::Message(id.unwrap_or(0)),
        };
        self.day(message.at, message.id.unwrap_or(MessageId::MAX), 0);
        self.unread_line(message.id.unwrap_or(0));
        let continues = self.above.as_ref().is_some_and(|(from, name, at)| {
            *from == message.from && *name == message.name && close_enough(*at, message.at)
        });
        self.above = Some((message.from.clone(), message.name.clone(), message.at));
        let is_own = message.local.is_some() || self.room.is_me(&message.from);
        let row = MessageRow { message, is_head: !continues, is_own, delivery };
        self.rows.push((key, Row::Message(row)));
    }

    /// The line, before the first row that reaches up to the first message that was not read.
    fn unread_line(&mut self, reaches: MessageId) {
        if let Some(first) = self.unread.take_if(|first| *first <= reaches) {
            self.above = None;
            self.rows.push((RowKey::Unread(first), Row::Unread));
        }
    }

    fn day(&mut self, at: UnixMillis, id: MessageId, line: u64) {
        let day = LocalTime::new(at, (self.offset_minutes)(at)).day;
        if self.day != Some(day) {
            self.day = Some(day);
            self.above = None;
            self.rows.push((RowKey::Day(id, line), Row::Day(day)));
        }
    }
}
