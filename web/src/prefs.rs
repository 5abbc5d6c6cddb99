//! What the browser remembers: language, theme, nickname, rooms visited, drafts, and what was not
//! sent yet. Everything here works, forgetfully, where storage is turned off.

use web_sys::Storage;
use xmeet_shared::{MessageId, Pid, RoomId};

use crate::browser::{local_storage, session_storage};
use crate::encoding::{decode_segment, encode};
use crate::i18n::Lang;
use crate::room::outbox::SavedEntry;

const LANGUAGE: &str = "xmeet.language";
/// `boot.js` reads this one too.
const THEME: &str = "xmeet.theme";
const NICKNAME: &str = "xmeet.nickname";
const ROOMS: &str = "xmeet.rooms";
const SESSION: &str = "xmeet.session";
const TAB_OPEN: &str = "xmeet.open";
/// With a room's id behind it.
const OUTBOX: &str = "xmeet.outbox:";
const PIDS: &str = "xmeet.pids:";
const LINES_HIDDEN: &str = "xmeet.lines-hidden";
const NOTIFY: &str = "xmeet.notify";
const SOUND: &str = "xmeet.sound";

/// The most rooms that are remembered.
const ROOMS_MAX: usize = 12;

fn read(storage: Option<Storage>, key: &str) -> Option<String> {
    storage?.get_item(key).ok().flatten()
}

/// A full storage is like one that is turned off.
fn write(storage: Option<Storage>, key: &str, value: Option<&str>) {
    if let Some(storage) = storage {
        let _ = match value {
            Some(value) => storage.set_item(key, value),
            None => storage.remove_item(key),
        };
    }
}

/// A list, kept one entry a line; entries that make no sense are passed over.
fn read_list<T>(storage: Option<Storage>, key: &str, read_line: fn(&str) -> Option<T>) -> Vec<T> {
    read(storage, key).unwrap_or_default().lines().filter_map(read_line).collect()
}

fn write_list(storage: Option<Storage>, key: &str, lines: &[String]) {
    write(storage, key, (!lines.is_empty()).then(|| lines.join("\n")).as_deref());
}

/// The language that was chosen.
#[must_use]
pub fn language() -> Option<Lang> {
    read(local_storage(), LANGUAGE).map(|tag| Lang::from_tag(&tag))
}

/// Remembers the language.
pub fn set_language(lang: Lang) {
    write(local_storage(), LANGUAGE, Some(lang.tag()));
}

/// Whether dark was chosen; `None` follows the system.
#[must_use]
pub fn dark() -> Option<bool> {
    read(local_storage(), THEME).map(|theme| theme == "dark")
}

/// Remembers the theme.
pub fn set_dark(dark: Option<bool>) {
    let theme = dark.map(|dark| if dark { "dark" } else { "light" });
    write(local_storage(), THEME, theme);
}

/// The nickname used last: in this tab, else in this browser.
#[must_use]
pub fn nickname() -> Option<String> {
    read(session_storage(), NICKNAME).or_else(|| read(local_storage(), NICKNAME))
}

/// Remembers the nickname. Two tabs may be two people, so the tab keeps its own.
pub fn set_nickname(name: Option<&str>) {
    write(session_storage(), NICKNAME, name);
    write(local_storage(), NICKNAME, name);
}

/// The rooms visited before, the latest first.
#[must_use]
pub fn rooms() -> Vec<RoomId> {
    read_list(local_storage(), ROOMS, |line| RoomId::new(&decode_segment(line)?).ok())
}

/// Remembers a visit.
pub fn visited(room: &RoomId) {
    let mut rooms = rooms();
    rooms.retain(|other| other != room);
    rooms.insert(0, room.clone());
    rooms.truncate(ROOMS_MAX);
    let lines: Vec<_> = rooms.iter().map(|room| encode(room.as_str())).collect();
    write_list(local_storage(), ROOMS, &lines);
}

/// Forgets every visit.
pub fn forget_rooms() {
    write(local_storage(), ROOMS, None);
}

/// What was half typed in a room.
#[must_use]
pub fn draft(room: &RoomId) -> String {
    let key = draft_key(room);
    read(session_storage(), &key).or_else(|| read(local_storage(), &key)).unwrap_or_default()
}

/// Remembers what is half typed in a room: each tab its own, that it is nothing too, and the browser
/// the latest, for a tab that is opened anew.
pub fn set_draft(room: &RoomId, text: &str) {
    write(session_storage(), &draft_key(room), Some(text));
    write(local_storage(), &draft_key(room), (!text.is_empty()).then_some(text));
}

/// What was not known to be kept when the page was left.
#[must_use]
pub fn outbox(room: &RoomId) -> Vec<SavedEntry> {
    read_list(session_storage(), &outbox_key(room), SavedEntry::from_line)
}

/// Remembers what is not known to be kept.
pub fn set_outbox(room: &RoomId, entries: &[SavedEntry]) {
    let lines: Vec<_> = entries.iter().map(SavedEntry::to_line).collect();
    write_list(session_storage(), &outbox_key(room), &lines);
}

/// The ids that this tab had in a room.
#[must_use]
pub fn own_pids(room: &RoomId) -> Vec<Pid> {
    let read_line = |line: &str| Some(Pid::from_wire(&decode_segment(line)?));
    read_list(session_storage(), &pids_key(room), read_line)
}

/// Remembers the ids that this tab had in a room.
pub fn set_own_pids(room: &RoomId, pids: &[Pid]) {
    let lines: Vec<_> = pids.iter().map(|pid| encode(pid.as_str())).collect();
    write_list(session_storage(), &pids_key(room), &lines);
}

/// The secret by which the server knows this tab's member again.
#[must_use]
pub fn session() -> Option<String> {
    read(session_storage(), SESSION)
}

/// Remembers the secret of this tab.
pub fn set_session(token: &str) {
    write(session_storage(), SESSION, Some(token));
}

/// Whether a page is open in this tab, or was when the tab's storage was copied.
#[must_use]
pub fn is_tab_open() -> bool {
    read(session_storage(), TAB_OPEN).is_some()
}

/// Remembers whether a page is open in this tab.
pub fn set_tab_open(is_open: bool) {
    write(session_storage(), TAB_OPEN, is_open.then_some("1"));
}

/// Forgets what this tab has left to send, and who it was, in every room.
pub fn forget_outboxes_and_pids() {
    let Some(storage) = session_storage() else { return };
    let keys = (0..storage.length().unwrap_or(0)).filter_map(|index| storage.key(index).ok()?);
    for key in keys.collect::<Vec<_>>() {
        if key.starts_with(OUTBOX) || key.starts_with(PIDS) {
            let _ = storage.remove_item(&key);
        }
    }
}

/// The newest message that was read in a room, and which life of the room its id belongs to.
#[must_use]
pub fn read_up_to(room: &RoomId) -> Option<(MessageId, Option<String>)> {
    let kept = read(local_storage(), &read_key(room))?;
    let (id, epoch) = kept.split_once(' ')?;
    Some((id.parse().ok()?, (!epoch.is_empty()).then(|| epoch.to_owned())))
}

/// Remembers the newest message that was read in a room.
pub fn set_read_up_to(room: &RoomId, id: MessageId, epoch: Option<&str>) {
    let kept = format!("{id} {}", epoch.unwrap_or_default());
    write(local_storage(), &read_key(room), Some(&kept));
}

/// A choice that is off until it is made.
fn is_on(key: &str) -> bool {
    read(local_storage(), key).is_some()
}

fn turn(key: &str, is_on: bool) {
    write(local_storage(), key, is_on.then_some("on"));
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

fn draft_key(room: &RoomId) -> String {
    format!("xmeet.draft:{room}")
}

fn outbox_key(room: &RoomId) -> String {
    format!("{OUTBOX}{room}")
}

fn read_key(room: &RoomId) -> String {
    format!("xmeet.read:{room}")
}

fn pids_key(room: &RoomId) -> String {
    format!("{PIDS}{room}")
}
