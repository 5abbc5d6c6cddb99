//! Tests of times: the room shows the server's time, and estimates it for texts without an answer.

use xmeet_shared::{ServerMessage, UnixMillis};

use super::tests::{NOW, frame, greeted_room, send_next, text_message};
use super::*;

const MINUTE_MS: UnixMillis = 60_000;
const HOUR_MS: UnixMillis = 60 * MINUTE_MS;

/// Returns the times of the messages in row order.
fn times(room: &Room) -> Vec<UnixMillis> {
    let time_of = |(_, row)| match row {
        Row::Message(row) => Some(row.message.at),
        _ => None,
    };
    room.rows(&mut |_| 0).into_iter().filter_map(time_of).collect()
}

/// Returns a room on a machine whose clock is `ahead_ms` ahead of the server's.
fn room_with_clock_ahead(ahead_ms: UnixMillis) -> Room {
    let mut room = greeted_room();
    room.apply(frame("b", ServerMessage::Ping { next_bytes: None }), NOW + ahead_ms);
    room
}

#[test]
fn pending_text_has_the_servers_time_on_a_machine_with_a_wrong_clock() {
    for ahead_ms in [HOUR_MS, -HOUR_MS, 24 * HOUR_MS] {
        let mut room = room_with_clock_ahead(ahead_ms);
        // The text is typed a minute after the first message.
        let typed_at = NOW + ahead_ms + MINUTE_MS;
        assert_eq!(room.server_time(typed_at), NOW + MINUTE_MS);
        room.queue_text("x", typed_at);
        assert_eq!(times(&room), [NOW, NOW + MINUTE_MS]);
    }
}

#[test]
fn confirmed_text_has_the_time_of_the_servers_frame() {
    let mut room = room_with_clock_ahead(0);
    room.on_disconnected();
    room.queue_text("typed offline", NOW);
    assert_eq!(times(&room)[1], NOW);
    tests::greet(&mut room, "me", &["b", "me"], vec![tests::record(1, "b", "one")]);
    send_next(&mut room);
    let stored_at = NOW + 90 * MINUTE_MS;
    let mut stored = frame("me", text_message(2, "typed offline"));
    stored.ts = Some(stored_at);
    room.apply(stored, stored_at);
    assert_eq!(times(&room)[1], stored_at);
}

#[test]
fn slow_frame_keeps_the_clock_offset_and_a_set_clock_changes_it() {
    let mut room = room_with_clock_ahead(0);
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
    let mut stored = frame("me", text_message(2, "first"));
    stored.ts = Some(NOW + 900);
    room.apply(stored, NOW + 1_000);
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
    // Returns the number of headings of `message_count` messages by one member.
    let heading_count = |interval_ms: UnixMillis, message_count: u64| {
        let mut room = greeted_room();
        for id in 2..=message_count {
            let mut message = frame("b", text_message(id, "text"));
            message.ts = Some(NOW + (id as UnixMillis - 1) * interval_ms);
            room.apply(message, NOW);
        }
        let rows = room.rows(&mut |_| 0);
        let is_head = |row: &Row| matches!(row, Row::Message(row) if row.is_head);
        rows.iter().filter(|(_, row)| is_head(row)).count()
    };
    assert_eq!(heading_count(1_000, 12), 1);
    assert_eq!(heading_count(1_000, 13), 2);
    assert_eq!(heading_count(1_000, 37), 4);
    // The next five-minute spans start 100 s and 400 s after the first message.
    assert_eq!(heading_count(MINUTE_MS, 2), 1);
    assert_eq!(heading_count(MINUTE_MS, 7), 2);
    assert_eq!(heading_count(MINUTE_MS, 8), 3);
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
        let mut message = frame("b", text_message(id, "text"));
        message.ts = Some(NOW + id as UnixMillis * 20_000);
        room.apply(message, NOW);
    }
    // Returns the ids of the messages below headings.
    let ids_with_heading = |room: &Room| {
        let id_with_heading = |(_, row)| match row {
            Row::Message(row) if row.is_head => row.message.id,
            _ => None,
        };
        room.rows(&mut |_| 0).into_iter().filter_map(id_with_heading).collect::<Vec<_>>()
    };
    let before = ids_with_heading(&room);
    room.log.trim(None, 60);
    let oldest = room.log().oldest().unwrap();
    let after = ids_with_heading(&room);
    assert!(after.len() > 3);
    // Only the oldest held message may have a new heading.
    assert!(after.iter().all(|id| *id == oldest || before.contains(id)));
}
