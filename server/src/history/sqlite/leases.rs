//! The table of open rooms. An open room is never evicted. Opening a room waits while the room is
//! being evicted, so a reader finds a room either complete or gone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use xmeet_shared::RoomId;

use crate::clock::unix_now;

/// Rooms whose last use may wait to be written to the database. Uses beyond that are dropped, and the
/// room seems unused for longer than it is.
const UNWRITTEN_USES_MAX: usize = 16 * 1024;

/// Milliseconds in an hour. A room's last use is stored with this precision, so that most uses need
/// no write.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Capacity that the table of open rooms keeps when rooms close.
const OPEN_CAPACITY_MIN: usize = 256;

/// Hours since 1970.
pub(super) type Hour = i64;

pub(super) fn this_hour() -> Hour {
    unix_now() / HOUR_MS
}

/// The table of open rooms. Its lock is never held during a call of SQLite.
#[derive(Debug, Default)]
pub(super) struct Leases {
    state: Mutex<State>,
    eviction_ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<RoomId, OpenEntry>,
    /// Rooms that the current transaction evicts.
    evicting: HashSet<RoomId>,
    /// How many transactions have evicted rooms since the store was created.
    evictions: u64,
    /// Closed rooms whose last use is later than the database says.
    unwritten_uses: HashMap<RoomId, Hour>,
}

#[derive(Debug)]
struct OpenEntry {
    leases: usize,
    /// The generation that the room gets when it is created in the database.
    generation: u64,
    /// The last use that the database has.
    written_use: Hour,
}

/// Keeps a room open until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    table: Arc<Leases>,
    room: RoomId,
    generation: u64,
}

/// A set of rooms that a transaction evicts. Dropping it without [`Self::committed`] means that the
/// transaction was rolled back.
#[derive(Debug)]
pub(super) struct Eviction<'a> {
    table: &'a Leases,
    is_committed: bool,
}

impl Leases {
    /// Creates the table for a store in which `evictions` transactions have evicted rooms.
    pub(super) fn new(evictions: u64) -> Self {
        let state = State { evictions, ..State::default() };
        Self { state: Mutex::new(state), eviction_ended: Condvar::new() }
    }

    /// Opens a room. Call it before reading the room. Blocks while a transaction evicts the room.
    pub(super) fn open(self: &Arc<Self>, room: &RoomId) -> Lease {
        let mut state = self.state();
        while state.evicting.contains(room) {
            state = self.eviction_ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let generation = state.evictions;
        let new = OpenEntry { leases: 0, generation, written_use: 0 };
        let entry = state.open.entry(room.clone()).or_insert(new);
        entry.leases += 1;
        let generation = entry.generation;
        Lease { table: Arc::clone(self), room: room.clone(), generation }
    }

    /// Returns the generation for a room that is being created in the database.
    pub(super) fn generation_of_new(&self, room: &RoomId) -> u64 {
        let state = self.state();
        state.open.get(room).map_or(state.evictions, |entry| entry.generation)
    }

    /// Starts to collect the rooms that a transaction evicts.
    pub(super) fn begin_eviction(&self) -> Eviction<'_> {
        Eviction { table: self, is_committed: false }
    }

    /// Takes at most `count_max` last uses that the database does not have.
    pub(super) fn take_unwritten_uses(&self, count_max: usize) -> Vec<(RoomId, Hour)> {
        let mut state = self.state();
        let rooms: Vec<_> = state.unwritten_uses.keys().take(count_max).cloned().collect();
        let uses =
            rooms.into_iter().filter_map(|room| state.unwritten_uses.remove_entry(&room)).collect();
        if state.unwritten_uses.is_empty() {
            // Frees its memory.
            state.unwritten_uses = HashMap::new();
        }
        uses
    }

    pub(super) fn has_unwritten_uses(&self) -> bool {
        !self.state().unwritten_uses.is_empty()
    }

    /// Returns at most `count_max` open rooms, starting at a random one.
    pub(super) fn sample_open(&self, count_max: usize) -> Vec<RoomId> {
        let state = self.state();
        let start = fastrand::usize(..state.open.len().max(1));
        let from_start = state.open.keys().skip(start);
        from_start.chain(state.open.keys().take(start)).take(count_max).cloned().collect()
    }

    fn close(&self, room: &RoomId) {
        let now = this_hour();
        let mut state = self.state();
        let State { open, unwritten_uses: uses, .. } = &mut *state;
        let Some(entry) = open.get_mut(room) else { return };
        entry.leases -= 1;
        if entry.leases > 0 {
            return;
        }
        let fits = uses.len() < UNWRITTEN_USES_MAX || uses.contains_key(room);
        if entry.written_use < now && fits {
            uses.insert(room.clone(), now);
        }
        open.remove(room);
        if open.capacity() > OPEN_CAPACITY_MIN.max(8 * open.len()) {
            open.shrink_to(2 * open.len());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock cannot leave the state inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Returns the generation that the room gets if it is created in the database.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Records the last use of the room that the database has.
    pub(super) fn set_written_use(&self, hour: Hour) {
        if let Some(entry) = self.table.state().open.get_mut(&self.room) {
            entry.written_use = hour;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.table.close(&self.room);
    }
}

impl Eviction<'_> {
    /// Adds a room, unless it is open or the database does not have its last use. Returns whether the
    /// room was added.
    pub(super) fn add(&self, room: &RoomId) -> bool {
        let mut state = self.table.state();
        let is_unused = !state.open.contains_key(room) && !state.unwritten_uses.contains_key(room);
        if is_unused {
            state.evicting.insert(room.clone());
        }
        is_unused
    }

    /// Ends the eviction after its transaction has committed. A room that is created later under one
    /// of the names gets a new generation.
    pub(super) fn committed(mut self) {
        self.is_committed = true;
    }
}

impl Drop for Eviction<'_> {
    fn drop(&mut self) {
        let mut state = self.table.state();
        let rooms = state.evicting.len();
        state.evicting = HashSet::new();
        state.evictions += u64::from(self.is_committed && rooms > 0);
        drop(state);
        self.table.eviction_ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::history::contract_test::room;

    #[test]
    fn only_closed_rooms_are_evicted() {
        let table = Arc::new(Leases::new(0));
        let (first, second) = (table.open(&room("a")), table.open(&room("a")));
        let eviction = table.begin_eviction();
        assert!(!eviction.add(&room("a")));
        drop(first);
        assert!(!eviction.add(&room("a")), "one lease is left");
        drop(second);
        assert!(!eviction.add(&room("a")), "the last use is not in the database yet");
        assert_eq!(table.take_unwritten_uses(9).len(), 1);
        assert!(eviction.add(&room("a")));
    }

    #[test]
    fn opening_waits_for_the_eviction_and_gets_a_new_generation() {
        for is_committed in [false, true] {
            let table = Arc::new(Leases::new(7));
            let eviction = table.begin_eviction();
            assert!(eviction.add(&room("a")));
            let opening = {
                let table = Arc::clone(&table);
                thread::spawn(move || table.open(&room("a")).generation())
            };
            assert_eq!(table.open(&room("b")).generation(), 7, "other rooms do not wait");
            if is_committed {
                eviction.committed();
            } else {
                drop(eviction);
            }
            assert_eq!(opening.join().unwrap(), 7 + u64::from(is_committed));
        }
    }

    #[test]
    fn open_room_keeps_its_generation() {
        let table = Arc::new(Leases::new(0));
        let lease = table.open(&room("a"));
        let eviction = table.begin_eviction();
        assert!(eviction.add(&room("b")));
        eviction.committed();
        assert_eq!(table.generation_of_new(&room("a")), 0);
        assert_eq!(table.open(&room("a")).generation(), 0);
        drop(lease);
        assert_eq!(table.generation_of_new(&room("a")), 1);
    }

    #[test]
    fn unwritten_uses_are_bounded_and_skip_rooms_written_this_hour() {
        let table = Arc::new(Leases::new(0));
        for number in 0..UNWRITTEN_USES_MAX + 10 {
            drop(table.open(&room(&number.to_string())));
        }
        let lease = table.open(&room("written"));
        lease.set_written_use(this_hour() + 1);
        drop(lease);
        let mut count = 0;
        loop {
            let uses = table.take_unwritten_uses(1000);
            assert!(uses.iter().all(|(used, _)| *used != room("written")));
            count += uses.len();
            if uses.is_empty() {
                break;
            }
        }
        assert_eq!(count, UNWRITTEN_USES_MAX);
        assert!(table.state().open.capacity() <= 8 * OPEN_CAPACITY_MIN);
    }
}
