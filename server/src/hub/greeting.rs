//! Encodes greetings. The two long frames of a greeting, the member list and the history page, differ
//! between receivers in the pid alone, so everything else is encoded once and shared: thousands of
//! clients may reconnect at once. Only the changed chunks of the member list are encoded again.

use std::collections::HashMap;
use std::mem;

use bytes::{Bytes, BytesMut};
use xmeet_shared::{MessageId, Pid, ServerMessage, UnixMillis};

use crate::fanout::{Encoder, put_address, write_json};
use crate::room::{Roster, Snapshot, StoredMessage};

/// Encoded lists and pages below this size are not kept from one greeting to the next, in bytes: most
/// rooms are small, and encoding again is cheap.
const KEPT_BYTES_MIN: usize = 4096;

/// An encoded page above this size is not kept either, in bytes: thousands of rooms can have one.
const PAGE_KEPT_BYTES_MAX: usize = 64 * 1024;

/// Encodes a room's greetings, and keeps what the next one can use again.
#[derive(Debug, Default)]
pub(super) struct Greeter {
    list: List,
    page: Page,
}

/// The member list as JSON, by the chunks of the roster.
#[derive(Debug, Default)]
struct List {
    /// Each chunk's version and JSON, with a comma before every member.
    chunks: Vec<(u64, Bytes)>,
    bytes: usize,
}

/// The newest page as JSON.
#[derive(Debug, Default)]
struct Page {
    json: Vec<u8>,
    /// The ids of the first and the last message.
    ids: Option<(MessageId, MessageId)>,
    /// The length of the latest page in bytes, as an estimate for the next.
    len: usize,
}

/// The part that the greetings for one snapshot share, except the page.
#[derive(Debug)]
pub(super) struct SharedGreeting {
    members: u64,
    /// The member list's frame from behind the receiver's pid, in pieces.
    list: Vec<Bytes>,
    ts: UnixMillis,
}

impl Greeter {
    /// Encodes the part that the greetings for a snapshot share, except the page.
    pub(super) fn shared(&mut self, snapshot: &Snapshot, encoder: &mut Encoder) -> SharedGreeting {
        self.list.update(&snapshot.roster, encoder);
        let list = self.list.frame(snapshot.ts, encoder);
        SharedGreeting { members: snapshot.roster.len() as u64, list, ts: snapshot.ts }
    }

    /// Encodes page 0 from behind the receiver's pid to the end of the frame.
    pub(super) async fn page(
        &mut self,
        tail: &[StoredMessage],
        ts: UnixMillis,
        encoder: &mut Encoder,
    ) -> Bytes {
        let mut page = encoder.middle("history");
        self.page.put(&mut page, tail, encoder).await;
        if self.list.bytes + self.page.len < KEPT_BYTES_MIN {
            *self = Self::default();
        }
        encoder.end(page, ts)
    }
}

impl SharedGreeting {
    pub(super) fn ts(&self) -> UnixMillis {
        self.ts
    }

    /// Returns the greeting of one receiver, in pieces. `epoch` is `Some` for a receiver that asked for
    /// the extensions: its first frame has the epoch, unless that is empty, and the length of the
    /// frames that follow.
    pub(super) fn greeting(
        &self,
        page: &Bytes,
        pid: &Pid,
        epoch: Option<&str>,
        encoder: &mut Encoder,
    ) -> Vec<Bytes> {
        let (mut count, mut page_head) = (BytesMut::new(), BytesMut::new());
        let members = ServerMessage::MemberCount(self.members);
        let list_bytes = self.list.iter().map(Bytes::len).sum();
        let greeting_bytes = encoder.put(&mut count, pid.clone(), members, self.ts)
            + put_address(&mut count, pid, list_bytes)
            + put_address(&mut page_head, pid, page.len());
        let self_id = ServerMessage::SelfId {
            pid: pid.clone(),
            epoch: epoch.filter(|epoch| !epoch.is_empty()).map(str::to_owned),
            greeting_bytes: epoch.map(|_| greeting_bytes as u64),
        };
        let mut first = BytesMut::new();
        encoder.put(&mut first, pid.clone(), self_id, self.ts);
        first.extend_from_slice(&count);
        let mut pieces = Vec::with_capacity(self.list.len() + 3);
        pieces.push(first.freeze());
        pieces.extend_from_slice(&self.list);
        pieces.extend([page_head.freeze(), page.clone()]);
        pieces
    }
}

impl List {
    /// Encodes the chunks that are new or have changed.
    fn update(&mut self, roster: &Roster, encoder: &Encoder) {
        let mut known: HashMap<u64, Bytes> = mem::take(&mut self.chunks).into_iter().collect();
        let chunks = roster.chunks().map(|chunk| {
            let json = known.remove(&chunk.version()).unwrap_or_else(|| {
                let mut json = BytesMut::new();
                for member in chunk.members() {
                    json.extend_from_slice(b",");
                    write_json(&mut json, member);
                }
                encoder.charge(json)
            });
            (chunk.version(), json)
        });
        self.chunks = chunks.collect();
        self.bytes = self.chunks.iter().map(|(_, json)| json.len()).sum();
    }

    /// Returns the list's frame from behind the receiver's pid, in pieces; a short one in one piece.
    fn frame(&self, ts: UnixMillis, encoder: &mut Encoder) -> Vec<Bytes> {
        let mut begin = encoder.middle("members");
        begin.push(b'[');
        let mut pieces: Vec<_> = self.chunks.iter().map(|(_, json)| json.clone()).collect();
        if let Some(first) = pieces.first_mut() {
            // The first member has no comma.
            *first = first.slice(1..);
        }
        if self.bytes < KEPT_BYTES_MIN {
            pieces.iter().for_each(|piece| begin.extend_from_slice(piece));
            begin.push(b']');
            return vec![encoder.end(begin, ts)];
        }
        pieces.insert(0, begin.into());
        pieces.push(encoder.end(vec![b']'], ts));
        pieces
    }
}

impl Page {
    /// Appends the page's records, and keeps their JSON for the next greeting.
    async fn put(&mut self, out: &mut Vec<u8>, tail: &[StoredMessage], encoder: &Encoder) {
        let ids = tail.first().map(|kept| kept.id).zip(tail.last().map(|kept| kept.id));
        if self.ids == ids && !self.json.is_empty() {
            return out.extend_from_slice(&self.json);
        }
        let start = out.len();
        out.reserve(self.len);
        encoder.put_records(out, tail).await;
        let json = &out[start..];
        self.len = json.len();
        self.json = if json.len() > PAGE_KEPT_BYTES_MAX { Vec::new() } else { json.to_vec() };
        self.ids = ids;
    }
}

#[cfg(test)]
#[path = "greeting_test.rs"]
mod tests;
