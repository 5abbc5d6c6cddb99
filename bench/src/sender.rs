//! The schedule of messages: at a fixed rate, or each after the echo of the one before.

use crate::client::Fleet;
use crate::crowd::Crowd;
use crate::scenario::{Load, Scenario};

/// Members of a room that take turns at a fixed rate, at most.
const SENDERS_MAX: usize = 10;

/// Messages of one group that are sent in a row, before the client reads again.
const BURST_MESSAGES_MAX: usize = 64;

/// A group that sends at a fixed rate.
struct Paced {
    first_connection: usize,
    rooms: usize,
    members: usize,
    senders: usize,
    every_ns: f64,
    /// Messages sent so far. The number determines time, room and sender of the next.
    sent: usize,
}

/// Sends the messages of a run.
pub(crate) struct Sender {
    paced: Vec<Paced>,
    /// Connections that keep a number of messages in flight, and that number.
    windows: Vec<(usize, usize)>,
    start_ns: u64,
    text: Vec<u8>,
    text_bytes: usize,
}

impl Sender {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let (mut paced, mut windows, mut first_connection) = (Vec::new(), Vec::new(), 0);
        for group in &scenario.groups {
            let (rooms, members) = (group.rooms, group.members);
            match group.load {
                Load::Idle => {}
                Load::Rate { messages_per_second } => paced.push(Paced {
                    first_connection,
                    rooms,
                    members,
                    senders: members.saturating_sub(group.stalled).clamp(1, SENDERS_MAX),
                    every_ns: 1e9 / messages_per_second,
                    sent: 0,
                }),
                Load::Window { senders, outstanding } => {
                    for room in 0..rooms {
                        let first = first_connection + room * members;
                        windows.extend((first..first + senders).map(|index| (index, outstanding)));
                    }
                }
            }
            first_connection += rooms * members;
        }
        let text_bytes = scenario.text_bytes;
        Self { paced, windows, start_ns: 0, text: Vec::new(), text_bytes }
    }

    /// Starts the clock and fills the windows.
    pub(crate) fn start(&mut self, fleet: &mut Fleet, crowd: &mut Crowd) {
        self.start_ns = fleet.now_ns();
        for (connection, outstanding) in std::mem::take(&mut self.windows) {
            for _ in 0..outstanding {
                self.send(fleet, crowd, connection, fleet.now_ns());
            }
        }
    }

    /// Sends the messages that are due.
    pub(crate) fn turn(&mut self, fleet: &mut Fleet, crowd: &mut Crowd) {
        let mut echoed = std::mem::take(&mut crowd.echoed);
        for connection in echoed.drain(..) {
            self.send(fleet, crowd, connection, fleet.now_ns());
        }
        crowd.echoed = echoed;
        let elapsed_ns = (fleet.now_ns() - self.start_ns) as f64;
        for index in 0..self.paced.len() {
            for _ in 0..BURST_MESSAGES_MAX {
                let group = &mut self.paced[index];
                let due_ns = group.sent as f64 * group.every_ns;
                if due_ns > elapsed_ns {
                    break;
                }
                let (room, turn) = (group.sent % group.rooms, group.sent / group.rooms);
                let member = turn % group.senders;
                let connection = group.first_connection + room * group.members + member;
                group.sent += 1;
                let due_ns = self.start_ns + due_ns as u64;
                self.send(fleet, crowd, connection, due_ns);
            }
        }
    }

    fn send(&mut self, fleet: &mut Fleet, crowd: &mut Crowd, connection: usize, due_ns: u64) {
        crowd.check.next_message(connection, due_ns).write(self.text_bytes, &mut self.text);
        fleet.send(connection, &self.text);
    }
}
