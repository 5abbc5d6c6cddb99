//! Limits the stored entries of rooms. Evicts the least recently used room first, and rooms with a
//! draft last. Rooms with unsent texts are never evicted. Unsent texts have a limit of their own.

use xmeet_shared::{RoomId, UnixMillis};

use super::entries::Entries;
use super::keys::{Keys, Kind};
use crate::encoding::{decode_segment, encode};

/// The most rooms with stored entries.
pub const ROOMS_STORED_MAX: usize = 100;

/// The most bytes of all rooms' keys and values. It also limits the unsent texts of all rooms.
pub const ROOM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The name of the entry with the last use of each room.
const USES: &str = "uses";

/// The stored entries of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoredRoom {
    room: RoomId,
    /// The last use; 0 if unknown.
    at: UnixMillis,
    bytes: usize,
    has_draft: bool,
    has_unsent: bool,
}

/// Records a use of `room` at `now` and enforces the limits.
pub fn touch(entries: &impl Entries, keys: &Keys, room: &RoomId, now: UnixMillis) {
    let mut uses = last_uses(entries, keys);
    uses.retain(|(other, _)| other != room);
    uses.insert(0, (room.clone(), now));
    uses.truncate(ROOMS_STORED_MAX);
    write_uses(entries, keys, &uses);
    enforce_limits(entries, keys, room);
}

/// Evicts rooms until the limits hold. `current` and rooms with unsent texts stay.
pub fn enforce_limits(entries: &impl Entries, keys: &Keys, current: &RoomId) {
    let mut rooms = stored_rooms(entries, keys);
    let mut bytes: usize = rooms.iter().map(|room| room.bytes).sum();
    while rooms.len() > ROOMS_STORED_MAX || bytes > ROOM_BYTES_MAX {
        let Some(index) = next_to_evict(&rooms, current) else { return };
        let room = rooms.swap_remove(index);
        bytes -= room.bytes;
        forget(entries, keys, &room.room);
    }
}

/// Evicts one room to free storage. Returns false if only `current` and rooms with unsent texts are
/// left.
#[must_use]
pub fn evict_one(entries: &impl Entries, keys: &Keys, current: &RoomId) -> bool {
    let rooms = stored_rooms(entries, keys);
    let index = next_to_evict(&rooms, current);
    if let Some(index) = index {
        forget(entries, keys, &rooms[index].room);
    }
    index.is_some()
}

/// Removes every entry of `room`.
pub fn forget(entries: &impl Entries, keys: &Keys, room: &RoomId) {
    for key in entries.keys() {
        if keys.read(&key).is_some_and(|key| key.room == *room) {
            entries.remove(&key);
        }
    }
    let mut uses = last_uses(entries, keys);
    uses.retain(|(other, _)| other != room);
    write_uses(entries, keys, &uses);
}

fn next_to_evict(rooms: &[StoredRoom], current: &RoomId) -> Option<usize> {
    let others =
        rooms.iter().enumerate().filter(|(_, room)| room.room != *current && !room.has_unsent);
    others.min_by_key(|(_, room)| (room.has_draft, room.at)).map(|(index, _)| index)
}

/// Returns whether the unsent texts of all rooms stay within their limit if the value of `key` takes
/// `bytes`.
#[must_use]
pub fn fits_unsent_limit(entries: &impl Entries, keys: &Keys, key: &str, bytes: usize) -> bool {
    let is_other = |held: &String| {
        held != key && keys.read(held).is_some_and(|read| read.kind == Kind::Outbox)
    };
    let others = entries.keys().into_iter().filter(is_other);
    let held: usize = others.map(|held| entries.get(&held).map_or(0, |value| value.len())).sum();
    held + bytes <= ROOM_BYTES_MAX
}

fn stored_rooms(entries: &impl Entries, keys: &Keys) -> Vec<StoredRoom> {
    let uses = last_uses(entries, keys);
    let mut rooms: Vec<StoredRoom> = Vec::new();
    for key in entries.keys() {
        let Some(read) = keys.read(&key) else { continue };
        let bytes = key.len() + entries.get(&key).map_or(0, |value| value.len());
        let (has_draft, has_unsent) = (read.kind == Kind::Draft, read.kind == Kind::Outbox);
        match rooms.iter_mut().find(|room| room.room == read.room) {
            Some(room) => {
                room.bytes += bytes;
                room.has_draft |= has_draft;
                room.has_unsent |= has_unsent;
            }
            None => {
                let at = uses.iter().find(|(room, _)| *room == read.room).map_or(0, |(_, at)| *at);
                rooms.push(StoredRoom { room: read.room, at, bytes, has_draft, has_unsent });
            }
        }
    }
    rooms
}

fn last_uses(entries: &impl Entries, keys: &Keys) -> Vec<(RoomId, UnixMillis)> {
    let read_line = |line: &str| {
        let (room, at) = line.split_once(' ')?;
        Some((RoomId::new(&decode_segment(room)?).ok()?, at.parse().ok()?))
    };
    let text = entries.get(&keys.site_wide(USES)).unwrap_or_default();
    text.lines().filter_map(read_line).collect()
}

fn write_uses(entries: &impl Entries, keys: &Keys, uses: &[(RoomId, UnixMillis)]) {
    let lines: Vec<_> =
        uses.iter().map(|(room, at)| format!("{} {at}", encode(room.as_str()))).collect();
    let key = keys.site_wide(USES);
    if lines.is_empty() {
        entries.remove(&key);
    } else {
        // A failure only changes the order of eviction.
        let _ = entries.set(&key, &lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::Memory;
    use super::*;

    fn room(number: usize) -> RoomId {
        RoomId::new(&format!("room {number}")).unwrap()
    }

    fn fill(entries: &Memory, keys: &Keys, rooms: std::ops::Range<usize>, value: &str) {
        for number in rooms {
            let at = UnixMillis::try_from(number).unwrap();
            touch(entries, keys, &room(number), at);
            assert!(entries.set(&keys.of_room(Kind::Read, &room(number)), value));
        }
    }

    fn is_kept(entries: &Memory, keys: &Keys, number: usize) -> bool {
        entries.keys().iter().any(|key| keys.read(key).is_some_and(|key| key.room == room(number)))
    }

    #[test]
    fn least_recently_used_rooms_are_evicted_except_one_with_unsent_texts() {
        let (entries, keys) = (Memory::default(), Keys::of(""));
        fill(&entries, &keys, 0..1, "1");
        assert!(entries.set(&keys.of_tab(Kind::Outbox, &room(0), "tab"), "text"));
        fill(&entries, &keys, 1..300, "1");
        touch(&entries, &keys, &room(299), 300);
        let kept: Vec<_> = (0..300).filter(|number| is_kept(&entries, &keys, *number)).collect();
        assert_eq!(kept.len(), ROOMS_STORED_MAX);
        assert_eq!((kept[0], kept[1]), (0, 201));
    }

    #[test]
    fn bytes_beyond_the_limit_are_evicted_except_the_current_room() {
        let (entries, keys) = (Memory::default(), Keys::of(""));
        fill(&entries, &keys, 0..50, &"x".repeat(100_000));
        touch(&entries, &keys, &room(0), 100);
        let bytes: usize =
            entries.keys().iter().filter_map(|key| entries.get(key)).map(|v| v.len()).sum();
        assert!(bytes < ROOM_BYTES_MAX + 100_000, "{bytes}");
        assert!(is_kept(&entries, &keys, 49));
        assert!(entries.set(&keys.of_room(Kind::Read, &room(7)), &"x".repeat(3_000_000)));
        enforce_limits(&entries, &keys, &room(7));
        assert!(is_kept(&entries, &keys, 7) && !is_kept(&entries, &keys, 49));
    }

    #[test]
    fn forgotten_room_leaves_no_entry_and_other_rooms_stay() {
        let (entries, keys) = (Memory::default(), Keys::of("/chat"));
        fill(&entries, &keys, 0..3, "1");
        fill(&entries, &Keys::of(""), 0..3, "1");
        for kind in [Kind::Draft, Kind::Outbox, Kind::Member] {
            assert!(entries.set(&keys.of_tab(kind, &room(1), "tab"), "1"));
        }
        forget(&entries, &keys, &room(1));
        let all: String =
            entries.keys().iter().map(|key| entries.get(key).unwrap() + key).collect();
        assert!(!is_kept(&entries, &keys, 1) && is_kept(&entries, &Keys::of(""), 1), "{all}");
        assert!(is_kept(&entries, &keys, 0) && is_kept(&entries, &keys, 2));
        assert!(!entries.get(&keys.site_wide(USES)).unwrap().contains("room%201"));
    }
}
