//! A store in memory that answers when and how the seed says, writes down what it did, and watches
//! that rooms ask it only what a store may be asked.

use std::collections::BTreeMap;
use std::future::pending;
use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;
use xmeet_server::history::{History, HistoryError, OpenRoom, StoreFuture};
use xmeet_server::room::{Message, RoomHistory, StoredMessage};
use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{MessageId, RoomId};

use crate::journal::{KeptRecord, RoomRecord};
use crate::timeline::Timeline;

/// What the store is like, for one room.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Temper {
    /// What every answer takes, in virtual milliseconds.
    pub(crate) delay_ms_min: u64,
    /// What it takes beside that at most; mostly it is far less.
    pub(crate) delay_ms_max: u64,
    /// What reading messages takes beside that, in virtual milliseconds.
    pub(crate) read_ms: u64,
    /// How many of a thousand requests it refuses.
    pub(crate) failures_permille: u32,
    /// How many of a thousand answers panic.
    pub(crate) panics_permille: u32,
}

/// How a request goes.
#[derive(Debug, Clone, Copy)]
struct Fate {
    before: Duration,
    /// Between the commit and the answer.
    after: Duration,
    fails: bool,
    panics: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Store {
    state: Arc<Mutex<State>>,
    timeline: Timeline,
    kept_max: u64,
    /// Which process uses it, counted from 0.
    process: u64,
}

#[derive(Debug)]
struct State {
    /// The process that is running. Requests of earlier ones are never carried out or answered.
    process: u64,
    rng: Rng,
    tempers: BTreeMap<String, Temper>,
    rooms: BTreeMap<String, Held>,
}

#[derive(Debug, Default)]
struct Held {
    messages: Vec<Arc<Message>>,
    is_appending: bool,
    is_loading: bool,
    record: RoomRecord,
}

impl Store {
    pub(crate) fn new(rng: Rng, timeline: Timeline, kept_max: u64) -> Self {
        let state = State { process: 0, rng, tempers: BTreeMap::new(), rooms: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)), timeline, kept_max, process: 0 }
    }

    /// The process crashes. Returns the store as the next one opens it.
    pub(crate) fn restart(&self) -> Self {
        let mut state = self.lock();
        state.process += 1;
        for held in state.rooms.values_mut() {
            (held.is_appending, held.is_loading) = (false, false);
        }
        Self { process: state.process, ..self.clone() }
    }

    /// Waits. Never comes back when the process crashes meanwhile.
    async fn pass(&self, time: Duration) {
        if !time.is_zero() {
            sleep(time).await;
        }
        let is_running = self.lock().process == self.process;
        if !is_running {
            pending::<()>().await;
        }
    }

    /// From here on the store is like this for a room.
    pub(crate) fn set(&self, room: &str, temper: Temper) {
        self.lock().tempers.insert(room.to_owned(), temper);
    }

    /// From here on the store answers every request at once.
    pub(crate) fn calm(&self) {
        self.lock().tempers.clear();
    }

    /// What it did.
    pub(crate) fn records(&self) -> BTreeMap<String, RoomRecord> {
        let state = self.lock();
        state.rooms.iter().map(|(room, held)| (room.clone(), held.record.clone())).collect()
    }

    /// How many messages of a room it has kept.
    pub(crate) fn kept(&self, room: &str) -> usize {
        self.with(room, |held| held.messages.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn with<T>(&self, room: &str, work: impl FnOnce(&mut Held) -> T) -> T {
        work(self.lock().rooms.entry(room.to_owned()).or_default())
    }

    fn keep(&self, room: &str, messages: &[Arc<Message>]) -> MessageId {
        let kept = self.timeline.now();
        self.with(room, |held| {
            let first = held.messages.len() as u64 + 1;
            for (id, message) in (first..).zip(messages) {
                let (from, text) = (message.from.clone(), message.text.clone());
                held.record.handed.push((text.clone(), Some(id)));
                held.record.log.push(KeptRecord { from, text, kept, answered: None });
                held.messages.push(Arc::clone(message));
            }
            first
        })
    }

    fn refuse(&self, room: &str, messages: &[Arc<Message>]) {
        self.with(room, |held| {
            let refused = messages.iter().map(|message| (message.text.clone(), None));
            held.record.handed.extend(refused);
        });
    }

    fn answer_append(&self, room: &str, first: Option<MessageId>, panics: bool) {
        let now = self.timeline.now();
        self.with(room, |held| {
            held.is_appending = false;
            if panics {
                held.record.panics.push(now);
            } else if let Some(first) = first {
                let first = usize::try_from(first).unwrap() - 1;
                held.record.log[first..].iter_mut().for_each(|kept| kept.answered = Some(now));
            }
        });
    }
}

impl State {
    fn fate(&mut self, room: &str) -> Fate {
        let temper = self.tempers.get(room).copied().unwrap_or_default();
        let before = self.delay(temper) + Duration::from_millis(temper.delay_ms_min);
        let after = self.delay(temper);
        let fails = self.rng.u32(..1000) < temper.failures_permille;
        let panics = self.rng.u32(..1000) < temper.panics_permille;
        Fate { before, after, fails, panics }
    }

    /// Mostly none or a short one.
    fn delay(&mut self, Temper { delay_ms_max, .. }: Temper) -> Duration {
        let ms = match self.rng.u32(..10) {
            0..4 => 0,
            4..7 => self.rng.u64(..=delay_ms_max / 100),
            7..9 => self.rng.u64(..=delay_ms_max / 10),
            _ => self.rng.u64(..=delay_ms_max),
        };
        Duration::from_millis(ms)
    }
}

impl Held {
    fn oldest(&self, kept_max: u64) -> MessageId {
        (self.messages.len() as u64 + 1).saturating_sub(kept_max).max(1)
    }

    fn read(&self, ids: RangeInclusive<MessageId>, kept_max: u64) -> Vec<StoredMessage> {
        let oldest = self.oldest(kept_max);
        let known = (1..).zip(&self.messages).filter(|(id, _)| *id >= oldest && ids.contains(id));
        known.map(|(id, message)| StoredMessage { id, message: Arc::clone(message) }).collect()
    }

    fn load(&self, kept_max: u64) -> RoomHistory {
        let newest = self.messages.len() as u64;
        let page = (newest + 1).saturating_sub(HISTORY_PAGE_MESSAGES)..=newest;
        let (oldest, tail) = (self.oldest(kept_max), self.read(page, kept_max));
        RoomHistory { oldest, newest, tail, valid_before: None }
    }
}

fn refused<T>() -> Result<T, HistoryError> {
    Err(HistoryError::Storage("on purpose".to_owned()))
}

/// A panic without the words that it would print.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("on purpose"))
}

impl History for Store {
    fn epoch(&self) -> &str {
        "simulated"
    }

    fn load(&self, room: &RoomId) -> StoreFuture<OpenRoom> {
        let (store, room) = (self.clone(), room.as_str().to_owned());
        let fate = self.lock().fate(&room);
        self.with(&room, |held| {
            if held.is_appending || held.is_loading {
                held.record.offences.push("the room is loaded while it is open".to_owned());
            }
            held.is_loading = true;
        });
        Box::pin(async move {
            store.pass(fate.before).await;
            let stored = store.with(&room, |held| held.load(store.kept_max));
            store.pass(fate.after).await;
            let now = store.timeline.now();
            store.with(&room, |held| {
                held.is_loading = false;
                held.record.load_failures += u64::from(fate.fails || fate.panics);
                held.record.panics.extend(fate.panics.then_some(now));
            });
            match fate {
                Fate { panics: true, .. } => panic_quietly(),
                Fate { fails: true, .. } => refused(),
                Fate { .. } => {
                    let (epoch, lease) = (store.epoch().into(), Box::new(()));
                    Ok(OpenRoom { stored, epoch, lease })
                }
            }
        })
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> StoreFuture<MessageId> {
        let (store, room) = (self.clone(), room.as_str().to_owned());
        let fate = self.lock().fate(&room);
        self.with(&room, |held| {
            if held.is_appending || held.is_loading || messages.is_empty() {
                held.record.offences.push("a batch comes before it may".to_owned());
            }
            held.is_appending = true;
        });
        Box::pin(async move {
            store.pass(fate.before).await;
            let first = if fate.fails { None } else { Some(store.keep(&room, &messages)) };
            if fate.fails {
                store.refuse(&room, &messages);
            }
            store.pass(fate.after).await;
            store.answer_append(&room, first, fate.panics);
            if fate.panics {
                panic_quietly();
            }
            first.map_or_else(refused, Ok)
        })
    }

    fn read(
        &self,
        room: &RoomId,
        ids: RangeInclusive<MessageId>,
    ) -> StoreFuture<Vec<StoredMessage>> {
        let (store, room) = (self.clone(), room.as_str().to_owned());
        let fate = self.lock().fate(&room);
        let read_ms = self.lock().tempers.get(&room).map_or(0, |temper| temper.read_ms);
        Box::pin(async move {
            store.pass(Duration::from_millis(read_ms)).await;
            store.pass(fate.before).await;
            let page = store.with(&room, |held| held.read(ids, store.kept_max));
            store.pass(fate.after).await;
            if fate.panics {
                store.with(&room, |held| held.record.page_panics += 1);
                panic_quietly();
            }
            if fate.fails {
                store.with(&room, |held| held.record.page_failures += 1);
                return refused();
            }
            Ok(page)
        })
    }
}
