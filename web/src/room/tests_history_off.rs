//! Tests of messages without ids: from a server without history, and from authors who ask the
//! server not to store their messages.

use xmeet_shared::{ErrorCode, Record, ServerMessage};

use super::outbox::Delivery;
use super::tests::{
    NOW, error, frame, greeted_room, members, name, pid, record, send_next, short_rows,
    text_message,
};
use super::*;

/// Returns a live message without an id, which the server does not store.
fn unstored(text: &str) -> ServerMessage {
    ServerMessage::Normal { text: text.into(), id: None, nickname: None }
}

/// Gives `room` the greeting of a server without history: the members `b` and `me` (the own one),
/// no epoch and an empty page 0.
fn greet(room: &mut Room, me: &str) -> Changes {
    room.apply(
        frame(me, ServerMessage::SelfId { pid: pid(me), epoch: None, greeting_bytes: None }),
        NOW,
    );
    room.apply(frame(me, ServerMessage::MemberCount(2)), NOW);
    room.apply(frame(me, members(&["b", me])), NOW);
    room.apply(frame(me, ServerMessage::History(Vec::new())), NOW)
}

/// Gives `room` a greeting in which the member `me` is alone, with this epoch and page 0.
fn greet_alone(room: &mut Room, epoch: Option<&str>, page: Vec<Record>) {
    let epoch = epoch.map(str::to_owned);
    let self_id = ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: None };
    for message in [self_id, members(&["me"]), ServerMessage::History(page)] {
        room.apply(frame("me", message), NOW);
    }
}

/// Returns a room that a server without history has greeted as `me`.
fn room_without_history() -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    assert_eq!(greet(&mut room, "me").request, None);
    room
}

/// Returns the delivery states of the outbox, oldest text first.
fn deliveries(room: &Room) -> Vec<Delivery> {
    room.outbox().entries().map(|entry| entry.delivery).collect()
}

#[test]
fn history_off_shows_messages_as_they_arrive() {
    let mut room = room_without_history();
    let changes = room.apply(frame("b", unstored("one")), NOW);
    assert!(changes.rows);
    assert_eq!(changes.new_message.map(|message| message.text.to_string()).as_deref(), Some("one"));
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("c", unstored("one")), NOW);
    room.apply(frame("c", unstored("two")), NOW);
    assert_eq!(short_rows(&room), ["HistoryOff", "+?:nb:one", "C in", "+?:C:one", "?:C:two"]);
    let rows = room.rows(&mut |_| 0);
    let keys: std::collections::HashSet<_> = rows.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), rows.len(), "the keys are distinct");
}

#[test]
fn history_off_own_texts_are_confirmed_by_their_echoes_in_order() {
    let mut room = room_without_history();
    let first = room.queue_text("x", NOW);
    let second = room.queue_text("x", NOW);
    assert_eq!(send_next(&mut room), first);
    room.apply(frame("b", unstored("x")), NOW);
    assert_eq!(
        deliveries(&room),
        [Delivery::Sending, Delivery::Waiting],
        "the same text of another member confirms nothing"
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
    let mut room = room_without_history();
    for n in 0..500 {
        room.apply(frame("b", unstored(&format!("t{n}"))), NOW);
    }
    assert_eq!(room.load_older(true), None);
    assert_eq!(room.load(1, true), None);
    assert_eq!(room.load_now(1), None);
    assert_eq!(room.load_newest(), None);
    assert!(!room.is_fetching());
    let rows = short_rows(&room);
    assert!(!rows.iter().any(|row| row.starts_with("gap")));
    assert_eq!(rows.len(), 1 + 400, "the upper end, and the newest 400 messages");
}

#[test]
fn history_off_lost_connection_leaves_the_text_unconfirmed_without_a_resend() {
    // The member is resumed, or returns as another member.
    for me in ["me", "me2"] {
        let mut room = room_without_history();
        let local = room.queue_text("x", NOW);
        send_next(&mut room);
        room.on_disconnected();
        greet(&mut room, me);
        assert_eq!(deliveries(&room), [Delivery::Unconfirmed]);
        assert!(room.next_to_send().is_none());
        room.send_again(local);
        assert_eq!(send_next(&mut room), local, "the person sends the text again");
    }
}

#[test]
fn history_off_with_an_epoch_is_detected_by_an_echo_without_an_id() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet_alone(&mut room, Some("e"), Vec::new());
    room.queue_text("a", NOW);
    send_next(&mut room);
    room.apply(frame("me", unstored("a")), NOW);
    room.queue_text("b", NOW);
    send_next(&mut room);
    room.on_disconnected();
    greet_alone(&mut room, Some("e"), Vec::new());
    assert_eq!(deliveries(&room), [Delivery::Unconfirmed]);
    assert_eq!(short_rows(&room)[..3], ["HistoryOff", "+?:nme*:a", "missed"]);
}

#[test]
fn history_switched_on_or_off_leaves_the_text_in_flight_unconfirmed() {
    // A server with a history sends an epoch, a server without a history does not.
    for (epoch_before, epoch_after) in [(Some("e"), None), (None, Some("e"))] {
        let mut room = Room::new(Vec::new(), Vec::new());
        greet_alone(&mut room, epoch_before, Vec::new());
        room.queue_text("x", NOW);
        send_next(&mut room);
        room.on_disconnected();
        greet_alone(&mut room, epoch_after, Vec::new());
        assert_eq!(deliveries(&room), [Delivery::Unconfirmed], "epoch before: {epoch_before:?}");
    }
}

#[test]
fn history_off_reconnects_add_one_line_about_missed_messages() {
    let mut room = room_without_history();
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
    let mut room = room_without_history();
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
    let mut room = room_without_history();
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
    // A second copy of the page and a reconnect do not move these messages.
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
    // Returns the key of the row of joins, and the number of joins in the row.
    let row_of_joins = |room: &Room| {
        let rows = room.rows(&mut |_| 0);
        let found = rows.into_iter().find_map(|(key, row)| match row {
            Row::Lines(group) => Some((key, group.lines().len())),
            _ => None,
        });
        found.expect("joins have a row")
    };
    room.apply(frame("first", ServerMessage::Join(name("P"))), NOW);
    let (first_key, _) = row_of_joins(&room);
    for n in 1..600 {
        room.apply(frame(&format!("p{n}"), ServerMessage::Join(name("P"))), NOW);
        assert_eq!(row_of_joins(&room).0, first_key, "after {n} more joins");
    }
    let (_, line_count) = row_of_joins(&room);
    assert_eq!(line_count, 400);
}

#[test]
fn another_epoch_has_new_row_keys() {
    let mut room = Room::new(Vec::new(), Vec::new());
    // Greets the room with two messages by `author`. Returns the keys of their rows.
    let message_keys_after_greeting = |room: &mut Room, epoch: &str, author: &str| {
        room.on_disconnected();
        greet_alone(room, Some(epoch), vec![record(1, author, "one"), record(2, author, "two")]);
        let keys = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key);
        keys.filter(|key| matches!(key, RowKey::Message(..))).collect::<Vec<_>>()
    };
    let first = message_keys_after_greeting(&mut room, "one", "alice");
    let second = message_keys_after_greeting(&mut room, "one", "alice");
    assert_eq!(first, second, "a reconnect keeps the rows");
    let other_epoch = message_keys_after_greeting(&mut room, "two", "carol");
    assert!(other_epoch.iter().all(|key| !first.contains(key)));
    // The server was restored from an older copy, which has the same epoch and other authors.
    let restored = message_keys_after_greeting(&mut room, "two", "dave");
    assert!(restored.iter().all(|key| !other_epoch.contains(key)));
}

#[test]
fn message_or_page_of_another_history_replaces_the_log() {
    let mut room = greeted_room();
    room.apply(frame("b", text_message(2, "two")), NOW);
    // Another message has the id 2.
    room.apply(frame("c", text_message(2, "other")), NOW);
    assert_eq!(short_rows(&room).last().unwrap(), "+2:c:other");
    assert!(room.log().get(1).is_none());
    // A page has other messages under both ids.
    let page = vec![record(1, "z", "first"), record(2, "z", "second")];
    room.apply(frame("me", ServerMessage::History(page)), NOW);
    assert_eq!(short_rows(&room), ["Beginning", "+1:nz:first", "2:nz:second"]);
}
