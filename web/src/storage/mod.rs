//! What the browser keeps for this site: preferences, and of each room what is half typed, what is
//! not sent, what was read, and who this tab was. All of it works, forgetfully, where storage is
//! blocked or full; the person is told once when something unsent is not kept.
//!
//! - [`entries`]: storage as a map, [`keys`]: names by site, room and tab
//! - [`rooms`]: the bounds, [`tabs`]: one tab's part of a room, [`legacy`]: what an older client kept
//! - [`forget`]: removes everything of this site

pub mod entries;
pub mod forget;
pub mod keys;
pub mod legacy;
pub mod rooms;
pub mod tabs;

use std::cell::{Cell, RefCell};

use xmeet_shared::{MessageId, RoomId};

use crate::room::outbox::SavedEntry;
use crate::{browser, tab};
use entries::{Area, Entries};
use keys::{Keys, Kind};
pub use tabs::Member;
use tabs::TabRoom;

thread_local! {
    /// Whether something unsent was not kept.
    static HAS_FAILED: Cell<bool> = const { Cell::new(false) };
    /// Who is told of that.
    static ON_FAILURE: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    /// Whether everything was forgotten: nothing is written any more until the next page.
    static IS_FORGOTTEN: Cell<bool> = const { Cell::new(false) };
}

/// Returns the keys of this site.
#[must_use]
pub fn site_keys() -> Keys {
    Keys::of(&browser::site())
}

/// Returns a preference that outlives the browser.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    Area::local().get(&site_keys().site_wide(name))
}

/// Keeps a preference, or forgets it.
pub fn set(name: &str, value: Option<&str>) {
    write(&Area::local(), &site_keys().site_wide(name), value);
}

/// Returns something that lives as long as this tab.
#[must_use]
pub fn get_in_tab(name: &str) -> Option<String> {
    Area::session().get(&site_keys().site_wide(name))
}

/// Keeps something as long as this tab lives, or forgets it.
pub fn set_in_tab(name: &str, value: Option<&str>) {
    write(&Area::session(), &site_keys().site_wide(name), value);
}

fn write(area: &Area, key: &str, value: Option<&str>) {
    match value {
        _ if IS_FORGOTTEN.get() => {}
        // A preference that is not kept is asked for again on the next visit.
        Some(value) => drop(area.set(key, value)),
        None => area.remove(key),
    }
}

/// Runs `run` on this tab's part of a room.
fn with_tab<R>(room: &RoomId, run: impl FnOnce(&TabRoom<'_, Area>) -> R) -> R {
    let (entries, keys, tab) = (Area::local(), site_keys(), tab::id());
    run(&TabRoom { entries: &entries, keys: &keys, room, tab: &tab })
}

/// Calls `run` when something unsent is not kept; at once where that has happened.
pub fn on_failure(run: impl Fn() + 'static) {
    if HAS_FAILED.get() {
        run();
    }
    ON_FAILURE.replace(Some(Box::new(run)));
}

fn note_result(is_kept: bool) {
    if !is_kept && !HAS_FAILED.replace(true) {
        ON_FAILURE.with_borrow(|told| told.iter().for_each(|tell| tell()));
    }
}

/// Records a visit of `room`, and removes what is kept of rooms that were not visited for long.
pub fn touch(room: &RoomId) {
    if !IS_FORGOTTEN.get() {
        rooms::touch(&Area::local(), &site_keys(), room, browser::now());
    }
}

/// Removes everything that is kept of `room`.
pub fn forget_room(room: &RoomId) {
    rooms::forget(&Area::local(), &site_keys(), room);
}

/// Returns the key under which this tab keeps what is half typed.
#[must_use]
pub fn draft_key(room: &RoomId) -> String {
    site_keys().of_tab(Kind::Draft, room, &tab::id())
}

/// Returns what is half typed in this tab.
#[must_use]
pub fn draft(room: &RoomId) -> String {
    with_tab(room, |tab| tab.draft())
}

/// Keeps what is half typed in this tab.
pub fn set_draft(room: &RoomId, text: &str) {
    if !IS_FORGOTTEN.get() {
        note_result(with_tab(room, |tab| tab.set_draft(text)));
    }
}

/// Returns what this tab, or one that is gone, has not been told to be kept by the server.
#[must_use]
pub fn outbox(room: &RoomId) -> Vec<SavedEntry> {
    with_tab(room, |tab| tab.outbox())
}

/// Keeps what is not known to be kept by the server.
pub fn set_outbox(room: &RoomId, entries: &[SavedEntry]) {
    if !IS_FORGOTTEN.get() {
        note_result(with_tab(room, |tab| tab.set_outbox(entries)));
    }
}

/// Returns who this tab was in `room`.
#[must_use]
pub fn member(room: &RoomId) -> Member {
    with_tab(room, |tab| tab.member())
}

/// Remembers who this tab is in `room`.
pub fn set_member(room: &RoomId, member: &Member) {
    if !IS_FORGOTTEN.get() {
        with_tab(room, |tab| tab.set_member(member));
    }
}

/// Returns the newest message that was read in a room, and which epoch of the room its id is of.
#[must_use]
pub fn read_up_to(room: &RoomId) -> Option<(MessageId, Option<String>)> {
    let kept = Area::local().get(&site_keys().of_room(Kind::Read, room))?;
    let (id, epoch) = kept.split_once(' ')?;
    Some((id.parse().ok()?, (!epoch.is_empty()).then(|| epoch.to_owned())))
}

/// Remembers the newest message that was read in a room.
pub fn set_read_up_to(room: &RoomId, id: MessageId, epoch: Option<&str>) {
    let kept = format!("{id} {}", epoch.unwrap_or_default());
    write(&Area::local(), &site_keys().of_room(Kind::Read, room), Some(&kept));
}
