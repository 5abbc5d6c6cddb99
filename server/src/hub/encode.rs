//! Turns what a room says into frames: each event once, however many members there are.

use bytes::Bytes;
use xmeet_shared::{Envelope, Pid, Record, RoomId, ServerMessage, UnixMillis};

use crate::clock::Clock;
use crate::room::{Event, Kept, Snapshot};
use crate::ws::outbox::Frame;

/// Encodes for one room. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    room: RoomId,
    clock: Clock,
}

impl Encoder {
    pub(super) fn new(room: RoomId, clock: Clock) -> Self {
        Self { room, clock }
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(super) fn event(&self, event: Event) -> Frame {
        self.frame(event.from, event.message, event.ts)
    }

    /// The four frames of a greeting, in the protocol's order.
    pub(super) fn greeting(&self, pid: &Pid, snapshot: Snapshot) -> [Frame; 4] {
        let Snapshot { members, tail, ts } = snapshot;
        let count = members.len() as u64;
        [
            ServerMessage::SelfId { pid: pid.clone(), epoch: None },
            ServerMessage::MemberCount(count),
            ServerMessage::Members(members),
            ServerMessage::History(self.records(&tail)),
        ]
        .map(|message| self.frame(pid.clone(), message, ts))
    }

    pub(super) fn page(&self, pid: Pid, messages: &[Kept]) -> Frame {
        self.frame(pid, ServerMessage::History(self.records(messages)), self.now())
    }

    pub(super) fn frame(&self, from: Pid, message: ServerMessage, ts: UnixMillis) -> Frame {
        let send_time = self.clock.moment(ts);
        let envelope =
            Envelope { from, xnest: self.room.clone(), message, send_time, ts: Some(ts) };
        Frame::Text(Bytes::from(envelope.encode()))
    }

    fn records(&self, messages: &[Kept]) -> Vec<Record> {
        messages
            .iter()
            .map(|Kept { id, message }| Record {
                from: message.from.clone(),
                payload: message.text.clone(),
                send_time: self.clock.date(message.ts),
                id: Some(*id),
                ts: Some(message.ts),
                nickname: Some(message.nickname.clone()),
            })
            .collect()
    }
}
