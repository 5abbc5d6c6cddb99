//! Goal: what the hub promises when things go wrong around a room. Method: a real SQLite store,
//! wrapped so that a test can make it fail or panic at will.

use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

use tempfile::TempDir;
use xmeet_shared::{Cursor, Envelope, MessageId, ServerMessage};

use super::*;
use crate::history::Answer;
use crate::history::sqlite::SqliteHistory;
use crate::room::{Kept, Message, Stored};
use crate::ws::outbox::Frame;

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

struct World {
    hub: Arc<Hub>,
    history: Arc<Moody>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let inner = SqliteHistory::open(folder.path(), 10_000).unwrap().history;
        let history = Arc::new(Moody { inner, mood: AtomicU8::new(WORKS) });
        let clock = Clock::new(None).unwrap();
        let hub = Arc::new(Hub::new(Arc::clone(&history) as Arc<dyn History>, clock, 10_000, 1));
        Self { hub, history, _folder: folder }
    }

    fn store(&self, mood: u8) {
        self.history.mood.store(mood, Ordering::SeqCst);
    }

    async fn enter(&self) -> (Result<Membership, HistoryError>, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::new(1_000_000));
        let room = RoomId::new("r").unwrap();
        let nickname = Nickname::new("n").unwrap();
        (soon(self.hub.enter(&room, &nickname, &outbox)).await, outbox)
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("waited too long")
}

/// Reads frames until one that the test looks for.
async fn wait_for(outbox: &Outbox, wanted: impl Fn(&ServerMessage) -> bool) {
    loop {
        let frames = soon(outbox.take()).await.expect("the connection goes on");
        outbox.written();
        for frame in frames {
            let Frame::Text(bytes) = frame else { continue };
            let text = std::str::from_utf8(&bytes).unwrap();
            if wanted(&Envelope::parse(text).unwrap().message) {
                return;
            }
        }
    }
}

fn is_storage_error(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Error { code: Some(ErrorCode::Storage), .. })
}

async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_room_leaves_memory() {
    let world = World::new();
    let (first, outbox) = world.enter().await;
    let (second, _) = world.enter().await;
    first.as_ref().unwrap().say("x".to_owned()).await.unwrap();
    wait_for(&outbox, |message| matches!(message, ServerMessage::Normal { .. })).await;
    assert_eq!(world.hub.rooms_in_memory(), 1);
    first.unwrap().leave().await;
    second.unwrap().leave().await;
    until(|| world.hub.rooms_in_memory() == 0).await;
    soon(world.hub.drained()).await;
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves() {
    let world = World::new();
    let (stays, outbox) = world.enter().await;
    drop(world.enter().await);
    wait_for(&outbox, |message| *message == ServerMessage::Leave).await;
    drop(stays);
    until(|| world.hub.rooms_in_memory() == 0).await;
}

#[tokio::test]
async fn a_room_that_panics_ends_alone_and_its_members_come_back() {
    let world = World::new();
    let (member, outbox) = world.enter().await;
    world.store(PANICS);
    member.unwrap().say("x".to_owned()).await.unwrap();
    assert_eq!(soon(outbox.ended()).await, ROOM_ENDED);
    until(|| world.hub.room_panics() == 1).await;
    world.store(WORKS);
    let (member, outbox) = world.enter().await;
    member.unwrap().say("y".to_owned()).await.unwrap();
    wait_for(&outbox, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
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
    let (member, outbox) = world.enter().await;
    let member = member.unwrap();
    world.store(FAILS);
    member.say("x".to_owned()).await.unwrap();
    wait_for(&outbox, is_storage_error).await;
    world.store(WORKS);
    member.say("y".to_owned()).await.unwrap();
    wait_for(&outbox, |message| matches!(message, ServerMessage::Normal { id: Some(1), .. })).await;
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_an_error_and_one_that_panics_ends_the_connection() {
    let world = World::new();
    let (member, outbox) = world.enter().await;
    let member = member.unwrap();
    for _ in 0..51 {
        member.say("x".to_owned()).await.unwrap();
    }
    wait_for(&outbox, |message| matches!(message, ServerMessage::Normal { id: Some(51), .. }))
        .await;
    world.store(FAILS);
    member.history(Cursor(1)).await.unwrap();
    wait_for(&outbox, is_storage_error).await;
    soon(outbox.page_written()).await;
    world.store(PANICS);
    member.history(Cursor(1)).await.unwrap();
    soon(outbox.ended()).await;
}
