//! Tests of a server that resumes members: a text that was in flight when the connection closed is
//! stored once, without a decision of the person.

use std::collections::VecDeque;

use proptest::prelude::*;
use xmeet_shared::{Cursor, MessageId, Record, ServerMessage};

use super::tests::{frame, members, pid, record};
use super::*;

/// Greets `room` as `me` as a server that resumes members does.
fn greet(room: &mut Room, me: &str, epoch: &str, page: Vec<Record>) -> Changes {
    let epoch = Some(epoch.to_owned());
    let self_id = ServerMessage::SelfId { pid: pid(me), epoch, greeting_bytes: None };
    room.apply(frame(me, self_id), 0);
    room.apply(frame(me, ServerMessage::MemberCount(1)), 0);
    room.apply(frame(me, members(&[me])), 0);
    room.apply(frame(me, ServerMessage::History(page)), 0)
}

fn page(ids: std::ops::RangeInclusive<MessageId>) -> Vec<Record> {
    ids.map(|id| record(id, "b", &format!("t{id}"))).collect()
}

fn history(records: Vec<Record>) -> xmeet_shared::Envelope {
    frame("me", ServerMessage::History(records))
}

/// Returns a room whose connection closed when `text` was sent after message 10.
fn cut_off(text: &str) -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", "e", page(1..=10));
    room.queue_text(text, 0);
    let (local, _) = room.next_to_send().unwrap();
    room.on_text_sent(local);
    room.on_disconnected();
    room
}

fn waiting(room: &Room) -> Option<String> {
    room.next_to_send().map(|(_, text)| text.to_string())
}

#[test]
fn lost_text_is_resent_and_a_stored_one_is_not() {
    let mut room = cut_off("x");
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(waiting(&room).as_deref(), Some("x"));
    let mut room = cut_off("x");
    let kept = page(1..=10).into_iter().chain([record(11, "me", "x")]).collect();
    greet(&mut room, "me", "e", kept);
    assert!(room.outbox().entries().next().is_none());
}

#[test]
fn text_under_the_earlier_pid_is_found() {
    let mut room = cut_off("x");
    let kept = page(1..=10).into_iter().chain([record(11, "me", "x")]).collect();
    greet(&mut room, "another", "e", kept);
    assert!(room.outbox().entries().next().is_none());
    let mut room = cut_off("x");
    greet(&mut room, "another", "e", page(1..=12));
    assert_eq!(waiting(&room).as_deref(), Some("x"), "texts of other members do not count");
}

#[test]
fn search_reads_back_to_the_message_before_the_text() {
    // 150 messages arrived meanwhile. The own one can only be the first.
    for is_kept in [true, false] {
        let mut room = cut_off("x");
        let changes = greet(&mut room, "me", "e", page(111..=160));
        assert_eq!(changes.request, Some(Cursor(1)));
        assert_eq!(waiting(&room), None, "the search is not finished");
        assert_eq!(room.apply(history(page(61..=110)), 0).request, Some(Cursor(2)));
        let first = if is_kept { record(11, "me", "x") } else { record(11, "b", "y") };
        let last = std::iter::once(first).chain(page(12..=60)).collect();
        assert_eq!(room.apply(history(last), 0).request, None);
        assert_eq!(waiting(&room).as_deref(), (!is_kept).then_some("x"));
    }
}

#[test]
fn search_that_cannot_finish_leaves_the_text_unconfirmed() {
    // The server has dropped the messages that followed the text.
    let mut room = cut_off("x");
    greet(&mut room, "me", "e", page(111..=160));
    room.apply(history(page(90..=110)), 0);
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);
    // A page timed out.
    let mut room = cut_off("x");
    greet(&mut room, "me", "e", page(111..=160));
    assert!(room.on_page_timeout(room.request_number()));
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);
}

#[test]
fn text_in_another_epoch_is_found_from_its_start() {
    // The server's machine crashed after the write and before the answer.
    let mut room = cut_off("x");
    greet(&mut room, "another", "new", vec![record(1, "b", "before"), record(2, "me", "x")]);
    assert!(room.outbox().entries().next().is_none(), "the text is stored and not sent again");
}

#[test]
fn text_missing_in_another_epoch_is_resent() {
    let mut room = cut_off("x");
    greet(&mut room, "me", "new", vec![]);
    assert_eq!(waiting(&room).as_deref(), Some("x"));
    assert_eq!(room.log().newest(), None, "the log is empty");
}

#[test]
fn text_that_breaks_four_connections_is_unconfirmed() {
    let mut room = cut_off("x");
    for _ in 0..3 {
        greet(&mut room, "me", "e", page(1..=10));
        let (local, _) = room.next_to_send().expect("the text is resent");
        room.on_text_sent(local);
        room.on_disconnected();
    }
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(waiting(&room), None);
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);
}

#[test]
fn text_that_is_too_large_returns_to_the_person() {
    let mut room = cut_off("x");
    let changes = room.on_text_too_large();
    assert_eq!(changes.returned_text.as_deref(), Some("x"));
    assert_eq!(changes.notice.unwrap().code, Some(ErrorCode::TooLarge));
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(waiting(&room), None);
}

/// The person jumps to an old message while the search is going on, so pages of the jump arrive in
/// between.
#[test]
fn text_found_on_a_page_of_a_jump_next_text_is_sent_once() {
    let mut room = cut_off("x");
    room.queue_text("y", 0);
    assert_eq!(greet(&mut room, "me", "e", page(511..=560)).request, Some(Cursor(1)));
    assert_eq!(room.load_now(11), Some(Cursor(10)));
    assert_eq!(room.apply(history(page(461..=510)), 0).request, None);
    // The server has dropped messages 1 to 60. The pager bisects to find the oldest one.
    assert_eq!(room.apply(history(vec![]), 0).request, Some(Cursor(6)));
    let mut found = page(211..=260);
    found[24] = record(235, "me", "x");
    assert_eq!(room.apply(history(found), 0).request, Some(Cursor(8)));
    let (local, text) = room.next_to_send().unwrap();
    assert_eq!(&*text, "y");
    room.on_text_sent(local);
    assert_eq!(room.apply(history(page(111..=160)), 0).request, Some(Cursor(9)));
    assert_eq!(room.apply(history(page(61..=110)), 0).request, None);
    assert_eq!(waiting(&room), None, "y is not sent again");
    assert!(room.outbox().is_sending());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Connections close at any moment, and the next one resumes the member or makes a new one. Each
    /// typed text is stored once, in order.
    #[test]
    fn any_connection_losses_store_each_text_once_in_order(
        lives in prop::collection::vec((0usize..4, 0u64..130, any::<bool>(), any::<bool>()), 1..12),
    ) {
        let mut log: Vec<Record> = Vec::new();
        let mut room = Room::new(Vec::new(), Vec::new());
        let (mut typed, mut number) = (Vec::new(), 0);
        let mut me = "me0".to_owned();
        for (texts, noise, is_same, does_last_arrive) in lives {
            for _ in 0..texts {
                // Equal texts must not be confused.
                let text = format!("t{}", typed.len() % 2);
                room.queue_text(&text, 0);
                typed.push(text);
            }
            if !is_same {
                number += 1;
                me = format!("me{number}");
            }
            let mut ask = greet(&mut room, &me, "e", newest(&log, 0)).request;
            while let Some(Cursor(number)) = ask {
                ask = room.apply(history(newest(&log, number)), 0).request;
            }
            // Each text is answered except the last one, with which the connection closes.
            while let Some((local, text)) = room.next_to_send() {
                room.on_text_sent(local);
                let id = log.len() as u64 + 1;
                let is_last = room.outbox().entries().count() == 1;
                if !is_last || does_last_arrive {
                    log.push(record(id, &me, &text));
                }
                if is_last {
                    break;
                }
                let said = ServerMessage::Normal { text: text.to_string(), id: Some(id), nickname: None };
                room.apply(frame(&me, said), 0);
            }
            room.on_disconnected();
            for _ in 0..noise {
                log.push(record(log.len() as u64 + 1, "b", "t0"));
            }
        }
        let mut ask = greet(&mut room, "last", "e", newest(&log, 0)).request;
        while let Some(Cursor(number)) = ask {
            ask = room.apply(history(newest(&log, number)), 0).request;
        }
        while let Some((local, text)) = room.next_to_send() {
            room.on_text_sent(local);
            let id = log.len() as u64 + 1;
            log.push(record(id, "last", &text));
            let said = ServerMessage::Normal { text: text.to_string(), id: Some(id), nickname: None };
            room.apply(frame("last", said), 0);
        }
        let unasked = room.outbox().entries().next().is_none();
        let said: Vec<_> = log
            .iter()
            .filter(|record| record.from.as_str() != "b")
            .map(|record| record.payload.clone())
            .collect();
        // A text whose connection closed four times in a row stays unconfirmed.
        if unasked {
            prop_assert_eq!(said, typed);
        } else {
            prop_assert!(said.len() < typed.len());
        }
    }

    /// With any refusals and probes in between, each text is stored or returned once, in order.
    #[test]
    fn any_refusals_store_or_return_each_text_once_in_order(
        steps in prop::collection::vec((0u8..4, any::<bool>()), 1..80),
    ) {
        let mut log = page(1..=1);
        let mut room = Room::new(Vec::new(), Vec::new());
        greet(&mut room, "me", "e", log.clone());
        // The unanswered requests: `Some` for a text, `None` for a page.
        let mut asked: VecDeque<Option<Arc<str>>> = VecDeque::new();
        let (mut typed, mut outcome) = (Vec::new(), Vec::new());
        let rest = std::iter::repeat_n((2, false), 200);
        for (step, is_refused) in steps.into_iter().chain(rest) {
            match step {
                0 => {
                    typed.push(format!("t{}", typed.len()));
                    room.queue_text(&typed[typed.len() - 1], 0);
                }
                1 => {
                    room.on_probe_sent();
                    asked.push_back(None);
                }
                _ => {
                    let Some(question) = asked.pop_front() else { continue };
                    let code = Some(ErrorCode::RateLimited);
                    let refusal =
                        ServerMessage::Error { words: String::new(), code, retry_after_ms: Some(1) };
                    let answer = match &question {
                        _ if is_refused => refusal,
                        None => ServerMessage::History(newest(&log, 0)),
                        Some(text) => {
                            let id = log.len() as u64 + 1;
                            log.push(record(id, "me", text));
                            outcome.push(text.to_string());
                            ServerMessage::Normal { text: text.to_string(), id: Some(id), nickname: None }
                        }
                    };
                    let returned_text = room.apply(frame("me", answer), 0).returned_text;
                    prop_assert_eq!(returned_text.is_some(), is_refused && question.is_some());
                    outcome.extend(returned_text.iter().flat_map(|text| text.split('\n')).map(str::to_owned));
                }
            }
            while let Some((local, text)) = room.next_to_send() {
                room.on_text_sent(local);
                asked.push_back(Some(text));
            }
        }
        prop_assert_eq!(outcome, typed);
    }
}

/// Returns page `number` of a log.
fn newest(log: &[Record], number: u64) -> Vec<Record> {
    let newest = log.len() as u64;
    let ids = Cursor(number).ids(&(1..=newest));
    let at = |id: MessageId| log[usize::try_from(id).unwrap() - 1].clone();
    ids.map(|ids| ids.map(at).collect()).unwrap_or_default()
}
