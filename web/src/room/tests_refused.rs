//! Tests of refused requests: texts and names return to the person in order.

use xmeet_shared::{Cursor, ServerMessage};

use super::outbox::Delivery;
use super::tests::{
    NOW, error, frame, greet, greeted_room, history, name, page, send_next, short_rows,
    text_message,
};
use super::*;

#[test]
fn refused_text_returns_to_the_person() {
    for code in [ErrorCode::RateLimited, ErrorCode::TooLarge, ErrorCode::Storage] {
        let mut room = greeted_room();
        room.queue_text("a", NOW);
        send_next(&mut room);
        let changes = room.apply(frame("me", error(code)), NOW);
        assert_eq!(changes.returned_text.as_deref(), Some("a"), "{code}");
        assert_eq!(changes.notice.unwrap().retry_after_ms, Some(2000));
        assert!(room.outbox().entries().next().is_none());
    }
}

#[test]
fn texts_behind_a_refused_one_return_with_it() {
    for (code, returned, next) in [
        (ErrorCode::RateLimited, "a\nb\nc", None),
        (ErrorCode::Storage, "a\nb\nc", None),
        // Text a is too large and returns alone. Text b is the next to send.
        (ErrorCode::TooLarge, "a", Some("b")),
    ] {
        let mut room = greeted_room();
        for text in ["a", "b", "c"] {
            room.queue_text(text, NOW);
        }
        send_next(&mut room);
        let changes = room.apply(frame("me", error(code)), NOW);
        assert_eq!(changes.returned_text.as_deref(), Some(returned));
        let next_text = room.next_to_send().map(|(_, text)| text);
        assert_eq!(next_text.as_deref(), next);
    }
}

#[test]
fn error_answers_the_oldest_pending_request() {
    let refusal = || frame("me", error(ErrorCode::RateLimited));
    let mut room = greeted_room();
    // A text, then a rename.
    room.queue_text("a", NOW);
    send_next(&mut room);
    room.on_rename_sent(name("c"));
    assert_eq!(room.apply(refusal(), NOW).returned_text.as_deref(), Some("a"));
    let changes = room.apply(refusal(), NOW);
    assert_eq!((changes.returned_text, changes.refused_name), (None, Some(name("c"))));

    // A probe, then a text.
    room.on_probe_sent();
    room.queue_text("b", NOW);
    send_next(&mut room);
    assert_eq!(room.apply(refusal(), NOW).returned_text, None, "the probe was refused");
    assert_eq!(room.outbox().entries().next().unwrap().delivery, Delivery::Sending);
    room.apply(frame("me", text_message(2, "b")), NOW);
    assert!(room.outbox().entries().next().is_none());

    // A probe that is answered, then a text.
    room.on_probe_sent();
    room.apply(history(1..=2), NOW);
    room.queue_text("c", NOW);
    send_next(&mut room);
    assert_eq!(room.apply(refusal(), NOW).returned_text.as_deref(), Some("c"));
}

#[test]
fn refused_rename_among_several_returns_its_name() {
    for code in [ErrorCode::RateLimited, ErrorCode::BadNickname] {
        let mut room = greeted_room();
        for requested in ["first", "second", "third"] {
            room.on_rename_sent(name(requested));
        }
        let changes = room.apply(frame("me", ServerMessage::ChangeName(name("first"))), NOW);
        assert_eq!(changes.refused_name, None);
        let changes = room.apply(frame("me", error(code)), NOW);
        assert_eq!(changes.refused_name, Some(name("second")));
        assert!(changes.notice.is_some());
    }
}

/// Returns a room with messages 171 to 220 whose request for page 1 was rate-limited, and the
/// changes by that refusal.
fn room_with_rate_limited_page() -> (Room, Changes) {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", &["b", "me"], page(171..=220));
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    let changes = room.apply(frame("me", error(ErrorCode::RateLimited)), NOW);
    (room, changes)
}

#[test]
fn rate_limited_page_is_requested_once_after_its_wait() {
    let (mut room, changes) = room_with_rate_limited_page();
    assert_eq!(changes, Changes { rows: true, retry_page_ms: Some(2000), ..Changes::default() });
    let number = room.request_number();
    assert_eq!(short_rows(&room)[0], "Loading");
    assert_eq!(room.load_older(true), None, "the page is not requested during the wait");
    assert!(!room.on_page_timeout(number - 1), "the refused request cannot time out any more");
    // 50 new messages move the wanted messages from page 1 to page 2 during the wait.
    for id in 221..=270 {
        room.apply(frame("b", text_message(id, "new")), NOW);
    }
    assert_eq!(room.retry_page(number), Some(Cursor(2)));
    assert_eq!(room.retry_page(number), None, "the page is requested once");
    room.apply(history(121..=170), NOW);
    assert_eq!(room.log().oldest(), Some(121));
    assert_eq!(short_rows(&room)[0], "More");
}

#[test]
fn page_that_is_rate_limited_five_times_fails() {
    let (mut room, mut changes) = room_with_rate_limited_page();
    let mut request_count = 1;
    while changes.retry_page_ms.is_some() {
        assert!(room.retry_page(room.request_number()).is_some());
        request_count += 1;
        changes = room.apply(frame("me", error(ErrorCode::RateLimited)), NOW);
    }
    assert_eq!(request_count, 5);
    assert_eq!(changes.notice, None);
    assert_eq!(short_rows(&room)[0], "Failed");
    assert_eq!(room.load_older(true), Some(Cursor(1)));
}

#[test]
fn rate_limited_page_that_was_replaced_or_lost_is_not_requested_again() {
    // The person jumps to another page.
    let (mut room, _) = room_with_rate_limited_page();
    let number = room.request_number();
    assert_eq!(room.load_now(1), Some(Cursor(4)));
    assert_eq!(room.retry_page(number), None);

    // The connection closes.
    let (mut room, _) = room_with_rate_limited_page();
    room.on_disconnected();
    greet(&mut room, "me", &["b", "me"], page(171..=220));
    assert_eq!(room.retry_page(room.request_number()), None);
}

#[test]
fn rate_limited_probe_is_ignored() {
    let mut room = greeted_room();
    room.on_probe_sent();
    let changes = room.apply(frame("me", error(ErrorCode::RateLimited)), NOW);
    assert_eq!((changes.notice, changes.retry_page_ms), (None, None));
    assert_eq!(room.retry_page(room.request_number()), None);
}
