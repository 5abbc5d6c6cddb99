//! Goal: a silent client is pinged and then closed, a client that answers stays connected, and the
//! heartbeat never pauses. Method: virtual time, and a socket whose capacity the test sets.

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use xmeet_shared::limits::RESUME_GRACE_SECONDS_DEFAULT;

use super::*;
use crate::session::close::CLOSE_TIMEOUT;
use crate::wire::stream::Writing;
use crate::wire::test_socket::{Socket, limits, limits_within};

const PING: [u8; 2] = [0x89, 0];
const GOODBYE: CloseReason = CloseReason { code: CloseCode::GoingAway, reason: "x" };

/// The heartbeat interval of the protocol, and a time longer than any test needs.
const HEARTBEAT_PROMISED: Duration = Duration::from_secs(25);
const LONG: Duration = Duration::from_secs(300);

fn pings(socket: &Socket) -> usize {
    socket.accepted().chunks(PING.len()).filter(|frame| *frame == PING).count()
}

/// Starts a keepalive half a tick ahead of the test, so that no two events happen at the same time.
async fn keepalive() -> Arc<Keepalive> {
    running(Keepalive::default()).await
}

async fn running(keepalive: Keepalive) -> Arc<Keepalive> {
    let keepalive = Arc::new(keepalive);
    let running = Arc::clone(&keepalive);
    tokio::spawn(async move { running.run().await });
    sleep(TICK / 2).await;
    keepalive
}

fn connection(capacity_bytes: usize) -> (Arc<Outbox>, Socket) {
    let socket = Socket::default();
    socket.accept_more(capacity_bytes);
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), limits(1_000_000));
    outbox.send_greeting([]);
    (Arc::new(outbox), socket)
}

/// Returns the time until the keepalive ends a connection.
async fn ended(outbox: &Outbox) -> (CloseReason, Duration) {
    let start = Instant::now();
    let ending = tokio::time::timeout(LONG, outbox.drive_writes()).await.expect("it is ended");
    (ending, start.elapsed())
}

/// Waits for the end of a connection, as its session does.
async fn soon_ended(tending: JoinHandle<CloseReason>) -> CloseReason {
    tokio::time::timeout(LONG, tending).await.expect("it is ended").unwrap()
}

/// Sends a text at an interval, without end.
fn says_something_every(keepalive: &Arc<Keepalive>, outbox: &Arc<Outbox>, pause: Duration) {
    let (keepalive, outbox) = (Arc::clone(keepalive), Arc::clone(outbox));
    tokio::spawn(async move {
        loop {
            sleep(pause).await;
            keepalive.note_received(&outbox);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn silent_client_is_pinged_after_20_s_and_closed_15_s_later() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(1000);
    keepalive.add_connection(&outbox, None);
    sleep(19 * TICK).await;
    assert!(socket.accepted().is_empty());
    sleep(TICK).await;
    assert_eq!(socket.accepted(), PING);
    let (ending, waited) = ended(&outbox).await;
    assert_eq!((ending, ending.code), (SILENT, CloseCode::TryAgainLater));
    assert!((14 * TICK..=15 * TICK).contains(&waited), "{waited:?}");
    assert_eq!(pings(&socket), 1);
}

/// After a client's cable is unplugged, the others see it leave within a minute, with or without a
/// resume token.
#[tokio::test(start_paused = true)]
async fn silent_client_leaves_within_a_minute_by_default() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    let (_, waited) = ended(&outbox).await;
    let grace = Duration::from_secs(RESUME_GRACE_SECONDS_DEFAULT);
    assert!(waited + CLOSE_TIMEOUT + grace < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn connection_being_checked_during_close_all_is_closed() {
    let keepalive = keepalive().await;
    let crowd: Vec<_> = (0..3 * CHECKS_PER_TURN).map(|_| connection(1000)).collect();
    for (outbox, _) in &crowd {
        keepalive.add_connection(outbox, None);
    }
    // The first connection has its ping and the last one not yet: the round yields to other tasks.
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
    keepalive.close_all(GOODBYE);
    for (outbox, _) in &crowd {
        assert_eq!(ended(outbox).await.0, GOODBYE);
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_answers_pings_stays_connected() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(1000);
    keepalive.add_connection(&outbox, None);
    for round in 1..=20 {
        while pings(&socket) < round {
            sleep(TICK).await;
        }
        // Just before the deadline.
        sleep(14 * TICK).await;
        keepalive.note_received(&outbox);
    }
    assert!(!outbox.is_closed());
    assert_eq!(ended(&outbox).await.0, SILENT);
}

#[tokio::test(start_paused = true)]
async fn client_that_sends_is_never_pinged() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(1000);
    keepalive.add_connection(&outbox, None);
    says_something_every(&keepalive, &outbox, 19 * TICK);
    sleep(LONG).await;
    assert!(socket.accepted().is_empty());
    assert!(!outbox.is_closed());
}

#[tokio::test(start_paused = true)]
async fn client_that_receives_its_backlog_is_not_closed_as_silent() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(0);
    keepalive.add_connection(&outbox, None);
    // A backlog before the ping, which the client receives slowly.
    outbox.send(&[frame::text(&[b'x'; 1000])]);
    let session = Arc::clone(&outbox);
    let tending = tokio::spawn(async move { session.drive_writes().await });
    for _ in 0..LONG.as_secs() / 10 {
        sleep(10 * TICK).await;
        socket.accept_more(1);
    }
    // The client receives the backlog and the ping at once, and then has the whole time to answer.
    socket.accept_more(1_000_000);
    sleep(14 * TICK).await;
    assert_eq!(socket.accepted().last_chunk(), Some(&PING));
    assert!(!outbox.is_closed());
    assert_eq!(soon_ended(tending).await, SILENT);
}

#[tokio::test(start_paused = true)]
async fn client_that_the_server_does_not_read_is_not_closed_as_silent() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    outbox.expect_answer();
    sleep(LONG).await;
    assert!(!outbox.is_closed());
    outbox.send_answer([frame::text(b"the page")]);
    assert_eq!(ended(&outbox).await.0, SILENT);

    // It is not closed while its room accepts no message either.
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    outbox.set_paused(true);
    sleep(LONG).await;
    assert!(!outbox.is_closed());
    outbox.set_paused(false);
    assert_eq!(ended(&outbox).await.0, SILENT);
}

/// Returns the times of a client's heartbeats since the start.
#[derive(Clone, Default)]
struct Beats(Arc<Mutex<Vec<Instant>>>);

impl Beats {
    fn heartbeat(&self) -> Heartbeat {
        let beats = Arc::clone(&self.0);
        Box::new(move || {
            beats.lock().unwrap().push(Instant::now());
            Some(frame::text(b"beat"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeat_arrives_at_least_every_25_s() {
    let keepalive = keepalive().await;
    let start = Instant::now();
    let mut clients = Vec::new();
    // The last client only answers pings, just before the deadline.
    for pause_seconds in [1, 7, 15, 19, 33] {
        let (outbox, socket) = connection(1_000_000);
        let beats = Beats::default();
        keepalive.add_connection(&outbox, Some(beats.heartbeat()));
        says_something_every(&keepalive, &outbox, Duration::from_secs(pause_seconds));
        clients.push((outbox, socket, beats));
    }
    sleep(LONG).await;
    for (outbox, socket, Beats(beats)) in clients {
        assert!(!outbox.is_closed());
        let mut latest = start;
        for beat in beats.lock().unwrap().iter().copied().chain([Instant::now()]) {
            assert!(beat - latest <= HEARTBEAT_PROMISED, "{:?}", beat - latest);
            latest = beat;
        }
        let sent = socket.accepted().windows(4).filter(|bytes| bytes == b"beat").count();
        assert_eq!(sent, beats.lock().unwrap().len());
    }
}

#[tokio::test(start_paused = true)]
async fn panic_in_one_check_closes_that_connection_alone() {
    let keepalive = Arc::new(Keepalive::default());
    let running = |keepalive: &Arc<Keepalive>| {
        let keepalive = Arc::clone(keepalive);
        tokio::spawn(async move { keepalive.run().await })
    };
    let first_run = running(&keepalive);
    sleep(TICK / 2).await;
    let crowd: Vec<_> = (0..5).map(|_| connection(1000)).collect();
    for (number, (outbox, _)) in crowd.iter().enumerate() {
        let panics: Heartbeat = Box::new(|| panic!("on purpose"));
        keepalive.add_connection(outbox, (number == 2).then_some(panics));
    }
    assert!(first_run.await.unwrap_err().is_panic());
    assert!(!crowd[4].0.is_closed() && pings(&crowd[4].1) == 0, "it was not visited yet");
    running(&keepalive);
    assert_eq!(ended(&crowd[2].0).await.0, CHECK_PANICKED);
    sleep(5 * TICK).await;
    for number in [0, 1, 3, 4] {
        assert_eq!(pings(&crowd[number].1), 1);
    }
    keepalive.close_all(GOODBYE);
    for number in [0, 1, 3, 4] {
        assert_eq!(ended(&crowd[number].0).await.0, GOODBYE);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_buffered_for_a_dead_peer_do_not_extend_its_deadline() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1_000_000);
    keepalive.add_connection(&outbox, Some(Beats::default().heartbeat()));
    let room = Arc::clone(&outbox);
    let talk = tokio::spawn(async move {
        loop {
            room.send(&[frame::text(b"another member talks")]);
            sleep(3 * TICK).await;
        }
    });
    let (ending, waited) = ended(&outbox).await;
    assert_eq!(ending, SILENT);
    assert!(waited <= 35 * TICK, "{waited:?}");
    talk.abort();
}

#[tokio::test(start_paused = true)]
async fn close_all_closes_present_and_later_connections() {
    let keepalive = keepalive().await;
    let connections: Vec<_> = (0..100).map(|_| connection(1000)).collect();
    for (number, (outbox, _)) in connections.iter().enumerate() {
        // The connections are in different slots.
        if number % 10 == 0 {
            sleep(TICK).await;
        }
        keepalive.add_connection(outbox, None);
    }
    keepalive.close_all(GOODBYE);
    let (later, _) = connection(1000);
    keepalive.add_connection(&later, None);
    for outbox in connections.iter().map(|(outbox, _)| outbox).chain([&later]) {
        assert_eq!(ended(outbox).await, (GOODBYE, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn closed_connection_is_removed() {
    let keepalive = keepalive().await;
    let (closed, _) = connection(1000);
    let (ended, _) = connection(1000);
    for outbox in [&closed, &ended] {
        keepalive.add_connection(outbox, Some(Beats::default().heartbeat()));
        assert_eq!(Arc::strong_count(outbox), 2);
    }
    closed.shut_down();
    ended.close_with(GOODBYE);
    sleep(HEARTBEAT_PROMISED).await;
    for outbox in [&closed, &ended] {
        assert_eq!(Arc::strong_count(outbox), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn memory_pressure_closes_connections_over_their_share() {
    let limits = limits_within(10_000, MemoryBudget::new(10_000));
    let memory = Arc::clone(&limits.memory);
    let keepalive =
        running(Keepalive::new(KeepaliveTimeouts::default(), Arc::clone(&memory))).await;
    let outboxes = [3000, 2000, 1500].map(|bytes| {
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, Arc::clone(&limits)));
        keepalive.add_connection(&outbox, None);
        outbox.send(&[memory.with_charge(vec![0; bytes], bytes)]);
        outbox
    });
    assert!(outboxes.iter().all(|outbox| !outbox.is_closed()), "each had its share");
    assert!(memory.is_under_pressure());
    sleep(TICK).await;
    assert_eq!(outboxes.each_ref().map(|outbox| outbox.is_closed()), [true, false, false]);
    assert!(memory.held_bytes() < 4000 && !memory.is_under_pressure(), "{}", memory.held_bytes());
}
