//! The one reactive store of a room page. The model ([`Room`]) is plain; what components draw from
//! is a handful of signals that are brought up to date once per frame, however many messages came.
//!
//! - `actions`: what a person does, `events`: what the connection brings, `flush`: model to signals

mod actions;
mod events;
mod flush;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use xmeet_shared::{MessageId, Nickname, Pid, RoomId};

use crate::connection::{Link, Phase};
use crate::room::members::Person;
use crate::room::{Notice, Room, Row, RowKey};
use crate::time::Day;
use crate::{browser, prefs};

pub use actions::Refusal;

/// What is not drawn from directly.
struct Inner {
    room_id: RoomId,
    model: RefCell<Room>,
    link: RefCell<Option<Rc<Link>>>,
    /// The name to come back with.
    nickname: RefCell<Option<Nickname>>,
    /// One signal per row, so that a change of one row draws one row.
    row_signals: RefCell<HashMap<RowKey, ArcRwSignal<Row>>>,
    flush_is_set: RefCell<bool>,
}

/// The store. A handle: copies are the same store.
#[derive(Clone, Copy)]
pub struct Store {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    /// The rows of the list, by name; [`Store::row`] has each.
    pub rows: RwSignal<Vec<RowKey>>,
    /// Everybody present, oldest member first.
    pub people: RwSignal<Vec<Person>>,
    /// The names that several who are present bear.
    shared_names: Memo<Vec<Arc<str>>>,
    /// Our own id.
    pub me: RwSignal<Option<Pid>>,
    /// Where the connection stands.
    pub phase: RwSignal<Phase>,
    /// How long until the next attempt.
    pub retry_in_s: RwSignal<u64>,
    /// The newest message known.
    pub newest: RwSignal<MessageId>,
    /// Whether something is under way that would be read aloud only by mistake.
    pub is_catching_up: RwSignal<bool>,
    /// What the server could not do.
    pub notice: RwSignal<Option<Notice>>,
    /// What is in the message box.
    pub draft: RwSignal<String>,
    /// The reader's day.
    pub today: RwSignal<Day>,
    /// Counts our own messages as they are said: the list goes to the bottom for each.
    pub said: RwSignal<u64>,
    /// The newest message that was in view at the bottom.
    pub seen: RwSignal<MessageId>,
    /// Where the list was left, for when the page is drawn anew.
    pub left_at: RwSignal<Option<crate::scroll::Place>>,
    /// Whether the nickname is being edited.
    pub is_renaming: RwSignal<bool>,
    /// Whether the member list is open where there is no room for it beside the messages.
    pub members_open: RwSignal<bool>,
}

impl Store {
    /// Makes the store of a room, provides it to every component below and connects.
    pub fn provide(room_id: RoomId) {
        let asked_for = actions::nickname_of_address();
        let nickname = asked_for.or_else(|| Nickname::from_handshake(&prefs::nickname()?));
        let draft = RwSignal::new(prefs::draft(&room_id));
        let inner = Inner {
            model: RefCell::new(Room::new(prefs::outbox(&room_id), prefs::own_pids(&room_id))),
            room_id,
            link: RefCell::default(),
            nickname: RefCell::new(nickname),
            row_signals: RefCell::default(),
            flush_is_set: RefCell::default(),
        };
        let people = RwSignal::new(Vec::new());
        let store = Self {
            inner: StoredValue::new_local(Rc::new(inner)),
            rows: RwSignal::new(Vec::new()),
            people,
            shared_names: Memo::new(move |_| people.with(|people| shared_names(people))),
            me: RwSignal::new(None),
            phase: RwSignal::new(Phase::Connecting),
            retry_in_s: RwSignal::new(0),
            newest: RwSignal::new(0),
            is_catching_up: RwSignal::new(true),
            notice: RwSignal::new(None),
            draft,
            today: RwSignal::new(flush::today(browser::now())),
            said: RwSignal::new(0),
            seen: RwSignal::new(0),
            left_at: RwSignal::new(None),
            is_renaming: RwSignal::new(false),
            members_open: RwSignal::new(false),
        };
        provide_context(store);
        store.flush();
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

    /// One row, reactive, for as long as the caller lives. `None` once it is gone from the list.
    #[must_use]
    pub fn row(self, key: RowKey) -> Option<RwSignal<Row>> {
        self.inner().row_signals.borrow().get(&key).cloned().map(RwSignal::from)
    }

    /// What we are called; tracks the member list.
    #[must_use]
    pub fn my_name(self) -> Option<Arc<str>> {
        let me = self.me.get()?;
        self.people.with(|people| {
            people.iter().find(|person| person.pid == me).map(|person| person.name.clone())
        })
    }

    /// Whether several who are present bear this name; tracks the member list.
    #[must_use]
    pub fn is_shared_name(self, name: &str) -> bool {
        self.shared_names.with(|names| names.iter().any(|shared| **shared == *name))
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }
}

/// The names that stand more than once in a member list.
fn shared_names(people: &[Person]) -> Vec<Arc<str>> {
    let (mut seen, mut shared) = (HashSet::new(), Vec::new());
    for Person { name, .. } in people {
        if !seen.insert(name) && !shared.contains(name) {
            shared.push(name.clone());
        }
    }
    shared
}
