//! How often each limit was met, since the start.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit that somebody met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Messages of a connection: one was refused.
    Messages,
    /// Bytes of a connection: a message was refused.
    Bytes,
    /// Bytes of the pages that a connection was sent: it was refused one.
    PageBytes,
    /// A connection that did not wait when it was told to is read more slowly.
    SlowedDown,
    /// A connection that went on all the same was closed.
    Flooded,
    /// Connections of an address.
    AddressConnections,
    /// How often an address connects.
    AddressConnects,
    /// How many rooms an address opens.
    AddressRooms,
    /// How much history an address is greeted with.
    AddressGreetings,
    /// Members of a room.
    RoomMembers,
    /// Connections in all.
    Connections,
    /// Rooms in all.
    Rooms,
    /// What may wait for all clients: a page was refused.
    Waiting,
    /// The time for a request.
    RequestTime,
    /// A proxy's header came from somebody who is no proxy, and did not count.
    ForgedAddress,
}

/// All of them with their names in metrics, in the order of their numbers.
const NAMES: [(LimitKind, &str); 15] = [
    (LimitKind::Messages, "messages"),
    (LimitKind::Bytes, "bytes"),
    (LimitKind::PageBytes, "page_bytes"),
    (LimitKind::SlowedDown, "slowed_down"),
    (LimitKind::Flooded, "flooded"),
    (LimitKind::AddressConnections, "address_connections"),
    (LimitKind::AddressConnects, "address_connects"),
    (LimitKind::AddressRooms, "address_rooms"),
    (LimitKind::AddressGreetings, "address_greetings"),
    (LimitKind::RoomMembers, "room_members"),
    (LimitKind::Connections, "connections"),
    (LimitKind::Rooms, "rooms"),
    (LimitKind::Waiting, "waiting"),
    (LimitKind::RequestTime, "request_time"),
    (LimitKind::ForgedAddress, "forged_address"),
];

impl LimitKind {
    /// Its name in metrics and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

/// How often each limit was met. Shared by all who hold to one.
#[derive(Debug)]
pub struct Hits([AtomicU64; NAMES.len()]);

impl Default for Hits {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Hits {
    /// Counts one.
    pub fn count(&self, kind: LimitKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often a limit was met.
    #[must_use]
    pub fn of(&self, kind: LimitKind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }

    /// All of them, each with its name in metrics.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().map(|(kind, name)| (*name, self.of(*kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_by_itself_under_its_name() {
        let hits = Hits::default();
        for (number, (kind, _)) in NAMES.iter().enumerate() {
            assert_eq!(*kind as usize, number, "{kind:?} stands at its number");
            (0..=number).for_each(|_| hits.count(*kind));
        }
        let counted: Vec<_> = hits.all().collect();
        assert_eq!(counted[0], ("messages", 1));
        assert_eq!(counted[14], ("forged_address", 15));
    }
}
