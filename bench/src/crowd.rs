//! Everybody in a run: who sits where, what each has been told, what is measured of it.

use xmeet_shared::{Envelope, ServerMessage};

use crate::check::Check;
use crate::client::{End, Listener, see};
use crate::histogram::Histogram;
use crate::scenario::{Load, Scenario};
use crate::text::Marked;

/// One message in so many is parsed in full, as any client would.
const PARSED_IN_FULL_EVERY: u64 = 1000;

/// The frames of a greeting, in their order.
const GREETING: [&str; 4] = ["self", "member_count", "members", "history"];

/// A connection's place.
struct Seat {
    room: u32,
    group: usize,
    /// How many frames of the greeting have come.
    greeted: usize,
    /// What `member_count` said, and joins and leaves since.
    members: u64,
    /// Sends its next message when its own comes back.
    echoes: bool,
    stalled: bool,
}

/// The listener of a run.
pub(crate) struct Crowd {
    seats: Vec<Seat>,
    /// Each room's id, and how many members it is to have.
    pub(crate) rooms: Vec<(String, u64)>,
    pub(crate) check: Check,
    text_bytes: usize,
    /// Latencies of each group.
    pub(crate) latencies: Vec<Histogram>,
    /// Whether deliveries count now.
    pub(crate) measuring: bool,
    pub(crate) deliveries: u64,
    pub(crate) frames: u64,
    messages: u64,
    /// The members that all members know of, summed.
    known: u64,
    /// Members whose greeting is complete.
    pub(crate) ready: usize,
    /// Connections whose own message came back, once for each.
    pub(crate) echoed: Vec<usize>,
    /// How the connections that are over ended.
    pub(crate) ends: Vec<(usize, End)>,
}

impl Crowd {
    /// Seats for all connections of a scenario, group by group and room by room.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let (mut seats, mut rooms) = (Vec::new(), Vec::new());
        for (index, group) in scenario.groups.iter().enumerate() {
            for number in 0..group.rooms {
                let room = u32::try_from(rooms.len()).expect("there are not so many rooms");
                rooms.push((format!("bench-{index}-{number}"), group.members as u64));
                for member in 0..group.members {
                    let echoes =
                        matches!(group.load, Load::Window { senders, .. } if member < senders);
                    // The last ones, since the first ones speak.
                    let stalled = member + group.stalled >= group.members;
                    seats.push(Seat {
                        room,
                        group: index,
                        greeted: 0,
                        members: 0,
                        echoes,
                        stalled,
                    });
                }
            }
        }
        Self {
            check: Check::new(seats.iter().map(|seat| seat.room).collect()),
            seats,
            rooms,
            text_bytes: scenario.text_bytes,
            latencies: scenario.groups.iter().map(|_| Histogram::new()).collect(),
            measuring: false,
            deliveries: 0,
            frames: 0,
            messages: 0,
            known: 0,
            ready: 0,
            echoed: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// How many connections there are to be.
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    /// The id of the room a connection is in.
    pub(crate) fn room_of(&self, connection: usize) -> &str {
        &self.rooms[self.seats[connection].room as usize].0
    }

    /// The connections that are not to read.
    pub(crate) fn stalled(&self) -> Vec<usize> {
        (0..self.len()).filter(|connection| self.seats[*connection].stalled).collect()
    }

    /// How many members know of a room that is not as large as it should be by now.
    pub(crate) fn unsettled(&self) -> u64 {
        let settled =
            |seat: &&Seat| seat.greeted == 4 && seat.members == self.rooms[seat.room as usize].1;
        (self.len() - self.seats.iter().filter(settled).count()) as u64
    }

    /// Whether members still have to learn of each other, from counts alone: asked at every turn.
    pub(crate) fn still_joining(&self) -> bool {
        self.known != self.rooms.iter().map(|(_, members)| members * members).sum::<u64>()
            && self.ends.is_empty()
    }

    fn greeting(&mut self, connection: usize, frame: &[u8]) {
        let (seat, fault) = (&mut self.seats[connection], &mut self.check.faults.greetings);
        let envelope = std::str::from_utf8(frame).ok().and_then(|text| Envelope::parse(text).ok());
        let Some(envelope) = envelope else {
            *fault += 1;
            return;
        };
        let in_turn = envelope.message.kind() == GREETING[seat.greeted];
        let right = match &envelope.message {
            ServerMessage::SelfId { pid, .. } => *pid == envelope.from,
            ServerMessage::MemberCount(count) => {
                seat.members = *count;
                self.known += count;
                *count > 0
            }
            ServerMessage::Members(members) => {
                // Near the end, but not always the last: who comes together is greeted together.
                let is_there = members.iter().rev().any(|member| member.pid == envelope.from);
                members.len() as u64 == seat.members && is_there
            }
            ServerMessage::History(_) => true,
            _ => false,
        };
        let at_home = envelope.xnest.as_str() == self.rooms[seat.room as usize].0;
        *fault += u64::from(!(in_turn && right && at_home));
        seat.greeted += 1;
        self.ready += usize::from(seat.greeted == GREETING.len());
    }

    fn message(&mut self, connection: usize, text: &[u8], id: Option<u64>, at_ns: u64) {
        let Some(message) = Marked::read(text, self.text_bytes) else {
            self.check.faults.corrupt += 1;
            return;
        };
        if !self.check.heard(connection, message, id) {
            return;
        }
        let seat = &self.seats[connection];
        if self.measuring {
            self.deliveries += 1;
            self.latencies[seat.group].record(at_ns.saturating_sub(message.due_ns));
        }
        if seat.echoes && message.sender as usize == connection {
            self.echoed.push(connection);
        }
    }
}

impl Listener for Crowd {
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64) {
        self.frames += 1;
        if self.seats[connection].greeted < GREETING.len() {
            return self.greeting(connection, frame);
        }
        let Some(seen) = see(frame) else {
            self.check.faults.corrupt += 1;
            return;
        };
        let seat = &mut self.seats[connection];
        if seen.room != self.rooms[seat.room as usize].0.as_bytes() {
            self.check.faults.misrouted += 1;
            return;
        }
        match seen.kind {
            b"normal" => {
                self.messages += 1;
                if self.messages.is_multiple_of(PARSED_IN_FULL_EVERY) {
                    let text = std::str::from_utf8(frame).unwrap_or_default();
                    self.check.faults.corrupt += u64::from(Envelope::parse(text).is_err());
                }
                self.message(connection, seen.text, seen.id, at_ns);
            }
            b"join" => {
                seat.members += 1;
                self.known += 1;
            }
            b"leave" => {
                seat.members = seat.members.saturating_sub(1);
                self.known = self.known.saturating_sub(1);
            }
            b"ping" => {}
            _ => self.check.faults.unasked += 1,
        }
    }

    fn ended(&mut self, connection: usize, end: End) {
        if !self.seats[connection].stalled {
            if self.check.faults.ended == 0 {
                eprintln!("xmeet-bench: connection {connection} ended: {end:?}");
            }
            self.check.faults.ended += 1;
        }
        // What is lost with it is no further fault.
        self.check.excuse(connection);
        self.ends.push((connection, end));
    }
}
