//! The browser's storage for this site: preferences, and for each room the draft, the outbox, the
//! read mark and the member. All functions work when storage is blocked or full, but then nothing is
//! stored. The page shows a notice the first time an outbox or draft is not stored.
//!
//! - [`entries`]: storage as a map; [`keys`]: keys by site, room and tab
//! - [`rooms`]: limits and eviction; [`tabs`]: one tab's entries of a room; [`legacy`]: migration
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
    /// Whether an outbox or draft was not stored.
    static HAS_FAILED: Cell<bool> = const { Cell::new(false) };
    /// The callback for that.
    static ON_FAILURE: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    /// Whether everything was removed. Then this page writes nothing more.
    static IS_FORGOTTEN: Cell<bool> = const { Cell::new(false) };
}

/// Returns the keys of this site.
#[must_use]
pub fn site_keys() -> Keys {
    Keys::of(&browser::site())
}

/// Returns a preference.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    Area::local().get(&site_keys().site_wide(name))
}

/// Stores a preference, or removes it if `None`.
pub fn set(name: &str, value: Option<&str>) {
    write(&Area::local(), &site_keys().site_wide(name), value);
}

/// Returns an entry that persists until this tab closes.
#[must_use]
pub fn get_in_tab(name: &str) -> Option<String> {
    Area::session().get(&site_keys().site_wide(name))
}

/// Stores an entry until this tab closes, or removes it if `None`.
pub fn set_in_tab(name: &str, value: Option<&str>) {
    write(&Area::session(), &site_keys().site_wide(name), value);
}

fn write(area: &Area, key: &str, value: Option<&str>) {
    match value {
        _ if IS_FORGOTTEN.get() => {}
        // A failure needs no notice: the person can choose the preference again.
        Some(value) => drop(area.set(key, value)),
        None => area.remove(key),
    }
}

/// Calls `run` with this tab's entries of a room.
fn with_tab<R>(room: &RoomId, run: impl FnOnce(&TabRoom<'_, Area>) -> R) -> R {
    let (entries, keys, tab) = (Area::local(), site_keys(), tab::id());
    run(&TabRoom { entries: &entries, keys: &keys, room, tab: &tab })
}

/// Calls `run` when an outbox or draft is not stored, or at once if that has already happened.
pub fn on_failure(run: impl Fn() + 'static) {
    if HAS_FAILED.get() {
        run();
    }
    ON_FAILURE.replace(Some(Box::new(run)));
}

fn note_result(is_stored: bool) {
    if !is_stored && !HAS_FAILED.replace(true) {
        ON_FAILURE.with_borrow(|callback| callback.iter().for_each(|run| run()));
    }
}

/// Records a visit of `room` and evicts rooms beyond the limits.
pub fn touch(room: &RoomId) {
    if !IS_FORGOTTEN.get() {
        rooms::touch(&Area::local(), &site_keys(), room, browser::now());
    }
}

/// Removes every entry of `room`.
pub fn forget_room(room: &RoomId) {
    rooms::forget(&Area::local(), &site_keys(), room);
}

/// Returns the key of this tab's draft.
#[must_use]
pub fn draft_key(room: &RoomId) -> String {
    site_keys().of_tab(Kind::Draft, room, &tab::id())
}

/// Returns this tab's draft.
#[must_use]
pub fn draft(room: &RoomId) -> String {
    with_tab(room, |tab| tab.draft())
}

/// Stores this tab's draft.
pub fn set_draft(room: &RoomId, text: &str) {
    if !IS_FORGOTTEN.get() {
        note_result(with_tab(room, |tab| tab.set_draft(text)));
    }
}

/// Returns this tab's outbox, including the outboxes that it took over from closed tabs.
#[must_use]
pub fn outbox(room: &RoomId) -> Vec<SavedEntry> {
    with_tab(room, |tab| tab.outbox())
}

/// Stores this tab's outbox.
pub fn set_outbox(room: &RoomId, entries: &[SavedEntry]) {
    if !IS_FORGOTTEN.get() {
        note_result(with_tab(room, |tab| tab.set_outbox(entries)));
    }
}

/// Returns this tab's member of `room`.
#[must_use]
pub fn member(room: &RoomId) -> Member {
    with_tab(room, |tab| tab.member())
}

/// Stores this tab's member of `room`.
pub fn set_member(room: &RoomId, member: &Member) {
    if !IS_FORGOTTEN.get() {
        with_tab(room, |tab| tab.set_member(member));
    }
}

/// Returns the read mark of a room: a message id and its epoch.
#[must_use]
pub fn read_up_to(room: &RoomId) -> Option<(MessageId, Option<String>)> {
    let kept = Area::local().get(&site_keys().of_room(Kind::Read, room))?;
    let (id, epoch) = kept.split_once(' ')?;
    Some((id.parse().ok()?, (!epoch.is_empty()).then(|| epoch.to_owned())))
}

/// Stores the read mark of a room.
pub fn set_read_up_to(room: &RoomId, id: MessageId, epoch: Option<&str>) {
    let kept = format!("{id} {}", epoch.unwrap_or_default());
    write(&Area::local(), &site_keys().of_room(Kind::Read, room), Some(&kept));
}
