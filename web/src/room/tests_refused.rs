//! What the server refuses goes back to whoever typed it, in order.

use super::outbox::Delivery;
use super::tests::{NOW, error, frame, greeted, history, said, send_next};
use super::*;

#[test]
fn a_refused_text_comes_back() {
    for code in [ErrorCode::RateLimited, ErrorCode::TooLarge, ErrorCode::Storage] {
        let mut room = greeted();
        room.say("a", NOW);
        send_next(&mut room);
        let changes = room.apply(frame("me", error(code)), NOW);
        assert_eq!(changes.returned.as_deref(), Some("a"), "{code}");
        assert_eq!(changes.notice.unwrap().retry_after_ms, Some(2000));
        assert!(room.outbox().entries().next().is_none());
    }
}

#[test]
fn what_was_to_follow_a_refused_text_comes_back_behind_it() {
    for (code, back) in [
        (ErrorCode::RateLimited, "a\nb\nc"),
        (ErrorCode::Storage, "a\nb\nc"),
        // Nothing is wrong with the others.
        (ErrorCode::TooLarge, "a"),
    ] {
        let mut room = greeted();
        for text in ["a", "b", "c"] {
            room.say(text, NOW);
        }
        send_next(&mut room);
        let changes = room.apply(frame("me", error(code)), NOW);
        assert_eq!(changes.returned.as_deref(), Some(back));
        let next = room.next_to_send().map(|(_, text)| text);
        assert_eq!(next.as_deref(), (back == "a").then_some("b"));
    }
}

#[test]
fn an_error_is_about_the_first_question_that_is_not_answered() {
    let refusal = || frame("me", error(ErrorCode::RateLimited));
    let mut room = greeted();
    room.say("a", NOW);
    send_next(&mut room);
    room.rename_sent();
    assert_eq!(room.apply(refusal(), NOW).returned.as_deref(), Some("a"));
    // This one is about the name.
    assert_eq!(room.apply(refusal(), NOW).returned, None);

    room.probe_sent();
    room.say("b", NOW);
    send_next(&mut room);
    assert_eq!(room.apply(refusal(), NOW).returned, None);
    assert_eq!(room.outbox().entries().next().unwrap().delivery, Delivery::Sending);
    room.apply(frame("me", said(2, "b")), NOW);
    assert!(room.outbox().entries().next().is_none());

    room.probe_sent();
    room.apply(history(1..=2), NOW);
    room.say("c", NOW);
    send_next(&mut room);
    assert_eq!(room.apply(refusal(), NOW).returned.as_deref(), Some("c"));
}
