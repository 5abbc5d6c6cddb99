//! The rows of the message list.

use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::Room;
use super::log::{Item, Line, Message};
use super::outbox::{Delivery, LocalId};
use super::presence::PresenceGroup;
use super::unread::FirstUnread;
use crate::time::{Day, LocalTime, share_heading};

/// The most messages under one heading. Groups start at multiples of this in the ids, so that rows
/// loaded or dropped above do not move the headings below.
const GROUP_ROWS_MAX: u64 = 12;

/// A pending text that seems older than the row above by less than this gets that row's time. It was
/// typed later, and the clocks differ slightly.
const CLOCK_ERROR_MS_MAX: UnixMillis = 5_000;

/// The key of a row. It stays the same while the row is on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// The upper end of the list.
    HistoryEdge,
    /// The heading of a day, before the row with this message id, or else with this number.
    Day(MessageId, u64),
    /// A message that this page did not send, by the generation of its id and the id.
    Message(u32, MessageId),
    /// A message without an id, by the number of its arrival.
    Unstored(u64),
    /// An own message of this page. The key stays the same before and after its delivery.
    Local(LocalId),
    /// Lines, by the number of the first one.
    Line(u64),
    /// Missing messages after this id.
    Gap(MessageId),
    /// The unread marker before this message.
    Unread(FirstUnread),
}

impl RowKey {
    /// Returns the name of a message row on the page. Returns `None` for other rows.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Message(generation, id) => Some(format!("{generation}-{id}")),
            Self::Unstored(arrival) => Some(format!("u{arrival}")),
            Self::Local(LocalId(local)) => Some(format!("l{local}")),
            _ => None,
        }
    }

    /// Returns whether the row is a message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Message(..) | Self::Unstored(_) | Self::Local(_))
    }
}

/// The state of the upper end of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryEdge {
    /// Older messages can be loaded.
    More,
    /// Older messages are being loaded.
    Loading,
    /// Older messages could not be loaded.
    Failed,
    /// The room's first message follows.
    Beginning,
    /// The server no longer has the older messages.
    Gone,
    /// The server keeps no history.
    HistoryOff,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The upper end of the list.
    HistoryEdge(HistoryEdge),
    /// The heading of a day.
    Day(Day),
    /// A message.
    Message(MessageRow),
    /// Consecutive joins and leaves, or another line.
    Lines(PresenceGroup),
    /// Missing messages.
    Gap(GapRow),
    /// The unread marker.
    Unread,
}

/// The row of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The message.
    pub message: Arc<Message>,
    /// Whether a heading with the author precedes the message.
    pub is_head: bool,
    /// Whether the message is an own one.
    pub is_own: bool,
    /// The progress of a pending message; `None` for a confirmed one.
    pub delivery: Option<Delivery>,
}

/// The row of missing messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRow {
    /// The oldest missing id.
    pub first: MessageId,
    /// The newest missing id.
    pub last: MessageId,
    /// Whether no held message follows the gap.
    pub is_tail: bool,
    /// Whether the server may still have the messages.
    pub is_kept: bool,
    /// Whether the messages are being loaded.
    pub is_loading: bool,
    /// Whether loading the messages failed.
    pub has_failed: bool,
}

/// Collects rows and keeps the state that the next row depends on.
struct Builder<'a> {
    room: &'a Room,
    offset_minutes: &'a mut dyn FnMut(UnixMillis) -> i32,
    rows: Vec<(RowKey, Row)>,
    day: Option<Day>,
    group: Option<Group>,
    /// The time of the last message.
    latest: Option<UnixMillis>,
    /// The first unread message, until the unread marker is placed.
    unread: Option<FirstUnread>,
}

/// The messages under one heading.
struct Group {
    from: Pid,
    name: Arc<str>,
    /// The time of the last message.
    last_at: UnixMillis,
    /// The number of the last message: its id or arrival number.
    last_number: u64,
}

impl Group {
    /// Returns whether a message belongs under the same heading. `number` is its id or arrival number;
    /// `None` while it is pending.
    fn includes(&self, message: &Message, number: Option<u64>) -> bool {
        let bucket = |number: u64| number.saturating_sub(1) / GROUP_ROWS_MAX;
        self.from == message.from
            && self.name == message.name
            && number.is_none_or(|number| bucket(number) == bucket(self.last_number))
            && share_heading(self.last_at, message.at)
    }
}

/// Returns all rows of `room`. See [`Room::rows`].
pub(super) fn rows(
    room: &Room,
    offset_minutes: &mut dyn FnMut(UnixMillis) -> i32,
) -> Vec<(RowKey, Row)> {
    let items = room.log.items();
    let rows = Vec::with_capacity(items.len() + 8);
    let has_position = |first: &FirstUnread| match first {
        FirstUnread::Id(id) => room.log.has_position(*id),
        FirstUnread::Arrival(_) => true,
    };
    let unread = room.unread.marker().filter(has_position);
    let (day, group, latest) = (None, None, None);
    let mut builder = Builder { room, offset_minutes, rows, day, group, latest, unread };
    if let Some(edge) = room.history_edge() {
        builder.rows.push((RowKey::HistoryEdge, Row::HistoryEdge(edge)));
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
                self.unread_marker(|first| matches!(first, FirstUnread::Id(first) if first <= id));
                let key = RowKey::Message(self.room.log.generation(), id);
                self.message(message.local.map_or(key, RowKey::Local), Some(id), message, None);
            }
            Item::Unstored(arrival, message) => {
                self.day(message.at, 0, arrival);
                let reaches =
                    |first| matches!(first, FirstUnread::Arrival(first) if first <= arrival);
                self.unread_marker(reaches);
                let key = message.local.map_or(RowKey::Unstored(arrival), RowKey::Local);
                self.message(key, Some(arrival), message, None);
            }
            Item::Line(line) if line.is_join_or_leave() && self.room.lines_hidden => {}
            Item::Line(line) => self.line(line),
            Item::Gap(missing) => {
                let (first, last) = missing.into_inner();
                let within = |id: Option<MessageId>| id.is_some_and(|id| first <= id && id <= last);
                self.group = None;
                self.unread_marker(
                    |first| matches!(first, FirstUnread::Id(first) if first <= last),
                );
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
        let unmerged = match self.rows.last_mut() {
            Some((_, Row::Lines(group))) => group.try_push(line),
            _ => Some(line),
        };
        self.rows.extend(unmerged.map(|line| {
            // The group's number keeps the key stable when its first lines are dropped. A group that
            // a day heading splits needs a second key.
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
        let continues = self.group.as_ref().is_some_and(|group| group.includes(&message, number));
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

    /// Returns the server's time of a text that was typed at `typed_at` on this machine's clock.
    fn time_of_pending(&self, typed_at: UnixMillis) -> UnixMillis {
        let at = self.room.server_time(typed_at);
        let above = self.latest.unwrap_or(at);
        if (0..CLOCK_ERROR_MS_MAX).contains(&above.saturating_sub(at)) { above } else { at }
    }

    /// Adds the unread marker if the next row `reaches` the first unread message.
    fn unread_marker(&mut self, reaches: impl Fn(FirstUnread) -> bool) {
        if let Some(first) = self.unread.take_if(|first| reaches(*first)) {
            self.group = None;
            self.rows.push((RowKey::Unread(first), Row::Unread));
        }
    }

    /// Adds the heading of a day if `at` is on another day than the row above. Returns whether a heading
    /// was added.
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
