//! What every engine must do. An engine's own tests call [`holds`] with a fresh store.

use std::sync::Arc;

use xmeet_shared::{Nickname, Pid, RoomId};

use super::History;
use crate::room::{Kept, Message};

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

pub(super) fn texts(kept: &[Kept]) -> Vec<(u64, &str)> {
    kept.iter().map(|kept| (kept.id, kept.message.text.as_str())).collect()
}

/// Appends `count` messages, one after the other, whose texts are their ids.
pub(super) async fn fill(history: &dyn History, room: &RoomId, count: u64) {
    let start = history.load(room).await.unwrap().newest;
    let messages = (start + 1..=start + count).map(|id| message(&id.to_string())).collect();
    assert_eq!(history.append(room, messages).await.unwrap(), start + 1);
}

/// Runs every check against an empty store.
pub(super) async fn holds(history: &dyn History) {
    a_room_never_seen_is_empty(history).await;
    ids_follow_one_another(history).await;
    a_message_comes_back_as_it_was(history).await;
    a_load_brings_the_newest_page(history).await;
    rooms_are_apart(history).await;
    what_was_answered_can_be_read(history).await;
}

async fn a_room_never_seen_is_empty(history: &dyn History) {
    let stored = history.load(&room("never")).await.unwrap();
    assert_eq!((stored.oldest, stored.newest, stored.tail.len()), (1, 0, 0));
    assert_eq!(history.read(&room("never"), 1..=50).await.unwrap(), []);
}

async fn ids_follow_one_another(history: &dyn History) {
    let room = room("ids");
    assert_eq!(history.append(&room, vec![message("a")]).await.unwrap(), 1);
    assert_eq!(history.append(&room, vec![message("b"), message("c")]).await.unwrap(), 2);
    assert_eq!(history.append(&room, vec![message("d")]).await.unwrap(), 4);
    let read = history.read(&room, 2..=3).await.unwrap();
    assert_eq!(texts(&read), [(2, "b"), (3, "c")]);
    assert_eq!(texts(&history.read(&room, 4..=9).await.unwrap()), [(4, "d")]);
}

async fn a_message_comes_back_as_it_was(history: &dyn History) {
    let room = room("聊天室 '; DROP TABLE message; --");
    let strange = ["", "\0a\0", "line\nline\r\n", "'\"\\", "👨‍👩‍👧", "\u{202e}x", "\u{fffd}"];
    let sent: Vec<_> = strange.iter().map(|text| message(text)).collect();
    history.append(&room, sent.clone()).await.unwrap();
    let read = history.read(&room, 1..=strange.len() as u64).await.unwrap();
    let messages: Vec<_> = read.into_iter().map(|kept| kept.message).collect();
    assert_eq!(messages, sent);
}

async fn a_load_brings_the_newest_page(history: &dyn History) {
    let room = room("tail");
    for (added, newest, first) in [(49, 49, 1), (1, 50, 1), (1, 51, 2), (69, 120, 71)] {
        fill(history, &room, added).await;
        let stored = history.load(&room).await.unwrap();
        assert_eq!((stored.oldest, stored.newest), (1, newest));
        let ids: Vec<_> = stored.tail.iter().map(|kept| kept.id).collect();
        assert_eq!(ids, (first..=newest).collect::<Vec<_>>());
    }
}

async fn rooms_are_apart(history: &dyn History) {
    fill(history, &room("one"), 3).await;
    fill(history, &room("ONE"), 1).await;
    assert_eq!(history.load(&room("one")).await.unwrap().newest, 3);
    assert_eq!(history.load(&room("ONE")).await.unwrap().newest, 1);
}

/// Many rooms at once: no append is lost, none lands in another room.
async fn what_was_answered_can_be_read(history: &dyn History) {
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
