//! Tests of a server that resumes members: a text that was in flight when the connection closed is
//! stored once, without a decision of the person.

use std::collections::VecDeque;

use proptest::prelude::*;
use xmeet_shared::{Cursor, Envelope, MessageId, Record, ServerMessage};

use super::tests::{error, frame, members, pid, record, text_message};
use super::*;

/// Gives `room` the greeting of a server that resumes members: the member `me` is alone, with this
/// epoch and page 0. Returns the changes by the last frame.
fn greet(room: &mut Room, me: &str, epoch: &str, page: Vec<Record>) -> Changes {
    let epoch = Some(epoch.to_owned());
    let self_id = ServerMessage::SelfId { pid: pid(me), epoch, greeting_bytes: None };
    room.apply(frame(me, self_id), 0);
    room.apply(frame(me, ServerMessage::MemberCount(1)), 0);
    room.apply(frame(me, members(&[me])), 0);
    room.apply(frame(me, ServerMessage::History(page)), 0)
}

/// Returns messages by `b` as a history page. A full page of the server has 50 messages.
fn page(ids: std::ops::RangeInclusive<MessageId>) -> Vec<Record> {
    ids.map(|id| record(id, "b", &format!("t{id}"))).collect()
}

fn history(records: Vec<Record>) -> Envelope {
    frame("me", ServerMessage::History(records))
}

/// Returns a room that had messages 1 to 10 and sent `text`. The connection closed before the
/// answer.
fn room_that_lost_connection_sending(text: &str) -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    greet(&mut room, "me", "e", page(1..=10));
    room.queue_text(text, 0);
    let (local, _) = room.next_to_send().unwrap();
    room.on_text_sent(local);
    room.on_disconnected();
    room
}

/// Returns the next text to send.
fn next_text(room: &Room) -> Option<String> {
    room.next_to_send().map(|(_, text)| text.to_string())
}

#[test]
fn lost_text_is_resent_and_a_stored_one_is_not() {
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(next_text(&room).as_deref(), Some("x"));

    let mut room = room_that_lost_connection_sending("x");
    let stored = page(1..=10).into_iter().chain([record(11, "me", "x")]).collect();
    greet(&mut room, "me", "e", stored);
    assert!(room.outbox().entries().next().is_none());
}

#[test]
fn text_under_the_earlier_pid_is_found() {
    let mut room = room_that_lost_connection_sending("x");
    let stored = page(1..=10).into_iter().chain([record(11, "me", "x")]).collect();
    greet(&mut room, "another", "e", stored);
    assert!(room.outbox().entries().next().is_none());
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "another", "e", page(1..=12));
    assert_eq!(next_text(&room).as_deref(), Some("x"), "texts of other members do not count");
}

#[test]
fn search_reads_back_to_the_message_before_the_text() {
    // 150 messages arrived meanwhile. If the server has the text, it is the first of them.
    for is_stored in [true, false] {
        let mut room = room_that_lost_connection_sending("x");
        let changes = greet(&mut room, "me", "e", page(111..=160));
        assert_eq!(changes.request, Some(Cursor(1)));
        assert_eq!(next_text(&room), None, "the search is not finished");
        assert_eq!(room.apply(history(page(61..=110)), 0).request, Some(Cursor(2)));
        let first = if is_stored { record(11, "me", "x") } else { record(11, "b", "y") };
        let page_2 = std::iter::once(first).chain(page(12..=60)).collect();
        assert_eq!(room.apply(history(page_2), 0).request, None);
        let resent = if is_stored { None } else { Some("x") };
        assert_eq!(next_text(&room).as_deref(), resent);
    }
}

#[test]
fn search_that_cannot_finish_leaves_the_text_unconfirmed() {
    // The server has dropped messages 11 to 89, which may have included the text.
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "me", "e", page(111..=160));
    room.apply(history(page(90..=110)), 0);
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);

    // A page timed out.
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "me", "e", page(111..=160));
    assert!(room.on_page_timeout(room.request_number()));
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);
}

#[test]
fn text_in_another_epoch_is_found_from_its_start() {
    // The server's machine crashed after it had stored the text and before it answered.
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "another", "new", vec![record(1, "b", "before"), record(2, "me", "x")]);
    assert!(room.outbox().entries().next().is_none(), "the text is stored and not sent again");
}

#[test]
fn text_missing_in_another_epoch_is_resent() {
    let mut room = room_that_lost_connection_sending("x");
    greet(&mut room, "me", "new", vec![]);
    assert_eq!(next_text(&room).as_deref(), Some("x"));
    assert_eq!(room.log().newest(), None, "the log is empty");
}

#[test]
fn text_that_breaks_four_connections_is_unconfirmed() {
    let mut room = room_that_lost_connection_sending("x");
    for _ in 0..3 {
        greet(&mut room, "me", "e", page(1..=10));
        let (local, _) = room.next_to_send().expect("the text is resent");
        room.on_text_sent(local);
        room.on_disconnected();
    }
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(next_text(&room), None);
    assert_eq!(room.outbox().entries().next().unwrap().delivery, outbox::Delivery::Unconfirmed);
}

#[test]
fn text_that_is_too_large_returns_to_the_person() {
    let mut room = room_that_lost_connection_sending("x");
    let changes = room.on_text_too_large();
    assert_eq!(changes.returned_text.as_deref(), Some("x"));
    assert_eq!(changes.notice.unwrap().code, Some(ErrorCode::TooLarge));
    greet(&mut room, "me", "e", page(1..=10));
    assert_eq!(next_text(&room), None);
}

/// The person jumps to an old message during the search. A page of the jump has the text.
#[test]
fn text_found_on_a_page_of_a_jump_next_text_is_sent_once() {
    let mut room = room_that_lost_connection_sending("x");
    room.queue_text("y", 0);
    assert_eq!(greet(&mut room, "me", "e", page(511..=560)).request, Some(Cursor(1)));
    assert_eq!(room.load_now(11), Some(Cursor(10)));
    assert_eq!(room.apply(history(page(461..=510)), 0).request, None);
    // The server has dropped messages 1 to 60. The pager bisects to find the oldest one.
    assert_eq!(room.apply(history(vec![]), 0).request, Some(Cursor(6)));
    let mut page_6 = page(211..=260);
    page_6[24] = record(235, "me", "x");
    assert_eq!(room.apply(history(page_6), 0).request, Some(Cursor(8)));
    let (local, text) = room.next_to_send().unwrap();
    assert_eq!(&*text, "y");
    room.on_text_sent(local);
    assert_eq!(room.apply(history(page(111..=160)), 0).request, Some(Cursor(9)));
    assert_eq!(room.apply(history(page(61..=110)), 0).request, None);
    assert_eq!(next_text(&room), None, "y is not sent again");
    assert!(room.outbox().is_sending());
}

/// Gives `room` a greeting with the messages of `log`, and answers all page requests.
fn greet_and_serve_pages(room: &mut Room, me: &str, log: &[Record]) {
    let mut request = greet(room, me, "e", page_of_log(log, 0)).request;
    while let Some(Cursor(number)) = request {
        request = room.apply(history(page_of_log(log, number)), 0).request;
    }
}

/// Stores a text as the newest message of `log`. Returns the live message.
fn store(log: &mut Vec<Record>, from: &str, text: &str) -> Envelope {
    let id = log.len() as u64 + 1;
    log.push(record(id, from, text));
    frame(from, text_message(id, text))
}

/// Returns page `number` of a log.
fn page_of_log(log: &[Record], number: u64) -> Vec<Record> {
    let newest = log.len() as u64;
    let Some(ids) = Cursor(number).ids(&(1..=newest)) else { return Vec::new() };
    let record_of = |id: MessageId| log[usize::try_from(id).unwrap() - 1].clone();
    ids.map(record_of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Connections close at any moment, and the next connection resumes the member or makes a new
    /// one. Each typed text is stored once, in order.
    #[test]
    fn any_connection_losses_store_each_text_once_in_order(
        connections in prop::collection::vec(
            (0usize..4, 0u64..130, any::<bool>(), any::<bool>()),
            1..12,
        ),
    ) {
        let mut log: Vec<Record> = Vec::new();
        let mut room = Room::new(Vec::new(), Vec::new());
        let mut typed = Vec::new();
        let mut member_number = 0;
        for (text_count, foreign_count, is_resumed, is_last_stored) in connections {
            for _ in 0..text_count {
                // Every second text is equal, and equal texts must not be confused.
                let text = format!("t{}", typed.len() % 2);
                room.queue_text(&text, 0);
                typed.push(text);
            }
            if !is_resumed {
                member_number += 1;
            }
            let me = format!("me{member_number}");
            greet_and_serve_pages(&mut room, &me, &log);

            // The server answers each text except the last one. Then the connection closes.
            while let Some((local, text)) = room.next_to_send() {
                room.on_text_sent(local);
                let is_last = room.outbox().entries().count() == 1;
                if is_last {
                    if is_last_stored {
                        store(&mut log, &me, &text);
                    }
                    break;
                }
                let answer = store(&mut log, &me, &text);
                room.apply(answer, 0);
            }
            room.on_disconnected();
            for _ in 0..foreign_count {
                store(&mut log, "b", "t0");
            }
        }

        // The last connection answers all texts.
        greet_and_serve_pages(&mut room, "last", &log);
        while let Some((local, text)) = room.next_to_send() {
            room.on_text_sent(local);
            let answer = store(&mut log, "last", &text);
            room.apply(answer, 0);
        }
        let own_records = log.iter().filter(|record| record.from.as_str() != "b");
        let stored: Vec<_> = own_records.map(|record| record.payload.clone()).collect();
        // A text whose connection closed four times in a row stays unconfirmed.
        let has_unconfirmed = room.outbox().entries().next().is_some();
        if has_unconfirmed {
            prop_assert!(stored.len() < typed.len());
        } else {
            prop_assert_eq!(stored, typed);
        }
    }

    /// With any refusals and probes in between, each text is stored or returned once, in order.
    #[test]
    fn any_refusals_store_or_return_each_text_once_in_order(
        steps in prop::collection::vec((0u8..4, any::<bool>()), 1..80),
    ) {
        // The kinds of steps. All other numbers are answers of the server.
        const TYPE_TEXT: u8 = 0;
        const SEND_PROBE: u8 = 1;
        const ANSWER: u8 = 2;
        let mut log = page(1..=1);
        let mut room = Room::new(Vec::new(), Vec::new());
        greet(&mut room, "me", "e", log.clone());
        // The unanswered requests: `Some` for a text, `None` for a page.
        let mut requests: VecDeque<Option<Arc<str>>> = VecDeque::new();
        // The typed texts, and the texts that were stored or returned.
        let (mut typed, mut outcome) = (Vec::new(), Vec::new());
        let final_answers = std::iter::repeat_n((ANSWER, false), 200);
        for (step, is_refused) in steps.into_iter().chain(final_answers) {
            match step {
                TYPE_TEXT => {
                    let text = format!("t{}", typed.len());
                    room.queue_text(&text, 0);
                    typed.push(text);
                }
                SEND_PROBE => {
                    room.on_probe_sent();
                    requests.push_back(None);
                }
                _ => {
                    let Some(request) = requests.pop_front() else { continue };
                    let answer = if is_refused {
                        frame("me", error(ErrorCode::RateLimited))
                    } else if let Some(text) = &request {
                        outcome.push(text.to_string());
                        store(&mut log, "me", text)
                    } else {
                        history(page_of_log(&log, 0))
                    };
                    let returned_text = room.apply(answer, 0).returned_text;
                    prop_assert_eq!(returned_text.is_some(), is_refused && request.is_some());
                    if let Some(texts) = returned_text {
                        outcome.extend(texts.split('\n').map(str::to_owned));
                    }
                }
            }
            while let Some((local, text)) = room.next_to_send() {
                room.on_text_sent(local);
                requests.push_back(Some(text));
            }
        }
        prop_assert_eq!(outcome, typed);
    }
}
