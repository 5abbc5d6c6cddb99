//! A store in memory whose delays and failures come from the seed. It records its operations, and checks
//! that rooms send valid requests only.

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

/// The delays and failures of the store for one room.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreFaults {
    /// Minimum delay of every answer, in virtual milliseconds.
    pub(crate) delay_ms_min: u64,
    /// Maximum additional delay. Most delays are far shorter.
    pub(crate) delay_ms_max: u64,
    /// Additional delay of reads, in virtual milliseconds.
    pub(crate) read_ms: u64,
    /// Refused requests per thousand.
    pub(crate) failures_permille: u32,
    /// Panics per thousand answers.
    pub(crate) panics_permille: u32,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy)]
struct Fate {
    before: Duration,
    /// A panic after the commit and before the answer.
    after: Duration,
    fails: bool,
    panics: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Store {
    state: Arc<Mutex<State>>,
    timeline: Timeline,
    kept_max: u64,
    /// The number of the process that uses this handle, from 0.
    process: u64,
}

#[derive(Debug)]
struct State {
    /// The number of the running process. Requests of earlier processes are never executed or answered.
    process: u64,
    rng: Rng,
    room_faults: BTreeMap<String, StoreFaults>,
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
        let state = State { process: 0, rng, room_faults: BTreeMap::new(), rooms: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)), timeline, kept_max, process: 0 }
    }

    /// Simulates a crash of the server process. Returns the store as the next process sees it.
    pub(crate) fn restart(&self) -> Self {
        let mut state = self.lock();
        state.process += 1;
        for held in state.rooms.values_mut() {
            (held.is_appending, held.is_loading) = (false, false);
        }
        Self { process: state.process, ..self.clone() }
    }

    /// Waits. Never returns if the process crashes during the wait.
    async fn pass(&self, time: Duration) {
        if !time.is_zero() {
            sleep(time).await;
        }
        let is_running = self.lock().process == self.process;
        if !is_running {
            pending::<()>().await;
        }
    }

    /// Sets the delays and failures for a room.
    pub(crate) fn set(&self, room: &str, faults: StoreFaults) {
        self.lock().room_faults.insert(room.to_owned(), faults);
    }

    /// Removes all delays and failures.
    pub(crate) fn calm(&self) {
        self.lock().room_faults.clear();
    }

    /// Returns the records of all rooms.
    pub(crate) fn records(&self) -> BTreeMap<String, RoomRecord> {
        let state = self.lock();
        state.rooms.iter().map(|(room, held)| (room.clone(), held.record.clone())).collect()
    }

    /// Returns the number of stored messages of a room.
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
        let faults = self.room_faults.get(room).copied().unwrap_or_default();
        let before = self.delay(faults) + Duration::from_millis(faults.delay_ms_min);
        let after = self.delay(faults);
        let fails = self.rng.u32(..1000) < faults.failures_permille;
        let panics = self.rng.u32(..1000) < faults.panics_permille;
        Fate { before, after, fails, panics }
    }

    /// Draws a delay. Most delays are zero or short.
    fn delay(&mut self, StoreFaults { delay_ms_max, .. }: StoreFaults) -> Duration {
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

/// Panics without a message on standard error.
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
        let read_ms = self.lock().room_faults.get(&room).map_or(0, |faults| faults.read_ms);
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
