//! Tests of messages without ids: from a server without history, and from authors who ask the server
//! not to store their messages.

use xmeet_shared::{ErrorCode, ServerMessage};

use super::outbox::Delivery;
use super::tests::{
    NOW, error, frame, greeted_room, members, name, pid, record, send_next, short_rows,
    text_message,
};
use super::*;

fn unstored(text: &str) -> ServerMessage {
    ServerMessage::Normal { text: text.into(), id: None, nickname: None }
}

/// Greets `room` as `me` as a server without history does.
fn greet(room: &mut Room, me: &str) -> Changes {
    room.apply(
        frame(me, ServerMessage::SelfId { pid: pid(me), epoch: None, greeting_bytes: None }),
        NOW,
    );
    room.apply(frame(me, ServerMessage::MemberCount(2)), NOW);
    room.apply(frame(me, members(&["b", me])), NOW);
    room.apply(frame(me, ServerMessage::History(Vec::new())), NOW)
}

fn without_history() -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    assert_eq!(greet(&mut room, "me").request, None);
    room
}

fn deliveries(room: &Room) -> Vec<Delivery> {
    room.outbox().entries().map(|entry| entry.delivery).collect()
}

#[test]
fn history_off_shows_messages_as_they_arrive() {
    let mut room = without_history();
    let changes = room.apply(frame("b", unstored("one")), NOW);
    assert!(changes.rows);
    assert_eq!(changes.new_message.map(|message| message.text.to_string()).as_deref(), Some("one"));
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("c", unstored("one")), NOW);
    room.apply(frame("c", unstored("two")), NOW);
    assert_eq!(short_rows(&room), ["HistoryOff", "+?:nb:one", "C in", "+?:C:one", "?:C:two"]);
    let keys: std::collections::HashSet<_> =
        room.rows(&mut |_| 0).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), room.rows(&mut |_| 0).len());
}

#[test]
fn history_off_own_texts_are_confirmed_by_their_echoes_in_order() {
    let mut room = without_history();
    let first = room.queue_text("x", NOW);
    let second = room.queue_text("x", NOW);
    assert_eq!(send_next(&mut room), first);
    room.apply(frame("b", unstored("x")), NOW);
    assert_eq!(
        deliveries(&room),
        [Delivery::Sending, Delivery::Waiting],
        "the text of another member does not count"
    );
    room.apply(frame("me", unstored("x")), NOW);
    assert_eq!(send_next(&mut room), second);
    room.apply(frame("me", unstored("x")), NOW);
    assert!(deliveries(&room).is_empty());
    assert_eq!(short_rows(&room), ["HistoryOff", "+?:nb:x", "+?:nme*:x", "?:nme*:x"]);
    let keys: Vec<_> = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&RowKey::Local(first)) && keys.contains(&RowKey::Local(second)));
}

#[test]
fn history_off_requests_no_page() {
    let mut room = without_history();
    for n in 0..500 {
        room.apply(frame("b", unstored(&format!("t{n}"))), NOW);
    }
    assert_eq!((room.load_older(true), room.load(1, true), room.load_now(1)), (None, None, None));
    assert_eq!(room.load_newest(), None);
    assert!(!room.is_fetching());
    assert!(!short_rows(&room).iter().any(|row| row.starts_with("gap")));
    assert_eq!(short_rows(&room).len(), 401, "the newest 400 are held");
}

#[test]
fn history_off_lost_connection_leaves_the_text_unconfirmed_without_a_resend() {
    // The member is resumed, or returns as another member.
    for me in ["me", "me2"] {
        let mut room = without_history();
        let local = room.queue_text("x", NOW);
        send_next(&mut room);
        room.on_disconnected();
        greet(&mut room, me);
        assert_eq!(deliveries(&room), [Delivery::Unconfirmed]);
        assert!(room.next_to_send().is_none());
        room.send_again(local);
        assert_eq!(send_next(&mut room), local, "the person resends it");
    }
}

#[test]
fn history_off_with_an_epoch_is_detected_by_an_echo_without_an_id() {
    let mut room = Room::new(Vec::new(), Vec::new());
    let greet = |room: &mut Room| {
        let epoch = Some("e".to_owned());
        room.apply(
            frame("me", ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: None }),
            NOW,
        );
        room.apply(frame("me", members(&["me"])), NOW);
        room.apply(frame("me", ServerMessage::History(Vec::new())), NOW);
    };
    greet(&mut room);
    room.queue_text("a", NOW);
    send_next(&mut room);
    room.apply(frame("me", unstored("a")), NOW);
    room.queue_text("b", NOW);
    send_next(&mut room);
    room.on_disconnected();
    greet(&mut room);
    assert_eq!(deliveries(&room), [Delivery::Unconfirmed]);
    assert_eq!(short_rows(&room)[..3], ["HistoryOff", "+?:nme*:a", "missed"]);
}

#[test]
fn history_switched_on_or_off_leaves_the_text_under_way_unconfirmed() {
    for is_on_first in [true, false] {
        let mut room = Room::new(Vec::new(), Vec::new());
        for is_on in [is_on_first, !is_on_first] {
            let epoch = is_on.then(|| "e".to_owned());
            room.apply(
                frame("me", ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: None }),
                NOW,
            );
            room.apply(frame("me", members(&["me"])), NOW);
            room.apply(frame("me", ServerMessage::History(Vec::new())), NOW);
            if is_on == is_on_first {
                room.queue_text("x", NOW);
                send_next(&mut room);
                room.on_disconnected();
            }
        }
        assert_eq!(deliveries(&room), [Delivery::Unconfirmed], "on first: {is_on_first}");
    }
}

#[test]
fn history_off_reconnects_add_one_line_about_missed_messages() {
    let mut room = without_history();
    room.apply(frame("b", unstored("before")), NOW);
    for _ in 0..3 {
        room.on_disconnected();
        greet(&mut room, "me");
    }
    room.apply(frame("b", unstored("after")), NOW);
    assert_eq!(short_rows(&room), ["HistoryOff", "+?:nb:before", "missed", "+?:nb:after"]);
    room.on_disconnected();
    greet(&mut room, "me");
    assert_eq!(short_rows(&room).last().unwrap(), "missed");
}

#[test]
fn history_off_messages_of_an_unattended_page_count_as_unread() {
    let mut room = without_history();
    room.unread_mut().on_scroll(true, false);
    room.unread_mut().set_attended(false);
    room.apply(frame("b", unstored("one")), NOW);
    room.apply(frame("b", unstored("two")), NOW);
    assert_eq!(room.unread().count(), 2);
    assert_eq!(short_rows(&room), ["HistoryOff", "unread", "+?:nb:one", "?:nb:two"]);
    room.unread_mut().set_attended(true);
    assert_eq!(room.unread().count(), 0);
}

#[test]
fn history_off_refused_text_returns_to_its_author() {
    let mut room = without_history();
    room.queue_text("x", NOW);
    send_next(&mut room);
    let changes = room.apply(frame("me", error(ErrorCode::RateLimited)), NOW);
    assert_eq!(changes.returned_text.as_deref(), Some("x"));
}

#[test]
fn messages_without_ids_stay_where_they_arrived() {
    let mut room = greeted_room();
    room.apply(frame("b", unstored("aside")), NOW);
    room.apply(frame("b", text_message(2, "two")), NOW);
    room.apply(frame("b", unstored("another")), NOW);
    let rows = ["Beginning", "+1:nb:one", "?:nb:aside", "2:nb:two", "?:nb:another"];
    assert_eq!(short_rows(&room), rows);
    // The same page again, and a reconnect, keep their positions.
    let page = vec![record(1, "b", "one"), record(2, "b", "two")];
    room.apply(frame("me", ServerMessage::History(page.clone())), NOW);
    assert_eq!(short_rows(&room), rows);
    room.on_disconnected();
    tests::greet(&mut room, "me", &["b", "me"], page);
    assert_eq!(short_rows(&room), rows);
}

#[test]
fn joins_beyond_the_limit_keep_the_key_of_their_row() {
    let mut room = greeted_room();
    let key_of_lines = |room: &Room| {
        let rows = room.rows(&mut |_| 0);
        rows.into_iter().find_map(|(key, row)| match row {
            Row::Lines(group) => Some((key, group.lines().len())),
            _ => None,
        })
    };
    let mut keys = Vec::new();
    for n in 0..600 {
        room.apply(frame(&format!("p{n}"), ServerMessage::Join(name("P"))), NOW);
        keys.push(key_of_lines(&room).expect("a row of lines"));
    }
    assert!(keys.iter().all(|(key, _)| *key == keys[0].0), "one row, under one key");
    assert_eq!(keys.last().unwrap().1, 400);
}

#[test]
fn another_epoch_has_new_row_keys() {
    let mut room = Room::new(Vec::new(), Vec::new());
    let greet = |room: &mut Room, epoch: &str, author: &str| {
        let epoch = Some(epoch.to_owned());
        room.apply(
            frame("me", ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: None }),
            NOW,
        );
        room.apply(frame("me", members(&["me"])), NOW);
        let page = vec![record(1, author, "one"), record(2, author, "two")];
        room.apply(frame("me", ServerMessage::History(page)), NOW);
        let keys = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key);
        keys.filter(|key| matches!(key, RowKey::Message(..))).collect::<Vec<_>>()
    };
    let before = greet(&mut room, "one", "alice");
    room.on_disconnected();
    let same = greet(&mut room, "one", "alice");
    assert_eq!(before, same, "a reconnect keeps the rows");
    room.on_disconnected();
    let after = greet(&mut room, "two", "carol");
    assert!(after.iter().all(|key| !before.contains(key)));
    room.on_disconnected();
    // A restored older copy has the same epoch and other texts.
    let restored = greet(&mut room, "two", "dave");
    assert!(restored.iter().all(|key| !after.contains(key)));
}

#[test]
fn message_or_page_of_another_history_replaces_the_log() {
    let mut room = greeted_room();
    room.apply(frame("b", text_message(2, "two")), NOW);
    room.apply(frame("c", text_message(2, "other")), NOW);
    assert_eq!(short_rows(&room).last().unwrap(), "+2:c:other");
    assert!(room.log().get(1).is_none());
    let page = vec![record(1, "z", "first"), record(2, "z", "second")];
    room.apply(frame("me", ServerMessage::History(page)), NOW);
    assert_eq!(short_rows(&room), ["Beginning", "+1:nz:first", "2:nz:second"]);
}
