//! Goal: a connection that waits to join is treated as a member's: its last text is delivered, its end is
//! noticed, and the keepalive watches it. Method: real sessions over connections in memory, mostly in
//! virtual time.

use std::sync::OnceLock;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use xmeet_testframes::{BINARY, PONG, TEXT, frame};

use super::*;
use crate::limits::budgets::StoreBudgets;
use crate::limits::pace::PaceRates;
use crate::session::connection::Connection;
use crate::session::keepalive::{Keepalive, KeepaliveTimeouts};
use crate::session::stats::ConnectionId;
use crate::session::{MessageLimits, SessionLimits, Sessions};
use crate::wire::stream::Reading;

const SECOND: Duration = Duration::from_secs(1);

/// A client of a real session.
struct Client {
    socket: DuplexStream,
    sent: Sent,
    session: JoinHandle<()>,
}

impl Client {
    /// Connects a client that reads everything, or nothing.
    fn connect(sessions: &Arc<Sessions>, takes: bool) -> Self {
        let (socket, server) = duplex(1024 * 1024);
        let (join_request, Line { sent, .. }) = World::join_request(None);
        let writing: Box<dyn WriteHalf> =
            if takes { Box::new(sent.clone()) } else { Box::new(TakesNothing) };
        let connection = Connection {
            id: ConnectionId::next(),
            address: None,
            reading: Reading::Other(Box::new(server)),
            writing: Writing::Other(writing),
            early: Vec::new(),
            permit: None,
        };
        let session = tokio::spawn(Arc::clone(sessions).session(connection, join_request));
        Self { socket, sent, session }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Ends the client's sending half without a Close frame.
    async fn end(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    /// Returns whether the client received these words, for example in a Close frame.
    fn was_told(&self, words: &str) -> bool {
        let sent = self.sent.0.lock().unwrap();
        sent.windows(words.len()).any(|bytes| bytes == words.as_bytes())
    }

    /// Waits up to five minutes for the session to end. Returns the seconds that this took.
    async fn seconds_until_end(&self) -> Option<u32> {
        for second in 0..300 {
            if self.session.is_finished() {
                return Some(second);
            }
            sleep(SECOND).await;
        }
        None
    }
}

/// A socket that accepts no bytes.
struct TakesNothing;

impl WriteHalf for TakesNothing {
    fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn text(text: &str) -> Vec<u8> {
    frame(TEXT, text.as_bytes())
}

fn pong() -> Vec<u8> {
    frame(PONG, b"")
}

fn sessions(world: &World) -> Arc<Sessions> {
    let message = MessageLimits { bytes_max: 65_536, time_max: 60 * SECOND };
    let pace = PaceRates { messages: None, bytes: None, pages: None };
    let limits = SessionLimits {
        message,
        outbox: limits(1_000_000),
        pace,
        budgets: StoreBudgets::default(),
    };
    let sessions = Arc::new(Sessions {
        hub: Arc::clone(&world.hub),
        keepalive: Keepalive::new(KeepaliveTimeouts::default(), world.hub.memory()),
        limits,
        started: Instant::now(),
        deadline: OnceLock::new(),
    });
    let running = Arc::clone(&sessions);
    tokio::spawn(async move { running.keepalive.run().await });
    sessions
}

/// The events of others that a witness received.
fn told(line: &Line) -> Vec<String> {
    let messages = line.sent.take().into_iter();
    let told = messages.filter_map(|message| match message {
        ServerMessage::Normal { text, .. } => Some(text),
        ServerMessage::Join(_) | ServerMessage::Leave => Some(message.kind().to_owned()),
        _ => None,
    });
    told.collect()
}

/// Creates a room without a history, in which one member listens. If `is_crowded`, it admits one
/// newcomer per second from now on.
async fn witnessed_room(is_crowded: bool) -> (World, Vec<Membership>, Line) {
    let world = World::with(|settings| {
        settings.history_kept_messages = 0;
        settings.joins_per_room = Rate::per_second(1, 5);
    });
    let (join_request, line) = World::join_request(None);
    let mut members =
        vec![world.hub.join(join_request, &line.outbox, None, pending()).await.unwrap()];
    while is_crowded && members.len() < 5 {
        let (join_request, line) = World::join_request(None);
        members.push(world.hub.join(join_request, &line.outbox, None, pending()).await.unwrap());
    }
    sleep(SECOND / 100).await;
    line.sent.take();
    (world, members, line)
}

#[tokio::test(start_paused = true)]
async fn text_sent_before_a_disconnect_is_delivered_after_the_join_wait() {
    for is_crowded in [false, true] {
        for is_half_closed in [false, true] {
            let (world, _members, witness) = witnessed_room(is_crowded).await;
            let sessions = sessions(&world);
            let mut client = Client::connect(&sessions, true);
            sleep(SECOND / 100).await;
            assert_eq!(told(&witness).is_empty(), is_crowded);
            client.send(&[text("first"), text("last")].concat()).await;
            client.end().await;
            if !is_half_closed {
                drop(client.socket);
            }
            sleep(5 * SECOND).await;
            let told = told(&witness);
            assert!(told.ends_with(&["first", "last", "leave"].map(str::to_owned)), "{told:?}");
            assert_eq!(told.len(), 3 + usize::from(is_crowded));
            assert!(client.session.is_finished());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_disconnects_in_silence_while_waiting_is_not_announced() {
    let nothing_said = [
        Vec::new(),
        frame(0x89, b"ping"),
        text(""),
        text("@history:0"),
        text("@changename:other"),
        frame(BINARY, b"binary"),
        frame(0x88, b""),
        [frame(0x88, b""), text("behind the Close")].concat(),
        // A partial text.
        text("never whole")[..9].to_vec(),
    ];
    for bytes in nothing_said {
        let (world, _members, witness) = witnessed_room(true).await;
        let sessions = sessions(&world);
        let mut client = Client::connect(&sessions, true);
        sleep(SECOND / 100).await;
        client.send(&bytes).await;
        client.end().await;
        sleep(8 * SECOND).await;
        assert_eq!(told(&witness), [""; 0], "{bytes:?}");
        assert!(client.session.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn text_and_close_of_a_waiting_client_keep_their_order() {
    let (world, _members, witness) = witnessed_room(true).await;
    let sessions = sessions(&world);
    let mut client = Client::connect(&sessions, true);
    client.send(&[text("x"), frame(0x88, &1000_u16.to_be_bytes())].concat()).await;
    client.end().await;
    sleep(5 * SECOND).await;
    assert_eq!(told(&witness), ["join", "x", "leave"]);
    assert!(client.session.is_finished());
}

#[tokio::test]
async fn text_sent_before_a_disconnect_is_delivered_while_the_greeting_is_read() {
    let world = World::new();
    let (_first, witness) = world.enter_long_room().await;
    world.set_store_mode(STALLS_READS);
    let sessions = sessions(&world);
    let mut client = Client::connect(&sessions, true);
    let mut heard = Vec::new();
    let mut hears = |kind: &'static str| {
        heard.extend(told(&witness));
        heard.iter().any(|word| word == kind)
    };
    until(|| hears("join")).await;
    client.send(&text("last words")).await;
    client.end().await;
    until(|| hears("last words") && hears("leave")).await;
    world.history.reads.notify_waiters();
}

/// Creates a room whose store does not answer, with as many messages as the room can hold. If
/// `is_inbox_full`, further messages fill its inbox.
async fn full_room(is_inbox_full: bool) -> (World, Membership, Line) {
    let world = World::new();
    let (join_request, line) = World::join_request(None);
    let member = world.hub.join(join_request, &line.outbox, None, pending()).await.unwrap();
    world.set_store_mode(STALLS_APPENDS);
    for _ in 0..20 {
        member.say("x".repeat(64 * 1024)).unwrap();
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    if is_inbox_full {
        while member.say("y".to_owned()).is_ok() {}
    }
    (world, member, line)
}

#[tokio::test(start_paused = true)]
async fn silent_client_waiting_for_a_full_room_is_pinged_and_closed() {
    for is_inbox_full in [false, true] {
        let (world, _member, _line) = full_room(is_inbox_full).await;
        let sessions = sessions(&world);
        for takes in [true, false] {
            let client = Client::connect(&sessions, takes);
            let second = client.seconds_until_end().await.expect("it is closed");
            assert!((34..=40).contains(&second), "{second} s");
            assert!(!takes || client.was_told("no answer to a ping"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_answers_pings_waits_for_a_full_room_as_long_as_it_takes() {
    for is_inbox_full in [false, true] {
        let (world, _member, _line) = full_room(is_inbox_full).await;
        let sessions = sessions(&world);
        let mut client = Client::connect(&sessions, true);
        for _ in 0..30 {
            sleep(10 * SECOND).await;
            client.send(&pong()).await;
        }
        assert!(!client.session.is_finished());
        assert!(!client.was_told("no answer"));
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_message_closes_a_client_waiting_for_a_full_room() {
    for is_inbox_full in [false, true] {
        let (world, _member, _line) = full_room(is_inbox_full).await;
        let sessions = sessions(&world);
        let mut client = Client::connect(&sessions, true);
        let message = text(&"x".repeat(100));
        let started = Instant::now();
        for byte in message {
            if client.session.is_finished() || client.socket.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(5 * SECOND).await;
        }
        assert!(client.was_told("a message took too long to come"));
        assert!(started.elapsed() < 75 * SECOND, "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_while_waiting_for_a_full_room_is_noticed() {
    for is_inbox_full in [false, true] {
        let (world, _member, _line) = full_room(is_inbox_full).await;
        let sessions = sessions(&world);
        let mut client = Client::connect(&sessions, true);
        sleep(SECOND).await;
        client.end().await;
        assert!(client.seconds_until_end().await.is_some_and(|second| second < 5));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_waiting_for_a_full_room_close_at_a_shutdown() {
    for is_inbox_full in [false, true] {
        let (world, _member, _line) = full_room(is_inbox_full).await;
        let sessions = sessions(&world);
        let client = Client::connect(&sessions, true);
        sleep(SECOND).await;
        sessions.close_all(Instant::now() + 10 * SECOND);
        assert!(client.seconds_until_end().await.is_some_and(|second| second < 5));
        assert!(client.was_told("the server is going away"));
    }
}

#[tokio::test(start_paused = true)]
async fn text_of_a_disconnected_client_survives_a_stalled_store() {
    let (world, _member, witness) = full_room(false).await;
    let sessions = sessions(&world);
    let mut client = Client::connect(&sessions, true);
    client.send(&text("last words")).await;
    client.end().await;
    assert_eq!(client.seconds_until_end().await, None, "its text is not said yet");
    world.set_store_mode(WORKS);
    world.history.appends.notify_waiters();
    let started = std::time::Instant::now();
    let mut heard = Vec::new();
    while !heard.contains(&"last words".to_owned()) {
        assert!(started.elapsed() < PATIENCE, "{} heard", heard.len());
        tokio::task::yield_now().await;
        heard.extend(told(&witness));
    }
}
