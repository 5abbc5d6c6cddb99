//! Counts how often each limit was reached.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit that a client can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Messages of a connection: a message was refused.
    Messages,
    /// Bytes of a connection: a message was refused.
    Bytes,
    /// Page bytes of a connection: a page was refused.
    PageBytes,
    /// Refused messages of a connection: it was closed.
    Flooded,
    /// Connections of an address.
    AddressConnections,
    /// New connections of an address.
    AddressConnects,
    /// New rooms of an address.
    AddressRooms,
    /// Bytes of long greetings of an address.
    AddressGreetings,
    /// The daily storage budget of an address.
    AddressStored,
    /// The daily storage budget of a room.
    RoomStored,
    /// Members of a room.
    RoomMembers,
    /// The join queue of a room: a newcomer was rejected.
    RoomJoins,
    /// Connections of the server.
    Connections,
    /// Rooms in memory.
    Rooms,
    /// Memory of outgoing frames: a page was refused.
    Waiting,
    /// Memory of incoming messages: a connection was closed.
    Incoming,
    /// The time for a request head.
    RequestTime,
    /// A proxy header from a peer that is no trusted proxy; it was ignored.
    ForgedAddress,
}

/// All kinds and their names in metrics, in the order of the enum.
const NAMES: [(LimitKind, &str); 18] = [
    (LimitKind::Messages, "messages"),
    (LimitKind::Bytes, "bytes"),
    (LimitKind::PageBytes, "page_bytes"),
    (LimitKind::Flooded, "flooded"),
    (LimitKind::AddressConnections, "address_connections"),
    (LimitKind::AddressConnects, "address_connects"),
    (LimitKind::AddressRooms, "address_rooms"),
    (LimitKind::AddressGreetings, "address_greetings"),
    (LimitKind::AddressStored, "address_stored_bytes"),
    (LimitKind::RoomStored, "room_stored_bytes"),
    (LimitKind::RoomMembers, "room_members"),
    (LimitKind::RoomJoins, "room_joins"),
    (LimitKind::Connections, "connections"),
    (LimitKind::Rooms, "rooms"),
    (LimitKind::Waiting, "waiting"),
    (LimitKind::Incoming, "incoming"),
    (LimitKind::RequestTime, "request_time"),
    (LimitKind::ForgedAddress, "forged_address"),
];

impl LimitKind {
    /// Returns the name in metrics and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }
}

/// A counter for each limit.
#[derive(Debug)]
pub struct LimitCounters([AtomicU64; NAMES.len()]);

impl Default for LimitCounters {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl LimitCounters {
    pub fn count(&self, kind: LimitKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns a counter's value.
    #[must_use]
    pub fn of(&self, kind: LimitKind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }

    /// Returns all counters with their names in metrics.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().map(|(kind, name)| (*name, self.of(*kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_kind_has_its_own_counter() {
        let counters = LimitCounters::default();
        for (number, (kind, _)) in NAMES.iter().enumerate() {
            assert_eq!(*kind as usize, number, "NAMES has the order of the enum: {kind:?}");
            // The first kind is counted once, the second twice.
            (0..=number).for_each(|_| counters.count(*kind));
        }
        let counted: Vec<_> = counters.all().collect();
        assert_eq!(counted[0], ("messages", 1));
        assert_eq!(counted[17], ("forged_address", 18));
    }
}
