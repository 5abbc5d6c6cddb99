//! The rows of the message list.

use std::ops::RangeInclusive;
use std::sync::Arc;

use xmeet_shared::{MessageId, Pid, UnixMillis};

use super::Room;
use super::log::{Item, Line, Message};
use super::outbox::{Delivery, LocalId};
use super::presence::PresenceGroup;
use super::unread::FirstUnread;
use crate::time::{Day, LocalTime, share_heading};

/// The most messages under one heading. Messages 1 to 12, 13 to 24 and so on are separate blocks,
/// and a heading never spans two blocks. So rows that are loaded or dropped above do not move the
/// headings below.
const GROUP_ROWS_MAX: u64 = 12;

/// The greatest difference of clocks that is corrected. A pending text that seems older than the
/// row above by less than this gets the time of that row, because it was typed later.
const CLOCK_ERROR_MS_MAX: UnixMillis = 5_000;

/// Room for rows other than messages and lines: day headings, the upper end and the unread marker.
const EXTRA_ROWS: usize = 8;

/// The key of a row. It stays the same while the row is on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// The upper end of the list.
    HistoryEdge,
    /// The heading of a day. The two numbers identify the row below: the message id and the arrival
    /// number or outbox id.
    Day(MessageId, u64),
    /// A message that this page did not send, by the generation of its id and the id.
    Message(u32, MessageId),
    /// A message without an id, by its arrival number.
    Unstored(u64),
    /// An own message of this page. The key stays the same before and after its delivery.
    Local(LocalId),
    /// Lines, by the arrival number of the first one.
    Line(u64),
    /// Missing messages after this id.
    Gap(MessageId),
    /// The unread marker before this message.
    Unread(FirstUnread),
}

impl RowKey {
    /// Returns a name for a message row that is unique on the page. Returns `None` for other rows.
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
    /// Returns the offset of the local time from UTC at a given moment.
    offset_minutes: &'a mut dyn FnMut(UnixMillis) -> i32,
    rows: Vec<(RowKey, Row)>,
    /// The day of the last row.
    day: Option<Day>,
    /// The group that the next message may continue.
    group: Option<Group>,
    /// The time of the last message.
    last_at: Option<UnixMillis>,
    /// The first unread message, until the unread marker is placed.
    first_unread: Option<FirstUnread>,
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
    /// Returns whether a message belongs under the same heading. `number` is its id or arrival
    /// number; `None` while it is pending.
    fn includes(&self, message: &Message, number: Option<u64>) -> bool {
        let block_of = |number: u64| number.saturating_sub(1) / GROUP_ROWS_MAX;
        let is_same_block =
            number.is_none_or(|number| block_of(number) == block_of(self.last_number));
        self.from == message.from
            && self.name == message.name
            && is_same_block
            && share_heading(self.last_at, message.at)
    }
}

/// Returns all rows of `room`, oldest first. See [`Room::rows`].
pub(super) fn build_rows(
    room: &Room,
    offset_minutes: &mut dyn FnMut(UnixMillis) -> i32,
) -> Vec<(RowKey, Row)> {
    let items = room.log.items();
    let has_position = |first: &FirstUnread| match first {
        FirstUnread::Id(id) => room.log.has_position(*id),
        FirstUnread::Arrival(_) => true,
    };
    let mut builder = Builder {
        room,
        offset_minutes,
        rows: Vec::with_capacity(items.len() + EXTRA_ROWS),
        day: None,
        group: None,
        last_at: None,
        first_unread: room.unread.marker().filter(has_position),
    };
    if let Some(edge) = room.history_edge() {
        builder.rows.push((RowKey::HistoryEdge, Row::HistoryEdge(edge)));
    }
    for item in items {
        builder.add_item(item);
    }
    // Pending texts are below all other rows.
    for entry in room.outbox.entries() {
        let message = Message {
            id: None,
            from: room.me.clone().unwrap_or_else(|| Pid::from_wire("")),
            name: room.my_name().unwrap_or_default(),
            text: entry.text.clone(),
            at: builder.time_of_pending(entry.at),
            local: Some(entry.local),
        };
        builder.add_day_heading(message.at, MessageId::MAX, entry.local.0);
        let key = RowKey::Local(entry.local);
        builder.add_message(key, None, Arc::new(message), Some(entry.delivery));
    }
    builder.rows
}

impl Builder<'_> {
    fn add_item(&mut self, item: Item) {
        match item {
            Item::Message(message) => {
                let id = message.id.unwrap_or(0);
                self.add_day_heading(message.at, id, 0);
                self.add_unread_marker_at_id(id);
                let key = match message.local {
                    Some(local) => RowKey::Local(local),
                    None => RowKey::Message(self.room.log.generation(), id),
                };
                self.add_message(key, Some(id), message, None);
            }
            Item::Unstored(arrival, message) => {
                self.add_day_heading(message.at, 0, arrival);
                self.add_unread_marker_at_arrival(arrival);
                let key = message.local.map_or(RowKey::Unstored(arrival), RowKey::Local);
                self.add_message(key, Some(arrival), message, None);
            }
            Item::Line(line) if line.is_join_or_leave() && self.room.lines_hidden => {}
            Item::Line(line) => self.add_line(line),
            Item::Gap(missing) => self.add_gap(missing),
        }
    }

    /// Adds the row of missing messages.
    fn add_gap(&mut self, missing: RangeInclusive<MessageId>) {
        let is_in_gap = |id: Option<MessageId>| id.is_some_and(|id| missing.contains(&id));
        let (first, last) = (*missing.start(), *missing.end());
        self.group = None;
        self.add_unread_marker_at_id(last);
        let gap = GapRow {
            first,
            last,
            is_tail: last == self.room.log.head(),
            is_kept: self.room.log.is_kept(last),
            is_loading: is_in_gap(self.room.pager.target()),
            has_failed: is_in_gap(self.room.pager.failed_target()),
        };
        self.rows.push((RowKey::Gap(first - 1), Row::Gap(gap)));
    }

    /// Adds a line to the row above if both are joins or leaves. Otherwise adds a row.
    fn add_line(&mut self, line: Arc<Line>) {
        let is_new_day = self.add_day_heading(line.at, 0, line.number);
        self.group = None;
        let unmerged = match self.rows.last_mut() {
            Some((_, Row::Lines(group))) => group.try_push(line),
            _ => Some(line),
        };
        if let Some(line) = unmerged {
            // The number of the group keeps the key the same when the first lines are dropped. If a
            // day heading splits the group, the second row needs another key.
            let number = if is_new_day { line.number } else { line.group };
            self.rows.push((RowKey::Line(number), Row::Lines(PresenceGroup::new(line))));
        }
    }

    /// Adds the row of a message. `number` is the id or arrival number; `None` for a pending text.
    fn add_message(
        &mut self,
        key: RowKey,
        number: Option<u64>,
        message: Arc<Message>,
        delivery: Option<Delivery>,
    ) {
        let is_continued =
            self.group.as_ref().is_some_and(|group| group.includes(&message, number));
        let number_above = self.group.as_ref().map_or(0, |group| group.last_number);
        self.group = Some(Group {
            from: message.from.clone(),
            name: message.name.clone(),
            last_at: message.at,
            last_number: number.unwrap_or(number_above),
        });
        self.last_at = Some(message.at);
        let is_own = message.local.is_some() || self.room.is_me(&message.from);
        let row = MessageRow { message, is_head: !is_continued, is_own, delivery };
        self.rows.push((key, Row::Message(row)));
    }

    /// Returns the server's time of a text that was typed at `typed_at` on this machine's clock.
    fn time_of_pending(&self, typed_at: UnixMillis) -> UnixMillis {
        let at = self.room.server_time(typed_at);
        let at_above = self.last_at.unwrap_or(at);
        let clock_error_ms = at_above.saturating_sub(at);
        if (0..CLOCK_ERROR_MS_MAX).contains(&clock_error_ms) { at_above } else { at }
    }

    /// Adds the unread marker if the first unread message has an id and is in the next row. `id` is
    /// the last id of that row.
    fn add_unread_marker_at_id(&mut self, id: MessageId) {
        if let Some(FirstUnread::Id(first)) = self.first_unread
            && first <= id
        {
            self.add_unread_marker(FirstUnread::Id(first));
        }
    }

    /// Adds the unread marker if the first unread message has no id and is in the next row.
    /// `arrival` is the arrival number of that row.
    fn add_unread_marker_at_arrival(&mut self, arrival: u64) {
        if let Some(FirstUnread::Arrival(first)) = self.first_unread
            && first <= arrival
        {
            self.add_unread_marker(FirstUnread::Arrival(first));
        }
    }

    fn add_unread_marker(&mut self, first_unread: FirstUnread) {
        self.first_unread = None;
        self.group = None;
        self.rows.push((RowKey::Unread(first_unread), Row::Unread));
    }

    /// Adds the heading of a day if `at` is on another day than the row above. `id` and `number`
    /// become the key of the heading. Returns whether a heading was added.
    fn add_day_heading(&mut self, at: UnixMillis, id: MessageId, number: u64) -> bool {
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
