//! A client core with a naive server. Requests and frames wait in queues until a step delivers
//! them.

use std::collections::VecDeque;

use xmeet_shared::{
    ClientCommand, Cursor, Envelope, MessageId, Pid, Record as HistoryRecord, ServerMessage,
};

use super::step::Step;
use super::{CONNECTION_LOST, NOW, setup};
use crate::core::{ClientCore, Effect, Input, ReadMark, Setup, StorageWrite, Timer};
use crate::room::outbox::SavedEntry;
use crate::room::tests::{frame, name, pid, record, text_message};
use crate::room::{GapRow, Room, Row};

/// Returns a client that holds at most [`HELD_MAX`] messages.
fn core_with_small_limit(setup: Setup) -> ClientCore {
    let mut core = ClientCore::new(setup, NOW);
    core.room.hold_at_most(HELD_MAX);
    core
}

/// A small limit of held messages, so that messages are dropped often.
pub(super) const HELD_MAX: usize = 90;

/// A frame on its way to the server.
pub(super) enum Request {
    Page(Cursor),
    Text(String),
}

/// A naive server, the client under test and the frames between them.
pub(super) struct World {
    /// Whether the server keeps a history.
    has_history: bool,
    /// The number of own texts that a server without history has sent on.
    own_unstored_count: usize,
    /// The delivered texts without an id.
    pub(super) delivered_unstored: Vec<String>,
    pub(super) page_requests: usize,
    pub(super) log: Vec<HistoryRecord>,
    pub(super) oldest_kept: MessageId,
    /// The pids and names of the members, including the client.
    pub(super) members: Vec<(String, String)>,
    /// The number of connections so far. Each connection gives the client another pid.
    connections: u32,
    /// The number of wiped stores.
    epoch: u32,
    /// The number of own texts that were in wiped stores.
    pub(super) own_wiped_count: usize,
    /// The number of own texts that may have been in a wiped store and are in a later store too.
    pub(super) stored_twice_count: usize,
    is_connected: bool,
    pub(super) requests: VecDeque<Request>,
    frames: VecDeque<Envelope>,
    core: ClientCore,
    pub(super) typed: Vec<String>,
    /// The timers of rate-limited page requests.
    retry_timers: Vec<Timer>,
    /// The timeouts of page requests.
    pub(super) timeouts: VecDeque<Timer>,
    /// The outbox in the storage.
    outbox: Vec<SavedEntry>,
    own_pids: Vec<Pid>,
    read_mark: Option<ReadMark>,
}

impl World {
    /// Returns a disconnected client, and a server whose history has so many messages.
    pub(super) fn new(message_count: usize) -> Self {
        let mut world = Self::without_history();
        world.has_history = true;
        for id in 1..=message_count as u64 {
            world.log.push(record(id, "p0", &format!("old{id}")));
        }
        world
    }

    /// Returns a disconnected client, and a server that keeps no history.
    pub(super) fn without_history() -> Self {
        Self {
            has_history: false,
            own_unstored_count: 0,
            delivered_unstored: Vec::new(),
            page_requests: 0,
            log: Vec::new(),
            oldest_kept: 1,
            members: vec![("p0".into(), "n0".into())],
            connections: 0,
            epoch: 0,
            own_wiped_count: 0,
            stored_twice_count: 0,
            is_connected: false,
            requests: VecDeque::new(),
            frames: VecDeque::new(),
            core: core_with_small_limit(setup()),
            typed: Vec::new(),
            retry_timers: Vec::new(),
            timeouts: VecDeque::new(),
            outbox: Vec::new(),
            own_pids: Vec::new(),
            read_mark: None,
        }
    }

    pub(super) fn room(&self) -> &Room {
        self.core.room()
    }

    /// Gives the client an input, and carries out the effects.
    pub(super) fn input(&mut self, input: Input) {
        for effect in self.core.handle(input, NOW) {
            match effect {
                Effect::Send(frame) => self.on_client_frame(&frame),
                Effect::Persist(StorageWrite::Outbox(entries)) => self.outbox = entries,
                Effect::Persist(StorageWrite::Member(pids)) => self.own_pids = pids,
                Effect::Persist(StorageWrite::ReadMark(mark)) => self.read_mark = Some(mark),
                Effect::SetTimer { timer: timer @ Timer::RetryPage(_), .. } => {
                    self.retry_timers.push(timer);
                }
                Effect::SetTimer { timer: timer @ Timer::PageTimeout(_), .. } => {
                    self.timeouts.push_back(timer);
                }
                _ => {}
            }
        }
    }

    /// Queues a frame of the client for the server. Panics if a text was not persisted as sent
    /// before.
    fn on_client_frame(&mut self, frame: &str) {
        match ClientCommand::parse(frame) {
            Ok(Some(ClientCommand::History(cursor))) => {
                self.page_requests += 1;
                self.requests.push_back(Request::Page(cursor));
            }
            Ok(Some(ClientCommand::Say(_))) => {
                let is_match = |entry: &SavedEntry| entry.is_sent() && entry.text() == frame;
                assert!(self.outbox.iter().any(is_match), "{frame} was not persisted as sent");
                self.requests.push_back(Request::Text(frame.to_owned()));
            }
            other => panic!("the client sent an unexpected frame: {other:?}"),
        }
    }

    /// Returns the client's pid on the latest connection.
    pub(super) fn me(&self) -> String {
        format!("me{}", self.connections)
    }

    /// Returns a page of the server's history.
    fn page(&self, cursor: Cursor) -> Vec<HistoryRecord> {
        let newest = self.log.len() as u64;
        let Some(ids) = cursor.ids(&(self.oldest_kept..=newest)) else { return Vec::new() };
        let record_of = |id: MessageId| self.log[usize::try_from(id).unwrap() - 1].clone();
        ids.map(record_of).collect()
    }

    /// Queues a frame of the server for the client. Without a connection, the frame is lost.
    pub(super) fn push_frame(&mut self, envelope: Envelope) {
        if self.is_connected {
            self.frames.push_back(envelope);
        }
    }

    /// Stores a text and sends the text to the client. A server without history only sends the
    /// text.
    pub(super) fn store_text(&mut self, from: &str, text: &str) {
        if !self.has_history {
            self.own_unstored_count += usize::from(from.starts_with("me"));
            return self.send_unstored(from, text);
        }
        let id = self.log.len() as u64 + 1;
        self.log.push(record(id, from, text));
        self.push_frame(frame(from, text_message(id, text)));
    }

    /// Sends the client a text without an id.
    pub(super) fn send_unstored(&mut self, from: &str, text: &str) {
        self.push_frame(frame(
            from,
            ServerMessage::Normal { text: text.to_owned(), id: None, nickname: None },
        ));
    }

    /// Lets one of four other members leave, or join if absent.
    pub(super) fn join_or_leave(&mut self, who: u8) {
        let pid = format!("p{}", who % 4);
        if let Some(index) = self.members.iter().position(|(other, _)| *other == pid) {
            self.members.remove(index);
            self.push_frame(frame(&pid, ServerMessage::Leave));
        } else {
            self.members.push((pid.clone(), "new".into()));
            self.push_frame(frame(&pid, ServerMessage::Join(name("new"))));
        }
    }

    /// Renames one of the first four members.
    pub(super) fn rename(&mut self, who: u8) {
        if let Some((pid, nickname)) = self.members.get_mut(usize::from(who) % 4) {
            *nickname = format!("renamed{who}");
            let (pid, nickname) = (pid.clone(), nickname.clone());
            self.push_frame(frame(&pid, ServerMessage::ChangeName(name(&nickname))));
        }
    }

    /// Lets the server answer the next request.
    pub(super) fn serve(&mut self) {
        match self.requests.pop_front() {
            Some(Request::Page(cursor)) => {
                let page = self.page(cursor);
                let me = self.me();
                self.push_frame(frame(&me, ServerMessage::History(page)));
            }
            Some(Request::Text(text)) => {
                let me = self.me();
                self.store_text(&me, &text);
            }
            None => {}
        }
    }

    /// Gives the client the next frame.
    pub(super) fn deliver(&mut self) {
        if let Some(envelope) = self.frames.pop_front() {
            if let ServerMessage::Normal { text, id: None, .. } = &envelope.message {
                self.delivered_unstored.push(text.clone());
            }
            self.input(Input::Frame(envelope.encode()));
        }
    }

    /// Expires the latest timer of a rate-limited page request.
    pub(super) fn expire_retry_timer(&mut self) {
        if let Some(timer) = self.retry_timers.pop() {
            self.input(Input::Timer(timer));
        }
    }

    /// Connects the client with a new pid, and greets it.
    pub(super) fn connect(&mut self) {
        if self.is_connected {
            return;
        }
        self.connections += 1;
        self.is_connected = true;
        let me = self.me();
        self.members.push((me.clone(), format!("n{me}")));
        let present = self.members.clone();
        let epoch = self.has_history.then(|| self.epoch.to_string());
        self.input(Input::TryNow);
        let self_id = ServerMessage::SelfId { pid: pid(&me), epoch, greeting_bytes: Some(1) };
        let page = self.page(Cursor(0));
        let member_of = |(other, nickname): &(String, String)| xmeet_shared::Member {
            pid: pid(other),
            nickname: name(nickname),
        };
        let members = ServerMessage::Members(present.iter().map(member_of).collect());
        for message in [self_id, members, ServerMessage::History(page)] {
            self.input(Input::Frame(frame(&me, message).encode()));
        }
    }

    /// Closes the connection without a Close frame. Requests and frames on the way are lost.
    pub(super) fn disconnect(&mut self) {
        self.drop_connection();
        self.input(Input::Closed { code: CONNECTION_LOST });
    }

    /// Drops the server's side of the connection, without an input for the client.
    fn drop_connection(&mut self) {
        self.is_connected = false;
        let me = self.me();
        self.members.retain(|(pid, _)| *pid != me);
        self.requests.clear();
        self.frames.clear();
    }

    /// Closes the page, and opens another page with the storage of the first.
    pub(super) fn reload(&mut self) {
        self.input(Input::Leaving);
        self.drop_connection();
        self.retry_timers.clear();
        self.timeouts.clear();
        self.delivered_unstored.clear();
        self.core = core_with_small_limit(Setup {
            outbox: self.outbox.clone(),
            own_pids: self.own_pids.clone(),
            read_mark: self.read_mark.clone(),
            ..setup()
        });
    }

    /// Restarts the server with an empty store, and connects the client again.
    pub(super) fn wipe_store(&mut self) {
        self.disconnect();
        if !self.has_history {
            return self.connect();
        }
        self.delivered_unstored.clear();
        self.own_wiped_count += self.own_count();

        // The client may send pending texts again that a wiped store already had. Each typed text
        // is in a wiped store, pending, or both. So this sum exceeds the typed texts by those that
        // are both.
        let pending_count = self.room().outbox().entries().count();
        let sum = self.own_wiped_count + pending_count;
        let wiped_and_pending_count = sum.saturating_sub(self.typed.len());
        self.stored_twice_count = self.stored_twice_count.max(wiped_and_pending_count);

        self.log.clear();
        self.oldest_kept = 1;
        self.epoch += 1;
        self.connect();
    }

    /// Returns the number of own texts that the server has.
    pub(super) fn own_count(&self) -> usize {
        let own = self.log.iter().filter(|record| record.from.as_str().starts_with("me"));
        own.count() + self.own_unstored_count
    }

    /// Returns the gaps whose messages the server may still have.
    pub(super) fn gaps(&self) -> Vec<GapRow> {
        let rows = self.room().rows(&mut |_| 0);
        rows.into_iter()
            .filter_map(|(_, row)| match row {
                Row::Gap(gap) if gap.is_kept => Some(gap),
                _ => None,
            })
            .collect()
    }

    /// Delivers all requests and frames, and expires all timers of rate-limited requests.
    pub(super) fn run(&mut self) {
        while !self.requests.is_empty() || !self.frames.is_empty() || !self.retry_timers.is_empty()
        {
            self.serve();
            self.deliver();
            self.expire_retry_timer();
        }
    }

    /// Connects, delivers everything and loads all pages.
    pub(super) fn finish(&mut self) {
        self.connect();
        loop {
            self.run();
            self.step(&Step::LoadOlder);
            self.step(&Step::LoadGap);
            if self.requests.is_empty() {
                break;
            }
        }
    }
}
