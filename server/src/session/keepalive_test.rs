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

/// The protocol promises a heartbeat at least this often.
const HEARTBEAT_PROMISED: Duration = Duration::from_secs(25);

/// Longer than any time-out of the keepalive.
const LONG: Duration = Duration::from_secs(300);

fn ping_count(socket: &Socket) -> usize {
    socket.accepted().chunks(PING.len()).filter(|frame| *frame == PING).count()
}

/// Starts a keepalive with the default time-outs.
async fn keepalive() -> Arc<Keepalive> {
    start(Keepalive::default()).await
}

/// Starts a keepalive half a tick ahead of the test, so that no two events happen at the same time.
async fn start(keepalive: Keepalive) -> Arc<Keepalive> {
    let keepalive = Arc::new(keepalive);
    let running = Arc::clone(&keepalive);
    tokio::spawn(async move { running.run().await });
    sleep(TICK / 2).await;
    keepalive
}

/// Returns a connection whose client has received its greeting. The socket accepts this many bytes.
fn connection(capacity_bytes: usize) -> (Arc<Outbox>, Socket) {
    let socket = Socket::default();
    socket.accept_more(capacity_bytes);
    let outbox = Outbox::new(Writing::Other(Box::new(socket.clone())), limits(1_000_000));
    outbox.send_greeting([]);
    (Arc::new(outbox), socket)
}

/// Waits until the keepalive closes a connection. Returns the close reason and the time waited.
async fn wait_until_closed(outbox: &Outbox) -> (CloseReason, Duration) {
    let start = Instant::now();
    let close_reason = tokio::time::timeout(LONG, outbox.drive_writes())
        .await
        .expect("the keepalive closes the connection");
    (close_reason, start.elapsed())
}

/// Waits until a session's task returns the close reason.
async fn close_reason_of(session: JoinHandle<CloseReason>) -> CloseReason {
    tokio::time::timeout(LONG, session).await.expect("the session ends").unwrap()
}

/// Starts a task that sends something from the client at an interval, until the end of the test.
fn send_at_interval(keepalive: &Arc<Keepalive>, outbox: &Arc<Outbox>, pause: Duration) {
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
    let (close_reason, waited) = wait_until_closed(&outbox).await;
    assert_eq!((close_reason, close_reason.code), (SILENT, CloseCode::TryAgainLater));
    assert!((14 * TICK..=15 * TICK).contains(&waited), "{waited:?}");
    assert_eq!(ping_count(&socket), 1);
}

/// After a client's cable is unplugged, the other members see it leave within a minute, with or without
/// a resume token.
#[tokio::test(start_paused = true)]
async fn silent_client_leaves_within_a_minute_by_default() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    let (_, waited) = wait_until_closed(&outbox).await;
    let grace = Duration::from_secs(RESUME_GRACE_SECONDS_DEFAULT);
    assert!(waited + CLOSE_TIMEOUT + grace < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn connection_being_checked_during_close_all_is_closed() {
    let keepalive = keepalive().await;
    // More connections than the keepalive checks before it yields to other tasks.
    let crowd: Vec<_> = (0..3 * CHECKS_PER_TURN).map(|_| connection(1000)).collect();
    for (outbox, _) in &crowd {
        keepalive.add_connection(outbox, None);
    }

    // Wait until the first connection has its ping. The keepalive has then yielded within its round,
    // before the check of the last connection.
    let is_pinged = |(_, socket): &(Arc<Outbox>, Socket)| ping_count(socket) > 0;
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
    assert!(!is_pinged(last), "the last connection is not checked yet");

    keepalive.close_all(GOODBYE);
    for (outbox, _) in &crowd {
        assert_eq!(wait_until_closed(outbox).await.0, GOODBYE);
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_answers_pings_stays_connected() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(1000);
    keepalive.add_connection(&outbox, None);
    for round in 1..=20 {
        while ping_count(&socket) < round {
            sleep(TICK).await;
        }
        // The client answers just before the deadline.
        sleep(14 * TICK).await;
        keepalive.note_received(&outbox);
    }
    assert!(!outbox.is_closed());

    // Now the client is silent.
    assert_eq!(wait_until_closed(&outbox).await.0, SILENT);
}

#[tokio::test(start_paused = true)]
async fn client_that_sends_is_never_pinged() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(1000);
    keepalive.add_connection(&outbox, None);
    send_at_interval(&keepalive, &outbox, 19 * TICK);
    sleep(LONG).await;
    assert!(socket.accepted().is_empty());
    assert!(!outbox.is_closed());
}

#[tokio::test(start_paused = true)]
async fn client_that_receives_its_backlog_is_not_closed_as_silent() {
    let keepalive = keepalive().await;
    let (outbox, socket) = connection(0);
    keepalive.add_connection(&outbox, None);
    // A backlog ahead of the ping. The client receives one byte of it every ten seconds.
    outbox.send(&[frame::text(&[b'x'; 1000])]);
    let session_outbox = Arc::clone(&outbox);
    let session = tokio::spawn(async move { session_outbox.drive_writes().await });
    for _ in 0..LONG.as_secs() / 10 {
        sleep(10 * TICK).await;
        socket.accept_more(1);
    }
    // Now the client receives the remaining backlog and the ping, and has the whole time to answer.
    socket.accept_more(1_000_000);
    sleep(14 * TICK).await;
    assert_eq!(socket.accepted().last_chunk(), Some(&PING));
    assert!(!outbox.is_closed());
    assert_eq!(close_reason_of(session).await, SILENT);
}

#[tokio::test(start_paused = true)]
async fn client_that_the_server_does_not_read_is_not_closed_as_silent() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    // The session waits for a history page and reads nothing meanwhile.
    outbox.expect_answer();
    sleep(LONG).await;
    assert!(!outbox.is_closed());
    outbox.send_answer([frame::text(b"the page")]);
    assert_eq!(wait_until_closed(&outbox).await.0, SILENT);

    // Nor is a client closed while its session has paused reading, because the room is busy.
    let (outbox, _) = connection(1000);
    keepalive.add_connection(&outbox, None);
    outbox.set_paused(true);
    sleep(LONG).await;
    assert!(!outbox.is_closed());
    outbox.set_paused(false);
    assert_eq!(wait_until_closed(&outbox).await.0, SILENT);
}

/// The times of a client's heartbeats.
#[derive(Clone, Default)]
struct HeartbeatTimes(Arc<Mutex<Vec<Instant>>>);

impl HeartbeatTimes {
    /// Returns a heartbeat that records the time of each call.
    fn heartbeat(&self) -> Heartbeat {
        let times = Arc::clone(&self.0);
        Box::new(move || {
            times.lock().unwrap().push(Instant::now());
            Some(frame::text(b"beat"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeat_arrives_at_least_every_25_s() {
    let keepalive = keepalive().await;
    let start = Instant::now();
    let mut clients = Vec::new();
    // The last client only answers pings, just before the deadline of 35 s.
    for pause_seconds in [1, 7, 15, 19, 33] {
        let (outbox, socket) = connection(1_000_000);
        let heartbeat_times = HeartbeatTimes::default();
        keepalive.add_connection(&outbox, Some(heartbeat_times.heartbeat()));
        send_at_interval(&keepalive, &outbox, Duration::from_secs(pause_seconds));
        clients.push((outbox, socket, heartbeat_times));
    }
    sleep(LONG).await;
    for (outbox, socket, HeartbeatTimes(times)) in clients {
        assert!(!outbox.is_closed());
        let times = times.lock().unwrap();
        let mut latest = start;
        for time in times.iter().copied().chain([Instant::now()]) {
            let interval = time - latest;
            assert!(interval <= HEARTBEAT_PROMISED, "{interval:?}");
            latest = time;
        }
        let sent_count = socket.accepted().windows(4).filter(|bytes| bytes == b"beat").count();
        assert_eq!(sent_count, times.len());
    }
}

#[tokio::test(start_paused = true)]
async fn panic_in_one_check_closes_that_connection_alone() {
    let keepalive = Arc::new(Keepalive::default());
    let spawn_run = || {
        let keepalive = Arc::clone(&keepalive);
        tokio::spawn(async move { keepalive.run().await })
    };
    let first_run = spawn_run();
    sleep(TICK / 2).await;
    let crowd: Vec<_> = (0..5).map(|_| connection(1000)).collect();
    for (number, (outbox, _)) in crowd.iter().enumerate() {
        let panicking_heartbeat: Heartbeat = Box::new(|| panic!("on purpose"));
        let heartbeat = (number == 2).then_some(panicking_heartbeat);
        keepalive.add_connection(outbox, heartbeat);
    }
    assert!(first_run.await.unwrap_err().is_panic());
    let (last_outbox, last_socket) = &crowd[4];
    assert!(!last_outbox.is_closed());
    assert_eq!(ping_count(last_socket), 0, "the panic came before the last check");

    // As the server does after a panic.
    spawn_run();
    assert_eq!(wait_until_closed(&crowd[2].0).await.0, CHECK_PANICKED);
    sleep(5 * TICK).await;
    for number in [0, 1, 3, 4] {
        assert_eq!(ping_count(&crowd[number].1), 1);
    }
    keepalive.close_all(GOODBYE);
    for number in [0, 1, 3, 4] {
        assert_eq!(wait_until_closed(&crowd[number].0).await.0, GOODBYE);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_buffered_for_a_dead_peer_do_not_extend_its_deadline() {
    let keepalive = keepalive().await;
    let (outbox, _) = connection(1_000_000);
    keepalive.add_connection(&outbox, Some(HeartbeatTimes::default().heartbeat()));
    let room = Arc::clone(&outbox);
    let other_member = tokio::spawn(async move {
        loop {
            room.send(&[frame::text(b"another member talks")]);
            sleep(3 * TICK).await;
        }
    });
    let (close_reason, waited) = wait_until_closed(&outbox).await;
    assert_eq!(close_reason, SILENT);
    // 20 s until the ping, and 15 s for the pong.
    assert!(waited <= 35 * TICK, "{waited:?}");
    other_member.abort();
}

#[tokio::test(start_paused = true)]
async fn close_all_closes_current_and_later_connections() {
    let keepalive = keepalive().await;
    let connections: Vec<_> = (0..100).map(|_| connection(1000)).collect();
    for (number, (outbox, _)) in connections.iter().enumerate() {
        // Ten connections in each slot of the wheel.
        if number % 10 == 0 {
            sleep(TICK).await;
        }
        keepalive.add_connection(outbox, None);
    }
    keepalive.close_all(GOODBYE);
    let (later, _) = connection(1000);
    keepalive.add_connection(&later, None);
    for outbox in connections.iter().map(|(outbox, _)| outbox).chain([&later]) {
        assert_eq!(wait_until_closed(outbox).await, (GOODBYE, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn closed_connection_is_removed() {
    let keepalive = keepalive().await;
    let (disconnected, _) = connection(1000);
    let (closed, _) = connection(1000);
    for outbox in [&disconnected, &closed] {
        keepalive.add_connection(outbox, Some(HeartbeatTimes::default().heartbeat()));
        assert_eq!(Arc::strong_count(outbox), 2, "the test and the keepalive");
    }
    disconnected.shut_down();
    closed.close_with(GOODBYE);
    sleep(HEARTBEAT_PROMISED).await;
    for outbox in [&disconnected, &closed] {
        assert_eq!(Arc::strong_count(outbox), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn memory_pressure_closes_connections_over_their_share() {
    let limits = limits_within(10_000, MemoryBudget::new(10_000));
    let memory = Arc::clone(&limits.memory);
    let keepalive = start(Keepalive::new(KeepaliveTimeouts::default(), Arc::clone(&memory))).await;
    // Together 6,500 of 10,000 bytes. Half of the free bytes is then a share of less than 2,000.
    let outboxes = [3000, 2000, 1500].map(|bytes| {
        let socket = Writing::Other(Box::new(Socket::default()));
        let outbox = Arc::new(Outbox::new(socket, Arc::clone(&limits)));
        keepalive.add_connection(&outbox, None);
        outbox.send(&[memory.with_charge(vec![0; bytes], bytes)]);
        outbox
    });
    let is_open = |outbox: &Arc<Outbox>| !outbox.is_closed();
    assert!(outboxes.iter().all(is_open), "each backlog was within its share when it was sent");
    assert!(memory.is_under_pressure());

    // After the first outbox is closed, the share is large enough for the others.
    sleep(TICK).await;
    assert_eq!(outboxes.each_ref().map(is_open), [false, true, true]);
    assert!(memory.held_bytes() < 4000 && !memory.is_under_pressure(), "{}", memory.held_bytes());
}
