//! Goal: the hub handles failures of the store and of connections. Method: a real SQLite store in a
//! wrapper that fails, panics or stalls on demand.

mod joins;
mod long_pages;
mod panics;
mod presence;
mod waiting;

use std::future::pending;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
use std::task::{Context, Poll};

use tempfile::TempDir;
use tokio::sync::Notify;
use xmeet_shared::{Cursor, ErrorCode, MessageId, Nickname, SessionToken};

use super::*;
use crate::history::sqlite::SqliteHistory;
use crate::history::{OpenRoom, StoreFuture};
use crate::room::{Message, StoredMessage};
use crate::wire::stream::{WriteHalf, Writing};
use crate::wire::test_socket::limits;

/// Time limit of each wait, so that a failing test does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Modes of [`FaultyHistory`].
const WORKS: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;
const STALLS_READS: u8 = 3;
const STALLS_APPENDS: u8 = 4;

/// A store that fails, panics or stalls on demand.
struct FaultyHistory {
    inner: SqliteHistory,
    mode: AtomicU8,
    /// Releases stalled reads.
    reads: Arc<Notify>,
    /// Releases stalled appends.
    appends: Arc<Notify>,
}

impl FaultyHistory {
    fn answer<T: Send + 'static>(&self, ask: impl FnOnce() -> StoreFuture<T>) -> StoreFuture<T> {
        match self.mode.load(Ordering::SeqCst) {
            FAILS => Box::pin(async { Err(HistoryError::Storage("on purpose".to_owned())) }),
            PANICS => Box::pin(async { panic!("on purpose") }),
            _ => ask(),
        }
    }
}

impl History for FaultyHistory {
    fn epoch(&self) -> &str {
        self.inner.epoch()
    }

    fn load(&self, room: &RoomId) -> StoreFuture<OpenRoom> {
        self.answer(|| self.inner.load(room))
    }

    fn append(&self, room: &RoomId, messages: Vec<Arc<Message>>) -> StoreFuture<MessageId> {
        if self.mode.load(Ordering::SeqCst) != STALLS_APPENDS {
            return self.answer(|| self.inner.append(room, messages));
        }
        let (released, answer) = (Arc::clone(&self.appends), self.inner.append(room, messages));
        Box::pin(async move {
            released.notified().await;
            answer.await
        })
    }

    fn read(
        &self,
        room: &RoomId,
        ids: RangeInclusive<MessageId>,
    ) -> StoreFuture<Vec<StoredMessage>> {
        if self.mode.load(Ordering::SeqCst) != STALLS_READS {
            return self.answer(|| self.inner.read(room, ids));
        }
        let (released, answer) = (Arc::clone(&self.reads), self.inner.read(room, ids));
        Box::pin(async move {
            released.notified().await;
            answer.await
        })
    }
}

/// The bytes sent to a member, and the number of writes. The next write panics if the flag is set.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>, Arc<AtomicBool>);

impl WriteHalf for Sent {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::SeqCst);
        assert!(!self.2.swap(false, Ordering::SeqCst), "a test asked for this panic");
        let mut sent = self.0.lock().unwrap();
        slices.iter().for_each(|slice| sent.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Sent {
    /// Removes the complete messages.
    fn take(&self) -> Vec<ServerMessage> {
        self.take_envelopes().into_iter().map(|envelope| envelope.message).collect()
    }

    /// Removes the complete frames.
    fn take_envelopes(&self) -> Vec<Envelope> {
        let mut sent = self.0.lock().unwrap();
        let texts = xmeet_testframes::take_all(&mut sent).unwrap();
        texts.into_iter().map(|frame| Envelope::parse(&frame.text()).unwrap()).collect()
    }
}

/// A member's connection.
struct Line {
    outbox: Arc<Outbox>,
    sent: Sent,
}

struct World {
    hub: Arc<Hub>,
    history: Arc<FaultyHistory>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with_grace(Duration::from_secs(20))
    }

    fn with_grace(resume_grace: Duration) -> Self {
        Self::with(|settings| settings.resume_grace = resume_grace)
    }

    /// Creates a world with changed settings.
    fn with(change: impl FnOnce(&mut HubSettings)) -> Self {
        let folder = TempDir::new().unwrap();
        let inner = SqliteHistory::open(folder.path(), 10_000).unwrap().history;
        let (mode, reads, appends) = (AtomicU8::new(WORKS), Arc::default(), Arc::default());
        let history = Arc::new(FaultyHistory { inner, mode, reads, appends });
        let clock = Clock::new(None).unwrap();
        let mut settings = HubSettings {
            metrics: Metrics::default(),
            history_kept_messages: 10_000,
            held_text_bytes_max: crate::room::HELD_TEXT_BYTES_MAX_DEFAULT,
            history_kept_for: None,
            resume_grace: Duration::from_secs(20),
            rooms_max: usize::MAX,
            members_per_room_max: usize::MAX,
            joins_per_room: None,
            creation: 1,
        };
        change(&mut settings);
        let hub = Arc::new(Hub::new(Arc::clone(&history) as Arc<dyn History>, clock, settings));
        Self { hub, history, _folder: folder }
    }

    fn set_store_mode(&self, mode: u8) {
        self.history.mode.store(mode, Ordering::SeqCst);
    }

    async fn enter(&self) -> (Result<Membership, JoinError>, Line) {
        self.enter_with(None).await
    }

    /// Joins, and sends more texts than a room holds, so that later greetings read a page. Discards the
    /// frames received so far.
    async fn enter_long_room(&self) -> (Membership, Line) {
        let (member, line) = self.enter().await;
        let member = member.unwrap();
        for _ in 0..4 {
            member.say("x".repeat(60_000)).unwrap();
        }
        until(|| line.sent.0.lock().unwrap().len() > 4 * 60_000).await;
        line.sent.0.lock().unwrap().clear();
        (member, line)
    }

    async fn enter_with(&self, token: Option<&str>) -> (Result<Membership, JoinError>, Line) {
        let (join_request, line) = Self::join_request(token);
        (soon(self.hub.join(join_request, &line.outbox, None, pending())).await, line)
    }

    /// Creates a join request and a connection for it.
    fn join_request(token: Option<&str>) -> (JoinRequest, Line) {
        let sent = Sent::default();
        let outbox =
            Arc::new(Outbox::new(Writing::Other(Box::new(sent.clone())), limits(1_000_000)));
        let join_request = JoinRequest {
            is_stored: true,
            room: RoomId::new("r").unwrap(),
            nickname: Nickname::new("n").unwrap(),
            token: token.map(|text| SessionToken::new(text).unwrap()),
        };
        (join_request, Line { outbox, sent })
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("waited too long")
}

/// Reads frames until one matches.
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
async fn page_for_a_closed_connection_is_not_read() {
    let world = World::new();
    let (_, line) = world.enter().await;
    world.set_store_mode(PANICS);
    line.outbox.close_with(ROOM_ENDED);
    let (room, pid) = (RoomId::new("r").unwrap(), Pid::new(0, 1, 1));
    let encoder = Encoder::new(room.clone(), Clock::new(None).unwrap(), Arc::default());
    let page = pages::read(&world.hub, &room, 1..=50, (&pid, &line.outbox), encoder);
    assert!(soon(page).await.is_none(), "and the store is not asked");
}

#[tokio::test]
async fn empty_room_leaves_memory() {
    let world = World::new();
    let (first, line) = world.enter().await;
    let (second, _) = world.enter().await;
    first.as_ref().unwrap().say("x".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { .. })).await;
    assert_eq!(world.hub.rooms_in_memory(), 1);
    first.unwrap().leave(Disconnect::Clean).await;
    second.unwrap().leave(Disconnect::Clean).await;
    until(|| world.hub.rooms_in_memory() == 0).await;
    soon(world.hub.drained()).await;
}

#[tokio::test]
async fn dropped_membership_leaves_the_room() {
    let world = World::new();
    let (stays, line) = world.enter().await;
    drop(world.enter().await);
    wait_for(&line, |message| *message == ServerMessage::Leave).await;
    drop(stays);
    until(|| world.hub.rooms_in_memory() == 0).await;
}

/// When a network failure disconnects hundreds of members, the room writes once to each remaining
/// member.
#[tokio::test]
async fn mass_disconnect_is_one_write() {
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
        member.leave(Disconnect::Clean).await;
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
async fn unreadable_room_rejects_newcomers_until_it_can_be_read() {
    let world = World::new();
    for mode in [FAILS, PANICS] {
        world.set_store_mode(mode);
        assert!(world.enter().await.0.is_err());
        until(|| world.hub.rooms_in_memory() == 0).await;
    }
    world.set_store_mode(WORKS);
    assert!(world.enter().await.0.is_ok());
}

#[tokio::test]
async fn failed_append_refuses_its_message_and_the_next_one_is_stored() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    world.set_store_mode(FAILS);
    member.say("x".to_owned()).unwrap();
    wait_for(&line, is_storage_error).await;
    world.set_store_mode(WORKS);
    member.say("y".to_owned()).unwrap();
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
}

#[tokio::test]
async fn unreadable_page_is_an_error_and_a_panic_closes_the_connection() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    for _ in 0..51 {
        member.say("x".to_owned()).unwrap();
    }
    wait_for(&line, |message| matches!(message, ServerMessage::Normal { id: Some(51), .. })).await;
    world.set_store_mode(FAILS);
    line.outbox.expect_answer();
    member.history(Cursor(1)).unwrap();
    wait_for(&line, is_storage_error).await;
    soon(line.outbox.wait_for_answer()).await;
    world.set_store_mode(PANICS);
    member.history(Cursor(1)).unwrap();
    soon(line.outbox.drive_writes()).await;
    assert_eq!(world.hub.metrics().panics.counted("page_reader"), 1);
}

#[tokio::test]
async fn barrier_is_reached_behind_the_answers_to_earlier_messages() {
    let world = World::new();
    let (member, line) = world.enter().await;
    let member = member.unwrap();
    for number in 0..20 {
        member.say(number.to_string()).unwrap();
    }
    assert!(line.outbox.expect_barrier());
    member.barrier().unwrap();
    soon(line.outbox.wait_for_barrier()).await;
    let envelopes = line.sent.take_envelopes();
    assert_eq!(envelopes.iter().filter(|sent| sent.message.kind() == "normal").count(), 20);
}

#[tokio::test]
async fn later_connection_replaces_one_that_waits_to_take_over() {
    let world = World::new();
    let token = Some("abcdefghijklmnopqrstuvwxyz");
    let (first, first_line) = world.enter_with(token).await;
    let first = first.unwrap();
    let third = world.enter_with(token);
    let second_and_end = async {
        // The room rejects the second connection when the third one arrives.
        let (second, _) = world.enter_with(token).await;
        assert_eq!(second.unwrap_err(), JoinError::TakenOver);
        assert_eq!(soon(first_line.outbox.drive_writes()).await, TAKEN_OVER);
        let pid = first.pid().clone();
        first.leave(Disconnect::Lost).await;
        pid
    };
    let (pid, (third, _)) = tokio::join!(second_and_end, third);
    assert_eq!(third.unwrap().pid(), &pid);
}

#[tokio::test]
async fn room_leaves_memory_with_its_last_grace_period() {
    let world = World::with_grace(Duration::from_millis(50));
    let (first, _) = world.enter_with(Some("abcdefghijklmnopqrstuvwxyz")).await;
    let (second, _) = world.enter_with(Some("ABCDEFGHIJKLMNOPQRSTUVWXYZ")).await;
    first.unwrap().leave(Disconnect::Lost).await;
    second.unwrap().leave(Disconnect::Lost).await;
    assert_eq!(world.hub.rooms_in_memory(), 1);
    until(|| world.hub.rooms_in_memory() == 0).await;
}

#[tokio::test]
async fn shutdown_ends_grace_periods() {
    let world = World::with_grace(Duration::from_secs(u64::MAX));
    let (member, _) = world.enter_with(Some("abcdefghijklmnopqrstuvwxyz")).await;
    member.unwrap().leave(Disconnect::Lost).await;
    soon(world.hub.drained()).await;
    assert_eq!((world.hub.rooms_in_memory(), world.hub.room_panics()), (0, 0));
}
