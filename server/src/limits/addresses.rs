//! The limits of each address: connections, new connections, new rooms, bytes of long greetings. Pure:
//! time is a number of nanoseconds.
//!
//! The table is bounded. An address without a connection is removed once its buckets are full, because
//! a new entry would be the same. If the table is full all the same, all addresses without a
//! connection are removed.

use std::collections::HashMap;

use super::bucket::{Bucket, Rate};
use super::network::AddressKey;

/// Entries at which addresses without a connection are removed. An entry takes about 50 bytes.
const ENTRIES_MAX: usize = 65_536;

/// The limits of one address. A rate of `None` is no limit.
#[derive(Debug, Clone, Copy)]
pub struct AddressLimits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// New connections.
    pub connects: Option<Rate>,
    /// Rooms that it opens: joins of a room that is not in memory.
    pub rooms: Option<Rate>,
    /// Bytes of long greetings.
    pub greetings: Option<Rate>,
}

/// The limit that an address has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Connections at the same time.
    Connections,
    /// New connections. The number is the time until the next one is allowed, in nanoseconds.
    Connects(u64),
}

/// The table of addresses.
#[derive(Debug)]
pub struct Addresses {
    limits: AddressLimits,
    entries: HashMap<AddressKey, Entry>,
    /// The number of entries at which the table is cleaned next.
    clean_at: usize,
}

#[derive(Debug, Default)]
struct Entry {
    connections: usize,
    connects: Bucket,
    rooms: Bucket,
    greetings: Bucket,
}

impl Entry {
    /// Returns whether the entry differs from a new one, which would replace it.
    fn is_needed(&self, now_ns: u64) -> bool {
        let buckets = [self.connects, self.rooms, self.greetings];
        self.connections > 0 || buckets.iter().any(|bucket| !bucket.is_full(now_ns))
    }
}

impl Addresses {
    /// Creates an empty table.
    #[must_use]
    pub fn new(limits: AddressLimits) -> Self {
        Self { limits, entries: HashMap::new(), clean_at: ENTRIES_MAX }
    }

    /// Counts a new connection of an address.
    ///
    /// # Errors
    /// [`Excess`] if the address has reached a limit. Nothing is counted then.
    pub fn connect(&mut self, address: AddressKey, now_ns: u64) -> Result<(), Excess> {
        let limits = self.limits;
        let entry = self.entry(address, now_ns);
        if entry.connections >= limits.connections_max {
            return Err(Excess::Connections);
        }
        if let Some(rate) = limits.connects {
            entry.connects.take(rate, 1, now_ns).map_err(Excess::Connects)?;
        }
        entry.connections += 1;
        Ok(())
    }

    /// Counts the end of a connection of an address.
    pub fn disconnect(&mut self, address: AddressKey) {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.connections = entry.connections.saturating_sub(1);
        }
    }

    /// Counts a room that an address opens.
    ///
    /// # Errors
    /// The time until the address may open a room, in nanoseconds.
    pub fn open_room(&mut self, address: AddressKey, now_ns: u64) -> Result<(), u64> {
        let Some(rate) = self.limits.rooms else { return Ok(()) };
        self.entry(address, now_ns).rooms.take(rate, 1, now_ns)
    }

    /// Charges an address for a long greeting of so many bytes. Returns whether it was allowed: an
    /// address in debt gets none. The debt is at most a full bucket.
    #[must_use]
    pub fn take_greeting(&mut self, address: AddressKey, bytes: u64, now_ns: u64) -> bool {
        let Some(rate) = self.limits.greetings else { return true };
        let may_be_greeted = self.may_be_greeted(address, now_ns);
        if may_be_greeted {
            let bucket = &mut self.entry(address, now_ns).greetings;
            bucket.owe(rate, bytes.min(rate.burst_tokens()), now_ns);
        }
        may_be_greeted
    }

    /// Returns whether an address may receive a long greeting.
    #[must_use]
    pub fn may_be_greeted(&self, address: AddressKey, now_ns: u64) -> bool {
        let (Some(rate), Some(entry)) = (self.limits.greetings, self.entries.get(&address)) else {
            return true;
        };
        entry.greetings.wait_ns(rate, 1, now_ns) == 0
    }

    /// Removes the entries that equal a new one.
    pub fn expire(&mut self, now_ns: u64) {
        self.entries.retain(|_, entry| entry.is_needed(now_ns));
        self.entries.shrink_to(2 * self.entries.len());
        self.clean_at = ENTRIES_MAX.max(2 * self.entries.len());
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the entry of an address. Creates it if there is none, after making room in a full table.
    fn entry(&mut self, address: AddressKey, now_ns: u64) -> &mut Entry {
        if self.entries.len() >= self.clean_at && !self.entries.contains_key(&address) {
            self.expire(now_ns);
            if self.entries.len() >= ENTRIES_MAX {
                // A bounded table matters more than the limits of these addresses.
                self.entries.retain(|_, entry| entry.connections > 0);
                self.clean_at = ENTRIES_MAX.max(2 * self.entries.len());
            }
        }
        self.entries.entry(address).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn addresses(connections_max: usize) -> Addresses {
        Addresses::new(AddressLimits {
            connections_max,
            connects: Rate::per_second(1, 5),
            rooms: Rate::per_minute(6, 2),
            greetings: Rate::per_second(10, 100),
        })
    }

    #[test]
    fn connections_count_until_they_end() {
        let mut table = addresses(2);
        let (one, other) = (AddressKey::V4(1), AddressKey::V6(1));
        assert_eq!(table.connect(one, 0), Ok(()));
        assert_eq!(table.connect(one, 0), Ok(()));
        assert_eq!(table.connect(one, 0), Err(Excess::Connections));
        assert_eq!(table.connect(other, 0), Ok(()), "limits are separate");
        table.disconnect(one);
        assert_eq!(table.connect(one, 0), Ok(()));
    }

    #[test]
    fn new_connections_and_new_rooms_have_a_rate() {
        let mut table = addresses(100);
        let key = AddressKey::V4(1);
        for _ in 0..5 {
            assert_eq!(table.connect(key, 0), Ok(()));
        }
        assert_eq!(table.connect(key, 0), Err(Excess::Connects(SECOND)));
        assert_eq!(table.connect(key, SECOND), Ok(()));
        assert_eq!((table.open_room(key, 0), table.open_room(key, 0)), (Ok(()), Ok(())));
        assert_eq!(table.open_room(key, 0), Err(10 * SECOND));
        assert_eq!(table.open_room(AddressKey::V4(2), 0), Ok(()));
    }

    #[test]
    fn long_greetings_are_charged_up_to_a_full_bucket() {
        let mut table = addresses(100);
        let (key, other) = (AddressKey::V4(1), AddressKey::V4(2));
        assert!(table.may_be_greeted(key, 0));
        assert!(table.take_greeting(key, 60, 0));
        assert!(table.may_be_greeted(key, 0), "there is a burst");
        // Many greetings were in progress at the same time.
        let taken = (0..1000).filter(|_| table.take_greeting(key, 90, 0)).count();
        assert_eq!(taken, 1);
        assert!(!table.may_be_greeted(key, 5 * SECOND), "one of them counts");
        assert!(table.may_be_greeted(key, 6 * SECOND));
        // A debt is at most a full bucket.
        assert!(table.may_be_greeted(other, 0), "limits are separate");
        assert!(table.take_greeting(other, u64::MAX, 0));
        assert!(!table.may_be_greeted(other, 0));
        assert!(table.may_be_greeted(other, SECOND));
        table.expire(SECOND);
        assert!(table.len() == 2 && !table.is_empty(), "debts are kept");
        table.expire(30 * SECOND);
        assert!(table.is_empty());
    }

    #[test]
    fn addresses_with_full_buckets_are_removed() {
        let mut table = addresses(100);
        for number in 0..1000 {
            table.connect(AddressKey::V4(number), 0).unwrap();
        }
        for number in 1..1000 {
            table.disconnect(AddressKey::V4(number));
        }
        table.expire(SECOND - 1);
        assert_eq!(table.len(), 1000, "their buckets are not full yet");
        table.expire(SECOND);
        assert_eq!(table.len(), 1, "one is still connected");
        table.disconnect(AddressKey::V4(0));
        table.expire(SECOND);
        assert!(table.is_empty());
    }

    #[test]
    fn table_of_addresses_is_bounded() {
        let mut table = addresses(100);
        // Ten addresses stay connected; each other address connects once.
        for number in 0..10 {
            table.connect(AddressKey::V4(number), 0).unwrap();
        }
        for number in 0..1_000_000 {
            table.connect(AddressKey::V6(number), 0).unwrap();
            table.disconnect(AddressKey::V6(number));
            assert!(table.len() <= ENTRIES_MAX);
        }
        for number in 0..10 {
            for _ in 0..4 {
                table.connect(AddressKey::V4(number), 0).unwrap();
            }
            let sixth = table.connect(AddressKey::V4(number), 0);
            assert_eq!(sixth, Err(Excess::Connects(SECOND)), "connected addresses are kept");
        }
    }
}
