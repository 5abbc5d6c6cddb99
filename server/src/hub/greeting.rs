//! The four frames of a greeting. In a storm thousands come at once, and the two long ones, the
//! member list and the history page, differ between them in the receiver's pid alone: everything
//! else is encoded once and shared.

use bytes::{Bytes, BytesMut};
use xmeet_shared::{MessageId, Pid, ServerMessage, UnixMillis};

use super::encode::{Encoder, put_address, write_json};
use crate::room::{Kept, Roster, Snapshot};

/// Less than this is not kept from one greeting to the next, in bytes: it is soon encoded again, and
/// most rooms are small and quiet.
const KEPT_BYTES_MIN: usize = 4096;

/// A page larger than this is not kept either, in bytes: thousands of rooms can have one.
const PAGE_KEPT_BYTES_MAX: usize = 64 * 1024;

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
    /// Its first and its last message.
    ids: Option<(MessageId, MessageId)>,
    /// How long it was: the next one is about as long.
    len: usize,
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
    pub(super) async fn cut(&mut self, snapshot: &Snapshot, encoder: &mut Encoder) -> Greeting {
        self.list.follow(&snapshot.roster);
        let mut list = encoder.middle("members");
        list.extend_from_slice(&self.list.json);
        list.push(b']');
        let list = encoder.end(list, snapshot.ts);
        let page = self.page(&snapshot.tail, snapshot.ts, encoder).await;
        Greeting { members: snapshot.roster.len() as u64, list, page, ts: snapshot.ts }
    }

    /// Page 0 from behind its receiver's pid to the end of its frame.
    pub(super) async fn page(
        &mut self,
        tail: &[Kept],
        ts: UnixMillis,
        encoder: &mut Encoder,
    ) -> Bytes {
        let mut page = encoder.middle("history");
        self.page.put(&mut page, tail, encoder).await;
        if self.list.json.len() + self.page.len < KEPT_BYTES_MIN {
            *self = Self::default();
        }
        encoder.end(page, ts)
    }
}

impl Greeting {
    /// The greeting of one receiver, in pieces. The epoch is for receivers that asked for it.
    pub(super) fn of(&self, pid: &Pid, epoch: Option<&str>, encoder: &mut Encoder) -> [Bytes; 4] {
        let self_id = ServerMessage::SelfId { pid: pid.clone(), epoch: epoch.map(str::to_owned) };
        let mut first = BytesMut::new();
        encoder.put(&mut first, pid.clone(), self_id, self.ts);
        encoder.put(&mut first, pid.clone(), ServerMessage::MemberCount(self.members), self.ts);
        put_address(&mut first, pid, &self.list);
        let mut second = BytesMut::new();
        put_address(&mut second, pid, &self.page);
        [first.freeze(), self.list.clone(), second.freeze(), self.page.clone()]
    }
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
    /// Appends the page, and keeps it for the next time.
    async fn put(&mut self, out: &mut Vec<u8>, tail: &[Kept], encoder: &Encoder) {
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
