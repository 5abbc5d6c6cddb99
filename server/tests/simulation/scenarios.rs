//! Goal: a stalled reader, a stuck store, a panic and a takeover in a full room do not harm other members.
//! Method: fixed runs, checked like random ones.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;
use xmeet_server::limits::bucket::Rate;
use xmeet_server::limits::pace::PaceRates;
use xmeet_server::shutdown::{Schedule, ShutdownOutcome, drain_clients};
use xmeet_server::wire::budget::MemoryBudget;
use xmeet_shared::{ErrorCode, ServerMessage};

use crate::checker::check;
use crate::journal::{Command, End, Received, Terms};
use crate::line::{Line, LinkProfile};
use crate::store::StoreFaults;
use crate::world::{World, in_virtual_time};

pub(crate) const TERMS: Terms =
    Terms { kept_max: 10_000, grace_ms: 5000, held_text_bytes_max: 1000, slack_ms: 1000 };
pub(crate) const OUTBOX_BYTES_MAX: usize = 20_000;
pub(crate) const TOKEN: &str = "a-token-of-enough-length";

/// A connection without latency and with a large capacity.
pub(crate) const WIDE: LinkProfile =
    LinkProfile { capacity_bytes: 10_000_000, latency_ms_max: 0, bytes_per_second: None };

/// Messages that fill a room while the store is stuck, and nearly fill its inbox.
const CROWD_MESSAGES: usize = 1024 + 500;

/// Messages that fill the inbox, and some that wait for it.
const CROWD_BEHIND_MESSAGES: usize = 100;

/// A world, and the random generator of its connections.
pub(crate) struct Stage {
    pub(crate) world: World,
    rng: Rng,
}

impl Stage {
    pub(crate) fn new(outbox_bytes_max: usize) -> Self {
        Self::paced(outbox_bytes_max, PaceRates::default())
    }

    fn paced(outbox_bytes_max: usize, pace: PaceRates) -> Self {
        Self::within(outbox_bytes_max, pace, &Arc::default())
    }

    pub(crate) fn within(
        outbox_bytes_max: usize,
        pace: PaceRates,
        budget: &Arc<MemoryBudget>,
    ) -> Self {
        let mut rng = Rng::with_seed(0);
        Self { world: World::new(&mut rng, TERMS, outbox_bytes_max, pace, None, budget), rng }
    }

    pub(crate) async fn enter(
        &mut self,
        room: &str,
        name: &str,
        token: Option<&str>,
        how: LinkProfile,
    ) -> Line {
        let line = Line::open(&self.world.place, &mut self.rng, how, (room, name, token));
        pass(10).await;
        line
    }

    /// Closes all connections and checks the whole run.
    pub(crate) async fn end(self, lines: impl IntoIterator<Item = Line>) {
        self.world.store.calm();
        pass(60_000).await;
        for line in lines {
            line.journal.lock().unwrap().settled = Some(line.received());
            line.send([Command::Goodbye(Some(1000))]);
        }
        self.world.must_be_empty().await.unwrap();
        check(&self.world.run(TERMS)).unwrap();
    }
}

pub(crate) async fn pass(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

pub(crate) fn say(text: &str) -> [Command; 1] {
    [Command::Say(text.to_owned())]
}

pub(crate) fn received(line: &Line) -> Vec<Received> {
    line.journal.lock().unwrap().received.clone()
}

pub(crate) fn has(line: &Line, wanted: impl Fn(&ServerMessage) -> bool) -> bool {
    received(line).iter().any(|received| wanted(&received.message))
}

#[test]
fn stalled_reader_is_closed_at_its_limit_and_others_do_not_wait() {
    const TEXT_BYTES: usize = 500;
    // Maximum size of a frame with such a text, in bytes.
    const FRAME_BYTES_MAX: usize = TEXT_BYTES + 200;
    const CAPACITY_BYTES: usize = 4000;
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let talks = stage.enter("room", "talks", None, WIDE).await;
        let listens = stage.enter("room", "listens", None, WIDE).await;
        let narrow = LinkProfile { capacity_bytes: CAPACITY_BYTES, ..WIDE };
        let stalls = stage.enter("room", "stalls", None, narrow).await;
        stalls.stall(true);
        let mut said = 0;
        while !has(&listens, |message| *message == ServerMessage::Leave) {
            talks.send(say(&format!("{said:0TEXT_BYTES$}")));
            said += 1;
            pass(50).await;
        }
        assert!(said * TEXT_BYTES <= CAPACITY_BYTES + OUTBOX_BYTES_MAX + FRAME_BYTES_MAX);
        assert!(said * FRAME_BYTES_MAX >= OUTBOX_BYTES_MAX, "closed after {said}");
        stalls.stall(false);
        pass(100).await;
        assert_eq!(stalls.journal.lock().unwrap().end, End::Closed(Some(1013)));
        stage.end([talks, listens]).await;
    });
}

#[test]
fn stuck_store_of_one_room_does_not_delay_another_room() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let waits = stage.enter("stuck", "waits", None, WIDE).await;
        let talks = stage.enter("works", "talks", None, WIDE).await;
        let stuck =
            StoreFaults { delay_ms_min: 5000, failures_permille: 1000, ..StoreFaults::default() };
        stage.world.store.set("stuck", stuck);
        waits.send(say("lost"));
        for number in 0..100 {
            talks.send(say(&format!("text {number}")));
            pass(20).await;
        }
        assert!(!has(&waits, |message| matches!(message, ServerMessage::Error { .. })));
        let sent = talks.journal.lock().unwrap().sent.clone();
        for (sent, received) in sent.iter().zip(&received(&talks)[4..]) {
            assert_eq!(sent.arrived.unwrap().ms, received.taken.ms, "{sent:?}");
        }
        pass(5000).await;
        assert!(has(&waits, |message| matches!(message, ServerMessage::Error { .. })));
        stage.end([waits, talks]).await;
    });
}

#[test]
fn room_panic_closes_only_its_members_and_they_can_rejoin() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let fall = stage.enter("falls", "says it", Some(TOKEN), WIDE).await;
        let falls_too = stage.enter("falls", "listens", None, WIDE).await;
        let stays = stage.enter("stands", "stays", None, WIDE).await;
        stage
            .world
            .store
            .set("falls", StoreFaults { panics_permille: 1000, ..StoreFaults::default() });
        fall.send(say("stored and not delivered"));
        pass(10).await;
        for line in [&fall, &falls_too] {
            assert_eq!(line.journal.lock().unwrap().end, End::Closed(Some(1013)));
        }
        assert!(stays.is_open());
        stage.world.store.calm();
        let back = stage.enter("falls", "says it", Some(TOKEN), WIDE).await;
        back.send(say("here again"));
        stays.send(say("still here"));
        pass(10).await;
        assert!(has(&back, |m| matches!(m, ServerMessage::Normal { id: Some(2), .. })));
        assert!(has(&stays, |m| matches!(m, ServerMessage::Normal { id: Some(1), .. })));
        stage.end([back, stays]).await;
    });
}

#[test]
fn message_that_waits_for_a_full_room_survives_a_takeover() {
    in_virtual_time(async {
        let mut stage = Stage::new(10_000_000);
        let crowd = stage.enter("room", "crowd", None, WIDE).await;
        let old = stage.enter("room", "same", Some(TOKEN), WIDE).await;
        let stuck = StoreFaults { delay_ms_min: 2000, ..StoreFaults::default() };
        stage.world.store.set("room", stuck);
        crowd.send(say("the first one goes to the store alone"));
        pass(10).await;
        let crowds =
            |count| (0..count).map(move |number| Command::Say(format!("{count}: {number}")));
        crowd.send(crowds(CROWD_MESSAGES - 1));
        pass(10).await;
        // The inbox is nearly full. The next messages of the old connection wait for it, and enter when
        // the room takes all inputs of its inbox in one round.
        let new = stage.enter("room", "same", Some(TOKEN), WIDE).await;
        crowd.send(crowds(CROWD_BEHIND_MESSAGES));
        pass(10).await;
        old.send(["one", "two", "three"].map(|text| Command::Say(text.to_owned())));
        pass(30_000).await;
        assert_eq!(old.journal.lock().unwrap().end, End::Closed(Some(4001)));
        let handed = stage.world.run(TERMS).rooms["room"].handed.clone();
        let own = ["one", "two", "three"];
        let kept: Vec<_> = handed.iter().filter(|(text, _)| own.contains(&&**text)).collect();
        assert_eq!(kept.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), own);
        stage.end([crowd, new]).await;
    });
}

/// The session reads nothing meanwhile, not even answers to pings.
#[test]
fn client_that_waits_for_a_full_room_is_not_closed_as_silent() {
    in_virtual_time(async {
        let mut stage = Stage::new(10_000_000);
        let crowd = stage.enter("room", "crowd", None, WIDE).await;
        let waits = stage.enter("room", "waits", None, WIDE).await;
        let stuck = StoreFaults { delay_ms_min: 120_000, ..StoreFaults::default() };
        stage.world.store.set("room", stuck);
        crowd.send(say("the first one goes to the store alone"));
        pass(10).await;
        crowd.send((0..2 * CROWD_MESSAGES).map(|number| Command::Say(number.to_string())));
        pass(10).await;
        waits.send(say("when there is room"));
        pass(110_000).await;
        assert!(crowd.is_open() && waits.is_open());
        stage.world.store.calm();
        pass(20_000).await;
        let is_said = |message: &ServerMessage| matches!(message, ServerMessage::Normal { text, .. } if text == "when there is room");
        assert!(has(&waits, is_said));
        stage.end([crowd, waits]).await;
    });
}

/// The server accepts 128 KiB of one client and one more text before they are stored.
#[test]
fn burst_is_read_as_fast_as_it_is_stored() {
    in_virtual_time(async {
        let mut stage = Stage::new(10_000_000);
        let talks = stage.enter("room", "talks", None, WIDE).await;
        let slow = StoreFaults { delay_ms_min: 2000, ..StoreFaults::default() };
        stage.world.store.set("room", slow);
        let texts = |number: usize| format!("{number} {}", "x".repeat(10_000));
        talks.send((0..100).map(|number| Command::Say(texts(number))));
        let handed = |stage: &Stage| stage.world.run(TERMS).rooms["room"].handed.len();
        // The first two transactions, of two seconds each, contain the messages read by then.
        pass(5000).await;
        let stored = handed(&stage);
        assert!((14..=28).contains(&stored), "{stored} were taken at once");
        stage.world.store.calm();
        pass(30_000).await;
        let handed = stage.world.run(TERMS).rooms["room"].handed.clone();
        assert!(
            handed.iter().map(|(text, _)| text).eq((0..100).map(texts).collect::<Vec<_>>().iter())
        );
        stage.end([talks]).await;
    });
}

#[test]
fn greeting_that_waits_for_the_store_precedes_the_first_heartbeat() {
    in_virtual_time(async {
        let mut stage = Stage::new(OUTBOX_BYTES_MAX);
        let talks = stage.enter("room", "talks", None, WIDE).await;
        let stuck = StoreFaults { delay_ms_min: 40_000, ..StoreFaults::default() };
        stage.world.store.set("room", stuck);
        talks.send(say("waits"));
        pass(10).await;
        let comes = stage.enter("room", "comes", Some(TOKEN), WIDE).await;
        pass(60_000).await;
        assert_eq!(received(&comes)[0].message.kind(), "self");
        assert!(has(&comes, |message| matches!(message, ServerMessage::Ping { .. })));
        stage.end([talks, comes]).await;
    });
}

/// Returns the times to wait of all refusals, in milliseconds.
fn waits_ms(line: &Line) -> Vec<u64> {
    let refusals = received(line).into_iter().filter_map(|received| match received.message {
        ServerMessage::Error { code: Some(ErrorCode::RateLimited), retry_after_ms, .. } => {
            Some(retry_after_ms.unwrap())
        }
        _ => None,
    });
    refusals.collect()
}

/// Returns the kinds of the answers to a client's messages in order: `normal` or `error`.
fn answers(line: &Line) -> Vec<&'static str> {
    let kinds = received(line).into_iter().map(|received| received.message.kind());
    kinds.filter(|kind| ["normal", "error"].contains(kind)).collect()
}

#[test]
fn refusals_follow_slow_answers_and_a_flood_is_closed() {
    in_virtual_time(async {
        let pace = PaceRates { messages: Rate::per_second(1, 20), ..PaceRates::default() };
        let mut stage = Stage::paced(OUTBOX_BYTES_MAX, pace);
        let talks = stage.enter("room", "talks", None, WIDE).await;
        let slow = StoreFaults { delay_ms_min: 800, ..StoreFaults::default() };
        stage.world.store.set("room", slow);
        for number in 0..25 {
            talks.send(say(&number.to_string()));
        }
        pass(10_000).await;
        let expected = [["normal"; 20].as_slice(), ["error"; 5].as_slice()].concat();
        assert_eq!(answers(&talks), expected);
        assert!(waits_ms(&talks).iter().all(|wait_ms| (1..=1000).contains(wait_ms)));
        stage.world.store.calm();
        while talks.is_open() {
            talks.send(say("flood"));
            pass(1).await;
        }
        assert_eq!(talks.close_code(), Some(1008));
        stage.world.must_be_empty().await.unwrap();
    });
}

#[test]
fn shutdown_waits_for_a_stalled_reader_until_its_deadline_and_is_clean() {
    const SHUTDOWN: Duration = Duration::from_secs(4);
    in_virtual_time(async {
        let mut stage = Stage::new(1_000_000);
        let talks = stage.enter("room", "talks", None, WIDE).await;
        let narrow = LinkProfile { capacity_bytes: 1000, ..WIDE };
        let stalls = stage.enter("room", "stalls", None, narrow).await;
        stalls.stall(true);
        talks.send((0..100).map(|number| Command::Say(format!("{number:0500}"))));
        pass(10).await;
        let (start, sessions) = (Instant::now(), Arc::clone(&stage.world.place.sessions));
        let schedule = Schedule::new(start, SHUTDOWN);
        let outcome = drain_clients(&sessions, &TaskTracker::new(), schedule).await;
        assert_eq!(outcome, ShutdownOutcome::Clean);
        assert!((SHUTDOWN / 2..SHUTDOWN).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert_eq!(talks.journal.lock().unwrap().end, End::Closed(Some(1001)));
        stage.world.must_be_empty().await.unwrap();
    });
}
