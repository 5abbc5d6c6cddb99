//! Goal: whoever is silent is asked and then ended, whoever lives stays, and the heartbeat never
//! pauses. Method: time that stands still until every task waits, and a socket of which the test
//! decides how much it takes.

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use xmeet_shared::limits::RESUME_GRACE_SECONDS_DEFAULT;

use super::super::closing::CLOSE_TIMEOUT;
use super::super::stream::Writing;
use super::super::test_socket::{Socket, limits, limits_within};
use super::*;

const PING: [u8; 2] = [0x89, 0];
const GOODBYE: Ending = Ending { code: CloseCode::GoingAway, reason: "x" };

/// The heartbeat that the protocol promises, and more time than anything here takes.
const HEARTBEAT_PROMISED: Duration = Duration::from_secs(25);
const LONG: Duration = Duration::from_secs(300);

fn pings(socket: &Socket) -> usize {
    socket.taken().chunks(PING.len()).filter(|frame| *frame == PING).count()
}

/// A keeper that makes its rounds, half a tick ahead of the test, so that no two things happen at
/// the same moment.
async fn keeper() -> Arc<Keeper> {
    running(Keeper::default()).await
}

async fn running(keeper: Keeper) -> Arc<Keeper> {
    let keeper = Arc::new(keeper);
    let running = Arc::clone(&keeper);
    tokio::spawn(async move { running.run().await });
    sleep(TICK / 2).await;
    keeper
}

fn connection(room_bytes: usize) -> (Arc<Outbox>, Socket) {
    let socket = Socket::default();
    socket.allow(room_bytes);
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), limits(1_000_000));
    outbox.send_greeting([]);
    (Arc::new(outbox), socket)
}

/// How long until the keeper ends a connection.
async fn ended(outbox: &Outbox) -> (Ending, Duration) {
    let start = Instant::now();
    let ending = tokio::time::timeout(LONG, outbox.tend()).await.expect("it is ended");
    (ending, start.elapsed())
}

/// The ending that a session sees.
async fn soon_ended(tending: JoinHandle<Ending>) -> Ending {
    tokio::time::timeout(LONG, tending).await.expect("it is ended").unwrap()
}

/// A client that says something every so often, for ever.
fn says_something_every(keeper: &Arc<Keeper>, outbox: &Arc<Outbox>, pause: Duration) {
    let (keeper, outbox) = (Arc::clone(keeper), Arc::clone(outbox));
    tokio::spawn(async move {
        loop {
            sleep(pause).await;
            keeper.heard(&outbox);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_pinged_after_20_s_and_ended_15_s_later() {
    let keeper = keeper().await;
    let (outbox, socket) = connection(1000);
    keeper.watch(&outbox, None);
    sleep(19 * TICK).await;
    assert!(socket.taken().is_empty());
    sleep(TICK).await;
    assert_eq!(socket.taken(), PING);
    let (ending, waited) = ended(&outbox).await;
    assert_eq!((ending, ending.code), (SILENT, CloseCode::TryAgainLater));
    assert!((14 * TICK..=15 * TICK).contains(&waited), "{waited:?}");
    assert_eq!(pings(&socket), 1);
}

/// Whoever's cable is pulled is gone for the others within a minute, whether or not it could resume.
#[tokio::test(start_paused = true)]
async fn with_the_grace_time_a_silent_client_is_gone_within_a_minute_by_default() {
    let keeper = keeper().await;
    let (outbox, _) = connection(1000);
    keeper.watch(&outbox, None);
    let (_, waited) = ended(&outbox).await;
    let grace = Duration::from_secs(RESUME_GRACE_SECONDS_DEFAULT);
    assert!(waited + CLOSE_TIMEOUT + grace < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_being_visited_when_all_are_asked_to_end_is_asked_too() {
    let keeper = keeper().await;
    let crowd: Vec<_> = (0..3 * VISITS_PER_TURN).map(|_| connection(1000)).collect();
    for (outbox, _) in &crowd {
        keeper.watch(outbox, None);
    }
    // The first has its ping and the last has not: others have their turn in the middle of a round.
    let is_pinged = |(_, socket): &(Arc<Outbox>, Socket)| pings(socket) > 0;
    let (first, last) = (&crowd[0], crowd.last().unwrap());
    sleep(19 * TICK).await;
    while !is_pinged(first) {
        sleep(Duration::from_millis(1)).await;
        for _ in 0..2 {
            if !is_pinged(first) {
                tokio::task::yield_now().await;
            }
        }
    }
    assert!(!is_pinged(last), "the round is not over");
    keeper.end_all(GOODBYE);
    for (outbox, _) in &crowd {
        assert_eq!(ended(outbox).await.0, GOODBYE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_its_pings_stays() {
    let keeper = keeper().await;
    let (outbox, socket) = connection(1000);
    keeper.watch(&outbox, None);
    for round in 1..=20 {
        while pings(&socket) < round {
            sleep(TICK).await;
        }
        // At the last moment.
        sleep(14 * TICK).await;
        keeper.heard(&outbox);
    }
    assert!(!outbox.is_over());
    assert_eq!(ended(&outbox).await.0, SILENT);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_talks_is_never_pinged() {
    let keeper = keeper().await;
    let (outbox, socket) = connection(1000);
    keeper.watch(&outbox, None);
    says_something_every(&keeper, &outbox, 19 * TICK);
    sleep(LONG).await;
    assert!(socket.taken().is_empty());
    assert!(!outbox.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_in_bytes_is_not_silent() {
    let keeper = keeper().await;
    let (outbox, socket) = connection(0);
    keeper.watch(&outbox, None);
    // What waits before the ping, to be taken in slowly.
    outbox.send(&[frame::text(&[b'x'; 1000])]);
    let session = Arc::clone(&outbox);
    let tending = tokio::spawn(async move { session.tend().await });
    for _ in 0..LONG.as_secs() / 10 {
        sleep(10 * TICK).await;
        socket.allow(1);
    }
    // All at once, the ping too, which it has then as long to answer.
    socket.allow(1_000_000);
    sleep(14 * TICK).await;
    assert_eq!(socket.taken().last_chunk(), Some(&PING));
    assert!(!outbox.is_over());
    assert_eq!(soon_ended(tending).await, SILENT);
}

#[tokio::test(start_paused = true)]
async fn whoever_the_server_does_not_read_is_not_silent() {
    let keeper = keeper().await;
    let (outbox, _) = connection(1000);
    keeper.watch(&outbox, None);
    outbox.expect_answer();
    sleep(LONG).await;
    assert!(!outbox.is_over());
    outbox.send_answer([frame::text(b"the page")]);
    assert_eq!(ended(&outbox).await.0, SILENT);

    // Nor is it while its room takes nothing.
    let (outbox, _) = connection(1000);
    keeper.watch(&outbox, None);
    outbox.hold_up(true);
    sleep(LONG).await;
    assert!(!outbox.is_over());
    outbox.hold_up(false);
    assert_eq!(ended(&outbox).await.0, SILENT);
}

/// When the heartbeats of a client came, counted from the beginning.
#[derive(Clone, Default)]
struct Beats(Arc<Mutex<Vec<Instant>>>);

impl Beats {
    fn heartbeat(&self) -> Heartbeat {
        let beats = Arc::clone(&self.0);
        Box::new(move || {
            beats.lock().unwrap().push(Instant::now());
            frame::text(b"beat")
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_comes_every_25_s_at_least_whether_or_not_the_client_talks() {
    let keeper = keeper().await;
    let start = Instant::now();
    let mut clients = Vec::new();
    // The last one answers pings alone, and only just.
    for pause_seconds in [1, 7, 15, 19, 33] {
        let (outbox, socket) = connection(1_000_000);
        let beats = Beats::default();
        keeper.watch(&outbox, Some(beats.heartbeat()));
        says_something_every(&keeper, &outbox, Duration::from_secs(pause_seconds));
        clients.push((outbox, socket, beats));
    }
    sleep(LONG).await;
    for (outbox, socket, Beats(beats)) in clients {
        assert!(!outbox.is_over());
        let mut latest = start;
        for beat in beats.lock().unwrap().iter().copied().chain([Instant::now()]) {
            assert!(beat - latest <= HEARTBEAT_PROMISED, "{:?}", beat - latest);
            latest = beat;
        }
        let sent = socket.taken().windows(4).filter(|bytes| bytes == b"beat").count();
        assert_eq!(sent, beats.lock().unwrap().len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_system_takes_for_a_client_that_is_gone_is_no_answer() {
    let keeper = keeper().await;
    let (outbox, _) = connection(1_000_000);
    keeper.watch(&outbox, Some(Beats::default().heartbeat()));
    let room = Arc::clone(&outbox);
    let talk = tokio::spawn(async move {
        loop {
            room.send(&[frame::text(b"somebody talks")]);
            sleep(3 * TICK).await;
        }
    });
    let (ending, waited) = ended(&outbox).await;
    assert_eq!(ending, SILENT);
    assert!(waited <= 35 * TICK, "{waited:?}");
    talk.abort();
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_ends_all_and_those_who_come_later() {
    let keeper = keeper().await;
    let connections: Vec<_> = (0..100).map(|_| connection(1000)).collect();
    for (number, (outbox, _)) in connections.iter().enumerate() {
        // In different slots.
        if number % 10 == 0 {
            sleep(TICK).await;
        }
        keeper.watch(outbox, None);
    }
    keeper.end_all(GOODBYE);
    let (later, _) = connection(1000);
    keeper.watch(&later, None);
    for outbox in connections.iter().map(|(outbox, _)| outbox).chain([&later]) {
        assert_eq!(ended(outbox).await, (GOODBYE, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_over_is_forgotten() {
    let keeper = keeper().await;
    let (closed, _) = connection(1000);
    let (ended, _) = connection(1000);
    for outbox in [&closed, &ended] {
        keeper.watch(outbox, Some(Beats::default().heartbeat()));
        assert_eq!(Arc::strong_count(outbox), 2);
    }
    closed.close();
    ended.end(GOODBYE);
    sleep(HEARTBEAT_PROMISED).await;
    for outbox in [&closed, &ended] {
        assert_eq!(Arc::strong_count(outbox), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn when_memory_is_tight_whoever_holds_more_than_its_share_is_ended() {
    let limits = limits_within(10_000, FrameMemory::new(10_000));
    let memory = Arc::clone(&limits.memory);
    let keeper = running(Keeper::new(Patience::default(), Arc::clone(&memory))).await;
    let outboxes = [3000, 2000, 1500].map(|bytes| {
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, Arc::clone(&limits)));
        keeper.watch(&outbox, None);
        outbox.send(&[memory.hold(vec![0; bytes], bytes)]);
        outbox
    });
    assert!(outboxes.iter().all(|outbox| !outbox.is_over()), "each had its share");
    assert!(memory.is_tight());
    sleep(TICK).await;
    assert_eq!(outboxes.each_ref().map(|outbox| outbox.is_over()), [true, false, false]);
    assert_eq!((memory.held_bytes(), memory.is_tight()), (3500, false));
}
