//! The one reactive store of a room page. The model ([`Room`]) is plain; what components draw from
//! is a handful of signals that are brought up to date once per frame, however many messages came.
//!
//! - `actions`: what a person does, `events`: what the connection brings, `flush`: model to signals
//! - `mentions`: who is mentioned, and the menu over the message box
//! - `outage`: what a connection that went away leads to, `pause`: a server that asks to wait
//! - `attention`: what the reader has seen, and who is called that does not look
//! - `watched`: a value that is drawn from

mod actions;
mod attention;
mod events;
mod flush;
mod mentions;
mod outage;
mod pause;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use xmeet_shared::{MessageId, Nickname, Pid, RoomId, UnixMillis};

use crate::alerts::{self, Permission};
use crate::badge::Tab;
use crate::connection::{Link, Phase};
use crate::mention_menu::Menu;
use crate::room::burst::Burst;
use crate::room::members::{Look, Person};
use crate::room::{MessageRow, Notice, Room, Row, RowKey};
use crate::scroll::{Place, Scroller};
use crate::time::Day;
use crate::{browser, prefs};

pub use actions::Refusal;
pub use attention::UNREAD_LINE;
pub use events::MEMBERS_BESIDE;
use watched::Watched;

/// A window this narrow has room for few of the header's tools.
const NARROW: &str = "(max-width: 30rem)";

fn is_narrow() -> bool {
    browser::matches_media(NARROW)
}

/// What is not drawn from directly.
struct Inner {
    room_id: RoomId,
    model: RefCell<Room>,
    link: RefCell<Option<Rc<Link>>>,
    /// The name to come back with.
    nickname: RefCell<Option<Nickname>>,
    /// A name that the server refused, until the form for it has it back.
    refused_name: RefCell<Option<Nickname>>,
    /// Each row by itself, so that a change of one row draws one row.
    rows: RefCell<HashMap<RowKey, Rc<Watched<Row>>>>,
    /// The names of the rows, in their order.
    keys: Watched<Vec<RowKey>>,
    /// Counts changes of who is present; the model has who.
    people: Watched<u64>,
    my_name: Watched<Option<Arc<str>>>,
    menu: Watched<Menu>,
    phase: Watched<Phase>,
    turn: Watched<Turn>,
    notice: Watched<Option<Notice>>,
    today: Watched<Day>,
    /// When the server listens to us again.
    paused_until: Cell<UnixMillis>,
    /// How far the clock is ahead of UTC, in minutes.
    zone_minutes: Cell<i32>,
    flush_is_set: Cell<bool>,
    people_changed: Cell<bool>,
    /// Counts what was not to be read aloud.
    hushes: Cell<u64>,
    burst: RefCell<Burst>,
    tab: Tab,
    /// The message that the list is on its way to, while it aims at something.
    going_to: Cell<Option<MessageId>>,
    /// The newest message that is remembered as read.
    remembered: Cell<Option<MessageId>>,
    /// What keeps the place in the list.
    scroller: RefCell<Option<Rc<Scroller>>>,
    /// Where the list was left, for when the page is drawn anew.
    left_at: RefCell<Option<Place>>,
}

/// A turn of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// None since the page was opened.
    None,
    /// It was lost.
    Lost,
    /// It came back.
    Back,
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
    /// Whether something is under way that would be read aloud only by mistake.
    pub is_catching_up: RwSignal<bool>,
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
    /// Whether who is not looking hears of it.
    pub sound: RwSignal<bool>,
    /// Whether the lines about who comes and goes are hidden.
    pub lines_hidden: RwSignal<bool>,
    /// Whether the window is too narrow for all of the header's tools.
    pub is_narrow: RwSignal<bool>,
    /// Whether the nickname is being edited.
    pub is_renaming: RwSignal<bool>,
    /// Whether the member list is open where there is no room for it beside the messages.
    pub members_open: RwSignal<bool>,
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
        let asked_for = actions::nickname_of_address();
        let nickname = asked_for.or_else(|| Nickname::from_handshake(&prefs::nickname()?));
        let draft = RwSignal::new(prefs::draft(&room_id));
        let mut model = Room::new(prefs::outbox(&room_id), prefs::own_pids(&room_id));
        let (read_up_to, epoch) = prefs::read_up_to(&room_id).unzip();
        model.restore_read(read_up_to, epoch.flatten());
        let inner = Inner {
            model: RefCell::new(model),
            tab: Tab::of(&room_id),
            room_id,
            link: RefCell::default(),
            nickname: RefCell::new(nickname),
            refused_name: RefCell::default(),
            rows: RefCell::default(),
            keys: Watched::new(Vec::new()),
            people: Watched::new(0),
            my_name: Watched::new(None),
            menu: Watched::new(Menu::default()),
            phase: Watched::new(Phase::Connecting),
            turn: Watched::new(Turn::None),
            notice: Watched::new(None),
            today: Watched::new(flush::today(browser::now())),
            paused_until: Cell::default(),
            zone_minutes: Cell::new(browser::offset_minutes(browser::now())),
            flush_is_set: Cell::default(),
            people_changed: Cell::default(),
            hushes: Cell::default(),
            burst: RefCell::default(),
            going_to: Cell::default(),
            remembered: Cell::new(read_up_to),
            scroller: RefCell::default(),
            left_at: RefCell::default(),
        };
        let store = Self {
            inner: StoredValue::new_local(Rc::new(inner)),
            retry_in_s: RwSignal::new(0),
            pause_s: RwSignal::new(0),
            zones: RwSignal::new(0),
            newest: RwSignal::new(0),
            is_catching_up: RwSignal::new(true),
            draft,
            said: RwSignal::new(0),
            is_at_bottom: RwSignal::new(true),
            unread: RwSignal::new(0),
            notify: RwSignal::new(prefs::notify() && alerts::permission() == Permission::Granted),
            notify_denied: RwSignal::new(false),
            sound: RwSignal::new(prefs::sound()),
            lines_hidden: RwSignal::new(false),
            is_narrow: RwSignal::new(is_narrow()),
            is_renaming: RwSignal::new(false),
            members_open: RwSignal::new(false),
            chosen: RwSignal::new(0),
            is_full: RwSignal::new(false),
            is_cut: RwSignal::new(false),
            is_outdated: RwSignal::new(false),
        };
        provide_context(store);
        store.hide_lines(prefs::lines_hidden());
        store.flush();
        store.watch_attention();
        store.connect();
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

    /// Everybody present, oldest member first.
    #[must_use]
    pub fn people(self) -> Vec<Person> {
        self.model_of_people(|model| model.people().to_vec())
    }

    /// How many are present.
    #[must_use]
    pub fn count(self) -> u64 {
        self.model_of_people(|model| model.people().len() as u64)
    }

    /// Whether this is us.
    #[must_use]
    pub fn is_me(self, pid: &Pid) -> bool {
        self.model_of_people(|model| model.me() == Some(pid))
    }

    /// Our own id and what we are called.
    #[must_use]
    pub fn myself(self) -> Option<Person> {
        self.model_of_people(|model| {
            Some(Person { pid: model.me()?.clone(), name: model.my_name()? })
        })
    }

    /// How the name of a member stands out, or of somebody who was one.
    #[must_use]
    pub fn look(self, pid: &Pid, name: &str) -> Look {
        self.model_of_people(|model| model.look(pid, name))
    }

    /// Where the connection stands.
    #[must_use]
    pub fn phase(self) -> Phase {
        self.inner().phase.with(|phase| *phase)
    }

    /// What was last said about the connection, for those who do not see it.
    #[must_use]
    pub fn turn(self) -> Turn {
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
        scroller.hold(inner.model.borrow().log().tail().is_some());
        inner.scroller.replace(Some(scroller));
    }

    /// Shows the newest message, and stays there. It may have to come first.
    pub fn to_bottom(self) {
        let cursor = self.inner().model.borrow_mut().load_newest();
        if let Some(cursor) = cursor {
            self.ask_page(cursor);
        }
        self.scroll(Scroller::to_bottom);
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

    fn model_of_people<R>(self, read: impl FnOnce(&Room) -> R) -> R {
        let inner = self.inner();
        inner.people.with(|_| ());
        read(&inner.model.borrow())
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }
}
