//! The four frames of a greeting. In a storm thousands come at once, and the two long ones, the
//! member list and the history page, differ between them in the receiver's pid alone: everything
//! else is encoded once and shared.

use bytes::{BufMut, Bytes, BytesMut};
use xmeet_shared::{MessageId, Pid, ServerMessage, UnixMillis};

use super::encode::{Encoder, write_json};
use crate::room::{Kept, Roster, Snapshot};
use crate::ws::frame;

/// Less than this is not kept from one greeting to the next, in bytes: it is soon encoded again, and
/// most rooms are small and quiet.
const KEPT_BYTES_MIN: usize = 4096;

/// What is kept from one greeting to the next.
#[derive(Debug, Default)]
pub(super) struct Greeter {
    list: List,
    page: Page,
}

/// The member list as JSON, without the bracket at its end, so that it can grow.
#[derive(Debug, Default)]
struct List {
    json: Vec<u8>,
    members: usize,
    reshaped: u64,
}

/// The newest page as JSON.
#[derive(Debug, Default)]
struct Page {
    json: Vec<u8>,
    newest: Option<MessageId>,
}

/// What greetings cut at one place in the order have in common.
#[derive(Debug)]
pub(super) struct Greeting {
    members: u64,
    /// From behind a receiver's pid to the end of its frame.
    list: Bytes,
    page: Bytes,
    ts: UnixMillis,
}

impl Greeter {
    /// Encodes what the greetings of a snapshot share.
    pub(super) fn cut(&mut self, snapshot: &Snapshot, encoder: &mut Encoder) -> Greeting {
        self.list.follow(&snapshot.roster);
        self.page.follow(&snapshot.tail, encoder);
        let tail = encoder.tail(snapshot.ts);
        let greeting = Greeting {
            members: snapshot.roster.len() as u64,
            list: shared_part(encoder, "members", &[&self.list.json, b"]", &tail]),
            page: shared_part(encoder, "history", &[&self.page.json, &tail]),
            ts: snapshot.ts,
        };
        if self.list.json.len() + self.page.json.len() < KEPT_BYTES_MIN {
            *self = Self::default();
        }
        greeting
    }
}

impl Greeting {
    /// The greeting of one receiver, in pieces. The epoch is for receivers that asked for it.
    pub(super) fn of(&self, pid: &Pid, epoch: Option<&str>, encoder: &mut Encoder) -> [Bytes; 4] {
        let self_id = ServerMessage::SelfId { pid: pid.clone(), epoch: epoch.map(str::to_owned) };
        let head = Encoder::head(pid);
        let mut first = BytesMut::new();
        encoder.put(&mut first, pid.clone(), self_id, self.ts);
        encoder.put(&mut first, pid.clone(), ServerMessage::MemberCount(self.members), self.ts);
        begin(&mut first, &head, &self.list);
        let mut second = BytesMut::new();
        begin(&mut second, &head, &self.page);
        [first.freeze(), self.list.clone(), second.freeze(), self.page.clone()]
    }
}

fn begin(out: &mut BytesMut, head: &[u8], shared: &Bytes) {
    frame::put_text_header(out, head.len() + shared.len());
    out.put_slice(head);
}

fn shared_part(encoder: &Encoder, kind: &str, payload_and_tail: &[&[u8]]) -> Bytes {
    let mut out = encoder.middle(kind);
    for part in payload_and_tail {
        out.extend_from_slice(part);
    }
    out.into()
}

impl List {
    /// Brings the list up to date; members that only came are added at its end.
    fn follow(&mut self, roster: &Roster) {
        if self.reshaped != roster.reshaped() || self.members > roster.len() || self.json.is_empty()
        {
            self.json.clear();
            self.json.push(b'[');
            (self.members, self.reshaped) = (0, roster.reshaped());
        }
        for member in roster.members().skip(self.members) {
            if self.json.len() > 1 {
                self.json.push(b',');
            }
            write_json(&mut self.json, member);
        }
        self.members = roster.len();
    }
}

impl Page {
    fn follow(&mut self, tail: &[Kept], encoder: &Encoder) {
        let newest = tail.last().map(|kept| kept.id);
        if self.newest != newest || self.json.is_empty() {
            self.json.clear();
            write_json(&mut self.json, &encoder.records(tail));
            self.newest = newest;
        }
    }
}

#[cfg(test)]
#[path = "greeting_test.rs"]
mod tests;
