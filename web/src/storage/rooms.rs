//! Bounds what is kept of rooms: the room used least recently goes first, one with a draft last. A room
//! with unsent texts never goes; together these have a bound of their own.

use xmeet_shared::{RoomId, UnixMillis};

use super::entries::Entries;
use super::keys::{Keys, Kind};
use crate::encoding::{decode_segment, encode};

/// The most rooms of which something is kept.
pub const ROOMS_KEPT_MAX: usize = 100;

/// The most that is kept of all rooms, in bytes of keys and values; unsent texts alone may take as much.
pub const ROOM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// When each room was used last.
const USES: &str = "uses";

/// What is kept of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Use {
    room: RoomId,
    at: UnixMillis,
    bytes: usize,
    has_draft: bool,
    has_unsent: bool,
}

/// Records that `room` is used now, and makes place for it.
pub fn touch(entries: &impl Entries, keys: &Keys, room: &RoomId, now: UnixMillis) {
    let mut uses = last_uses(entries, keys);
    uses.retain(|(other, _)| other != room);
    uses.insert(0, (room.clone(), now));
    uses.truncate(ROOMS_KEPT_MAX);
    write_uses(entries, keys, &uses);
    bound(entries, keys, room);
}

/// Removes what is kept of rooms until it is within the bounds. `current` stays, and every room with
/// unsent texts.
pub fn bound(entries: &impl Entries, keys: &Keys, current: &RoomId) {
    let mut kept = kept(entries, keys);
    let mut bytes: usize = kept.iter().map(|room| room.bytes).sum();
    while kept.len() > ROOMS_KEPT_MAX || bytes > ROOM_BYTES_MAX {
        let Some(place) = first_to_go(&kept, current) else { return };
        let room = kept.swap_remove(place);
        bytes -= room.bytes;
        forget(entries, keys, &room.room);
    }
}

/// Removes what is kept of the one room that is missed least, to make place. Returns false when only
/// `current` and rooms with unsent texts are left.
#[must_use]
pub fn make_place(entries: &impl Entries, keys: &Keys, current: &RoomId) -> bool {
    let kept = kept(entries, keys);
    let place = first_to_go(&kept, current);
    if let Some(place) = place {
        forget(entries, keys, &kept[place].room);
    }
    place.is_some()
}

/// Removes everything that is kept of `room`.
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

fn first_to_go(kept: &[Use], current: &RoomId) -> Option<usize> {
    let others =
        kept.iter().enumerate().filter(|(_, room)| room.room != *current && !room.has_unsent);
    others.min_by_key(|(_, room)| (room.has_draft, room.at)).map(|(place, _)| place)
}

/// Returns whether the unsent texts of all rooms stay within their bound when those under `key` take
/// so many bytes.
#[must_use]
pub fn has_place_for_unsent(entries: &impl Entries, keys: &Keys, key: &str, bytes: usize) -> bool {
    let is_other = |held: &String| {
        held != key && keys.read(held).is_some_and(|read| read.kind == Kind::Outbox)
    };
    let others = entries.keys().into_iter().filter(is_other);
    let held: usize = others.map(|held| entries.get(&held).map_or(0, |value| value.len())).sum();
    held + bytes <= ROOM_BYTES_MAX
}

fn kept(entries: &impl Entries, keys: &Keys) -> Vec<Use> {
    let uses = last_uses(entries, keys);
    let mut kept: Vec<Use> = Vec::new();
    for key in entries.keys() {
        let Some(read) = keys.read(&key) else { continue };
        let bytes = key.len() + entries.get(&key).map_or(0, |value| value.len());
        let (has_draft, has_unsent) = (read.kind == Kind::Draft, read.kind == Kind::Outbox);
        match kept.iter_mut().find(|room| room.room == read.room) {
            Some(room) => {
                room.bytes += bytes;
                room.has_draft |= has_draft;
                room.has_unsent |= has_unsent;
            }
            None => {
                let at = uses.iter().find(|(room, _)| *room == read.room).map_or(0, |(_, at)| *at);
                kept.push(Use { room: read.room, at, bytes, has_draft, has_unsent });
            }
        }
    }
    kept
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
        // Without it rooms are only forgotten in another order.
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
    fn the_rooms_used_least_recently_go_and_one_with_unsent_texts_stays() {
        let (entries, keys) = (Memory::default(), Keys::of(""));
        fill(&entries, &keys, 0..1, "1");
        assert!(entries.set(&keys.of_tab(Kind::Outbox, &room(0), "tab"), "text"));
        fill(&entries, &keys, 1..300, "1");
        touch(&entries, &keys, &room(299), 300);
        let kept: Vec<_> = (0..300).filter(|number| is_kept(&entries, &keys, *number)).collect();
        assert_eq!(kept.len(), ROOMS_KEPT_MAX);
        assert_eq!((kept[0], kept[1]), (0, 201));
    }

    #[test]
    fn bytes_are_bounded_and_the_current_room_stays() {
        let (entries, keys) = (Memory::default(), Keys::of(""));
        fill(&entries, &keys, 0..50, &"x".repeat(100_000));
        touch(&entries, &keys, &room(0), 100);
        let bytes: usize =
            entries.keys().iter().filter_map(|key| entries.get(key)).map(|v| v.len()).sum();
        assert!(bytes < ROOM_BYTES_MAX + 100_000, "{bytes}");
        assert!(is_kept(&entries, &keys, 49));
        assert!(entries.set(&keys.of_room(Kind::Read, &room(7)), &"x".repeat(3_000_000)));
        bound(&entries, &keys, &room(7));
        assert!(is_kept(&entries, &keys, 7) && !is_kept(&entries, &keys, 49));
    }

    #[test]
    fn forgetting_a_room_leaves_nothing_of_it_and_all_of_the_others() {
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
