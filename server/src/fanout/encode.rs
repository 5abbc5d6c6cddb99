//! Encodes a room's events and pages as frames, each once for all members.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use xmeet_shared::{Envelope, Pid, Record, RoomId, SendTime, ServerMessage, UnixMillis};

use crate::clock::Clock;
use crate::room::{Event, StoredMessage};
use crate::turns::yield_without_io_poll;
use crate::wire::budget::MemoryBudget;
use crate::wire::frame;

const MILLIS_PER_SECOND: i64 = 1000;

/// The encoder of one room.
#[derive(Debug)]
pub(crate) struct Encoder {
    room: RoomId,
    clock: Clock,
    memory: Arc<MemoryBudget>,
    /// The latest second, and the `send_time` text for it.
    latest: Option<(i64, SendTime)>,
}

thread_local! {
    /// A frame's JSON, until its length is known. One for all rooms of a thread.
    static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Capacity of [`JSON`] that is kept from one frame to the next, in bytes.
const JSON_KEPT_BYTES_MAX: usize = 1024 * 1024;

/// JSON of a page after which the encoder yields to other tasks, in bytes.
const JSON_BYTES_PER_TURN: usize = 64 * 1024;

/// Unused capacity of a frame that is kept rather than reallocated, in bytes.
const SPARE_BYTES_MAX: usize = 64 * 1024;

impl Encoder {
    pub(crate) fn new(room: RoomId, clock: Clock, memory: Arc<MemoryBudget>) -> Self {
        Self { room, clock, memory, latest: None }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Creates another encoder for the same room, for another task.
    pub(crate) fn for_task(&self) -> Self {
        Self::new(self.room.clone(), self.clock.clone(), Arc::clone(&self.memory))
    }

    /// Charges the memory budget for frames, for as long as they live.
    pub(crate) fn charge(&self, frames: BytesMut) -> Bytes {
        let held_bytes = frames.capacity();
        self.memory.with_charge(frames, held_bytes)
    }

    /// Returns whether so many bytes may wait for one client now.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.memory.share_bytes()
    }

    /// Appends an event's frame.
    pub(crate) fn put_event(&mut self, out: &mut BytesMut, event: Event) {
        self.put(out, event.from, event.message, event.ts);
    }

    /// Encodes a history page for one member, in pieces.
    pub(crate) async fn page(&mut self, pid: &Pid, messages: &[StoredMessage]) -> Vec<Bytes> {
        let mut out = self.middle("history");
        self.put_records(&mut out, messages).await;
        let page = self.end(out, self.now());
        addressed(pid, &page).into()
    }

    /// Encodes one message.
    pub(crate) fn frame(&mut self, from: Pid, message: ServerMessage, ts: UnixMillis) -> Bytes {
        let mut out = BytesMut::new();
        self.put(&mut out, from, message, ts);
        self.charge(out)
    }

    /// Appends a message's frame and returns the length of its payload in bytes.
    pub(crate) fn put(
        &mut self,
        out: &mut BytesMut,
        from: Pid,
        message: ServerMessage,
        ts: UnixMillis,
    ) -> usize {
        let send_time = self.send_time(ts);
        let envelope =
            Envelope { from, xnest: self.room.clone(), message, send_time, ts: Some(ts) };
        JSON.with_borrow_mut(|json| {
            json.clear();
            envelope.encode_into(json);
            frame::put_text(out, json);
            let payload_bytes = json.len();
            json.shrink_to(JSON_KEPT_BYTES_MAX);
            payload_bytes
        })
    }

    /// Starts the part of an envelope that all receivers share: everything from behind the receiver's
    /// pid to the payload. `kind` is the envelope's type.
    pub(crate) fn middle(&self, kind: &str) -> Vec<u8> {
        let mut out = br#","xnest":"#.to_vec();
        write_json(&mut out, &self.room);
        out.extend(br#","type":"#);
        write_json(&mut out, kind);
        out.extend(br#","payload":"#);
        out
    }

    /// Completes an envelope behind its payload.
    pub(crate) fn end(&mut self, mut out: Vec<u8>, ts: UnixMillis) -> Bytes {
        out.extend(br#","send_time":"#);
        write_json(&mut out, &self.send_time(ts));
        out.extend(br#","ts":"#);
        write_json(&mut out, &ts);
        out.push(b'}');
        if out.capacity() - out.len() > SPARE_BYTES_MAX {
            out.shrink_to_fit();
        }
        let held_bytes = out.capacity();
        self.memory.with_charge(out, held_bytes)
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

    /// Appends a page's records. Yields in between, because fifty large texts take long.
    pub(crate) async fn put_records(&self, out: &mut Vec<u8>, messages: &[StoredMessage]) {
        let mut turn_ends = out.len() + JSON_BYTES_PER_TURN;
        for (number, kept) in messages.iter().enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            write_json(out, &self.record(kept));
            if out.len() > turn_ends {
                turn_ends = out.len() + JSON_BYTES_PER_TURN;
                yield_without_io_poll().await;
            }
        }
        out.extend(if messages.is_empty() { &b"[]"[..] } else { b"]" });
    }

    pub(crate) fn record(&self, StoredMessage { id, message }: &StoredMessage) -> Record {
        Record {
            from: message.from.clone(),
            payload: message.text.clone(),
            send_time: self.clock.date(message.ts),
            id: Some(*id),
            ts: Some(message.ts),
            nickname: Some(message.nickname.clone()),
        }
    }
}

/// Returns one receiver's frame of a shared envelope, in pieces.
pub(crate) fn addressed(pid: &Pid, shared: &Bytes) -> [Bytes; 2] {
    let mut first = BytesMut::new();
    put_address(&mut first, pid, shared.len());
    [first.freeze(), shared.clone()]
}

/// Appends the start of one receiver's frame, to be followed by `shared_bytes` of a shared envelope.
/// Returns the length of the frame's payload in bytes.
pub(crate) fn put_address(out: &mut BytesMut, pid: &Pid, shared_bytes: usize) -> usize {
    let mut head = br#"{"from":"#.to_vec();
    write_json(&mut head, pid);
    let payload_bytes = head.len() + shared_bytes;
    frame::put_text_header(out, payload_bytes);
    out.put_slice(&head);
    payload_bytes
}

/// Appends a value as JSON.
pub(crate) fn write_json(out: &mut impl BufMut, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(out.writer(), value)
        .expect("text and numbers are nothing that JSON cannot hold");
}
