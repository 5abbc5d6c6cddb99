//! Turns what a room says into frames: each event once, however many members there are.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use xmeet_shared::{Envelope, Pid, Record, RoomId, SendTime, ServerMessage, UnixMillis};

use crate::clock::Clock;
use crate::room::{Event, Kept};
use crate::ws::frame;

const MILLIS_PER_SECOND: i64 = 1000;

/// Encodes for one room.
#[derive(Debug)]
pub(super) struct Encoder {
    room: RoomId,
    clock: Clock,
    /// The last `send_time` and its second: it changes once a second, whatever the load.
    latest: Option<(i64, SendTime)>,
}

thread_local! {
    /// Where a frame's JSON is written before its length is known; one for all rooms of a thread.
    static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What of it is kept from one frame to the next, in bytes.
const JSON_KEPT_BYTES_MAX: usize = 1024 * 1024;

impl Encoder {
    pub(super) fn new(room: RoomId, clock: Clock) -> Self {
        Self { room, clock, latest: None }
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// One for the same room, to encode aside.
    pub(super) fn aside(&self) -> Self {
        Self::new(self.room.clone(), self.clock.clone())
    }

    /// Appends an event's frame.
    pub(super) fn put_event(&mut self, out: &mut BytesMut, event: Event) {
        self.put(out, event.from, event.message, event.ts);
    }

    /// A history page for one member.
    pub(super) fn page(&mut self, pid: Pid, messages: &[Kept]) -> Bytes {
        let records = self.records(messages);
        self.frame(pid, ServerMessage::History(records), self.now())
    }

    /// A message's frame by itself.
    pub(super) fn frame(&mut self, from: Pid, message: ServerMessage, ts: UnixMillis) -> Bytes {
        let mut out = BytesMut::new();
        self.put(&mut out, from, message, ts);
        out.freeze()
    }

    /// Appends a message's frame.
    pub(super) fn put(
        &mut self,
        out: &mut BytesMut,
        from: Pid,
        message: ServerMessage,
        ts: UnixMillis,
    ) {
        let send_time = self.send_time(ts);
        let envelope =
            Envelope { from, xnest: self.room.clone(), message, send_time, ts: Some(ts) };
        JSON.with_borrow_mut(|json| {
            json.clear();
            envelope.encode_into(json);
            frame::put_text(out, json);
            json.shrink_to(JSON_KEPT_BYTES_MAX);
        });
    }

    /// How an envelope begins, up to its author.
    pub(super) fn head(pid: &Pid) -> Vec<u8> {
        let mut out = br#"{"from":"#.to_vec();
        write_json(&mut out, pid);
        out
    }

    /// How it goes on, up to its payload.
    pub(super) fn middle(&self, kind: &str) -> Vec<u8> {
        let mut out = br#","xnest":"#.to_vec();
        write_json(&mut out, &self.room);
        out.extend(br#","type":"#);
        write_json(&mut out, kind);
        out.extend(br#","payload":"#);
        out
    }

    /// How it ends, behind its payload.
    pub(super) fn tail(&mut self, ts: UnixMillis) -> Vec<u8> {
        let mut out = br#","send_time":"#.to_vec();
        write_json(&mut out, &self.send_time(ts));
        out.extend(br#","ts":"#);
        write_json(&mut out, &ts);
        out.push(b'}');
        out
    }

    fn send_time(&mut self, ts: UnixMillis) -> SendTime {
        let second = ts.div_euclid(MILLIS_PER_SECOND);
        match &self.latest {
            Some((latest, text)) if *latest == second => text.clone(),
            _ => {
                let text = self.clock.moment(ts);
                self.latest = Some((second, text.clone()));
                text
            }
        }
    }

    pub(super) fn records(&self, messages: &[Kept]) -> Vec<Record> {
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

/// Appends a value as JSON.
pub(super) fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("text and numbers are nothing that JSON cannot hold");
}
