//! Turns what a room says into frames: each event once, however many members there are.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use xmeet_shared::{Envelope, Pid, Record, RoomId, SendTime, ServerMessage, UnixMillis};

use crate::clock::Clock;
use crate::room::{Event, Kept};
use crate::turns::let_others_run;
use crate::ws::frame;
use crate::ws::memory::FrameMemory;

const MILLIS_PER_SECOND: i64 = 1000;

/// Encodes for one room.
#[derive(Debug)]
pub(super) struct Encoder {
    room: RoomId,
    clock: Clock,
    memory: Arc<FrameMemory>,
    /// The last `send_time` and its second: it changes once a second, whatever the load.
    latest: Option<(i64, SendTime)>,
}

thread_local! {
    /// Where a frame's JSON is written before its length is known; one for all rooms of a thread.
    static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What of it is kept from one frame to the next, in bytes.
const JSON_KEPT_BYTES_MAX: usize = 1024 * 1024;

/// JSON of a page that is written before other tasks get their turn, in bytes.
const JSON_BYTES_PER_TURN: usize = 64 * 1024;

/// Memory beside a frame's bytes that is not worth giving back, in bytes.
const SPARE_BYTES_MAX: usize = 64 * 1024;

impl Encoder {
    pub(super) fn new(room: RoomId, clock: Clock, memory: Arc<FrameMemory>) -> Self {
        Self { room, clock, memory, latest: None }
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// One for the same room, to encode aside.
    pub(super) fn aside(&self) -> Self {
        Self::new(self.room.clone(), self.clock.clone(), Arc::clone(&self.memory))
    }

    /// Frames that are ready to be sent, counted for as long as they wait.
    pub(super) fn hold(&self, frames: BytesMut) -> Bytes {
        let held_bytes = frames.capacity();
        self.memory.hold(frames, held_bytes)
    }

    /// Whether so many bytes more may wait for one client.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        bytes <= self.memory.share_bytes()
    }

    /// Appends an event's frame.
    pub(super) fn put_event(&mut self, out: &mut BytesMut, event: Event) {
        self.put(out, event.from, event.message, event.ts);
    }

    /// A history page for one member, in pieces.
    pub(super) async fn page(&mut self, pid: &Pid, messages: &[Kept]) -> Vec<Bytes> {
        let mut out = self.middle("history");
        self.put_records(&mut out, messages).await;
        let page = self.end(out, self.now());
        addressed(pid, &page).into()
    }

    /// A message's frame by itself.
    pub(super) fn frame(&mut self, from: Pid, message: ServerMessage, ts: UnixMillis) -> Bytes {
        let mut out = BytesMut::new();
        self.put(&mut out, from, message, ts);
        self.hold(out)
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

    /// How an envelope goes on behind its receiver, up to its payload. From here on it is the same
    /// for all of them.
    pub(super) fn middle(&self, kind: &str) -> Vec<u8> {
        let mut out = br#","xnest":"#.to_vec();
        write_json(&mut out, &self.room);
        out.extend(br#","type":"#);
        write_json(&mut out, kind);
        out.extend(br#","payload":"#);
        out
    }

    /// Ends an envelope behind its payload.
    pub(super) fn end(&mut self, mut out: Vec<u8>, ts: UnixMillis) -> Bytes {
        out.extend(br#","send_time":"#);
        write_json(&mut out, &self.send_time(ts));
        out.extend(br#","ts":"#);
        write_json(&mut out, &ts);
        out.push(b'}');
        if out.capacity() - out.len() > SPARE_BYTES_MAX {
            out.shrink_to_fit();
        }
        let held_bytes = out.capacity();
        self.memory.hold(out, held_bytes)
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

    /// Appends a page's records. Fifty large texts take long: others get their turn in between.
    pub(super) async fn put_records(&self, out: &mut Vec<u8>, messages: &[Kept]) {
        let mut turn_ends = out.len() + JSON_BYTES_PER_TURN;
        for (number, kept) in messages.iter().enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            write_json(out, &self.record(kept));
            if out.len() > turn_ends {
                turn_ends = out.len() + JSON_BYTES_PER_TURN;
                let_others_run().await;
            }
        }
        out.extend(if messages.is_empty() { &b"[]"[..] } else { b"]" });
    }

    pub(super) fn record(&self, Kept { id, message }: &Kept) -> Record {
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

/// One receiver's frame of an envelope that others receive too, in pieces.
pub(super) fn addressed(pid: &Pid, shared: &Bytes) -> [Bytes; 2] {
    let mut first = BytesMut::new();
    put_address(&mut first, pid, shared);
    [first.freeze(), shared.clone()]
}

/// Appends how such a frame begins.
pub(super) fn put_address(out: &mut BytesMut, pid: &Pid, shared: &Bytes) {
    let mut head = br#"{"from":"#.to_vec();
    write_json(&mut head, pid);
    frame::put_text_header(out, head.len() + shared.len());
    out.put_slice(&head);
}

/// Appends a value as JSON.
pub(super) fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("text and numbers are nothing that JSON cannot hold");
}
