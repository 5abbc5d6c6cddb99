//! A client core with a naive server. Requests and frames wait in queues until a step delivers them.

use std::collections::VecDeque;

use xmeet_shared::{
    ClientCommand, Cursor, Envelope, MessageId, Pid, Record as HistoryRecord, ServerMessage,
};

use super::step::Step;
use super::{NOW, setup};
use crate::core::{ClientCore, Effect, Input, ReadMark, Setup, StorageWrite, Timer};
use crate::room::outbox::SavedEntry;
use crate::room::tests::{frame, name, pid, record, text_message};
use crate::room::{GapRow, Room, Row};

fn small_core(setup: Setup) -> ClientCore {
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
    connections: u32,
    /// The number of earlier stores.
    epoch: u32,
    /// The number of own texts that wiped stores had.
    pub(super) own_wiped_count: usize,
    /// The number of own texts that may be in a wiped store and in a later one.
    pub(super) stored_twice_count: usize,
    is_connected: bool,
    pub(super) requests: VecDeque<Request>,
    frames: VecDeque<Envelope>,
    core: ClientCore,
    pub(super) typed: Vec<String>,
    /// The timers of rate-limited page requests.
    waits: Vec<Timer>,
    /// The timeouts of page requests.
    pub(super) timeouts: VecDeque<Timer>,
    /// The outbox in the storage.
    outbox: Vec<SavedEntry>,
    own_pids: Vec<Pid>,
    read_mark: Option<ReadMark>,
}

impl World {
    pub(super) fn new(messages: usize) -> Self {
        Self::with_history(messages, true)
    }

    pub(super) fn with_history(messages: usize, has_history: bool) -> Self {
        let log = (1..=messages as u64).map(|id| record(id, "p0", &format!("old{id}"))).collect();
        Self {
            has_history,
            own_unstored_count: 0,
            delivered_unstored: Vec::new(),
            page_requests: 0,
            log,
            oldest_kept: 1,
            members: vec![("p0".into(), "n0".into())],
            connections: 0,
            epoch: 0,
            own_wiped_count: 0,
            stored_twice_count: 0,
            is_connected: false,
            requests: VecDeque::new(),
            frames: VecDeque::new(),
            core: small_core(setup()),
            typed: Vec::new(),
            waits: Vec::new(),
            timeouts: VecDeque::new(),
            outbox: Vec::new(),
            own_pids: Vec::new(),
            read_mark: None,
        }
    }

    pub(super) fn room(&self) -> &Room {
        self.core.room()
    }

    pub(super) fn input(&mut self, input: Input) {
        for effect in self.core.handle(input, NOW) {
            match effect {
                Effect::Send(frame) => self.sent(&frame),
                Effect::Persist(StorageWrite::Outbox(entries)) => self.outbox = entries,
                Effect::Persist(StorageWrite::Member(pids)) => self.own_pids = pids,
                Effect::Persist(StorageWrite::ReadMark(mark)) => self.read_mark = Some(mark),
                Effect::SetTimer { timer: timer @ Timer::RetryPage(_), .. } => {
                    self.waits.push(timer);
                }
                Effect::SetTimer { timer: timer @ Timer::PageTimeout(_), .. } => {
                    self.timeouts.push_back(timer);
                }
                _ => {}
            }
        }
    }

    /// Queues a frame of the client. Checks that a text was persisted as sent before.
    fn sent(&mut self, frame: &str) {
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
            other => panic!("sent {other:?}"),
        }
    }

    pub(super) fn me(&self) -> String {
        format!("me{}", self.connections)
    }

    fn page(&self, cursor: Cursor) -> Vec<HistoryRecord> {
        let newest = self.log.len() as u64;
        let ids = cursor.ids(&(self.oldest_kept..=newest));
        let at = |id: MessageId| self.log[usize::try_from(id).unwrap() - 1].clone();
        ids.map(|ids| ids.map(at).collect()).unwrap_or_default()
    }

    pub(super) fn push_frame(&mut self, envelope: Envelope) {
        if self.is_connected {
            self.frames.push_back(envelope);
        }
    }

    pub(super) fn store_text(&mut self, from: &str, text: &str) {
        if !self.has_history {
            self.own_unstored_count += usize::from(from.starts_with("me"));
            return self.send_unstored(from, text);
        }
        let id = self.log.len() as u64 + 1;
        self.log.push(record(id, from, text));
        self.push_frame(frame(from, text_message(id, text)));
    }

    pub(super) fn send_unstored(&mut self, from: &str, text: &str) {
        self.push_frame(frame(
            from,
            ServerMessage::Normal { text: text.to_owned(), id: None, nickname: None },
        ));
    }

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

    pub(super) fn rename(&mut self, who: u8) {
        if let Some((pid, nickname)) = self.members.get_mut(usize::from(who) % 4) {
            *nickname = format!("renamed{who}");
            let (pid, nickname) = (pid.clone(), nickname.clone());
            self.push_frame(frame(&pid, ServerMessage::ChangeName(name(&nickname))));
        }
    }

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

    pub(super) fn end_wait(&mut self) {
        if let Some(timer) = self.waits.pop() {
            self.input(Input::Timer(timer));
        }
    }

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
        let member = |(other, nickname): &(String, String)| xmeet_shared::Member {
            pid: pid(other),
            nickname: name(nickname),
        };
        let members = ServerMessage::Members(present.iter().map(member).collect());
        for message in [self_id, members, ServerMessage::History(page)] {
            self.input(Input::Frame(frame(&me, message).encode()));
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.drop_connection();
        self.input(Input::Closed { code: 1006 });
    }

    fn drop_connection(&mut self) {
        self.is_connected = false;
        let me = self.me();
        self.members.retain(|(pid, _)| *pid != me);
        self.requests.clear();
        self.frames.clear();
    }

    pub(super) fn reload(&mut self) {
        self.input(Input::Leaving);
        self.drop_connection();
        (self.waits, self.timeouts) = (Vec::new(), VecDeque::new());
        self.delivered_unstored.clear();
        self.core = small_core(Setup {
            outbox: self.outbox.clone(),
            own_pids: self.own_pids.clone(),
            read_mark: self.read_mark.clone(),
            ..setup()
        });
    }

    pub(super) fn wipe_store(&mut self) {
        self.disconnect();
        if !self.has_history {
            return self.connect();
        }
        self.delivered_unstored.clear();
        self.own_wiped_count += self.own_count();
        // The client does not know that the wiped store had these texts, so it may resend them.
        let pending = self.room().outbox().entries().count();
        self.stored_twice_count = (self.own_wiped_count + pending)
            .saturating_sub(self.typed.len())
            .max(self.stored_twice_count);
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

    pub(super) fn gaps(&self) -> Vec<GapRow> {
        let rows = self.room().rows(&mut |_| 0);
        rows.into_iter()
            .filter_map(|(_, row)| match row {
                Row::Gap(gap) if gap.is_kept => Some(gap),
                _ => None,
            })
            .collect()
    }

    /// Delivers all requests and frames and ends all waits.
    pub(super) fn run(&mut self) {
        while !self.requests.is_empty() || !self.frames.is_empty() || !self.waits.is_empty() {
            self.serve();
            self.deliver();
            self.end_wait();
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
