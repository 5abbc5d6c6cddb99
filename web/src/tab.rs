//! The identity of this tab. A tab keeps its id through a reload and shares it with no other open page.
//! So only one page sends the tab's outbox and resumes its member.
//!
//! A page holds a lock on its id. A duplicated tab starts with a copy of the original's id, but the
//! original holds the lock, even while the browser has frozen it. A page in a new tab takes over the id
//! of a closed tab of the same room, and the entries of all other closed tabs.

use std::cell::RefCell;

use wasm_bindgen_futures::spawn_local;
use xmeet_shared::RoomId;

use crate::locks::{self, Outcome};
use crate::page::Page;
use crate::storage::entries::Area;
use crate::storage::tabs::{TabRoom, tabs_of};
use crate::storage::{self, Member, legacy, site_keys};
use crate::{browser, channel};

/// The time in which a closing page releases its id.
const RELEASE_MS: i32 = 500;

/// The time in which an open tab answers if there are no locks. A tab that has just opened is busy.
const ANSWER_MS: i32 = 1000;

/// The letters of a member token, with five random bits each: 140 bits.
const TOKEN_LETTERS: usize = 28;

/// The letters of a tab's id.
const ID_LETTERS: usize = 12;

/// The most closed tabs whose entries are taken over on one visit.
const ABSORBED_MAX: usize = 32;

/// The name of the tab's id in its session storage.
const ID: &str = "tab";

/// The name of the mark in the session storage that a page is open in the tab.
const IS_OPEN: &str = "open";

thread_local! {
    static TAB: RefCell<(String, String)> = RefCell::default();
    static QUERY: RefCell<Query> = RefCell::default();
}

/// A query to the other tabs, if there are no locks.
#[derive(Default)]
struct Query {
    /// The tab ids that this page claims.
    claimed: Vec<String>,
    /// The claimed ids that belong to open tabs or go to another page.
    refused: Vec<String>,
    /// If two pages claim one id, the page with the lower priority value gets it.
    priority: String,
}

/// The reason of a claim. Its number is the first digit of the priority.
#[derive(Clone, Copy)]
enum Claim {
    /// The page's own session storage has the id. The tab may be a duplicate.
    Reload = 0,
    /// The tab seems to be closed.
    Closed = 1,
}

/// Determines this tab's id, takes over the entries of closed tabs in the page's room, and then calls
/// `run`.
pub fn begin(run: impl FnOnce() + 'static) {
    let path = browser::window().location().pathname().unwrap_or_default();
    let room = match Page::at(&browser::site(), &path) {
        Page::Room(room) => Some(room),
        _ => None,
    };
    legacy::migrate_shared(&Area::local(), &site_keys(), browser::site().is_empty());
    channel::open();
    channel::listen(on_message);
    // Leptos spawns nothing before it has mounted a component.
    spawn_local(async move {
        let was_open = storage::get_in_tab(IS_OPEN).is_some();
        storage::set_in_tab(IS_OPEN, Some("1"));
        let known = storage::get_in_tab(ID);
        let has_locks = acquire_id(known, was_open, room.as_ref()).await;
        if let Some(room) = &room {
            absorb_others(room, has_locks).await;
            // Older entries of an origin may not belong to a site below a path.
            if browser::site().is_empty() {
                with_storage(room, |tab| legacy::migrate_tab(&Area::session(), tab));
            }
            remember_token(room);
        }
        release_with_the_page();
        run();
    });
}

/// Returns the id of this tab.
#[must_use]
pub fn id() -> String {
    TAB.with_borrow(|(id, _)| id.clone())
}

/// Returns the token with which this tab resumes its member.
#[must_use]
pub fn token() -> String {
    TAB.with_borrow(|(_, token)| token.clone())
}

/// Generates a new member token, because another page uses the present one.
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

/// Determines this tab's id and acquires its lock. Returns whether the browser has locks.
async fn acquire_id(known: Option<String>, was_open: bool, room: Option<&RoomId>) -> bool {
    if let Some(id) = known {
        match locks::acquire(&lock_name(&id), RELEASE_MS).await {
            Outcome::Held => {
                set_id(id);
                return true;
            }
            Outcome::Unavailable => {
                let ids = [id.clone()];
                let is_copy = was_open && !claim_ids(&ids, Claim::Reload).await.is_empty();
                set_id(if is_copy { browser::random_letters(ID_LETTERS) } else { id });
                return false;
            }
            Outcome::Taken => {}
        }
    } else if let Some(room) = room {
        for id in stored_tabs(room) {
            match locks::acquire(&lock_name(&id), 0).await {
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
    locks::acquire(&lock_name(&id()), RELEASE_MS).await == Outcome::Held
}

/// Takes over the entries of closed tabs in `room`. Without locks the tabs may still be open, so their
/// texts become unconfirmed.
async fn absorb_others(room: &RoomId, has_locks: bool) {
    let own = id();
    let others: Vec<_> = stored_tabs(room).into_iter().filter(|other| *other != own).collect();
    if others.is_empty() {
        return;
    }
    let refused = if has_locks { Vec::new() } else { claim_ids(&others, Claim::Closed).await };
    for other in others {
        let name = lock_name(&other);
        if has_locks && locks::acquire(&name, 0).await != Outcome::Held || refused.contains(&other)
        {
            continue;
        }
        with_storage(room, |tab| tab.absorb(&other, !has_locks));
        locks::release(&name);
    }
}

fn stored_tabs(room: &RoomId) -> Vec<String> {
    let mut tabs = tabs_of(&Area::local(), &site_keys(), room);
    tabs.truncate(ABSORBED_MAX);
    tabs
}

fn with_storage(room: &RoomId, run: impl FnOnce(&TabRoom<'_, Area>)) {
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

/// Claims `ids` and waits for objections. Returns the ids of open tabs and those that go to another
/// page, which claims them at the same time.
async fn claim_ids(ids: &[String], claim: Claim) -> Vec<String> {
    let priority = format!("{}{}", claim as u8, browser::random_letters(ID_LETTERS));
    let claimed = ids.to_vec();
    QUERY.set(Query { claimed, priority: priority.clone(), ..Query::default() });
    let is_posted = |id: &&String| channel::post(&format!("who {id} {priority}"));
    if ids.iter().filter(is_posted).count() > 0 {
        browser::sleep(ANSWER_MS).await;
    }
    QUERY.take().refused
}

/// Answers the queries of other tabs and records their answers and claims.
fn on_message(message: &str) {
    QUERY.with_borrow_mut(|query| {
        let mut words = message.split(' ');
        match [words.next(), words.next(), words.next()] {
            [Some("who"), Some(tab), Some(other)] => {
                let is_claimed = query.claims(tab);
                if tab == id() || (is_claimed && query.priority.as_str() < other) {
                    channel::post(&format!("here {tab} {other}"));
                } else if is_claimed {
                    // The other page may have opened after this page's query.
                    query.refuse(tab);
                }
            }
            [Some("here"), Some(tab), Some(claimant)] if claimant == query.priority => {
                query.refuse(tab);
            }
            _ => {}
        }
    });
}

impl Query {
    fn claims(&self, tab: &str) -> bool {
        self.claimed.iter().any(|id| id == tab)
    }

    fn refuse(&mut self, tab: &str) {
        if self.claims(tab) && !self.refused.iter().any(|id| id == tab) {
            self.refused.push(tab.to_owned());
        }
    }
}

/// Releases the id when the page closes. Reloads a page that the browser restores from its cache,
/// because another page may have sent its outbox meanwhile.
fn release_with_the_page() {
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
