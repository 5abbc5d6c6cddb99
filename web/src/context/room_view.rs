//! The room as the page shows it: rows, members and status. `drawing` brings it up to date.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use xmeet_shared::{MessageId, Pid};

use super::client::Client;
use crate::browser;
use crate::connection::Phase;
use crate::core::{ClientCore, ConnectionAnnouncement, Status};
use crate::mentions::mentions;
use crate::reactive::{Shared, Tracked};
use crate::room::announce::Announcement;
use crate::room::members::{NameStyle, Person};
use crate::room::names::{NAME_GROUPS, NameSet};
use crate::room::{MessageRow, Notice, Row, RowKey};
use crate::time::{Day, LocalTime};

/// The tracked parts of a room.
pub(super) struct Parts {
    /// Each row by itself, so that a change of one row draws one row.
    pub(super) rows: RefCell<HashMap<RowKey, Rc<Tracked<Row>>>>,
    pub(super) keys: Tracked<Vec<RowKey>>,
    /// Counts changes of the member list; the core has the members.
    pub(super) member_changes: Tracked<u64>,
    pub(super) count: Tracked<u64>,
    pub(super) me: Tracked<Option<Pid>>,
    pub(super) my_name: Tracked<Option<Arc<str>>>,
    /// The styles of names, in groups of names: a change notifies one group and not every row.
    pub(super) styles: Vec<Tracked<()>>,
    /// The numbers of the announcements on the page.
    pub(super) announced: Tracked<Vec<u64>>,
    pub(super) status: Rc<StatusView>,
    pub(super) today: Tracked<Day>,
    /// The offset of the browser's time zone from UTC, in minutes.
    pub(super) zone_minutes: Tracked<i32>,
}

/// The status, each part by itself: the seconds of a countdown draw nothing else.
pub struct StatusView {
    /// The phase of the connection.
    pub phase: Tracked<Phase>,
    /// The latest change of the connection, for screen readers.
    pub announcement: Tracked<ConnectionAnnouncement>,
    /// What the server could not do.
    pub notice: Tracked<Option<Notice>>,
    /// Seconds until the next attempt to connect.
    pub retry_in_s: Tracked<u64>,
    /// Seconds until the server accepts messages again.
    pub pause_s: Tracked<u64>,
    /// Whether the room accepts no more members.
    pub is_full: Tracked<bool>,
    /// Whether the connection was lost or could not be made, and is not back.
    pub is_interrupted: Tracked<bool>,
    /// The id of the newest known message.
    pub newest: Tracked<MessageId>,
    /// How many messages of others were not read.
    pub unread: Tracked<u64>,
    /// Whether joins and leaves are hidden.
    pub lines_hidden: Tracked<bool>,
}

impl StatusView {
    fn new(status: Status) -> Self {
        Self {
            phase: Tracked::new(status.phase),
            announcement: Tracked::new(status.connection_announcement),
            notice: Tracked::new(status.notice),
            retry_in_s: Tracked::new(status.retry_in_s),
            pause_s: Tracked::new(status.pause_s),
            is_full: Tracked::new(status.is_full),
            is_interrupted: Tracked::new(status.is_interrupted),
            newest: Tracked::new(status.newest),
            unread: Tracked::new(status.unread),
            lines_hidden: Tracked::new(status.lines_hidden),
        }
    }

    /// Shows `status`. Returns whether the phase of the connection changed.
    pub(super) fn set(&self, status: Status) -> bool {
        self.newest.set(status.newest);
        self.retry_in_s.set(status.retry_in_s);
        self.pause_s.set(status.pause_s);
        self.unread.set(status.unread);
        self.is_full.set(status.is_full);
        self.is_interrupted.set(status.is_interrupted);
        self.lines_hidden.set(status.lines_hidden);
        self.announcement.set(status.connection_announcement);
        self.notice.set(status.notice);
        let is_changed = self.phase.replace(status.phase);
        if is_changed {
            self.phase.notify();
        }
        is_changed
    }
}

/// Returns the reader's day now, by the server's clock.
pub(super) fn today(client: Client) -> Day {
    let now = client.room(|room| room.server_time(browser::now()));
    LocalTime::new(now, browser::offset_minutes(now)).day
}

/// A handle to the room as the page shows it. Its methods are reactive. Copies are the same view.
#[derive(Clone, Copy)]
pub struct RoomView {
    client: Client,
    parts: Shared<Parts>,
}

impl RoomView {
    pub(super) fn new(client: Client) -> Self {
        let parts = Parts {
            rows: RefCell::default(),
            keys: Tracked::new(Vec::new()),
            member_changes: Tracked::new(0),
            count: Tracked::new(0),
            me: Tracked::new(None),
            my_name: Tracked::new(None),
            styles: (0..NAME_GROUPS).map(|_| Tracked::new(())).collect(),
            announced: Tracked::new(Vec::new()),
            status: Rc::new(StatusView::new(client.core(ClientCore::status))),
            today: Tracked::new(today(client)),
            zone_minutes: Tracked::new(browser::offset_minutes(browser::now())),
        };
        Self { client, parts: Shared::new(parts) }
    }

    pub(super) fn parts(self) -> Rc<Parts> {
        self.parts.get()
    }

    /// Returns the keys of the rows, in their order.
    #[must_use]
    pub fn keys(self) -> Vec<RowKey> {
        self.parts().keys.get()
    }

    /// Reads one row. `None` if it is not in the list any more.
    pub fn row<R>(self, key: RowKey, read: impl FnOnce(&Row) -> R) -> Option<R> {
        let row = self.parts().rows.borrow().get(&key).cloned();
        row.map(|row| row.read(read))
    }

    /// Returns a row that is a message.
    #[must_use]
    pub fn message_row(self, key: RowKey) -> Option<MessageRow> {
        match self.row(key, Clone::clone) {
            Some(Row::Message(row)) => Some(row),
            _ => None,
        }
    }

    /// Returns how many members are present: 0 before the room has let us in.
    #[must_use]
    pub fn member_count(self) -> u64 {
        self.parts().count.get()
    }

    /// Returns the number of members as text, empty before the room has let us in.
    #[must_use]
    pub fn member_count_text(self) -> String {
        match self.member_count() {
            0 => String::new(),
            count => count.to_string(),
        }
    }

    /// Follows changes of the member list.
    pub(super) fn track_members(self) {
        self.parts().member_changes.read(|_| ());
    }

    /// Returns whether this is our own id.
    #[must_use]
    pub fn is_me(self, pid: &Pid) -> bool {
        self.parts().me.read(|me| me.as_ref() == Some(pid))
    }

    /// Returns our own id and name.
    #[must_use]
    pub fn myself(self) -> Option<Person> {
        let parts = self.parts();
        let pid = parts.me.get()?;
        let name = parts.my_name.get()?;
        Some(Person { pid, name })
    }

    /// Returns how the name of a present or former member is drawn.
    #[must_use]
    pub fn name_style(self, pid: &Pid, name: &str) -> NameStyle {
        if let Some(group) = self.parts().styles.get(NameSet::group_of(name)) {
            group.read(|()| ());
        }
        self.client.room(|room| room.name_style(pid, name))
    }

    /// Returns whether a text mentions us. Follows our own name only: a mention of the past stays
    /// one when other members come and go.
    #[must_use]
    pub fn mentions_me(self, text: &str) -> bool {
        self.parts().my_name.read(|name| {
            let mentions =
                |name: &str| self.client.room(|room| mentions(text, name, room.people()));
            name.as_deref().is_some_and(mentions)
        })
    }

    /// Returns the numbers of the announcements on the page.
    #[must_use]
    pub fn announced(self) -> Vec<u64> {
        self.parts().announced.get()
    }

    /// Returns an announcement by its number. `None` if it is gone. Not reactive.
    #[must_use]
    pub fn announcement(self, number: u64) -> Option<Announcement> {
        self.client.core(|core| {
            let mut recent = core.announcements().recent().iter();
            recent.find(|(known, _)| *known == number).map(|(_, announcement)| announcement.clone())
        })
    }

    /// Returns the status of the room and of its connection.
    #[must_use]
    pub fn status(self) -> Rc<StatusView> {
        Rc::clone(&self.parts().status)
    }

    /// Follows the time zone, which changes every time on the page.
    pub fn track_zone(self) {
        self.parts().zone_minutes.read(|_| ());
    }

    /// Returns the reader's day.
    #[must_use]
    pub fn today(self) -> Day {
        self.parts().today.get()
    }
}
