//! The signals of a room page. They mirror the [core](crate::core) and are brought up to date once
//! per frame, however many messages came.
//!
//! - `actions`: what a person does, `page`: what the core shows, and the page around the room
//! - `flush`: core to signals, `watched`: a value that is drawn from
//! - `mentions`: who is mentioned, and the menu over the message box
//! - `members`: who is present, and which part of the member list is on the page
//! - `announce`: what is read aloud
//! - `attention`: what the reader has seen, and notifications
//! - `saving`: keeps the draft

mod actions;
mod announce;
mod attention;
mod flush;
mod members;
mod mentions;
mod page;
mod saving;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use xmeet_shared::{MessageId, Nickname, Pid, RoomId};

use crate::alerts::{self, Permission};
use crate::badge::Tab;
use crate::connection::Phase;
pub use crate::core::ConnectionAnnouncement;
use crate::core::{Input, Redraw};
use crate::mention_menu::Menu;
use crate::room::names::NAME_GROUPS;
use crate::room::{MessageRow, Notice, Room, Row, RowKey};
use crate::runtime::Runtime;
use crate::scroll::{Place, Scroller};
use crate::time::Day;
use crate::{browser, prefs, storage};

pub use actions::Refusal;
pub use attention::UNREAD_LINE;
pub use page::MEMBERS_BESIDE;
use watched::Watched;

/// A window this narrow has room for few of the header's tools.
const NARROW: &str = "(max-width: 30rem)";

fn is_narrow() -> bool {
    browser::matches_media(NARROW)
}

/// What is not drawn from directly.
struct Inner {
    room_id: RoomId,
    runtime: Rc<Runtime>,
    /// A name that the server refused, until the form for it has it back.
    refused_name: RefCell<Option<Nickname>>,
    /// Each row by itself, so that a change of one row draws one row.
    rows: RefCell<HashMap<RowKey, Rc<Watched<Row>>>>,
    /// The names of the rows, in their order.
    keys: Watched<Vec<RowKey>>,
    /// Counts changes of who is present; the core has who.
    people: Watched<u64>,
    /// How many are present.
    count: Watched<u64>,
    /// Our own id.
    me: Watched<Option<Pid>>,
    /// The styles of names, in groups of names: a change tells one group and not every row.
    styles: Vec<Watched<()>>,
    /// The numbers of the announcements that stand on the page.
    announced: Watched<Vec<u64>>,
    my_name: Watched<Option<Arc<str>>>,
    menu: Watched<Menu>,
    phase: Watched<Phase>,
    turn: Watched<ConnectionAnnouncement>,
    notice: Watched<Option<Notice>>,
    today: Watched<Day>,
    /// How far the clock is ahead of UTC, in minutes.
    zone_minutes: Cell<i32>,
    /// What the next flush draws.
    redraw: Cell<Redraw>,
    flush_is_set: Cell<bool>,
    tab: Tab,
    /// The draft that is remembered.
    saved_draft: RefCell<String>,
    save_is_set: Cell<bool>,
    /// What keeps the place in the list.
    scroller: RefCell<Option<Rc<Scroller>>>,
    /// Where the list was left, for when the page is drawn anew.
    left_at: RefCell<Option<Place>>,
}

/// The store. A handle: copies are the same store.
#[derive(Clone, Copy)]
pub struct Store {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    /// How long until the next attempt.
    pub retry_in_s: RwSignal<u64>,
    /// How long the server wants to hear nothing more.
    pub pause_s: RwSignal<u64>,
    /// Counts changes of the time zone: every time on the page is another then.
    pub zones: RwSignal<u64>,
    /// The newest message known.
    pub newest: RwSignal<MessageId>,
    /// What is in the message box.
    pub draft: RwSignal<String>,
    /// Counts our own messages as they are said: the list goes to the bottom for each.
    pub said: RwSignal<u64>,
    /// Whether the list is at the bottom, and stays there.
    pub is_at_bottom: RwSignal<bool>,
    /// How many messages of others were not read.
    pub unread: RwSignal<u64>,
    /// Whether who is not looking is notified by the system.
    pub notify: RwSignal<bool>,
    /// Whether the browser does not let us.
    pub notify_denied: RwSignal<bool>,
    /// Whether the browser let us, and then showed nothing.
    pub notify_failed: RwSignal<bool>,
    /// Whether who is not looking hears of it.
    pub sound: RwSignal<bool>,
    /// Whether the browser does not keep what is unsent.
    pub storage_failed: RwSignal<bool>,
    /// Whether the lines about who comes and goes are hidden.
    pub lines_hidden: RwSignal<bool>,
    /// Whether the window is too narrow for all of the header's tools.
    pub is_narrow: RwSignal<bool>,
    /// Whether the nickname is being edited.
    pub is_renaming: RwSignal<bool>,
    /// Whether the member list is open where there is no room for it beside the messages.
    pub members_open: RwSignal<bool>,
    /// Whether the member list stands beside the messages.
    pub members_beside: RwSignal<bool>,
    /// What is typed to find members by name.
    pub member_filter: RwSignal<String>,
    /// The part of the member list that is on the page: the first place, and the one after the last.
    member_window: (RwSignal<u64>, RwSignal<u64>),
    /// Which choice of the menu over the message box Enter takes.
    pub chosen: RwSignal<u64>,
    /// Whether the room takes nobody more.
    pub is_full: RwSignal<bool>,
    /// Whether the connection went, or could not be made, and is not there yet.
    pub is_cut: RwSignal<bool>,
    /// Whether the server has another version of this client by now.
    pub is_outdated: RwSignal<bool>,
}

impl Store {
    /// Makes the store of a room, provides it to every component below and connects.
    pub fn provide(room_id: RoomId) {
        let draft = RwSignal::new(storage::draft(&room_id));
        let inner = Inner {
            tab: Tab::of(&room_id),
            runtime: Runtime::new(room_id.clone()),
            room_id,
            refused_name: RefCell::default(),
            rows: RefCell::default(),
            keys: Watched::new(Vec::new()),
            people: Watched::new(0),
            count: Watched::new(0),
            me: Watched::new(None),
            styles: (0..NAME_GROUPS).map(|_| Watched::new(())).collect(),
            announced: Watched::new(Vec::new()),
            my_name: Watched::new(None),
            menu: Watched::new(Menu::default()),
            phase: Watched::new(Phase::Connecting),
            turn: Watched::new(ConnectionAnnouncement::None),
            notice: Watched::new(None),
            today: Watched::new(flush::today(browser::now())),
            zone_minutes: Cell::new(browser::offset_minutes(browser::now())),
            redraw: Cell::new(Redraw { rows: true, people: false }),
            flush_is_set: Cell::default(),
            saved_draft: RefCell::new(draft.get_untracked()),
            save_is_set: Cell::default(),
            scroller: RefCell::default(),
            left_at: RefCell::default(),
        };
        let store = Self::over(inner, draft);
        provide_context(store);
        store.flush();
        store.keep_what_is_typed();
        store.watch_page();
        store.inner().runtime.start(move |effect| store.show(effect));
    }

    /// Makes the signals that are drawn from.
    fn over(inner: Inner, draft: RwSignal<String>) -> Self {
        Self {
            inner: StoredValue::new_local(Rc::new(inner)),
            retry_in_s: RwSignal::new(0),
            pause_s: RwSignal::new(0),
            zones: RwSignal::new(0),
            newest: RwSignal::new(0),
            draft,
            said: RwSignal::new(0),
            is_at_bottom: RwSignal::new(true),
            unread: RwSignal::new(0),
            notify: RwSignal::new(prefs::notify() && alerts::permission() == Permission::Granted),
            notify_denied: RwSignal::new(false),
            notify_failed: RwSignal::new(false),
            storage_failed: RwSignal::new(false),
            sound: RwSignal::new(prefs::sound()),
            lines_hidden: RwSignal::new(prefs::lines_hidden()),
            is_narrow: RwSignal::new(is_narrow()),
            is_renaming: RwSignal::new(false),
            members_open: RwSignal::new(false),
            members_beside: RwSignal::new(browser::matches_media(MEMBERS_BESIDE)),
            member_filter: RwSignal::new(String::new()),
            member_window: (RwSignal::new(0), RwSignal::new(members::window_at_first())),
            chosen: RwSignal::new(0),
            is_full: RwSignal::new(false),
            is_cut: RwSignal::new(false),
            is_outdated: RwSignal::new(false),
        }
    }

    /// The store that the page provides.
    #[must_use]
    pub fn get() -> Self {
        expect_context()
    }

    /// The room.
    #[must_use]
    pub fn room_id(self) -> RoomId {
        self.inner().room_id.clone()
    }

    /// The names of the rows of the list, in their order; reactive, like all that follow.
    #[must_use]
    pub fn keys(self) -> Vec<RowKey> {
        self.inner().keys.with(Clone::clone)
    }

    /// One row. `None` once it is gone from the list.
    pub fn row<R>(self, key: RowKey, read: impl FnOnce(&Row) -> R) -> Option<R> {
        let row = self.inner().rows.borrow().get(&key).cloned();
        row.map(|row| row.with(read))
    }

    /// One row that is a message.
    #[must_use]
    pub fn message_row(self, key: RowKey) -> Option<MessageRow> {
        match self.row(key, Clone::clone) {
            Some(Row::Message(row)) => Some(row),
            _ => None,
        }
    }

    /// Where the connection stands.
    #[must_use]
    pub fn phase(self) -> Phase {
        self.inner().phase.with(|phase| *phase)
    }

    /// What was last said about the connection, for those who do not see it.
    #[must_use]
    pub fn turn(self) -> ConnectionAnnouncement {
        self.inner().turn.with(|turn| *turn)
    }

    /// What the server could not do.
    #[must_use]
    pub fn notice(self) -> Option<Notice> {
        self.inner().notice.with(Clone::clone)
    }

    /// The reader's day.
    #[must_use]
    pub fn today(self) -> Day {
        self.inner().today.with(|today| *today)
    }

    /// Where the list was left when the page was drawn before.
    #[must_use]
    pub fn left_at(self) -> Option<Place> {
        self.inner().left_at.borrow().clone()
    }

    /// Remembers where the list is.
    pub fn set_left_at(self, place: Option<Place>) {
        self.inner().left_at.replace(place);
    }

    /// Takes what keeps the place in the list that is on the page now.
    pub fn set_scroller(self, scroller: Rc<Scroller>) {
        let inner = self.inner();
        scroller.hold(self.room(|room| room.log().tail().is_some()));
        inner.scroller.replace(Some(scroller));
    }

    fn scroll(self, act: impl FnOnce(&Scroller)) {
        if let Some(scroller) = self.scroller() {
            act(&scroller);
        }
    }

    /// The rows changed: keeps the place in them.
    pub fn settle(self) {
        if let Some(scroller) = self.scroller() {
            scroller.settle();
        }
    }

    fn scroller(self) -> Option<Rc<Scroller>> {
        self.inner().scroller.borrow().clone()
    }

    /// Gives the core an input.
    fn input(self, input: Input) {
        self.inner().runtime.input(input);
    }

    /// Reads the room. Not reactive.
    fn room<R>(self, read: impl FnOnce(&Room) -> R) -> R {
        self.inner().runtime.with(|core| read(core.room()))
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }
}
