//! Preferences: language, theme, nickname, the rooms visited, and the switches of the room menu.

use xmeet_shared::RoomId;

use crate::encoding::{decode_segment, encode};
use crate::i18n::Lang;
use crate::storage;

const LANGUAGE: &str = "language";
/// `boot.js` reads the first two as well.
const THEME: &str = "theme";
const NICKNAME: &str = "nickname";
const ROOMS: &str = "rooms";
const LINES_HIDDEN: &str = "lines-hidden";
const NOTIFY: &str = "notify";
const SOUND: &str = "sound";
const RETURN_SENDS: &str = "return-sends";

/// The most rooms that are listed.
const ROOMS_MAX: usize = 12;

/// The language that was chosen.
#[must_use]
pub fn language() -> Option<Lang> {
    storage::get(LANGUAGE).map(|tag| Lang::from_tag(&tag))
}

/// Remembers the language.
pub fn set_language(lang: Lang) {
    storage::set(LANGUAGE, Some(lang.tag()));
}

/// Whether dark was chosen; `None` follows the system.
#[must_use]
pub fn dark() -> Option<bool> {
    storage::get(THEME).map(|theme| theme == "dark")
}

/// Remembers the theme.
pub fn set_dark(dark: Option<bool>) {
    storage::set(THEME, dark.map(|dark| if dark { "dark" } else { "light" }));
}

/// The nickname used last: in this tab, else in this browser.
#[must_use]
pub fn nickname() -> Option<String> {
    storage::get_in_tab(NICKNAME).or_else(|| storage::get(NICKNAME))
}

/// Remembers the nickname. Two tabs may be two people, so the tab keeps its own.
pub fn set_nickname(name: Option<&str>) {
    storage::set_in_tab(NICKNAME, name);
    storage::set(NICKNAME, name);
}

/// The rooms visited before, the latest first.
#[must_use]
pub fn rooms() -> Vec<RoomId> {
    let lines = storage::get(ROOMS).unwrap_or_default();
    let read = |line: &str| RoomId::new(&decode_segment(line)?).ok();
    lines.lines().filter_map(read).take(ROOMS_MAX).collect()
}

/// Remembers a visit.
pub fn visited(room: &RoomId) {
    let mut rooms = rooms();
    rooms.retain(|other| other != room);
    rooms.insert(0, room.clone());
    rooms.truncate(ROOMS_MAX);
    let lines: Vec<_> = rooms.iter().map(|room| encode(room.as_str())).collect();
    storage::set(ROOMS, Some(&lines.join("\n")));
    storage::touch(room);
}

/// Forgets the list of rooms, and everything that is kept of the rooms in it.
pub fn forget_rooms() {
    rooms().iter().for_each(storage::forget_room);
    storage::set(ROOMS, None);
}

/// A choice that is off until it is made.
fn is_on(key: &str) -> bool {
    storage::get(key).is_some()
}

fn turn(key: &str, is_on: bool) {
    storage::set(key, is_on.then_some("on"));
}

/// Whether the lines about who comes and goes are hidden.
#[must_use]
pub fn lines_hidden() -> bool {
    is_on(LINES_HIDDEN)
}

/// Remembers whether they are.
pub fn set_lines_hidden(hidden: bool) {
    turn(LINES_HIDDEN, hidden);
}

/// Whether who is not looking wants to be notified.
#[must_use]
pub fn notify() -> bool {
    is_on(NOTIFY)
}

/// Remembers whether they do.
pub fn set_notify(notify: bool) {
    turn(NOTIFY, notify);
}

/// Whether who is not looking wants to hear of it.
#[must_use]
pub fn sound() -> bool {
    is_on(SOUND)
}

/// Remembers whether they do.
pub fn set_sound(sound: bool) {
    turn(SOUND, sound);
}

/// Whether Return was chosen to send; `None` follows the keyboard.
#[must_use]
pub fn return_sends() -> Option<bool> {
    storage::get(RETURN_SENDS).map(|choice| choice == "on")
}

/// Remembers whether Return sends.
pub fn set_return_sends(sends: bool) {
    storage::set(RETURN_SENDS, Some(if sends { "on" } else { "off" }));
}
