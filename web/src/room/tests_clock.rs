//! Tests of times: the server's clock once it is known, this machine's clock until then.

use xmeet_shared::{ServerMessage, UnixMillis};

use super::tests::{NOW, frame, greeted_room, send_next, text_message};
use super::*;

const HOUR_MS: UnixMillis = 3_600_000;

/// Returns the times of the messages in row order.
fn times(room: &Room) -> Vec<UnixMillis> {
    let at = |(_, row)| match row {
        Row::Message(row) => Some(row.message.at),
        _ => None,
    };
    room.rows(&mut |_| 0).into_iter().filter_map(at).collect()
}

/// Returns a room on a machine whose clock is `ahead_ms` ahead of the server's.
fn read_by_a_clock_ahead(ahead_ms: UnixMillis) -> Room {
    let mut room = greeted_room();
    room.apply(frame("b", ServerMessage::Ping { next_bytes: None }), NOW + ahead_ms);
    room
}

#[test]
fn pending_text_has_the_servers_time_on_a_machine_with_a_wrong_clock() {
    for ahead_ms in [HOUR_MS, -HOUR_MS, 24 * HOUR_MS] {
        let mut room = read_by_a_clock_ahead(ahead_ms);
        assert_eq!(room.server_time(NOW + ahead_ms + 60_000), NOW + 60_000);
        room.queue_text("x", NOW + ahead_ms + 60_000);
        assert_eq!(times(&room), [NOW, NOW + 60_000]);
    }
}

#[test]
fn confirmed_text_has_the_time_of_the_servers_frame() {
    let mut room = read_by_a_clock_ahead(0);
    room.on_disconnected();
    room.queue_text("typed offline", NOW);
    assert_eq!(times(&room)[1], NOW);
    tests::greet(&mut room, "me", &["b", "me"], vec![tests::record(1, "b", "one")]);
    send_next(&mut room);
    let mut kept = frame("me", text_message(2, "typed offline"));
    kept.ts = Some(NOW + 90 * 60_000);
    room.apply(kept, NOW + 90 * 60_000);
    assert_eq!(times(&room)[1], NOW + 90 * 60_000);
}

#[test]
fn slow_frame_keeps_the_clock_offset_and_a_set_clock_changes_it() {
    let mut room = read_by_a_clock_ahead(0);
    room.apply(frame("b", ServerMessage::Ping { next_bytes: None }), NOW + 3_000);
    assert_eq!(room.server_time(NOW), NOW, "the frame took three seconds");
    room.apply(frame("b", ServerMessage::Ping { next_bytes: None }), NOW + HOUR_MS);
    assert_eq!(room.server_time(NOW + HOUR_MS), NOW, "the clock was set an hour ahead");
}

#[test]
fn text_typed_right_after_an_own_message_shares_its_heading() {
    let mut room = greeted_room();
    room.queue_text("first", NOW);
    send_next(&mut room);
    let mut kept = frame("me", text_message(2, "first"));
    kept.ts = Some(NOW + 900);
    room.apply(kept, NOW + 1_000);
    // By this machine's clock the text is older than the stored message.
    room.queue_text("second", NOW + 850);
    let heads: Vec<_> = room
        .rows(&mut |_| 0)
        .into_iter()
        .filter_map(|(_, row)| match row {
            Row::Message(row) => Some(row.is_head),
            _ => None,
        })
        .collect();
    assert_eq!(heads, [true, true, false]);
}

#[test]
fn heading_repeats_after_five_minutes_or_twelve_rows() {
    let headings = |gap_ms: UnixMillis, count: u64| {
        let mut room = greeted_room();
        for id in 2..=count {
            let mut message = frame("b", text_message(id, "go on"));
            message.ts = Some(NOW + (id as UnixMillis - 1) * gap_ms);
            room.apply(message, NOW);
        }
        let rows = room.rows(&mut |_| 0);
        let is_head = |row: &Row| matches!(row, Row::Message(row) if row.is_head);
        rows.iter().filter(|(_, row)| is_head(row)).count()
    };
    assert_eq!(headings(1_000, 12), 1);
    assert_eq!(headings(1_000, 13), 2);
    assert_eq!(headings(1_000, 37), 4);
    // The next five-minute spans start 100 s and 400 s after the first message.
    assert_eq!(headings(60_000, 2), 1);
    assert_eq!(headings(60_000, 7), 2);
    assert_eq!(headings(60_000, 8), 3);
}

#[test]
fn pending_texts_of_several_days_have_distinct_row_keys() {
    let mut room = greeted_room();
    for day in 0..3 {
        room.queue_text("x", NOW + day * 24 * HOUR_MS);
    }
    let rows = room.rows(&mut |_| 0);
    let keys: std::collections::HashSet<_> = rows.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys.len(), rows.len());
}

#[test]
fn dropped_rows_leave_the_headings_below_in_place() {
    let mut room = greeted_room();
    for id in 2..=100 {
        let mut message = frame("b", text_message(id, "go on"));
        message.ts = Some(NOW + id as UnixMillis * 20_000);
        room.apply(message, NOW);
    }
    let heads = |room: &Room| {
        let head = |(_, row)| match row {
            Row::Message(row) if row.is_head => row.message.id,
            _ => None,
        };
        room.rows(&mut |_| 0).into_iter().filter_map(head).collect::<Vec<_>>()
    };
    let before = heads(&room);
    room.log.trim(None, 60);
    let oldest = room.log().oldest().unwrap();
    let after = heads(&room);
    assert!(after.len() > 3);
    assert!(after.iter().all(|id| *id == oldest || before.contains(id)));
}
