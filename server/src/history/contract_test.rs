//! Checks that every storage engine must pass. An engine's own tests call [`check_contract`] with an
//! empty store, and [`check_bounded_contract`] with an empty store of at most [`SMALL_BYTES_MAX`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use xmeet_shared::{Nickname, Pid, RoomId};

use super::{History, HistoryError};
use crate::room::{Message, StoredMessage};

pub(super) fn room(name: &str) -> RoomId {
    RoomId::new(name).unwrap()
}

pub(super) fn message(text: &str) -> Arc<Message> {
    let nickname = Nickname::new("小明 <b>").unwrap();
    Arc::new(Message {
        from: Pid::new(0, 7, 1),
        nickname,
        text: text.to_owned(),
        ts: 1_793_869_501_042,
    })
}

pub(super) fn texts(kept: &[StoredMessage]) -> Vec<(u64, &str)> {
    kept.iter().map(|kept| (kept.id, kept.message.text.as_str())).collect()
}

/// Appends `count` messages in one batch. The text of each message is its id.
pub(super) async fn fill(history: &dyn History, room: &RoomId, count: u64) {
    let start = history.load(room).await.unwrap().newest;
    let messages = (start + 1..=start + count).map(|id| message(&id.to_string())).collect();
    assert_eq!(history.append(room, messages).await.unwrap(), start + 1);
}

/// Runs every check that needs no bound against an empty store.
pub(super) async fn check_contract(history: &dyn History) {
    unknown_room_is_empty(history).await;
    appends_get_consecutive_ids(history).await;
    message_is_read_back_unchanged(history).await;
    load_returns_the_newest_page(history).await;
    room_names_are_case_sensitive(history).await;
    concurrent_appends_land_in_their_own_rooms(history).await;
}

async fn unknown_room_is_empty(history: &dyn History) {
    let stored = history.load(&room("never")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (1, 0, 0));
    assert_eq!(history.read(&room("never"), 1..=50).await.unwrap(), []);
}

async fn appends_get_consecutive_ids(history: &dyn History) {
    let room = room("ids");
    assert_eq!(history.append(&room, vec![message("a")]).await.unwrap(), 1);
    assert_eq!(history.append(&room, vec![message("b"), message("c")]).await.unwrap(), 2);
    assert_eq!(history.append(&room, vec![message("d")]).await.unwrap(), 4);
    let read = history.read(&room, 2..=3).await.unwrap();
    assert_eq!(texts(&read), [(2, "b"), (3, "c")]);
    assert_eq!(texts(&history.read(&room, 4..=9).await.unwrap()), [(4, "d")]);
}

async fn message_is_read_back_unchanged(history: &dyn History) {
    let room = room("聊天室 '; DROP TABLE message; --");
    let strange = ["", "\0a\0", "line\nline\r\n", "'\"\\", "👨‍👩‍👧", "\u{202e}x", "\u{fffd}"];
    let sent: Vec<_> = strange.iter().map(|text| message(text)).collect();
    history.append(&room, sent.clone()).await.unwrap();
    let read = history.read(&room, 1..=strange.len() as u64).await.unwrap();
    let messages: Vec<_> = read.into_iter().map(|kept| kept.message).collect();
    assert_eq!(messages, sent);
}

async fn load_returns_the_newest_page(history: &dyn History) {
    let room = room("tail");
    for (added, newest, first) in [(49, 49, 1), (1, 50, 1), (1, 51, 2), (69, 120, 71)] {
        fill(history, &room, added).await;
        let stored = history.load(&room).await.unwrap();
        assert_eq!((stored.oldest, stored.newest), (1, newest));
        let ids: Vec<_> = stored.tail.iter().map(|kept| kept.id).collect();
        assert_eq!(ids, (first..=newest).collect::<Vec<_>>());
    }
}

async fn room_names_are_case_sensitive(history: &dyn History) {
    fill(history, &room("one"), 3).await;
    fill(history, &room("ONE"), 1).await;
    assert_eq!(history.load(&room("one")).await.unwrap().newest, 3);
    assert_eq!(history.load(&room("ONE")).await.unwrap().newest, 1);
}

async fn concurrent_appends_land_in_their_own_rooms(history: &dyn History) {
    let work = (0..40).map(|number| async move {
        let room = room(&format!("many{number}"));
        for round in 0..10 {
            let text = format!("{number}/{round}");
            let id = history.append(&room, vec![message(&text)]).await.unwrap();
            let read = history.read(&room, id..=id).await.unwrap();
            assert_eq!(texts(&read), [(round + 1, text.as_str())]);
        }
    });
    futures_util::future::join_all(work).await;
}

/// The bound of the store that [`check_bounded_contract`] expects, in bytes.
pub(super) const SMALL_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Length of a long text. Some hundred of these fill a store of [`SMALL_BYTES_MAX`].
const LONG_BYTES: usize = 60_000;

/// Long messages in each room of [`write_rooms`].
const FILLER_MESSAGES: u64 = 20;

/// Runs the eviction checks against an empty store that may grow to [`SMALL_BYTES_MAX`].
pub(super) async fn check_bounded_contract(history: &dyn History) {
    full_store_evicts_closed_rooms_whole_and_keeps_open_rooms(history).await;
    evicted_room_restarts_with_a_new_epoch(history).await;
    full_store_of_open_rooms_trims_the_largest_room(history).await;
    full_store_of_single_messages_rejects_appends_until_rooms_close(history).await;
}

/// Writes long messages to rooms that are not open, at least `bytes` in all. Returns the rooms.
pub(super) async fn write_rooms(history: &dyn History, name: &str, bytes: u64) -> Vec<RoomId> {
    let long = "x".repeat(LONG_BYTES);
    let count = bytes / (FILLER_MESSAGES * LONG_BYTES as u64);
    let rooms: Vec<_> = (0..=count).map(|number| room(&format!("{name}{number}"))).collect();
    for room in &rooms {
        for _ in 0..FILLER_MESSAGES {
            history.append(room, vec![message(&long)]).await.unwrap();
        }
    }
    rooms
}

async fn full_store_evicts_closed_rooms_whole_and_keeps_open_rooms(history: &dyn History) {
    let kept = room("kept");
    fill(history, &kept, 70).await;
    let open = history.load(&kept).await.unwrap();
    let rooms = write_rooms(history, "unused", 2 * SMALL_BYTES_MAX).await;
    let mut newest = Vec::new();
    for room in &rooms {
        let stored = history.load(room).await.unwrap();
        assert_eq!(stored.oldest, 1);
        newest.push(stored.newest);
    }
    let evicted = newest.iter().take_while(|newest| **newest == 0).count();
    assert!(evicted >= rooms.len() / 2 && evicted < rooms.len(), "{newest:?}");
    assert!(newest[evicted..].iter().all(|newest| *newest == FILLER_MESSAGES), "{newest:?}");
    let reopened = history.load(&kept).await.unwrap();
    assert_eq!((reopened.oldest, reopened.newest, &reopened.epoch), (1, 70, &open.epoch));
    assert_eq!(history.read(&kept, 1..=70).await.unwrap().len(), 70);
    assert_eq!(history.append(&kept, vec![message("71")]).await.unwrap(), 71);
}

async fn evicted_room_restarts_with_a_new_epoch(history: &dyn History) {
    let lost = room("lost");
    fill(history, &lost, 5).await;
    let before = history.load(&lost).await.unwrap().epoch;
    assert_eq!(history.load(&lost).await.unwrap().epoch, before, "unchanged while ids continue");
    write_rooms(history, "later", 2 * SMALL_BYTES_MAX).await;
    let open = history.load(&lost).await.unwrap();
    assert_eq!((open.oldest, open.newest, open.tail.len()), (1, 0, 0));
    assert_ne!(open.epoch, before);
    // Evicting other rooms before the first message of the new room must not change its epoch.
    write_rooms(history, "meanwhile", SMALL_BYTES_MAX).await;
    assert_eq!(history.append(&lost, vec![message("1")]).await.unwrap(), 1);
    assert_eq!(history.load(&lost).await.unwrap().epoch, open.epoch);
    let safe = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    assert!(open.epoch.chars().all(safe), "{}", open.epoch);
}

async fn full_store_of_open_rooms_trims_the_largest_room(history: &dyn History) {
    let (large, small) = (room("large"), room("small"));
    let _open = history.load(&large).await.unwrap();
    fill(history, &small, 10).await;
    let _open = history.load(&small).await.unwrap();
    let long = "x".repeat(LONG_BYTES);
    let count = 2 * SMALL_BYTES_MAX / LONG_BYTES as u64;
    for id in 1..=count {
        assert_eq!(history.append(&large, vec![message(&long)]).await.unwrap(), id);
    }
    let stored = history.load(&large).await.unwrap();
    assert!(stored.oldest > count / 4 && stored.oldest < count, "{}", stored.oldest);
    assert_eq!(stored.newest, count);
    let held = history.read(&large, 1..=count).await.unwrap();
    assert_eq!(held.len() as u64, count + 1 - stored.oldest);
    let stored = history.load(&small).await.unwrap();
    assert_eq!((stored.oldest, stored.newest), (1, 10), "only the largest room is trimmed");
}

async fn full_store_of_single_messages_rejects_appends_until_rooms_close(history: &dyn History) {
    let long = "x".repeat(LONG_BYTES);
    let (mut open, mut refusal) = (Vec::new(), None);
    // The single message of a room is its newest and is never trimmed.
    for number in 0..2 * SMALL_BYTES_MAX / LONG_BYTES as u64 {
        let room = room(&format!("open{number}"));
        open.push((room.clone(), history.load(&room).await.unwrap()));
        if let Err(error) = history.append(&room, vec![message(&long)]).await {
            refusal = Some(error);
            break;
        }
    }
    assert!(matches!(refusal, Some(HistoryError::Storage(_))), "{refusal:?}");
    let (first, _) = &open[0];
    assert_eq!(history.read(first, 1..=1).await.unwrap().len(), 1, "reads still work");
    open.clear();
    // A rejected append makes the engine look for evictable rooms again, at most once a second.
    let deadline = Instant::now() + RECOVERY_TIMEOUT;
    while history.append(&room("after"), vec![message(&long)]).await.is_err() {
        assert!(Instant::now() < deadline, "the store accepts appends again");
        sleep(Duration::from_millis(50)).await;
    }
}

/// How long a full store may take to accept appends after a room becomes evictable.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);
