//! Whether every member heard what was said, once and in one order. The first member to hear a
//! room's next message fixes its place; all others must hear the same there.

use serde::{Deserialize, Serialize};

use crate::text::Marked;

/// What went wrong, counted. All are nought after a good run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Messages that a member never heard.
    pub(crate) lost: u64,
    /// Messages that a member heard again.
    pub(crate) duplicated: u64,
    /// Messages that a member heard at another place than the others.
    pub(crate) reordered: u64,
    /// Frames or texts that are not as they were sent.
    pub(crate) corrupt: u64,
    /// Messages of another room.
    pub(crate) misrouted: u64,
    /// Messages whose `id` does not follow that of the message before.
    pub(crate) id_gaps: u64,
    /// Greetings out of order, incomplete, or with a wrong `member_count`.
    pub(crate) greetings: u64,
    /// Members who, by what they were told, are in a room of another size.
    pub(crate) rosters: u64,
    /// Frames of a type that nothing asked for, errors among them.
    pub(crate) unasked: u64,
    /// Connections that ended and should not have.
    pub(crate) ended: u64,
}

impl Faults {
    /// Every fault with its name.
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

/// A room's messages in the order that was heard first.
#[derive(Default)]
struct Log {
    order: Vec<(Marked, Option<u64>)>,
    sent: usize,
}

/// How far a member is in its room's order.
#[derive(Default)]
struct Ear {
    next: usize,
    /// Places it passed over.
    passed: Vec<usize>,
    /// Nothing is expected of it any more.
    excused: bool,
}

/// The order of all rooms, and what each member has heard of it.
pub(crate) struct Check {
    logs: Vec<Log>,
    ears: Vec<Ear>,
    rooms: Vec<u32>,
    /// For each connection, how many messages it sent, and the next of them to be heard.
    sent: Vec<u32>,
    heard: Vec<u32>,
    pub(crate) faults: Faults,
}

impl Check {
    /// A check for connections that are each in the room of this number, from 0.
    pub(crate) fn new(rooms: Vec<u32>) -> Self {
        let count = rooms.iter().max().map_or(0, |last| *last as usize + 1);
        Self {
            logs: (0..count).map(|_| Log::default()).collect(),
            ears: rooms.iter().map(|_| Ear::default()).collect(),
            sent: vec![0; rooms.len()],
            heard: vec![0; rooms.len()],
            rooms,
            faults: Faults::default(),
        }
    }

    /// The marks of the next message of a connection, which is about to be sent.
    pub(crate) fn next_message(&mut self, sender: usize, due_ns: u64) -> Marked {
        let (room, sequence) = (self.rooms[sender], self.sent[sender]);
        self.sent[sender] += 1;
        self.logs[room as usize].sent += 1;
        let sender = u32::try_from(sender).expect("there are not so many connections");
        Marked { room, sender, sequence, due_ns }
    }

    /// A message has come to a connection. True where it came for the first time.
    pub(crate) fn heard(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let room = self.rooms[connection];
        if message.room != room {
            self.faults.misrouted += 1;
            return false;
        }
        let log = &mut self.logs[room as usize];
        let ear = &mut self.ears[connection];
        if let Some(expected) = log.order.get(ear.next) {
            if *expected == (message, id) {
                ear.next += 1;
                return true;
            }
            return self.out_of_turn(connection, message, id);
        }
        self.fix(connection, message, id)
    }

    /// The room's next place belongs to what was heard, if it was sent and never heard before.
    fn fix(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let log = &mut self.logs[message.room as usize];
        let sender = message.sender as usize;
        match self.heard.get_mut(sender) {
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
        self.ears[connection].next = log.order.len();
        true
    }

    /// Something else than the others heard at this place.
    fn out_of_turn(&mut self, connection: usize, message: Marked, id: Option<u64>) -> bool {
        let log = &self.logs[message.room as usize];
        let ear = &mut self.ears[connection];
        let found = log.order.iter().rposition(|(other, _)| *other == message);
        match found {
            Some(place) if place < ear.next => {
                let passed = ear.passed.iter().position(|other| *other == place);
                match passed {
                    Some(at) => {
                        ear.passed.swap_remove(at);
                        self.faults.reordered += 1;
                    }
                    None => self.faults.duplicated += 1,
                }
                passed.is_some()
            }
            Some(place) => {
                if log.order[place].1 != id {
                    self.faults.id_gaps += 1;
                }
                ear.passed.extend(ear.next..place);
                ear.next = place + 1;
                true
            }
            None => {
                ear.passed.extend(ear.next..log.order.len());
                ear.next = log.order.len();
                self.fix(connection, message, id)
            }
        }
    }

    /// Nothing more is expected of a connection.
    pub(crate) fn excuse(&mut self, connection: usize) {
        self.ears[connection].excused = true;
    }

    /// Messages that somebody still has to hear.
    pub(crate) fn outstanding(&self) -> u64 {
        self.ears
            .iter()
            .zip(&self.rooms)
            .map(|(ear, room)| missing(ear, &self.logs[*room as usize]))
            .sum()
    }

    /// The faults, now that nothing more will come.
    pub(crate) fn finish(mut self) -> Faults {
        self.faults.lost = self.outstanding();
        for ear in self.ears.iter().filter(|ear| !ear.excused) {
            self.faults.lost += ear.passed.len() as u64;
        }
        self.faults
    }
}

fn missing(ear: &Ear, log: &Log) -> u64 {
    if ear.excused { 0 } else { (log.sent.max(log.order.len()) - ear.next) as u64 }
}

#[cfg(test)]
#[path = "check_test.rs"]
mod tests;
