//! Tests of unread messages step by step.

use super::*;

/// The unread count, and the message below the unread marker.
type Seen = (u64, Option<MessageId>);

/// An event.
enum Step {
    /// Messages of others with these ids arrive.
    Come(std::ops::RangeInclusive<MessageId>),
    /// An own message arrives.
    Own(MessageId),
    /// A greeting is complete. This is the newest message.
    Greet(MessageId),
    /// The page becomes attended or not.
    Look(bool),
    /// The list is at the bottom or not.
    Bottom(bool),
    /// The list is on its way to the first unread message.
    Seek,
    /// The reader sends a text.
    Say,
}

use Step::{Bottom, Come, Greet, Look, Own, Say, Seek};

/// Applies the steps and returns the result.
fn after(mut unread: Unread, steps: &[Step]) -> Seen {
    for step in steps {
        match step {
            Come(ids) => ids.clone().for_each(|id| unread.on_message(id, false)),
            Own(id) => unread.on_message(*id, true),
            Greet(newest) => unread.on_greeting(*newest),
            Look(is_attended) => unread.set_attended(*is_attended),
            Bottom(is_at_bottom) => unread.on_scroll(*is_at_bottom, false),
            Seek => unread.on_scroll(true, true),
            Say => unread.on_reply(),
        }
    }
    let line = unread.marker().map(|line| match line {
        FirstUnread::Id(id) => id,
        FirstUnread::Arrival(arrival) => panic!("a marker before arrival {arrival}"),
    });
    (unread.count(), line)
}

/// Returns the state on a first visit to a room with ten messages.
fn present() -> Unread {
    let mut unread = Unread::new(None);
    unread.set_attended(true);
    for id in 1..=10 {
        unread.on_message(id, false);
    }
    unread.on_greeting(10);
    unread.on_scroll(true, false);
    unread
}

#[test]
fn reader_who_looks_away_and_back_has_the_right_count_and_marker() {
    let cases: &[(&str, &[Step], Seen)] = &[
        ("history of the first visit is read", &[], (0, None)),
        ("attended at the bottom: new messages are read", &[Come(11..=13)], (0, None)),
        ("unattended: new messages are unread", &[Look(false), Come(11..=13)], (3, Some(11))),
        (
            "attended again: the marker stays",
            &[Look(false), Come(11..=13), Look(true)],
            (0, Some(11)),
        ),
        (
            "attended again: the marker stays while more messages arrive",
            &[Look(false), Come(11..=13), Look(true), Come(14..=20)],
            (0, Some(11)),
        ),
        (
            "an own message removes the marker",
            &[Look(false), Come(11..=13), Look(true), Say, Own(14)],
            (0, None),
        ),
        (
            "all read, then unattended: the marker moves",
            &[Look(false), Come(11..=13), Look(true), Look(false), Come(14..=15)],
            (2, Some(14)),
        ),
        (
            "not all read, then unattended: the marker stays",
            &[Look(false), Come(11..=13), Bottom(false), Look(true), Look(false), Come(14..=15)],
            (5, Some(11)),
        ),
        ("not at the bottom: new messages are unread", &[Bottom(false), Come(11..=13)], (3, None)),
        (
            "not at the bottom, then unattended: the marker precedes all unread",
            &[Bottom(false), Come(11..=13), Look(false), Come(14..=14)],
            (4, Some(11)),
        ),
        (
            "at the bottom again: all is read",
            &[Bottom(false), Come(11..=13), Bottom(true)],
            (0, None),
        ),
        ("own messages are never unread", &[Look(false), Own(11), Own(12)], (0, None)),
        (
            "the marker skips own messages",
            &[Look(false), Own(11), Own(11), Come(12..=13), Own(14)],
            (2, Some(12)),
        ),
        (
            "messages of a gap are counted",
            &[Look(false), Come(151..=200), Greet(200)],
            (190, Some(11)),
        ),
        (
            "a page that fills the gap does not change the count",
            &[Look(false), Come(151..=200), Greet(200), Come(101..=150)],
            (190, Some(11)),
        ),
        ("a wiped history is read", &[Look(false), Come(1..=3), Greet(3)], (0, None)),
    ];
    for (what, steps, expected) in cases {
        assert_eq!(after(present(), steps), *expected, "{what}");
    }
}

#[test]
fn reader_who_returns_has_the_right_count_and_marker() {
    let cases: &[(&str, u64, &[Step], Seen)] = &[
        (
            "the read mark is the newest message",
            10,
            &[Look(true), Come(1..=10), Greet(10), Seek],
            (0, None),
        ),
        (
            "at the bottom, but on its way to the marker: unread",
            7,
            &[Look(true), Seek, Come(1..=10), Greet(10), Seek],
            (3, Some(8)),
        ),
        (
            "at the bottom after the way: read",
            7,
            &[Look(true), Seek, Come(1..=10), Greet(10), Seek, Bottom(true)],
            (0, Some(8)),
        ),
        (
            "more unread than a page",
            20,
            &[Look(true), Seek, Come(151..=200), Greet(200)],
            (180, Some(21)),
        ),
        (
            "the reader scrolls before the page is loaded",
            20,
            &[Look(true), Seek, Come(151..=200), Greet(200), Bottom(false), Bottom(true)],
            (0, Some(21)),
        ),
        (
            "own messages on the last page, others before it",
            5,
            &[Look(false), Own(9), Own(10), Greet(10)],
            (3, Some(6)),
        ),
        ("the history was wiped", 90, &[Look(true), Seek, Come(1..=10), Greet(10)], (0, None)),
    ];
    for (what, read_up_to, steps, expected) in cases {
        assert_eq!(after(Unread::new(Some(*read_up_to)), steps), *expected, "{what}");
    }
}

#[test]
fn opening_that_cannot_reach_its_message_ends_as_read() {
    let mut unread = Unread::new(Some(3));
    unread.set_attended(true);
    unread.on_scroll(true, true);
    unread.on_message(10, false);
    unread.on_greeting(10);
    assert_eq!((unread.count(), unread.is_opening()), (7, true));
    unread.end_opening();
    assert_eq!((unread.count(), unread.read_up_to()), (0, Some(10)));
}

#[test]
fn messages_without_ids_are_unread_until_seen() {
    let mut unread = Unread::new(None);
    unread.on_greeting(0);
    unread.on_scroll(true, false);
    unread.on_unstored_message(0, 1, false);
    assert_eq!(unread.count(), 0, "the page is attended");
    unread.set_attended(false);
    unread.on_unstored_message(0, 2, true);
    assert_eq!((unread.count(), unread.marker()), (0, None), "own messages are read");
    unread.on_unstored_message(0, 3, false);
    unread.on_unstored_message(0, 4, false);
    assert_eq!((unread.count(), unread.marker()), (2, Some(FirstUnread::Arrival(3))));
    unread.set_attended(true);
    assert_eq!((unread.count(), unread.marker()), (0, Some(FirstUnread::Arrival(3))));
}

#[test]
fn marker_precedes_the_first_unread_message_with_or_without_an_id() {
    for (is_kept_first, line) in [(true, FirstUnread::Id(11)), (false, FirstUnread::Arrival(1))] {
        let mut unread = present();
        unread.set_attended(false);
        if is_kept_first {
            unread.on_message(11, false);
            unread.on_unstored_message(11, 1, false);
        } else {
            unread.on_unstored_message(10, 1, false);
            unread.on_message(11, false);
        }
        assert_eq!((unread.count(), unread.marker()), (2, Some(line)));
    }
}
