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

/// The most recent rooms that are kept.
const ROOMS_MAX: usize = 12;

/// Returns the chosen language.
#[must_use]
pub fn language() -> Option<Lang> {
    storage::get(LANGUAGE).map(|tag| Lang::from_tag(&tag))
}

/// Stores the language.
pub fn set_language(lang: Lang) {
    storage::set(LANGUAGE, Some(lang.tag()));
}

/// Returns whether the dark theme was chosen. `None` follows the system.
#[must_use]
pub fn dark() -> Option<bool> {
    storage::get(THEME).map(|theme| theme == "dark")
}

/// Stores the theme. `None` follows the system.
pub fn set_dark(dark: Option<bool>) {
    storage::set(THEME, dark.map(|dark| if dark { "dark" } else { "light" }));
}

/// Returns the latest nickname of this tab, or else of this browser.
#[must_use]
pub fn nickname() -> Option<String> {
    storage::get_in_tab(NICKNAME).or_else(|| storage::get(NICKNAME))
}

/// Stores the nickname for this browser, and for this tab: two tabs can be two members.
pub fn set_nickname(name: Option<&str>) {
    storage::set_in_tab(NICKNAME, name);
    storage::set(NICKNAME, name);
}

/// Returns the recent rooms, the latest first.
#[must_use]
pub fn rooms() -> Vec<RoomId> {
    let lines = storage::get(ROOMS).unwrap_or_default();
    let read = |line: &str| RoomId::new(&decode_segment(line)?).ok();
    lines.lines().filter_map(read).take(ROOMS_MAX).collect()
}

/// Puts a room at the head of the recent rooms.
pub fn visited(room: &RoomId) {
    let mut rooms = rooms();
    rooms.retain(|other| other != room);
    rooms.insert(0, room.clone());
    rooms.truncate(ROOMS_MAX);
    let lines: Vec<_> = rooms.iter().map(|room| encode(room.as_str())).collect();
    storage::set(ROOMS, Some(&lines.join("\n")));
    storage::touch(room);
}

/// Removes the recent rooms, and everything that is stored about them.
pub fn forget_rooms() {
    rooms().iter().for_each(storage::forget_room);
    storage::set(ROOMS, None);
}

/// Returns whether a switch is on. It is off until the person turns it on.
fn is_on(key: &str) -> bool {
    storage::get(key).is_some()
}

fn turn(key: &str, is_on: bool) {
    storage::set(key, is_on.then_some("on"));
}

/// Returns whether joins and leaves are hidden.
#[must_use]
pub fn lines_hidden() -> bool {
    is_on(LINES_HIDDEN)
}

/// Stores whether joins and leaves are hidden.
pub fn set_lines_hidden(hidden: bool) {
    turn(LINES_HIDDEN, hidden);
}

/// Returns whether notifications are on.
#[must_use]
pub fn notify() -> bool {
    is_on(NOTIFY)
}

/// Stores whether notifications are on.
pub fn set_notify(notify: bool) {
    turn(NOTIFY, notify);
}

/// Returns whether the sound is on.
#[must_use]
pub fn sound() -> bool {
    is_on(SOUND)
}

/// Stores whether the sound is on.
pub fn set_sound(sound: bool) {
    turn(SOUND, sound);
}

/// Returns whether Return sends. `None` follows the kind of keyboard.
#[must_use]
pub fn return_sends() -> Option<bool> {
    storage::get(RETURN_SENDS).map(|choice| choice == "on")
}

/// Stores whether Return sends.
pub fn set_return_sends(sends: bool) {
    storage::set(RETURN_SENDS, Some(if sends { "on" } else { "off" }));
}
