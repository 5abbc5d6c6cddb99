//! Checks that every member receives every message once and in one order. The first member that receives
//! a room's next message determines its place; all others must receive it at the same place.

use serde::{Deserialize, Serialize};

use crate::text::Marked;

/// Faults by kind. All are zero after a correct run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Messages that a member did not receive.
    pub(crate) lost: u64,
    /// Messages that a member received again.
    pub(crate) duplicated: u64,
    /// Messages that a member received at another place than the others.
    pub(crate) reordered: u64,
    /// Frames or texts that were changed.
    pub(crate) corrupt: u64,
    /// Messages of another room.
    pub(crate) misrouted: u64,
    /// Messages whose `id` does not follow that of the message before.
    pub(crate) id_gaps: u64,
    /// Greetings out of order, incomplete, or with a wrong `member_count`.
    pub(crate) greetings: u64,
    /// Members that know another number of members than there are.
    pub(crate) rosters: u64,
    /// Frames of an unexpected type, such as errors.
    pub(crate) unasked: u64,
    /// Connections that ended unexpectedly.
    pub(crate) ended: u64,
}

impl Faults {
    /// Returns the number of faults of each kind, with its name.
    pub(crate) fn each(&self) -> [(&'static str, u64); 10] {
        [
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("corrupt", self.corrupt),
            ("misrouted", self.misrouted),
            ("id gaps", self.id_gaps),
            ("greetings", self.greetings),
            ("rosters", self.rosters),
            ("unasked", self.unasked),
            ("ended", self.ended),
        ]
    }

    pub(crate) fn total(&self) -> u64 {
        self.each().iter().map(|(_, count)| count).sum()
    }
}

/// A room's messages in order.
#[derive(Default)]
struct Log {
    order: Vec<(Marked, Option<u64>)>,
    sent: usize,
}

/// The place of a member in its room's order.
#[derive(Default)]
struct Cursor {
    next: usize,
    /// Places that the member skipped.
    skipped: Vec<usize>,
    /// The member need not receive anything.
    is_excused: bool,
}

/// The order of all rooms, and the place of each member in it.
pub(crate) struct Check {
    logs: Vec<Log>,
    cursors: Vec<Cursor>,
    rooms: Vec<u32>,
    /// For each connection, the number of messages that it sent, and the next one to be received.
    sent: Vec<u32>,
    received: Vec<u32>,
    pub(crate) faults: Faults,
}

impl Check {
    /// Creates a check. `rooms` has the number of each connection's room, from 0.
    pub(crate) fn new(rooms: Vec<u32>) -> Self {
        let count = rooms.iter().max().map_or(0, |last| *last as usize + 1);
        Self {
            logs: (0..count).map(|_| Log::default()).collect(),
            cursors: rooms.iter().map(|_| Cursor::default()).collect(),
            sent: vec![0; rooms.len()],
            received: vec![0; rooms.len()],
            rooms,
            faults: Faults::default(),
        }
    }

    /// Counts a message as sent, and returns its content.
    pub(crate) fn next_message(&mut self, sender: usize, due_ns: u64) -> Marked {
        let (room, sequence) = (self.rooms[sender], self.sent[sender]);
        self.sent[sender] += 1;
        self.logs[room as usize].sent += 1;
        let sender = u32::try_from(sender).expect("there are not so many connections");
        Marked { room, sender, sequence, due_ns }
    }

    /// Checks a message that a connection received. Returns true if it is the first time.
    pub(crate) fn received(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let room = self.rooms[connection];
        if message.room != room {
            self.faults.misrouted += 1;
            return false;
        }
        let log = &mut self.logs[room as usize];
        let cursor = &mut self.cursors[connection];
        if let Some(expected) = log.order.get(cursor.next) {
            if *expected == (message, id) {
                cursor.next += 1;
                return true;
            }
            return self.out_of_order(connection, message, id);
        }
        self.append(connection, message, id)
    }

    /// Appends a message to its room's order, if it was sent and is not in it.
    fn append(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let log = &mut self.logs[message.room as usize];
        let sender = message.sender as usize;
        match self.received.get_mut(sender) {
            Some(next)
                if self.rooms[sender] == message.room && message.sequence < self.sent[sender] =>
            {
                if message.sequence < *next {
                    let known = log.order.iter().any(|(other, _)| *other == message);
                    let fault = if known {
                        &mut self.faults.duplicated
                    } else {
                        &mut self.faults.reordered
                    };
                    *fault += 1;
                    if known {
                        return false;
                    }
                } else {
                    *next = message.sequence + 1;
                }
            }
            _ => {
                self.faults.corrupt += 1;
                return false;
            }
        }
        if let Some((_, Some(last))) = log.order.last()
            && id != Some(last + 1)
        {
            self.faults.id_gaps += 1;
        }
        log.order.push((message, id));
        self.cursors[connection].next = log.order.len();
        true
    }

    /// Checks a message that differs from the one at this place.
    fn out_of_order(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let log = &self.logs[message.room as usize];
        let cursor = &mut self.cursors[connection];
        let found = log.order.iter().rposition(|(other, _)| *other == message);
        match found {
            Some(place) if place < cursor.next => {
                let skipped = cursor.skipped.iter().position(|other| *other == place);
                match skipped {
                    Some(at) => {
                        cursor.skipped.swap_remove(at);
                        self.faults.reordered += 1;
                    }
                    None => self.faults.duplicated += 1,
                }
                skipped.is_some()
            }
            Some(place) => {
                if log.order[place].1 != id {
                    self.faults.id_gaps += 1;
                }
                cursor.skipped.extend(cursor.next..place);
                cursor.next = place + 1;
                true
            }
            None => {
                cursor.skipped.extend(cursor.next..log.order.len());
                cursor.next = log.order.len();
                self.append(connection, message, id)
            }
        }
    }

    /// Expects nothing more of a connection.
    pub(crate) fn excuse(&mut self, connection: usize) {
        self.cursors[connection].is_excused = true;
    }

    /// Returns the number of receptions that are still missing.
    pub(crate) fn outstanding(&self) -> u64 {
        self.cursors
            .iter()
            .zip(&self.rooms)
            .map(|(cursor, room)| missing(cursor, &self.logs[*room as usize]))
            .sum()
    }

    /// Returns the faults. What is missing now is lost.
    pub(crate) fn finish(mut self) -> Faults {
        self.faults.lost = self.outstanding();
        for cursor in self.cursors.iter().filter(|cursor| !cursor.is_excused) {
            self.faults.lost += cursor.skipped.len() as u64;
        }
        self.faults
    }
}

fn missing(cursor: &Cursor, log: &Log) -> u64 {
    if cursor.is_excused { 0 } else { (log.sent.max(log.order.len()) - cursor.next) as u64 }
}

#[cfg(test)]
#[path = "check_test.rs"]
mod tests;
