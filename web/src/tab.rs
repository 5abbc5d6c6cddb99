//! Which tab this is. A tab keeps its id through a reload and shares it with no other page: what it
//! has left to send is sent by one page alone, and the server knows its member again.
//!
//! A page holds a lock on its id. A duplicated tab starts with a copy of its original's id and finds
//! the lock taken, even where the browser has frozen the original. A page in a fresh tab takes the
//! id of a tab that was in the same room and is gone, and what others have left there.

use std::cell::RefCell;

use wasm_bindgen_futures::spawn_local;
use xmeet_shared::RoomId;

use crate::locks::{self, Outcome};
use crate::page::Page;
use crate::storage::entries::Area;
use crate::storage::tabs::{TabRoom, tabs_of};
use crate::storage::{self, Member, legacy, site_keys};
use crate::{browser, channel};

/// How long a page that is just going away has to let go of its id.
const LET_GO_MS: i32 = 500;

/// How long a tab has to say that it is there, where there are no locks. One that has just opened is
/// busy.
const ANSWER_MS: i32 = 1000;

/// Letters of a session token, of five random bits each: 140 bits.
const TOKEN_LETTERS: usize = 28;

/// Letters of a tab's id.
const ID_LETTERS: usize = 12;

/// The most tabs whose remains are taken in one visit.
const ABSORBED_MAX: usize = 32;

/// The names in the tab's storage: its id, and whether a page is open in it.
const ID: &str = "tab";
const IS_OPEN: &str = "open";

thread_local! {
    static TAB: RefCell<(String, String)> = RefCell::default();
    static QUESTION: RefCell<Question> = RefCell::default();
}

/// What this page asks the other tabs, where there are no locks.
#[derive(Default)]
struct Question {
    /// The tabs whose remains this page is about to take, if they are gone.
    claimed: Vec<String>,
    /// Those of them that are open, or that another page takes.
    refused: Vec<String>,
    /// Of two pages that claim one tab, the lower takes it.
    priority: String,
}

/// How a page claims the remains of a tab.
#[derive(Clone, Copy)]
enum Claim {
    /// The page is that tab, as its storage says; it may be a copy.
    Reload = 0,
    /// The tab seems to be gone.
    Remains = 1,
}

/// Finds out which tab this is and takes what tabs that are gone have left in the page's room. Then
/// does `run`.
pub fn begin(run: impl FnOnce() + 'static) {
    let path = browser::window().location().pathname().unwrap_or_default();
    let room = match Page::at(&browser::site(), &path) {
        Page::Room(room) => Some(room),
        _ => None,
    };
    legacy::migrate_shared(&Area::local(), &site_keys(), browser::site().is_empty());
    channel::open();
    channel::listen(answer);
    // Not by Leptos, which spawns nothing before it has mounted something.
    spawn_local(async move {
        let was_open = storage::get_in_tab(IS_OPEN).is_some();
        storage::set_in_tab(IS_OPEN, Some("1"));
        let known = storage::get_in_tab(ID);
        let has_locks = take_id(known, was_open, room.as_ref()).await;
        if let Some(room) = &room {
            absorb_others(room, has_locks).await;
            // Of a site below a path it is not known whether what is there is its own.
            if browser::site().is_empty() {
                with(room, |tab| legacy::migrate_tab(&Area::session(), tab));
            }
            remember_token(room);
        }
        leave_with_the_page();
        run();
    });
}

/// The id of this tab.
#[must_use]
pub fn id() -> String {
    TAB.with_borrow(|(id, _)| id.clone())
}

/// The secret by which the server knows this tab's member again.
#[must_use]
pub fn token() -> String {
    TAB.with_borrow(|(_, token)| token.clone())
}

/// Draws another secret: another page goes by the one there was.
pub fn regenerate_token(room: &RoomId) {
    set_token(browser::random_letters(TOKEN_LETTERS), room);
}

fn set_token(token: String, room: &RoomId) {
    storage::set_member(room, &Member { token: token.clone(), ..storage::member(room) });
    TAB.with_borrow_mut(|tab| tab.1 = token);
}

fn set_id(id: String) {
    storage::set_in_tab(ID, Some(&id));
    TAB.with_borrow_mut(|tab| tab.0 = id);
}

/// Settles this tab's id. Returns whether the browser has locks.
async fn take_id(known: Option<String>, was_open: bool, room: Option<&RoomId>) -> bool {
    if let Some(id) = known {
        match locks::hold(&lock_name(&id), LET_GO_MS).await {
            Outcome::Held => {
                set_id(id);
                return true;
            }
            Outcome::Unavailable => {
                let ids = [id.clone()];
                let is_copy = was_open && !refused_of(&ids, Claim::Reload).await.is_empty();
                set_id(if is_copy { browser::random_letters(ID_LETTERS) } else { id });
                return false;
            }
            Outcome::Taken => {}
        }
    } else if let Some(room) = room {
        for id in left_in(room) {
            match locks::hold(&lock_name(&id), 0).await {
                Outcome::Held => {
                    set_id(id);
                    return true;
                }
                Outcome::Taken => {}
                Outcome::Unavailable => break,
            }
        }
    }
    set_id(browser::random_letters(ID_LETTERS));
    locks::hold(&lock_name(&id()), LET_GO_MS).await == Outcome::Held
}

/// Takes what tabs that are gone have left in `room`. Without locks it is only likely that they are
/// gone, so what they had to send is in doubt.
async fn absorb_others(room: &RoomId, has_locks: bool) {
    let own = id();
    let others: Vec<_> = left_in(room).into_iter().filter(|other| *other != own).collect();
    if others.is_empty() {
        return;
    }
    let refused = if has_locks { Vec::new() } else { refused_of(&others, Claim::Remains).await };
    for other in others {
        let name = lock_name(&other);
        if has_locks && locks::hold(&name, 0).await != Outcome::Held || refused.contains(&other) {
            continue;
        }
        with(room, |tab| tab.absorb(&other, !has_locks));
        locks::release(&name);
    }
}

fn left_in(room: &RoomId) -> Vec<String> {
    let mut tabs = tabs_of(&Area::local(), &site_keys(), room);
    tabs.truncate(ABSORBED_MAX);
    tabs
}

fn with(room: &RoomId, run: impl FnOnce(&TabRoom<'_, Area>)) {
    run(&TabRoom { entries: &Area::local(), keys: &site_keys(), room, tab: &id() });
}

fn remember_token(room: &RoomId) {
    let member = storage::member(room);
    if member.token.is_empty() {
        regenerate_token(room);
    } else {
        TAB.with_borrow_mut(|tab| tab.1 = member.token);
    }
}

fn lock_name(id: &str) -> String {
    format!("tab:{id}")
}

/// Asks the other tabs for `ids`. Returns those that are open, and those that another page takes that
/// asks at the same time.
async fn refused_of(ids: &[String], claim: Claim) -> Vec<String> {
    let priority = format!("{}{}", claim as u8, browser::random_letters(ID_LETTERS));
    let claimed = ids.to_vec();
    QUESTION.set(Question { claimed, priority: priority.clone(), ..Question::default() });
    let is_asked = |id: &&String| channel::post(&format!("who {id} {priority}"));
    if ids.iter().filter(is_asked).count() > 0 {
        browser::sleep(ANSWER_MS).await;
    }
    QUESTION.take().refused
}

/// Answers the questions of other tabs, and notes their answers and claims.
fn answer(message: &str) {
    QUESTION.with_borrow_mut(|question| {
        let mut words = message.split(' ');
        match [words.next(), words.next(), words.next()] {
            [Some("who"), Some(tab), Some(other)] => {
                let is_claimed = question.claims(tab);
                if tab == id() || (is_claimed && question.priority.as_str() < other) {
                    channel::post(&format!("here {tab} {other}"));
                } else if is_claimed {
                    // The other page may have opened too late to hear this page's question.
                    question.refuse(tab);
                }
            }
            [Some("here"), Some(tab), Some(asker)] if asker == question.priority => {
                question.refuse(tab);
            }
            _ => {}
        }
    });
}

impl Question {
    fn claims(&self, tab: &str) -> bool {
        self.claimed.iter().any(|id| id == tab)
    }

    fn refuse(&mut self, tab: &str) {
        if self.claims(tab) && !self.refused.iter().any(|id| id == tab) {
            self.refused.push(tab.to_owned());
        }
    }
}

/// Lets go of the id when the page goes. A page that the browser brings back from its cache starts
/// over: meanwhile another page may have sent what it had to send.
fn leave_with_the_page() {
    browser::on("pagehide", || {
        storage::set_in_tab(IS_OPEN, None);
        locks::release(&lock_name(&id()));
    });
    browser::on_event(&browser::window(), "pageshow", |event| {
        if browser::property(event, "persisted").is_some_and(|is_so| is_so.is_truthy()) {
            let _ = browser::window().location().reload();
        }
    });
}
