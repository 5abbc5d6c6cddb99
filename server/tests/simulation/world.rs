//! A run: the real hub, rooms and sessions over a simulated store and simulated connections, with clients.
//! Everything depends on the seed only.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, timeout};
use xmeet_server::clock::Clock;
use xmeet_server::hub::{Hub, HubSettings};
use xmeet_server::limits::bucket::Rate;
use xmeet_server::limits::budgets::StoreBudgets;
use xmeet_server::limits::pace::PaceRates;
use xmeet_server::metrics::Metrics;
use xmeet_server::session::keepalive::{Keepalive, KeepaliveTimeouts};
use xmeet_server::session::{MessageLimits, SessionLimits, Sessions};
use xmeet_server::wire::budget::MemoryBudget;
use xmeet_server::wire::outbox::OutboxLimits;

use crate::client::{Client, ClientProfile};
use crate::journal::{Run, Terms};
use crate::line::{LinkProfile, Place};
use crate::store::{Store, StoreFaults};
use crate::timeline::Timeline;

/// The wall clock at the start of every run, in Unix milliseconds.
pub(crate) const START_TS: i64 = 1_800_000_000_000;

/// Idle time after which all consequences have happened: unread connections are closed, and grace periods
/// have ended. In virtual time.
const QUIET: Duration = Duration::from_secs(120);

/// The write timeout of outboxes. In virtual time.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Maximum length of a frame, in bytes.
const FRAME_BYTES_MAX: usize = 64 * 1024;
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);

/// A server without a network.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) place: Place,
}

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) run: Run,
    /// A digest of all bytes that clients read, with their times.
    pub(crate) digest: u64,
}

impl World {
    pub(crate) fn new(
        rng: &mut Rng,
        terms: Terms,
        outbox_bytes_max: usize,
        pace: PaceRates,
        joins_per_room: Option<Rate>,
        budget: &Arc<MemoryBudget>,
    ) -> Self {
        let timeline = Timeline::new();
        let store = Store::new(rng.fork(), timeline.clone(), terms.kept_max);
        let process = Process {
            terms,
            outbox_bytes_max,
            pace,
            joins_per_room,
            budget: Arc::clone(budget),
            clock: Clock::simulated(START_TS),
            creation: 1,
        };
        let sessions = process.serve(&store);
        let (journals, digest) = (Arc::default(), Arc::new(Mutex::new(DefaultHasher::new())));
        Self { store, place: Place { sessions, timeline, journals, digest } }
    }

    /// Returns the record of the run so far.
    pub(crate) fn run(&self, terms: Terms) -> Run {
        let journals = self.place.journals.lock().unwrap();
        let journals = journals.iter().map(|journal| journal.lock().unwrap().clone()).collect();
        Run { terms, rooms: self.store.records(), journals }
    }

    /// Checks that no room, task or unexpected panic is left after all clients have left.
    ///
    /// # Errors
    /// The rooms or tasks that are left, or the number of unexpected panics.
    pub(crate) async fn must_be_empty(&self) -> Result<(), String> {
        let hub = &self.place.sessions.hub;
        sleep(QUIET).await;
        if hub.rooms_in_memory() != 0 {
            return Err(format!("{} rooms stay in memory", hub.rooms_in_memory()));
        }
        if timeout(QUIET, hub.drained()).await.is_err() {
            return Err("a task of the hub does not end".to_owned());
        }
        let injected: usize = self.store.records().values().map(|room| room.panics.len()).sum();
        if hub.room_panics() != injected as u64 {
            return Err(format!("{} rooms panicked, not {injected}", hub.room_panics()));
        }
        Ok(())
    }
}

/// A process of the server: its settings, and the number of its start.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) terms: Terms,
    pub(crate) outbox_bytes_max: usize,
    pub(crate) pace: PaceRates,
    pub(crate) joins_per_room: Option<Rate>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) clock: Clock,
    pub(crate) creation: u64,
}

impl Process {
    /// Starts the process on a store.
    pub(crate) fn serve(&self, store: &Store) -> Arc<Sessions> {
        let Self { terms, budget, .. } = self;
        let settings = HubSettings {
            metrics: Metrics { memory: Arc::clone(budget), ..Metrics::default() },
            history_kept_messages: terms.kept_max,
            held_text_bytes_max: terms.held_text_bytes_max,
            history_kept_for: None,
            resume_grace: Duration::from_millis(terms.grace_ms),
            rooms_max: usize::MAX,
            members_per_room_max: usize::MAX,
            joins_per_room: self.joins_per_room,
            creation: self.creation,
        };
        let hub = Arc::new(Hub::new(Arc::new(store.clone()), self.clock.clone(), settings));
        let (bytes_max, memory) = (self.outbox_bytes_max, Arc::clone(budget));
        let outbox = Arc::new(OutboxLimits { bytes_max, write_time: WRITE_TIME, memory });
        let message = MessageLimits { bytes_max: FRAME_BYTES_MAX, time_max: MESSAGE_TIME_MAX };
        let (pace, budgets) = (self.pace, StoreBudgets::default());
        let limits = SessionLimits { message, outbox, pace, budgets };
        let keepalive = Keepalive::new(KeepaliveTimeouts::default(), Arc::clone(budget));
        let (started, deadline) = (Instant::now(), OnceLock::new());
        let sessions = Arc::new(Sessions { hub, keepalive, limits, started, deadline });
        tokio::spawn({
            let sessions = Arc::clone(&sessions);
            async move { sessions.keepalive.run().await }
        });
        sessions
    }
}

/// Runs work in virtual time, which advances when all tasks wait.
pub(crate) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// Runs a seed.
///
/// # Errors
/// As [`World::must_be_empty`].
pub(crate) fn run(seed: u64) -> Result<Outcome, String> {
    in_virtual_time(live(Rng::with_seed(seed)))
}

async fn live(mut rng: Rng) -> Result<Outcome, String> {
    let floods = rng.u32(..20) == 0;
    let delay_ms_max = rng.choice([20, 500, 500, 6000, 6000, 30_000]).unwrap();
    let terms = Terms {
        kept_max: rng.choice([7, 60, 120, 10_000]).unwrap(),
        grace_ms: rng.choice([1500, 5000]).unwrap(),
        held_text_bytes_max: rng.choice([600, 20_000, usize::MAX]).unwrap(),
        // A session does not notice a lost client while it waits for a page, for a full room, or for a
        // room that is opened.
        slack_ms: 1500 + 3 * 2 * delay_ms_max,
    };
    let outbox_bytes_max = rng.choice([2000, 20_000, 1_000_000]).unwrap();
    // The runs have no rate limits.
    // With a join rate, newcomers wait in the queue for at most half a second.
    let joins_per_room = rng.choice([None, Rate::per_second(20, 2)]).unwrap();
    let pace = PaceRates::default();
    let world =
        World::new(&mut rng, terms, outbox_bytes_max, pace, joins_per_room, &Arc::default());
    let rooms: Vec<String> = (0..=rng.usize(..3)).map(|number| format!("room {number}")).collect();
    for room in &rooms {
        let faults = StoreFaults {
            delay_ms_min: 0,
            read_ms: 0,
            delay_ms_max,
            failures_permille: rng.choice([0, 0, 30, 200]).unwrap(),
            panics_permille: rng.choice([0, 0, 0, 20]).unwrap(),
        };
        world.store.set(room, faults);
    }
    let until_ms = rng.u64(5_000..30_000);
    let mut clients = Vec::new();
    for number in 0..2 + rng.usize(..6) {
        let link = LinkProfile {
            capacity_bytes: rng.choice([300, 4000, 60_000, 1_000_000]).unwrap(),
            latency_ms_max: rng.choice([0, 5, 60]).unwrap(),
            bytes_per_second: None,
        };
        let has_tokens = rng.u32(..10) < 7;
        let (rooms, grace_ms) = (rooms.clone(), terms.grace_ms);
        let profile = ClientProfile { number, rooms, link, has_tokens, grace_ms, floods };
        let mut client = Client::new(world.place.clone(), rng.fork(), profile);
        clients.push(tokio::spawn(async move {
            client.live(until_ms).await;
            client
        }));
    }
    let mut settled = Vec::new();
    for client in clients {
        settled.push(client.await.map_err(|error| error.to_string())?);
    }
    world.store.calm();
    sleep(QUIET).await;
    settled.into_iter().for_each(Client::leave);
    world.must_be_empty().await?;
    let digest = world.place.digest.lock().unwrap().finish();
    Ok(Outcome { run: world.run(terms), digest })
}
