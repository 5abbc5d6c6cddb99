//! A simulated person with the web client: the real core with simulated storage, timers and sockets. A
//! seed decides the person's actions and the failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use xmeet_server::hub::JoinRequest;
use xmeet_server::session::Sessions;
use xmeet_shared::{Envelope, MessageId, Nickname, Pid, RoomId, ServerMessage, SessionToken};
use xmeet_web::core::{
    ClientCore, Effect, Input, Now, PageEffect, ReadMark, Setup, StorageWrite, Timer,
};
use xmeet_web::room::outbox::{Delivery, SavedEntry};
use xmeet_web::room::{HistoryEdge, Row};

use super::socket::{Event, Events, Socket};
use crate::pipe::{Down, Up, UpEnd};
use crate::store::Store;
use crate::timeline::Timeline;
use crate::world::START_TS;

/// Maximum time between two actions of a person, in virtual milliseconds.
const GAP_MS_MAX: u64 = 2_500;

/// Quiet time before a person decides about texts in doubt. By then the store has answered all requests.
const DOUBT_MS: u64 = 120_000;

/// A fault that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// After a greeting the page resends every text that has not come back.
    ResendsWithoutLooking,
    /// The storage forgets that a text was sent.
    ForgetsThatItSent,
}

/// The state that all pages of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) room: RoomId,
    pub(crate) timeline: Timeline,
    pub(crate) store: Store,
    /// The server; `None` while it is down.
    pub(crate) server: Arc<Mutex<Option<Arc<Sessions>>>>,
    /// Both directions of every connection to the server.
    pub(crate) wires: Arc<Mutex<Vec<(Up, Down)>>>,
    pub(crate) fault: Fault,
    /// Start of the quiet phase, without failures and new texts, in virtual milliseconds.
    pub(crate) calm_ms: u64,
    /// Number of pages that have sent all texts and have the whole log. The run ends with the last one.
    pub(crate) settled: Arc<Mutex<BTreeSet<usize>>>,
    pub(crate) pages: usize,
    /// Deadline of the run, in virtual milliseconds.
    pub(crate) end_ms: u64,
}

/// The browser's storage of a tab.
#[derive(Debug, Default)]
struct Storage {
    outbox: Vec<SavedEntry>,
    own_pids: Vec<Pid>,
    read_mark: Option<ReadMark>,
    nickname: Option<Nickname>,
    /// Number of the next member secret.
    tokens: u64,
}

pub(crate) struct Page {
    site: Site,
    number: usize,
    rng: Rng,
    core: ClientCore,
    storage: Storage,
    socket: Option<Socket>,
    sockets: u64,
    events: (Events, mpsc::UnboundedReceiver<(u64, Event)>),
    /// Timers by time and number.
    timers: BTreeMap<(u64, u64), Timer>,
    timers_set: u64,
    /// Texts that the person has sent.
    pub(crate) said: Vec<String>,
    /// Texts that returned to the message box.
    given_back: Vec<String>,
    /// Sent texts that have not come back, for [`Fault::ResendsWithoutLooking`].
    unanswered: Vec<String>,
    is_calm: bool,
}

impl Page {
    pub(crate) fn new(site: Site, number: usize, mut rng: Rng) -> Self {
        let storage = Storage {
            nickname: Some(Nickname::new(&format!("n{number}")).unwrap()),
            ..Storage::default()
        };
        let now = Now { elapsed_ms: 0, wall_ms: START_TS, jitter: rng.f64() };
        let core = ClientCore::new(setup(&site, &storage), now);
        Self {
            site,
            number,
            rng,
            core,
            storage,
            socket: None,
            sockets: 0,
            events: mpsc::unbounded_channel(),
            timers: BTreeMap::new(),
            timers_set: 0,
            said: Vec::new(),
            given_back: Vec::new(),
            unanswered: Vec::new(),
            is_calm: false,
        }
    }

    /// Runs until the end of the run.
    pub(crate) async fn live(&mut self) {
        self.input(Input::Start);
        let (mut tick_ms, mut act_ms) = (1_000, self.rng.u64(..GAP_MS_MAX));
        while self.ms() < self.site.end_ms && !self.is_over() {
            let timer_ms = self.timers.first_key_value().map_or(u64::MAX, |((ms, _), _)| *ms);
            let due_ms = tick_ms.min(act_ms).min(timer_ms);
            let due = Instant::now() + Duration::from_millis(due_ms.saturating_sub(self.ms()));
            tokio::select! {
                biased;
                Some((number, event)) = self.events.1.recv() => self.event(number, event),
                () = sleep_until(due) => {
                    if timer_ms <= self.ms() {
                        let ((_, _), timer) = self.timers.pop_first().unwrap();
                        self.input(Input::Timer(timer));
                    } else if tick_ms <= self.ms() {
                        tick_ms += 1_000;
                        self.input(Input::Tick { buffered_bytes: 0 });
                    } else {
                        act_ms = self.ms() + self.rng.u64(1..GAP_MS_MAX);
                        self.act();
                    }
                }
            }
        }
    }

    /// Returns the page's log.
    pub(crate) fn log(&self) -> Vec<(MessageId, Pid, String)> {
        let log = self.core.room().log();
        let message =
            |id| log.get(id).map(|message| (id, message.from.clone(), message.text.to_string()));
        (1..=log.head()).filter_map(message).collect()
    }

    /// Returns the texts that may not be stored.
    pub(crate) fn unsent(&self) -> Vec<String> {
        self.core.room().outbox().entries().map(|entry| entry.text.to_string()).collect()
    }

    fn is_over(&self) -> bool {
        self.site.settled.lock().unwrap().len() == self.site.pages
    }

    fn ms(&self) -> u64 {
        self.site.timeline.ms()
    }

    fn now(&mut self) -> Now {
        let elapsed_ms = i64::try_from(self.ms()).unwrap();
        Now { elapsed_ms, wall_ms: START_TS + elapsed_ms, jitter: self.rng.f64() }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        for effect in self.core.handle(input, now) {
            match effect {
                Effect::Connect { nickname } => self.connect(nickname),
                Effect::CloseSocket => self.socket = None,
                Effect::Send(frame) => self.send(frame),
                Effect::SetTimer { timer, after_ms } => {
                    self.timers_set += 1;
                    let due_ms = self.ms() + u64::try_from(after_ms).unwrap();
                    self.timers.insert((due_ms, self.timers_set), timer);
                }
                Effect::Persist(record) => self.persist(record),
                Effect::RegenerateToken => self.storage.tokens += 1,
                Effect::Page(PageEffect::ReturnText(text)) => {
                    self.given_back.extend(text.split('\n').map(str::to_owned));
                }
                Effect::PostToTabs(_) | Effect::Page(_) => {}
            }
        }
    }

    fn connect(&mut self, nickname: Option<Nickname>) {
        self.socket = None;
        self.sockets += 1;
        let (number, events) = (self.sockets, self.events.0.clone());
        let server = self.site.server.lock().unwrap().clone();
        let Some(sessions) = server else {
            let _ = events.send((number, Event::Closed(1006)));
            return;
        };
        let token = format!("secret-of-page-{}-{:05}", self.number, self.storage.tokens);
        let request = JoinRequest {
            room: self.site.room.clone(),
            nickname: nickname.unwrap_or_else(|| Nickname::new("unknown").unwrap()),
            token: Some(SessionToken::new(&token).unwrap()),
            is_stored: true,
        };
        let timeline = self.site.timeline.clone();
        let socket = Socket::open(&sessions, request, timeline, &mut self.rng, (number, events));
        self.site.wires.lock().unwrap().push(socket.wires());
        self.socket = Some(socket);
    }

    fn send(&mut self, frame: String) {
        if let Some(socket) = &self.socket {
            socket.send(&frame);
        }
        if !frame.starts_with('@') {
            self.unanswered.push(frame);
        }
    }

    fn persist(&mut self, record: StorageWrite) {
        match record {
            StorageWrite::Outbox(entries) => self.storage.outbox = entries,
            StorageWrite::Member(pids) => self.storage.own_pids = pids,
            StorageWrite::ReadMark(mark) => self.storage.read_mark = Some(mark),
            StorageWrite::Nickname(name) => self.storage.nickname = name,
            StorageWrite::LinesHidden(_) => {}
        }
    }

    fn event(&mut self, number: u64, event: Event) {
        if number != self.sockets || self.socket.is_none() && matches!(event, Event::Frame(_)) {
            return;
        }
        match event {
            Event::Frame(frame) => {
                let message = Envelope::parse(&frame).map(|envelope| envelope.message);
                self.input(Input::Frame(frame));
                match message {
                    Ok(ServerMessage::Normal { text, .. }) => {
                        self.unanswered.retain(|sent| *sent != text);
                    }
                    Ok(ServerMessage::Members(_)) => self.resend_without_looking(),
                    _ => {}
                }
            }
            Event::Closed(code) => self.input(Input::Closed { code }),
        }
    }

    fn resend_without_looking(&self) {
        if self.site.fault == Fault::ResendsWithoutLooking
            && let Some(socket) = &self.socket
        {
            self.unanswered.iter().for_each(|text| socket.send(text));
        }
    }

    /// Performs a random action or failure.
    fn act(&mut self) {
        if self.ms() >= self.site.calm_ms {
            return self.tidy_up();
        }
        self.say_again();
        match self.rng.u32(..100) {
            0..50 => (0..1 + self.rng.u64(..3)).for_each(|_| self.say()),
            50..58 => {
                let how = if self.rng.bool() { UpEnd::Eof } else { UpEnd::Reset };
                self.socket.iter().for_each(|socket| socket.cut(how));
            }
            58..62 => self.socket.iter().for_each(Socket::silence),
            62..66 => self.input(Input::Offline),
            66..72 => self.input(Input::Online),
            72..76 => self.input(Input::TryNow),
            76..82 => self.reload(),
            82..86 => self.input(Input::LoadOlder { is_retry: self.number == 0 }),
            86..89 => {
                let target = self.rng.u64(1..200);
                self.input(Input::GoTo(target));
            }
            89..91 => self.input(Input::GoToNewest),
            91..94 => {
                let name = format!("n{}-{}", self.number, self.rng.u32(..1000));
                self.input(Input::Rename(Nickname::new(&name).unwrap()));
            }
            94..97 => self.input(Input::ScrollChanged { is_at_bottom: true, is_aiming: false }),
            _ => {
                let is_hidden = self.rng.bool();
                self.input(if is_hidden { Input::Hidden } else { Input::Visible });
                self.input(Input::Attended(!is_hidden));
            }
        }
    }

    fn say(&mut self) {
        if !self.core.is_paused() {
            let text = format!("text {}-{}", self.number, self.said.len());
            self.said.push(text.clone());
            self.input(Input::SendText(text));
        }
    }

    /// Resends the texts that returned to the message box.
    fn say_again(&mut self) {
        if !self.core.is_paused() {
            for text in std::mem::take(&mut self.given_back) {
                self.unanswered.retain(|sent| *sent != text);
                self.input(Input::SendText(text));
            }
        }
    }

    /// Reloads the page: its timers end, and its socket closes without a Close frame.
    fn reload(&mut self) {
        self.socket = None;
        self.sockets += 1;
        self.timers.clear();
        // The draft has the unsent text.
        let now = self.now();
        if self.site.fault == Fault::ForgetsThatItSent {
            let unsent = |entry: &SavedEntry| {
                let line = entry.to_line();
                let words: Vec<_> = line.split(' ').take(2).collect();
                SavedEntry::from_line(&words.join(" ")).unwrap()
            };
            self.storage.outbox = self.storage.outbox.iter().map(unsent).collect();
        }
        self.core = ClientCore::new(setup(&self.site, &self.storage), now);
        self.input(Input::Start);
    }

    /// Runs the quiet phase: sends the remaining texts and loads the whole log.
    fn tidy_up(&mut self) {
        if !std::mem::replace(&mut self.is_calm, true) {
            self.input(Input::Online);
        }
        self.say_again();
        if self.ms() >= self.site.calm_ms + DOUBT_MS {
            self.decide();
        }
        self.input(Input::LoadOlder { is_retry: true });
        let rows = self.core.room().rows(&mut |_| 0);
        let gap = rows.iter().find_map(|(_, row)| match row {
            Row::Gap(gap) => Some(if gap.is_tail { gap.first } else { gap.last }),
            _ => None,
        });
        if let Some(target) = gap {
            self.input(Input::Load { target, is_retry: true });
        }
        let kept = self.site.store.kept(self.site.room.as_str());
        if self.unsent().is_empty() && self.given_back.is_empty() && self.log().len() == kept {
            self.site.settled.lock().unwrap().insert(self.number);
        }
        debug_assert!(
            !rows.iter().any(|(_, row)| matches!(row, Row::HistoryEdge(HistoryEdge::Gone)))
        );
    }

    /// Resends or discards the texts in doubt, as a person does after reading the whole log.
    fn decide(&mut self) {
        let doubtful =
            |entry: &&xmeet_web::room::outbox::Entry| entry.delivery == Delivery::Unconfirmed;
        let entries = self.core.room().outbox().entries();
        let doubtful: Vec<_> =
            entries.filter(doubtful).map(|it| (it.local, it.text.clone())).collect();
        let records = self.site.store.records();
        let log = records.get(self.site.room.as_str()).map_or(&[][..], |record| &record.log);
        for (local, text) in doubtful {
            if log.iter().any(|kept| *kept.text == *text) {
                self.input(Input::TakeBack(local));
                self.given_back.retain(|back| **back != *text);
            } else {
                self.input(Input::SendAgain(local));
            }
        }
    }
}

fn setup(site: &Site, storage: &Storage) -> Setup {
    Setup {
        room_id: site.room.clone(),
        tab: "tab".to_owned(),
        nickname: storage.nickname.clone(),
        is_nickname_kept: true,
        outbox: storage.outbox.clone(),
        own_pids: storage.own_pids.clone(),
        read_mark: storage.read_mark.clone(),
        lines_hidden: false,
        notify: false,
        sound: false,
        is_cached_page: false,
        has_channel: false,
    }
}
