//! Goal: what the hub promises when things go wrong around a room. Method: a real SQLite store,
//! wrapped so that a test can make it fail or panic at will.

use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, AtomicUsize};
use std::task::{Context, Poll};

use tempfile::TempDir;
use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, SessionToken};

use super::*;
use crate::history::Answer;
use crate::history::sqlite::SqliteHistory;
use crate::room::{Kept, Message, Stored};
use crate::ws::stream::{WriteHalf, Writing};
use crate::ws::test_socket::limits;

/// How long anything may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the store does next.
const WORKS: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;

struct Moody {
    inner: SqliteHistory,
    mood: AtomicU8,
}

impl Moody {
    fn answer<T: Send + 'static>(&self, ask: impl FnOnce() -> Answer<T>) -> Answer<T> {
        match self.mood.load(Ordering::SeqCst) {
            FAILS => Box::pin(async { Err(HistoryError::Storage("on purpose".to_owned())) }),
            PANICS => Box::pin(async { panic!("on purpose") }),
            _ => ask(),
        }
    }
}

impl History for Moody {
    fn epoch(&self) -> &str {
        self.inner.epoch()
    }

    fn load(&self, room: &RoomId) -> Answer<Stored> {
        self.answer(|| self.inner.load(room))
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> Answer<MessageId> {
        self.answer(|| self.inner.append(room, messages))
    }

    fn read(&self, room: &RoomId, ids: RangeInclusive<MessageId>) -> Answer<Vec<Kept>> {
        self.answer(|| self.inner.read(room, ids))
    }
}

/// What a member was sent, and in how many writes.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>);

impl WriteHalf for Sent {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut sent = self.0.lock().unwrap();
        slices.iter().for_each(|slice| sent.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Sent {
    /// Takes the messages that have come whole. None of them here is long.
    fn take(&self) -> Vec<ServerMessage> {
        let mut sent = self.0.lock().unwrap();
        let mut messages = Vec::new();
        while let [0x81, length, rest @ ..] = &sent[..] {
            let (length, start) = match length {
                126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), 4),
                short => (usize::from(*short), 2),
            };
            let text = String::from_utf8(sent[start..start + length].to_vec()).unwrap();
            messages.push(Envelope::parse(&text).unwrap().message);
            sent.drain(..start + length);
        }
        messages
    }
}

/// A member's connection as the test sees it.
struct Line {
    outbox: Arc<Outbox>,
    sent: Sent,
}

struct World {
    hub: Arc<Hub>,
    history: Arc<Moody>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with_grace(Duration::from_secs(20))
    }

    fn with_grace(resume_grace: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let inner = SqliteHistory::open(folder.path(), 10_000).unwrap().history;
        let history = Arc::new(Moody { inner, mood: AtomicU8::new(WORKS) });
        let clock = Clock::new(None).unwrap();
        let settings = HubSettings {
            metrics: Metrics::default(),
            history_kept_messages: 10_000,
            history_kept_for: None,
            resume_grace,
            rooms_max: usize::MAX,
            members_per_room_max: usize::MAX,
            creation: 1,
            epoch: history.epoch().into(),
        };
        let hub = Arc::new(Hub::new(Arc::clone(&history) as Arc<dyn History>, clock, settings));
        Self { hub, history, _folder: folder }
    }

    fn store(&self, mood: u8) {
        self.history.mood.store(mood, Ordering::SeqCst);
    }

    async fn enter(&self) -> (Result<Membership, EnterError>, Line) {
        self.enter_with(None).await
    }

    async fn enter_with(&self, token: Option<&str>) -> (Result<Membership, EnterError>, Line) {
        let sent = Sent::default();
        let outbox =
            Arc::new(Outbox::new(Writing::Other(Box::new(sent.clone())), limits(1_000_000)));
        let visitor = Visitor {
            room: RoomId::new("r").unwrap(),
            nickname: Nickname::new("n").unwrap(),
            token: token.map(|text| SessionToken::new(text).unwrap()),
        };
        (soon(self.hub.enter(visitor, &outbox, None)).await, Line { outbox, sent })
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("waited too long")
}

/// Reads frames until one that the test looks for.
async fn wait_for(line: &Line, wanted: impl Fn(&ServerMessage) -> bool) {
    until(|| line.sent.take().iter().any(&wanted)).await;
}

fn is_storage_error(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Error { code: Some(ErrorCode::Storage), .. })
}

async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn for_whoever_has_gone_no_page_is_read() {
    let world = World::new();
    let (_, line) = world.enter().await;
    world.store(PANICS);
    line.outbox.end(ROOM_ENDED);
    let (room, pid) = (RoomId::new("r").unwrap(), Pid::new(0, 1, 1));
    let encoder = encode::Encoder::new(room.clone(), Clock::new(None).unwrap(), Arc::default());
    let page = pages::read(&world.hub, &room, 1..=50, (&pid, &line.outbox), encoder);
    assert!(soon(page).await.is_none(), "and the store is not asked");
}

#[tokio::test]
async fn an_empty_room_leaves_memory() {
    let world = World::new();
    let (first, line) = world.enter().await;
    let (second, _) = world.enter().await;
    first.as_ref().unwrap().say("x".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { .. })).await;
    assert_eq!(world.hub.rooms_in_memory(), 1);
    first.unwrap().leave(Departure::Left).await;
    second.unwrap().leave(Departure::Left).await;
    until(|| world.hub.rooms_in_memory() == 0).await;
    soon(world.hub.drained()).await;
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves() {
    let world = World::new();
    let (stays, line) = world.enter().await;
    drop(world.enter().await);
    wait_for(&line, |message| *message == ServerMessage::Leave).await;
    drop(stays);
    until(|| world.hub.rooms_in_memory() == 0).await;
}

#[tokio::test]
async fn a_room_that_panics_ends_alone_and_its_members_come_back() {
    let world = World::new();
    let (member, line) = world.enter().await;
    world.store(PANICS);
    member.unwrap().say("x".to_owned()).unwrap();
    assert_eq!(soon(line.outbox.tend()).await, ROOM_ENDED);
    until(|| world.hub.room_panics() == 1).await;
    world.store(WORKS);
    let (member, line) = world.enter().await;
    // Whoever is gone is told nothing more.
    let member = member.unwrap();
    member.say("y".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
}

/// A network that drops hundreds at once does not make a room write hundreds of times to each of
/// those who stay.
#[tokio::test]
async fn a_crowd_that_goes_at_once_is_told_of_in_one_write() {
    const CROWD: usize = 100;
    let world = World::new();
    let (_stays, line) = world.enter().await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(world.enter().await.0.unwrap());
    }
    wait_for(&line, |message| matches!(message, ServerMessage::Join(_))).await;
    tokio::task::yield_now().await;
    line.sent.take();
    let before = line.sent.1.load(Ordering::SeqCst);
    for member in crowd {
        member.leave(Departure::Left).await;
    }
    let mut left = 0;
    until(|| {
        let frames = line.sent.take();
        left += frames.iter().filter(|message| matches!(message, ServerMessage::Leave)).count();
        left == CROWD
    })
    .await;
    assert_eq!(line.sent.1.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn a_room_that_cannot_be_opened_turns_everybody_away_until_it_can() {
    let world = World::new();
    for mood in [FAILS, PANICS] {
        world.store(mood);
        assert!(world.enter().await.0.is_err());
        until(|| world.hub.rooms_in_memory() == 0).await;
    }
    world.store(WORKS);
    assert!(world.enter().await.0.is_ok());
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_is_refused_and_the_next_one_is_kept() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    world.store(FAILS);
    member.say("x".to_owned()).unwrap();
    wait_for(&line, is_storage_error).await;
    world.store(WORKS);
    member.say("y".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_an_error_and_one_that_panics_ends_the_connection() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    for _ in 0..51 {
        member.say("x".to_owned()).unwrap();
    }
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(51), .. })).await;
    world.store(FAILS);
    line.outbox.expect_answer();
    member.history(Cursor(1)).unwrap();
    wait_for(&line, is_storage_error).await;
    soon(line.outbox.answer_written()).await;
    world.store(PANICS);
    member.history(Cursor(1)).unwrap();
    soon(line.outbox.tend()).await;
}

#[tokio::test]
async fn what_is_refused_beside_the_answer_that_is_waited_for_does_not_end_the_waiting() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    line.outbox.expect_answer();
    member.hold_off("beside it".to_owned(), 1, false).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Error { .. })).await;
    assert!(line.outbox.answer_written().now_or_never().is_none());
    member.hold_off("it".to_owned(), 1, true).unwrap();
    soon(line.outbox.answer_written()).await;
}

#[tokio::test]
async fn a_connection_that_waits_to_take_over_is_outdone_by_a_later_one() {
    let world = World::new();
    let token = Some("abcdefghijklmnopqrstuvwxyz");
    let (first, first_line) = world.enter_with(token).await;
    let first = first.unwrap();
    let (second, third) = (world.enter_with(token), world.enter_with(token));
    let ends = async {
        assert_eq!(soon(first_line.outbox.tend()).await, TAKEN_OVER);
        let pid = first.pid().clone();
        // The room has taken both by then: it takes one input after the other.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        first.leave(Departure::Lost).await;
        pid
    };
    let ((second, _), (third, _), pid) = tokio::join!(second, third, ends);
    assert_eq!(second.unwrap_err(), EnterError::TakenOver);
    assert_eq!(third.unwrap().pid(), &pid);
}

#[tokio::test]
async fn a_room_leaves_memory_when_the_last_one_it_waited_for_is_given_up() {
    let world = World::with_grace(Duration::from_millis(50));
    let (first, _) = world.enter_with(Some("abcdefghijklmnopqrstuvwxyz")).await;
    let (second, _) = world.enter_with(Some("ABCDEFGHIJKLMNOPQRSTUVWXYZ")).await;
    first.unwrap().leave(Departure::Lost).await;
    second.unwrap().leave(Departure::Lost).await;
    assert_eq!(world.hub.rooms_in_memory(), 1);
    until(|| world.hub.rooms_in_memory() == 0).await;
}

#[tokio::test]
async fn a_shutdown_waits_for_nobody_who_was_lost() {
    let world = World::with_grace(Duration::from_secs(u64::MAX));
    let (member, _) = world.enter_with(Some("abcdefghijklmnopqrstuvwxyz")).await;
    member.unwrap().leave(Departure::Lost).await;
    soon(world.hub.drained()).await;
    assert_eq!((world.hub.rooms_in_memory(), world.hub.room_panics()), (0, 0));
}
