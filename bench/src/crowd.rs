//! The members of a run: their rooms, what they received, and the measurements.

use xmeet_shared::{Envelope, ServerMessage};

use crate::check::Check;
use crate::client::{End, Listener, parts_of};
use crate::histogram::Histogram;
use crate::scenario::{Load, Scenario};
use crate::text::Marked;

/// One in this many messages is parsed as JSON.
const PARSED_IN_FULL_EVERY: u64 = 1000;

/// The types of a greeting's frames, in order.
const GREETING: [&str; 4] = ["self", "member_count", "members", "history"];

/// A member.
struct Member {
    room: u32,
    group: usize,
    /// Frames of the greeting so far.
    greeted: usize,
    /// The number of members, from `member_count` and later joins and leaves.
    known_members: u64,
    /// Sends its next message when the one before comes back.
    echoes: bool,
    stalled: bool,
}

/// Listens to all members of a run.
pub(crate) struct Crowd {
    members: Vec<Member>,
    /// The id of each room, and its number of members.
    pub(crate) rooms: Vec<(String, u64)>,
    pub(crate) check: Check,
    text_bytes: usize,
    /// The latencies of each group.
    pub(crate) latencies: Vec<Histogram>,
    /// Whether deliveries count.
    pub(crate) measuring: bool,
    pub(crate) deliveries: u64,
    pub(crate) frames: u64,
    messages: u64,
    /// The sum of the numbers of members that each member knows.
    known: u64,
    /// Members whose greeting is complete.
    pub(crate) ready: usize,
    /// Connections whose message came back, once for each message.
    pub(crate) echoed: Vec<usize>,
    /// Connections that ended, and how.
    pub(crate) ends: Vec<(usize, End)>,
}

impl Crowd {
    /// Creates the members of a scenario, by group and room.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let (mut members, mut rooms) = (Vec::new(), Vec::new());
        for (index, group) in scenario.groups.iter().enumerate() {
            for number in 0..group.rooms {
                let room = u32::try_from(rooms.len()).expect("there are not so many rooms");
                rooms.push((format!("bench-{index}-{number}"), group.members as u64));
                for member in 0..group.members {
                    let echoes =
                        matches!(group.load, Load::Window { senders, .. } if member < senders);
                    // The last ones, since the first ones send.
                    let stalled = member + group.stalled >= group.members;
                    members.push(Member {
                        room,
                        group: index,
                        greeted: 0,
                        known_members: 0,
                        echoes,
                        stalled,
                    });
                }
            }
        }
        Self {
            check: Check::new(members.iter().map(|member| member.room).collect()),
            members,
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

    /// Returns the number of connections.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the id of a connection's room.
    pub(crate) fn room_of(&self, connection: usize) -> &str {
        &self.rooms[self.members[connection].room as usize].0
    }

    /// Returns the connections that stall.
    pub(crate) fn stalled(&self) -> Vec<usize> {
        (0..self.len()).filter(|connection| self.members[*connection].stalled).collect()
    }

    /// Returns the number of members that do not know all members of their room.
    pub(crate) fn unsettled(&self) -> u64 {
        let settled = |member: &&Member| {
            member.greeted == 4 && member.known_members == self.rooms[member.room as usize].1
        };
        (self.len() - self.members.iter().filter(settled).count()) as u64
    }

    /// Returns whether members do not know each other yet. It is cheap, for every turn.
    pub(crate) fn still_joining(&self) -> bool {
        self.known != self.rooms.iter().map(|(_, members)| members * members).sum::<u64>()
            && self.ends.is_empty()
    }

    fn greeting(&mut self, connection: usize, frame: &[u8]) {
        let (member, fault) = (&mut self.members[connection], &mut self.check.faults.greetings);
        let envelope = std::str::from_utf8(frame).ok().and_then(|text| Envelope::parse(text).ok());
        let Some(envelope) = envelope else {
            *fault += 1;
            return;
        };
        let in_turn = envelope.message.kind() == GREETING[member.greeted];
        let right = match &envelope.message {
            ServerMessage::SelfId { pid, .. } => *pid == envelope.from,
            ServerMessage::MemberCount(count) => {
                member.known_members = *count;
                self.known += count;
                *count > 0
            }
            ServerMessage::Members(members) => {
                // Members that join at the same time share a list, so it need not end with this one.
                let is_there = members.iter().rev().any(|member| member.pid == envelope.from);
                members.len() as u64 == member.known_members && is_there
            }
            ServerMessage::History(_) => true,
            _ => false,
        };
        let at_home = envelope.xnest.as_str() == self.rooms[member.room as usize].0;
        *fault += u64::from(!(in_turn && right && at_home));
        member.greeted += 1;
        self.ready += usize::from(member.greeted == GREETING.len());
    }

    fn message(&mut self, connection: usize, text: &[u8], id: Option<u64>, at_ns: u64) {
        let Some(message) = Marked::read(text, self.text_bytes) else {
            self.check.faults.corrupt += 1;
            return;
        };
        if !self.check.received(connection, message, id) {
            return;
        }
        let member = &self.members[connection];
        if self.measuring {
            self.deliveries += 1;
            self.latencies[member.group].record(at_ns.saturating_sub(message.due_ns));
        }
        if member.echoes && message.sender as usize == connection {
            self.echoed.push(connection);
        }
    }
}

impl Listener for Crowd {
    fn text(&mut self, connection: usize, frame: &[u8], at_ns: u64) {
        self.frames += 1;
        if self.members[connection].greeted < GREETING.len() {
            return self.greeting(connection, frame);
        }
        let Some(parts) = parts_of(frame) else {
            self.check.faults.corrupt += 1;
            return;
        };
        let member = &mut self.members[connection];
        if parts.room != self.rooms[member.room as usize].0.as_bytes() {
            self.check.faults.misrouted += 1;
            return;
        }
        match parts.kind {
            b"normal" => {
                self.messages += 1;
                if self.messages.is_multiple_of(PARSED_IN_FULL_EVERY) {
                    let text = std::str::from_utf8(frame).unwrap_or_default();
                    self.check.faults.corrupt += u64::from(Envelope::parse(text).is_err());
                }
                self.message(connection, parts.text, parts.id, at_ns);
            }
            b"join" => {
                member.known_members += 1;
                self.known += 1;
            }
            b"leave" => {
                member.known_members = member.known_members.saturating_sub(1);
                self.known = self.known.saturating_sub(1);
            }
            b"ping" => {}
            _ => self.check.faults.unasked += 1,
        }
    }

    fn ended(&mut self, connection: usize, end: End) {
        if !self.members[connection].stalled {
            if self.check.faults.ended == 0 {
                eprintln!("xmeet-bench: connection {connection} ended: {end:?}");
            }
            self.check.faults.ended += 1;
        }
        // Its missing messages are no further faults.
        self.check.excuse(connection);
        self.ends.push((connection, end));
    }
}
