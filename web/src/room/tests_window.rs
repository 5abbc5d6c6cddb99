//! Tests of the held messages: which ones are dropped, and how pages bring them back.

use std::ops::RangeInclusive;

use xmeet_shared::limits::HISTORY_PAGE_MESSAGES;
use xmeet_shared::{Cursor, MessageId, ServerMessage};

use super::tests::{NOW, frame, greet, history, name, page, short_rows, text_message};
use super::*;

/// Returns a room that holds the messages with these ids, by member `b`.
fn room_holding(ids: RangeInclusive<MessageId>) -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    let (first, last) = ids.into_inner();
    let first_of_page_0 = last.saturating_sub(49).max(first);
    greet(&mut room, "me", &["b", "me"], page(first_of_page_0..=last));
    room.apply(history(first..=first_of_page_0), NOW);
    room
}

/// Returns the ids of the held messages, and the gaps between them as `gap 11-20`.
fn held_ids_and_gaps(room: &Room) -> Vec<String> {
    let id_or_gap = |(_, row)| match row {
        Row::Message(row) => Some(row.message.id?.to_string()),
        Row::Gap(gap) => Some(format!("gap {}-{}", gap.first, gap.last)),
        _ => None,
    };
    room.rows(&mut |_| 0).into_iter().filter_map(id_or_gap).collect()
}

/// Returns the oldest and the newest held message, and the newest known message.
fn oldest_newest_head(room: &Room) -> (Option<MessageId>, Option<MessageId>, MessageId) {
    (room.log().oldest(), room.log().newest(), room.log().head())
}

#[test]
fn reader_at_the_bottom_drops_the_oldest_and_a_page_restores_them() {
    let mut room = room_holding(1..=100);
    assert_eq!(short_rows(&room)[0], "Beginning");
    // One message too many: a trim leaves nine tenths of the limit.
    room.log.trim(None, 99);
    assert_eq!(oldest_newest_head(&room), (Some(11), Some(100), 100));
    assert_eq!(short_rows(&room)[0], "More");
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    room.apply(history(1..=50), NOW);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(100), 100));
    assert_eq!(held_ids_and_gaps(&room).len(), 100, "each message once, without a gap");
}

#[test]
fn reader_further_up_drops_the_newest_into_a_counted_tail() {
    let mut room = room_holding(1..=100);
    room.log.trim(Some(20), 60);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(54), 100));
    assert_eq!(held_ids_and_gaps(&room).last().unwrap(), "gap 55-100");
    for id in 101..=130 {
        assert!(room.apply(frame("b", text_message(id, "new")), NOW).rows);
    }
    assert_eq!(held_ids_and_gaps(&room).last().unwrap(), "gap 55-130");
    // Pages of 50 messages restore the tail, oldest page first.
    assert_eq!(room.load(55, false), Some(Cursor(1)));
    room.apply(history(31..=80), NOW);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(80), 130));
    assert_eq!(room.load(81, false), Some(Cursor(0)));
    room.apply(history(81..=130), NOW);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(130), 130));
    assert_eq!(room.load(131, false), None, "no newer message is known");
    room.apply(frame("b", text_message(131, "live")), NOW);
    assert_eq!(held_ids_and_gaps(&room).len(), 131, "no message is missing");
}

#[test]
fn reader_in_the_middle_drops_messages_at_both_ends() {
    let mut room = room_holding(1..=300);
    room.log.trim(Some(150), 100);
    let (oldest, newest) = (room.log().oldest().unwrap(), room.log().newest().unwrap());
    assert!((1..=106).contains(&oldest) && newest >= 194, "{oldest} to {newest}");
    assert_eq!(newest - oldest + 1, 90, "nine tenths of the limit are left");
    room.log.trim(Some(150), 100);
    assert_eq!(
        oldest_newest_head(&room),
        (Some(oldest), Some(newest), 300),
        "a second trim drops nothing"
    );
}

#[test]
fn dropped_messages_take_the_gap_before_them_along() {
    let mut room = room_holding(1..=100);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(951..=1000));
    assert!(held_ids_and_gaps(&room).contains(&"gap 101-950".to_owned()));
    room.log.trim(Some(10), 100);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(90), 1000));
    assert_eq!(held_ids_and_gaps(&room).last().unwrap(), "gap 91-1000");
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(951..=1000));
    room.log.trim(None, 50);
    assert_eq!(oldest_newest_head(&room), (Some(956), Some(1000), 1000));
    assert_eq!(held_ids_and_gaps(&room).len(), 45, "without a gap");
    assert_eq!(short_rows(&room)[0], "More");
}

#[test]
fn jump_to_the_newest_requests_its_page_first() {
    let mut room = room_holding(1..=200);
    room.log.trim(Some(20), 100);
    assert_eq!(room.load(91, false), Some(Cursor(2)));
    assert_eq!(room.load_newest(), Some(Cursor(0)));
    assert_eq!(room.load_newest(), None, "the newest message is already wanted");
    for id in 201..=260 {
        room.apply(frame("b", text_message(id, "new")), NOW);
    }
    assert_eq!(room.apply(history(51..=100), NOW).request, None);
    assert_eq!(room.apply(history(211..=260), NOW).request, None);
    assert!(held_ids_and_gaps(&room).contains(&"gap 101-210".to_owned()));
    assert_eq!(room.load_newest(), None, "the newest message is held");
    room.apply(frame("b", text_message(261, "live")), NOW);
    assert_eq!(oldest_newest_head(&room), (Some(1), Some(261), 261));
}

#[test]
fn own_message_after_a_tail_is_held_at_once() {
    let mut room = room_holding(1..=200);
    room.log.trim(Some(20), 100);
    let local = room.queue_text("mine", NOW);
    room.on_text_sent(local);
    room.apply(frame("me", text_message(201, "mine")), NOW);
    assert_eq!(room.outbox().entries().count(), 0);
    assert_eq!(held_ids_and_gaps(&room)[90..], ["gap 91-200", "201"]);
    let keys: Vec<_> = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.last(), Some(&RowKey::Local(local)), "the row has the same key");
}

#[test]
fn five_thousand_missed_messages_are_one_gap_that_fills_from_above() {
    let mut room = room_holding(1..=10);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(4961..=5010));
    assert!(held_ids_and_gaps(&room).contains(&"gap 11-4960".to_owned()));
    assert_eq!(room.load(11, false), Some(Cursor(99)));
    room.apply(history(11..=60), NOW);
    assert_eq!(room.log().first_kept(61), 61);
    assert!(held_ids_and_gaps(&room).contains(&"gap 61-4960".to_owned()));
}

#[test]
fn messages_that_the_server_dropped_are_skipped_and_shown_as_gone() {
    let mut room = room_holding(1..=100);
    room.log.trim(Some(20), 60);
    for id in 101..=260 {
        room.apply(frame("b", text_message(id, "new")), NOW);
    }
    // The server has only messages 200 to 260. Pages of older messages are empty, so the client
    // bisects to find message 200.
    let empty_page = || frame("me", ServerMessage::History(vec![]));
    assert_eq!(room.load(55, false), Some(Cursor(4)));
    assert_eq!(room.apply(empty_page(), NOW).request, Some(Cursor(2)));
    assert_eq!(room.apply(empty_page(), NOW).request, Some(Cursor(1)));
    assert_eq!(room.apply(history(200..=210), NOW).request, None);
    let rows = room.rows(&mut |_| 0);
    let gaps: Vec<_> = rows
        .iter()
        .filter_map(|(_, row)| match row {
            Row::Gap(gap) => Some((gap.first, gap.last, gap.is_kept, gap.is_tail)),
            _ => None,
        })
        .collect();
    assert_eq!(gaps, [(55, 199, false, false), (211, 260, true, true)]);
}

#[test]
fn oldest_message_of_a_long_history_is_found_by_bisection() {
    const NEWEST: MessageId = 100_000;
    // `oldest_kept` is the oldest message that the server still has.
    for oldest_kept in [1, 2, 51, 70_000, 90_001, 99_940, 99_951] {
        let mut room = Room::new(Vec::new(), Vec::new());
        greet(&mut room, "me", &["me"], page(NEWEST - 49..=NEWEST));
        let mut request = room.load_now(1);
        let mut request_count = 0;
        while let Some(Cursor(number)) = request {
            request_count += 1;
            let last = NEWEST - number * HISTORY_PAGE_MESSAGES;
            let first = last.saturating_sub(HISTORY_PAGE_MESSAGES - 1).max(oldest_kept);
            request = room.apply(history(first..=last), NOW).request;
            room.trim(Some(1));
        }
        assert!(request_count <= 14, "{request_count} requests to find {oldest_kept}");
        assert!(room.log().get(oldest_kept).is_some(), "{oldest_kept} is held");
        let edge = if oldest_kept == 1 { "Beginning" } else { "Gone" };
        assert_eq!(short_rows(&room)[0], edge, "above {oldest_kept}");
    }
}

#[test]
fn late_page_does_not_answer_the_next_request() {
    let mut room = room_holding(101..=200);
    assert_eq!(room.load_older(false), Some(Cursor(2)));
    assert!(room.on_page_timeout(room.request_number()));
    assert_eq!(room.load_older(true), Some(Cursor(2)));
    room.apply(history(51..=100), NOW);
    assert_eq!(room.load_older(false), Some(Cursor(3)));
    // Page 2 arrives a second time, as the answer to the request that timed out.
    room.apply(history(51..=100), NOW);
    assert_eq!(short_rows(&room)[0], "Loading");
    room.apply(history(1..=50), NOW);
    assert_eq!(short_rows(&room)[0], "Beginning");
}

#[test]
fn lines_are_shown_only_next_to_held_messages() {
    let mut room = room_holding(1..=60);
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("d", ServerMessage::Join(name("D"))), NOW);
    for id in 61..=120 {
        room.apply(frame("c", text_message(id, "new")), NOW);
    }
    room.apply(frame("d", ServerMessage::Leave), NOW);
    // Returns the rows of joins and leaves.
    let line_rows = |room: &Room| {
        let mut rows = short_rows(room);
        rows.retain(|row| row.contains(" in") || row.contains(" out"));
        rows
    };
    let no_rows = [""; 0];
    assert_eq!(line_rows(&room), ["C in, D in", "D out"]);
    room.log.trim(Some(10), 60);
    assert_eq!(line_rows(&room), no_rows, "no line is next to a held message");
    room.apply(history(50..=99), NOW);
    assert_eq!(line_rows(&room), ["C in, D in"]);
    room.load_newest();
    room.apply(history(71..=120), NOW);
    assert_eq!(line_rows(&room), ["C in, D in", "D out"]);
    room.log.trim(None, 60);
    assert_eq!(line_rows(&room), ["D out"], "the newest message is held, message 60 is not");
    room.set_lines_hidden(true);
    assert_eq!(line_rows(&room), no_rows);
}

#[test]
fn shown_lines_end_a_group_and_hidden_ones_do_not() {
    let mut room = room_holding(1..=1);
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("b", text_message(2, "two")), NOW);
    room.apply(frame("c", ServerMessage::ChangeName(name("CC"))), NOW);
    room.apply(frame("b", text_message(3, "three")), NOW);
    let [one, two, three] = ["+1:nb:t1", "+2:nb:two", "+3:nb:three"];
    assert_eq!(short_rows(&room)[1..], [one, "C in", two, "C now CC", three]);
    room.set_lines_hidden(true);
    assert_eq!(short_rows(&room)[1..], [one, "2:nb:two", "C now CC", three]);
}
