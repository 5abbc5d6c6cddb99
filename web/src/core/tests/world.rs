//! A naive server, the wires to it and one client under test.

use std::collections::VecDeque;

use xmeet_shared::{
    ClientCommand, Cursor, Envelope, ErrorCode, MessageId, Pid, Record as Kept, ServerMessage,
};

use super::{NOW, setup};
use crate::core::{ClientCore, Effect, Input, ReadMark, Setup, StorageWrite, Timer};
use crate::room::outbox::SavedEntry;
use crate::room::tests::{error, frame, name, pid, record, text_message};
use crate::room::{GapRow, Room, Row};

fn small_core(setup: Setup) -> ClientCore {
    let mut core = ClientCore::new(setup, NOW);
    core.room.hold_at_most(HELD_MAX);
    core
}

/// What can happen.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Somebody says something.
    Speak(u8),
    /// Somebody says something that the server does not keep.
    SpeakUnkept(u8),
    /// Somebody comes or goes.
    Toggle(u8),
    /// Somebody takes another name.
    Rename(u8),
    /// The person types something.
    Type(u8),
    /// The server reads one frame of ours.
    Serve,
    /// The server reads one frame of ours, and puts it off if it asks for a page.
    PutOff,
    /// The wait for the page that was put off last is over.
    Wake,
    /// The page that was asked for first takes too long.
    TimeOut,
    /// One frame of the server's arrives.
    Arrive,
    /// The view nears the top of the list.
    LoadOlder,
    /// The view nears a gap.
    LoadGap,
    /// The connection goes; what was under way with it.
    Lose,
    /// The connection comes back.
    Return,
    /// The page goes, and another takes up what it has left in the storage.
    Reload,
    /// The server drops its oldest messages.
    Trim(u8),
    /// The reader is this far up, or at the bottom, and what is far from there is dropped.
    Read(Option<u8>),
    /// The person wants to see the newest message.
    Jump,
    /// Many things are said at once.
    Burst,
    /// The connection goes, and comes back to a server whose store was wiped.
    Wipe,
}

/// Fewer than in earnest, so that something is dropped often.
pub(super) const HELD_MAX: usize = 90;

/// A frame of ours on its way to the server.
pub(super) enum Up {
    Page(Cursor),
    Say(String),
}

/// A naive server with one client under test, and the wires between them.
pub(super) struct World {
    /// Whether the server keeps a history.
    keeps: bool,
    /// How many of our texts the server has passed on without keeping them.
    ours_unstored: usize,
    /// The texts without an id that have arrived.
    pub(super) arrived_unstored: Vec<String>,
    pub(super) pages_asked: usize,
    pub(super) log: Vec<Kept>,
    pub(super) kept_from: MessageId,
    /// Everybody present, ourselves included.
    pub(super) others: Vec<(String, String)>,
    connections: u32,
    /// Counts the stores that there were.
    epoch: u32,
    /// How many texts of ours went with a store.
    pub(super) wiped: usize,
    /// Texts that may stand in a history that was wiped and in a later one.
    pub(super) said_again: usize,
    is_up: bool,
    pub(super) up: VecDeque<Up>,
    down: VecDeque<Envelope>,
    core: ClientCore,
    pub(super) typed: Vec<String>,
    /// The timers of page requests that were put off.
    put_off: Vec<Timer>,
    /// The timers of page requests.
    late: VecDeque<Timer>,
    /// What the storage has.
    outbox: Vec<SavedEntry>,
    own_pids: Vec<Pid>,
    read_mark: Option<ReadMark>,
}

impl World {
    pub(super) fn new(messages: usize) -> Self {
        Self::of(messages, true)
    }

    pub(super) fn of(messages: usize, keeps: bool) -> Self {
        let log = (1..=messages as u64).map(|id| record(id, "p0", &format!("old{id}"))).collect();
        Self {
            keeps,
            ours_unstored: 0,
            arrived_unstored: Vec::new(),
            pages_asked: 0,
            log,
            kept_from: 1,
            others: vec![("p0".into(), "n0".into())],
            connections: 0,
            epoch: 0,
            wiped: 0,
            said_again: 0,
            is_up: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            core: small_core(setup()),
            typed: Vec::new(),
            put_off: Vec::new(),
            late: VecDeque::new(),
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
                    self.put_off.push(timer);
                }
                Effect::SetTimer { timer: timer @ Timer::PageTimeout(_), .. } => {
                    self.late.push_back(timer);
                }
                _ => {}
            }
        }
    }

    /// The client sent a frame. A text is in the storage as sent by then.
    fn sent(&mut self, frame: &str) {
        match ClientCommand::parse(frame) {
            Ok(Some(ClientCommand::History(cursor))) => {
                self.pages_asked += 1;
                self.up.push_back(Up::Page(cursor));
            }
            Ok(Some(ClientCommand::Say(_))) => {
                let is_it = |entry: &SavedEntry| entry.is_sent() && entry.text() == frame;
                assert!(self.outbox.iter().any(is_it), "{frame} was not persisted as sent");
                self.up.push_back(Up::Say(frame.to_owned()));
            }
            other => panic!("sent {other:?}"),
        }
    }

    fn me(&self) -> String {
        format!("me{}", self.connections)
    }

    fn page(&self, cursor: Cursor) -> Vec<Kept> {
        let newest = self.log.len() as u64;
        let ids = cursor.ids(&(self.kept_from..=newest));
        let at = |id: MessageId| self.log[usize::try_from(id).unwrap() - 1].clone();
        ids.map(|ids| ids.map(at).collect()).unwrap_or_default()
    }

    fn tell(&mut self, envelope: Envelope) {
        if self.is_up {
            self.down.push_back(envelope);
        }
    }

    fn speak(&mut self, from: &str, text: &str) {
        if !self.keeps {
            self.ours_unstored += usize::from(from.starts_with("me"));
            return self.speak_unstored(from, text);
        }
        let id = self.log.len() as u64 + 1;
        self.log.push(record(id, from, text));
        self.tell(frame(from, text_message(id, text)));
    }

    fn speak_unstored(&mut self, from: &str, text: &str) {
        self.tell(frame(
            from,
            ServerMessage::Normal { text: text.to_owned(), id: None, nickname: None },
        ));
    }

    fn toggle(&mut self, who: u8) {
        let pid = format!("p{}", who % 4);
        if let Some(place) = self.others.iter().position(|(other, _)| *other == pid) {
            self.others.remove(place);
            self.tell(frame(&pid, ServerMessage::Leave));
        } else {
            self.others.push((pid.clone(), "new".into()));
            self.tell(frame(&pid, ServerMessage::Join(name("new"))));
        }
    }

    fn rename(&mut self, who: u8) {
        if let Some((pid, called)) = self.others.get_mut(usize::from(who) % 4) {
            *called = format!("called{who}");
            let (pid, called) = (pid.clone(), called.clone());
            self.tell(frame(&pid, ServerMessage::ChangeName(name(&called))));
        }
    }

    fn serve(&mut self) {
        match self.up.pop_front() {
            Some(Up::Page(cursor)) => {
                let page = self.page(cursor);
                let me = self.me();
                self.tell(frame(&me, ServerMessage::History(page)));
            }
            Some(Up::Say(text)) => {
                let me = self.me();
                self.speak(&me, &text);
            }
            None => {}
        }
    }

    /// The client takes in a frame.
    fn arrive(&mut self) {
        if let Some(envelope) = self.down.pop_front() {
            if let ServerMessage::Normal { text, id: None, .. } = &envelope.message {
                self.arrived_unstored.push(text.clone());
            }
            self.input(Input::Frame(envelope.encode()));
        }
    }

    fn wake(&mut self) {
        if let Some(timer) = self.put_off.pop() {
            self.input(Input::Timer(timer));
        }
    }

    pub(super) fn go_back(&mut self) {
        if self.is_up {
            return;
        }
        self.connections += 1;
        self.is_up = true;
        let me = self.me();
        self.others.push((me.clone(), format!("n{me}")));
        let present = self.others.clone();
        let epoch = self.keeps.then(|| self.epoch.to_string());
        self.input(Input::TryNow);
        let self_id = ServerMessage::SelfId { pid: pid(&me), epoch, greeting_bytes: Some(1) };
        let page = self.page(Cursor(0));
        let member = |(other, called): &(String, String)| xmeet_shared::Member {
            pid: pid(other),
            nickname: name(called),
        };
        let members = ServerMessage::Members(present.iter().map(member).collect());
        for message in [self_id, members, ServerMessage::History(page)] {
            self.input(Input::Frame(frame(&me, message).encode()));
        }
    }

    fn lose(&mut self) {
        self.leave();
        self.input(Input::Closed { code: 1006 });
    }

    fn leave(&mut self) {
        self.is_up = false;
        let me = self.me();
        self.others.retain(|(pid, _)| *pid != me);
        self.up.clear();
        self.down.clear();
    }

    fn reload(&mut self) {
        self.input(Input::Leaving);
        self.leave();
        (self.put_off, self.late) = (Vec::new(), VecDeque::new());
        self.arrived_unstored.clear();
        self.core = small_core(Setup {
            outbox: self.outbox.clone(),
            own_pids: self.own_pids.clone(),
            read_mark: self.read_mark.clone(),
            ..setup()
        });
    }

    fn wipe(&mut self) {
        self.lose();
        if !self.keeps {
            return self.go_back();
        }
        self.arrived_unstored.clear();
        self.wiped += self.ours();
        // Kept, though nobody here has heard of it: the new history has it only if it is said again.
        let here = self.room().outbox().entries().count();
        self.said_again = (self.wiped + here).saturating_sub(self.typed.len()).max(self.said_again);
        self.log.clear();
        self.kept_from = 1;
        self.epoch += 1;
        self.go_back();
    }

    /// How many texts of ours the server has.
    pub(super) fn ours(&self) -> usize {
        let ours = self.log.iter().filter(|record| record.from.as_str().starts_with("me"));
        ours.count() + self.ours_unstored
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Speak(n) => self.speak("p0", &format!("s{n}")),
            Step::SpeakUnkept(n) => self.speak_unstored("p1", &format!("u{n}")),
            Step::Toggle(who) => self.toggle(*who),
            Step::Rename(who) => self.rename(*who),
            Step::Type(n) => {
                let text = format!("t{}", n % 3);
                self.typed.push(text.clone());
                self.input(Input::Say(text));
            }
            Step::Serve => self.serve(),
            Step::PutOff => match self.up.front() {
                Some(Up::Page(_)) => {
                    self.up.pop_front();
                    self.tell(frame(&self.me(), error(ErrorCode::RateLimited)));
                }
                _ => self.serve(),
            },
            Step::Wake => self.wake(),
            Step::Arrive => self.arrive(),
            Step::TimeOut => {
                if let Some(timer) = self.late.pop_front() {
                    self.input(Input::Timer(timer));
                }
            }
            Step::LoadOlder => self.input(Input::LoadOlder { is_retry: true }),
            Step::LoadGap => {
                if let Some(gap) = self.gaps().pop() {
                    let target = if gap.is_tail { gap.first } else { gap.last };
                    self.input(Input::Load { target, is_retry: true });
                }
            }
            Step::Read(up) => {
                let head = self.room().log().head();
                let reader = up.map(|up| head.saturating_sub(u64::from(up)));
                self.input(Input::Draw { reader, is_aiming: false });
            }
            Step::Jump => self.input(Input::GoToNewest),
            Step::Wipe => self.wipe(),
            Step::Burst => (0..70).for_each(|n| self.speak("p0", &format!("b{n}"))),
            Step::Lose => self.lose(),
            Step::Return => self.go_back(),
            Step::Reload => self.reload(),
            Step::Trim(n) => {
                let newest = self.log.len() as u64;
                self.kept_from = (self.kept_from + u64::from(n % 40)).min(newest.max(1));
            }
        }
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

    /// Whatever is on the wires arrives.
    pub(super) fn run(&mut self) {
        while !self.up.is_empty() || !self.down.is_empty() || !self.put_off.is_empty() {
            self.serve();
            self.arrive();
            self.wake();
        }
    }

    /// The connection holds and the person scrolls everywhere, until nothing more comes.
    pub(super) fn finish(&mut self) {
        self.go_back();
        loop {
            self.run();
            self.step(&Step::LoadOlder);
            self.step(&Step::LoadGap);
            if self.up.is_empty() {
                break;
            }
        }
    }
}
