//! Tests of the unread marker's position among the rows.

use super::super::unread::FirstUnread;
use super::*;

#[test]
fn unread_marker_precedes_messages_of_an_unattended_page() {
    let mut room = greeted_room();
    room.unread_mut().on_scroll(true, false);
    room.unread_mut().set_attended(false);
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    assert_eq!(short_rows(&room)[1..], ["+1:nb:one", "C in"]);
    let changes = room.apply(frame("b", text_message(2, "two")), NOW);
    assert_eq!(changes.new_message.map(|message| message.id), Some(Some(2)));
    room.apply(frame("b", text_message(3, "three")), NOW);
    let expected = ["+1:nb:one", "C in", "unread", "+2:nb:two", "3:nb:three"];
    assert_eq!(short_rows(&room)[1..], expected);
    room.unread_mut().set_attended(true);
    assert_eq!(short_rows(&room)[1..], expected, "the marker stays while the messages are read");
    room.queue_text("mine", NOW);
    send_next(&mut room);
    assert_eq!(room.apply(frame("me", text_message(4, "mine")), NOW).new_message, None);
    let expected = ["+1:nb:one", "C in", "+2:nb:two", "3:nb:three", "+4:nme*:mine"];
    assert_eq!(short_rows(&room)[1..], expected);
}

#[test]
fn unread_marker_appears_once_its_message_is_loaded() {
    let mut room = Room::new(Vec::new(), Vec::new());
    room.restore_read_mark(Some(60), None);
    let changes = greet(&mut room, "me", &["me"], page(151..=200));
    assert!(changes.is_replay && changes.new_message.is_none());
    let first_unread = Some(FirstUnread::Id(61));
    assert_eq!((room.unread().marker(), room.unread().count()), (first_unread, 140));
    assert!(!short_rows(&room).contains(&"unread".to_owned()), "message 61 is not loaded yet");
    assert_eq!(room.load(61, false), Some(Cursor(2)));
    assert!(room.is_fetching());
    room.apply(history(51..=100), NOW);
    assert!(!room.is_fetching());
    assert_eq!(short_rows(&room)[10..13], ["60:nb:t60", "unread", "+61:nb:t61"]);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(551..=600));
    assert_eq!((room.unread().marker(), room.unread().count()), (first_unread, 540));
}

#[test]
fn unread_marker_precedes_a_gap_with_the_first_unread_message() {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["me"], page(1..=10));
    room.unread_mut().set_attended(false);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(151..=200));
    assert_eq!(short_rows(&room)[10..13], ["10:nb:t10", "unread", "gap 11-150"]);
}

#[test]
fn another_epoch_has_no_unread_messages() {
    // The read mark is message 3 of epoch "one". The room has 10 messages.
    let unread_count_in = |epoch: &str| {
        let mut room = Room::new(Vec::new(), Vec::new());
        room.restore_read_mark(Some(3), Some("one".to_owned()));
        let epoch = Some(epoch.to_owned());
        let self_id = ServerMessage::SelfId { pid: pid("me"), epoch, greeting_bytes: None };
        room.apply(frame("me", self_id), NOW);
        room.apply(frame("me", ServerMessage::History(page(1..=10))), NOW);
        room.unread().count()
    };
    assert_eq!(unread_count_in("one"), 7);
    assert_eq!(unread_count_in("two"), 0);
}
