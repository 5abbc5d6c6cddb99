//! Tests of the held messages: which ones are dropped, and how pages bring them back.

use std::ops::RangeInclusive;

use xmeet_shared::{Cursor, MessageId, ServerMessage};

use super::tests::{NOW, frame, greet, history, name, page, short_rows, text_message};
use super::*;

/// Returns a room that holds these ids.
fn holding(ids: RangeInclusive<MessageId>) -> Room {
    let mut room = Room::new(Vec::new(), Vec::new());
    let (first, last) = ids.into_inner();
    let newest_page = last.saturating_sub(49).max(first);
    greet(&mut room, "me", &["b", "me"], page(newest_page..=last));
    room.apply(history(first..=newest_page), NOW);
    room
}

/// Returns the held ids, and `gap` rows between them.
fn held(room: &Room) -> Vec<String> {
    let mut held = short_rows(room);
    held.retain(|row| row.starts_with(|c: char| c == '+' || c == 'g' || c.is_ascii_digit()));
    let short = |row: String| match row.strip_prefix("gap") {
        Some(_) => row,
        None => row.trim_start_matches('+').split(':').next().unwrap_or_default().to_owned(),
    };
    held.into_iter().map(short).collect()
}

fn ends(room: &Room) -> (Option<MessageId>, Option<MessageId>, MessageId) {
    (room.log().oldest(), room.log().newest(), room.log().head())
}

#[test]
fn reader_at_the_bottom_drops_the_oldest_and_a_page_restores_them() {
    let mut room = holding(1..=100);
    assert_eq!(short_rows(&room)[0], "Beginning");
    room.log.trim(None, 99);
    assert_eq!(ends(&room), (Some(11), Some(100), 100));
    assert_eq!(short_rows(&room)[0], "More");
    assert_eq!(room.load_older(false), Some(Cursor(1)));
    room.apply(history(1..=50), NOW);
    assert_eq!(ends(&room), (Some(1), Some(100), 100));
    assert_eq!(held(&room).len(), 100, "each message once, without a gap");
}

#[test]
fn reader_further_up_drops_the_newest_into_a_counted_tail() {
    let mut room = holding(1..=100);
    room.log.trim(Some(20), 60);
    assert_eq!(ends(&room), (Some(1), Some(54), 100));
    assert_eq!(held(&room).last().unwrap(), "gap 55-100");
    for id in 101..=130 {
        assert!(room.apply(frame("b", text_message(id, "new")), NOW).rows);
    }
    assert_eq!(held(&room).last().unwrap(), "gap 55-130");
    // Pages restore the tail in order.
    for first in [55, 81, 131] {
        assert_eq!(ends(&room).1, Some(first - 1));
        let cursor = room.load(first, false);
        let Some(Cursor(back)) = cursor else { break };
        let last = 130 - 50 * back;
        room.apply(history(last - 49..=last), NOW);
    }
    assert_eq!(ends(&room), (Some(1), Some(130), 130));
    room.apply(frame("b", text_message(131, "live")), NOW);
    assert_eq!(held(&room).len(), 131, "no message is missing");
}

#[test]
fn reader_in_the_middle_drops_messages_at_both_ends() {
    let mut room = holding(1..=300);
    room.log.trim(Some(150), 100);
    let (oldest, newest) = (room.log().oldest().unwrap(), room.log().newest().unwrap());
    assert!((1..=106).contains(&oldest) && newest >= 194, "{oldest} to {newest}");
    assert_eq!(newest - oldest, 89);
    room.log.trim(Some(150), 100);
    assert_eq!(ends(&room), (Some(oldest), Some(newest), 300), "a second trim drops nothing");
}

#[test]
fn dropped_messages_take_the_gap_before_them_along() {
    let mut room = holding(1..=100);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(951..=1000));
    assert!(held(&room).contains(&"gap 101-950".to_owned()));
    room.log.trim(Some(10), 100);
    assert_eq!(ends(&room), (Some(1), Some(90), 1000));
    assert_eq!(held(&room).last().unwrap(), "gap 91-1000");
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(951..=1000));
    room.log.trim(None, 50);
    assert_eq!(ends(&room), (Some(956), Some(1000), 1000));
    assert_eq!(held(&room).len(), 45, "without a gap");
    assert_eq!(short_rows(&room)[0], "More");
}

#[test]
fn jump_to_the_newest_requests_its_page_first() {
    let mut room = holding(1..=200);
    room.log.trim(Some(20), 100);
    assert_eq!(room.load(91, false), Some(Cursor(2)));
    assert_eq!(room.load_newest(), Some(Cursor(0)));
    assert_eq!(room.load_newest(), None, "the page is wanted");
    for id in 201..=260 {
        room.apply(frame("b", text_message(id, "new")), NOW);
    }
    assert_eq!(room.apply(history(51..=100), NOW).request, None);
    assert_eq!(room.apply(history(211..=260), NOW).request, None);
    assert!(held(&room).contains(&"gap 101-210".to_owned()));
    assert_eq!(room.load_newest(), None, "the message is held");
    room.apply(frame("b", text_message(261, "live")), NOW);
    assert_eq!(ends(&room), (Some(1), Some(261), 261));
}

#[test]
fn own_message_after_a_tail_is_held_at_once() {
    let mut room = holding(1..=200);
    room.log.trim(Some(20), 100);
    let local = room.queue_text("mine", NOW);
    room.on_text_sent(local);
    room.apply(frame("me", text_message(201, "mine")), NOW);
    assert_eq!(room.outbox().entries().count(), 0);
    assert_eq!(held(&room)[90..], ["gap 91-200", "201"]);
    let keys: Vec<_> = room.rows(&mut |_| 0).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.last(), Some(&RowKey::Local(local)), "the row has the same key");
}

#[test]
fn five_thousand_missed_messages_are_one_gap_that_fills_from_above() {
    let mut room = holding(1..=10);
    room.on_disconnected();
    greet(&mut room, "me2", &["me2"], page(4961..=5010));
    assert!(held(&room).contains(&"gap 11-4960".to_owned()));
    assert_eq!(room.load(11, false), Some(Cursor(99)));
    room.apply(history(11..=60), NOW);
    assert_eq!(room.log().first_kept(61), 61);
    assert!(held(&room).contains(&"gap 61-4960".to_owned()));
}

#[test]
fn messages_that_the_server_dropped_are_skipped_and_shown_as_gone() {
    let mut room = holding(1..=100);
    room.log.trim(Some(20), 60);
    for id in 101..=260 {
        room.apply(frame("b", text_message(id, "new")), NOW);
    }
    // The server has messages 200 to 260.
    let nothing = || frame("me", ServerMessage::History(vec![]));
    assert_eq!(room.load(55, false), Some(Cursor(4)));
    assert_eq!(room.apply(nothing(), NOW).request, Some(Cursor(2)));
    assert_eq!(room.apply(nothing(), NOW).request, Some(Cursor(1)));
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
    for first_kept in [1, 2, 51, 70_000, 90_001, 99_940, 99_951] {
        let (mut room, newest) = (Room::new(Vec::new(), Vec::new()), 100_000);
        greet(&mut room, "me", &["me"], page(newest - 49..=newest));
        let mut ask = room.load_now(1);
        let mut asked = 0;
        while let Some(Cursor(number)) = ask {
            asked += 1;
            let last = newest - number * 50;
            let first = last.saturating_sub(49).max(first_kept);
            ask = room.apply(history(first..=last), NOW).request;
            room.trim(Some(1));
        }
        assert!(asked <= 14, "{asked} pages for {first_kept}");
        assert!(room.log().get(first_kept).is_some(), "{first_kept} is held");
        let top = if first_kept == 1 { "Beginning" } else { "Gone" };
        assert_eq!(short_rows(&room)[0], top, "{first_kept}");
    }
}

#[test]
fn late_page_does_not_answer_the_next_request() {
    let mut room = holding(101..=200);
    assert_eq!(room.load_older(false), Some(Cursor(2)));
    assert!(room.on_page_timeout(room.request_number()));
    assert_eq!(room.load_older(true), Some(Cursor(2)));
    room.apply(history(51..=100), NOW);
    assert_eq!(room.load_older(false), Some(Cursor(3)));
    // Page 2 arrives a second time.
    room.apply(history(51..=100), NOW);
    assert_eq!(short_rows(&room)[0], "Loading");
    room.apply(history(1..=50), NOW);
    assert_eq!(short_rows(&room)[0], "Beginning");
}

#[test]
fn lines_are_shown_only_next_to_held_messages() {
    let mut room = holding(1..=60);
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("d", ServerMessage::Join(name("D"))), NOW);
    for id in 61..=120 {
        room.apply(frame("c", text_message(id, "new")), NOW);
    }
    room.apply(frame("d", ServerMessage::Leave), NOW);
    let shown = |room: &Room| {
        let mut rows = short_rows(room);
        rows.retain(|row| row.contains(" in") || row.contains(" out"));
        rows
    };
    assert_eq!(shown(&room), ["C in, D in", "D out"]);
    room.log.trim(Some(10), 60);
    assert_eq!(shown(&room), [""; 0], "no line is next to a held message");
    room.apply(history(50..=99), NOW);
    assert_eq!(shown(&room), ["C in, D in"]);
    room.load_newest();
    room.apply(history(71..=120), NOW);
    assert_eq!(shown(&room), ["C in, D in", "D out"]);
    room.log.trim(None, 60);
    assert_eq!(shown(&room), ["D out"], "the line after the newest message");
    room.set_lines_hidden(true);
    assert_eq!(shown(&room), [""; 0]);
}

#[test]
fn shown_lines_end_a_group_and_hidden_ones_do_not() {
    let mut room = holding(1..=1);
    room.apply(frame("c", ServerMessage::Join(name("C"))), NOW);
    room.apply(frame("b", text_message(2, "two")), NOW);
    room.apply(frame("c", ServerMessage::ChangeName(name("CC"))), NOW);
    room.apply(frame("b", text_message(3, "three")), NOW);
    let [one, two, three] = ["+1:nb:t1", "+2:nb:two", "+3:nb:three"];
    assert_eq!(short_rows(&room)[1..], [one, "C in", two, "C now CC", three]);
    room.set_lines_hidden(true);
    assert_eq!(short_rows(&room)[1..], [one, "2:nb:two", "C now CC", three]);
}
