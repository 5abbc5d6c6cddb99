//! Tests of unread messages step by step.

use super::*;

/// The result of the steps: the unread count, and the id of the message below the unread marker.
type Outcome = (u64, Option<MessageId>);

/// An event.
enum Step {
    /// Messages of other members with these ids arrive.
    Arrive(std::ops::RangeInclusive<MessageId>),
    /// An own message with this id arrives.
    ArriveOwn(MessageId),
    /// A greeting is complete. The newest message has this id.
    Greet(MessageId),
    /// The page becomes attended (true) or unattended.
    Attend(bool),
    /// The list is at the bottom (true) or further up.
    AtBottom(bool),
    /// The list scrolls to the first unread message, and is at the bottom meanwhile.
    ScrollToUnread,
    /// The reader sends a text.
    Reply,
}

use Step::{Arrive, ArriveOwn, AtBottom, Attend, Greet, Reply, ScrollToUnread};

/// Applies the steps and returns the outcome.
fn apply(mut unread: Unread, steps: &[Step]) -> Outcome {
    for step in steps {
        match step {
            Arrive(ids) => ids.clone().for_each(|id| unread.on_message(id, false)),
            ArriveOwn(id) => unread.on_message(*id, true),
            Greet(newest) => unread.on_greeting(*newest),
            Attend(is_attended) => unread.set_attended(*is_attended),
            AtBottom(is_at_bottom) => unread.on_scroll(*is_at_bottom, false),
            ScrollToUnread => unread.on_scroll(true, true),
            Reply => unread.on_reply(),
        }
    }
    let marked_id = unread.marker().map(|first_unread| match first_unread {
        FirstUnread::Id(id) => id,
        FirstUnread::Arrival(_) => panic!("the marker precedes a message without an id"),
    });
    (unread.count(), marked_id)
}

/// Returns the state on a first visit to a room with ten messages: the page is attended, and the
/// list is at the bottom.
fn attended_room() -> Unread {
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
    let cases: &[(&str, &[Step], Outcome)] = &[
        ("history of the first visit is read", &[], (0, None)),
        ("attended at the bottom: new messages are read", &[Arrive(11..=13)], (0, None)),
        ("unattended: new messages are unread", &[Attend(false), Arrive(11..=13)], (3, Some(11))),
        (
            "attended again: the marker stays",
            &[Attend(false), Arrive(11..=13), Attend(true)],
            (0, Some(11)),
        ),
        (
            "attended again: the marker stays while more messages arrive",
            &[Attend(false), Arrive(11..=13), Attend(true), Arrive(14..=20)],
            (0, Some(11)),
        ),
        (
            "an own message removes the marker",
            &[Attend(false), Arrive(11..=13), Attend(true), Reply, ArriveOwn(14)],
            (0, None),
        ),
        (
            "all read, then unattended: the marker moves",
            &[Attend(false), Arrive(11..=13), Attend(true), Attend(false), Arrive(14..=15)],
            (2, Some(14)),
        ),
        (
            "not all read, then unattended: the marker stays",
            &[
                Attend(false),
                Arrive(11..=13),
                AtBottom(false),
                Attend(true),
                Attend(false),
                Arrive(14..=15),
            ],
            (5, Some(11)),
        ),
        (
            "not at the bottom: new messages are unread",
            &[AtBottom(false), Arrive(11..=13)],
            (3, None),
        ),
        (
            "not at the bottom, then unattended: the marker precedes all unread messages",
            &[AtBottom(false), Arrive(11..=13), Attend(false), Arrive(14..=14)],
            (4, Some(11)),
        ),
        (
            "at the bottom again: all is read",
            &[AtBottom(false), Arrive(11..=13), AtBottom(true)],
            (0, None),
        ),
    ];
    for (description, steps, expected) in cases {
        assert_eq!(apply(attended_room(), steps), *expected, "{description}");
    }
}

#[test]
fn own_messages_gaps_and_a_wiped_history_give_the_right_count_and_marker() {
    let cases: &[(&str, &[Step], Outcome)] = &[
        (
            "own messages are never unread",
            &[Attend(false), ArriveOwn(11), ArriveOwn(12)],
            (0, None),
        ),
        (
            "the marker skips own messages",
            &[Attend(false), ArriveOwn(11), ArriveOwn(11), Arrive(12..=13), ArriveOwn(14)],
            (2, Some(12)),
        ),
        (
            "messages of a gap are counted",
            &[Attend(false), Arrive(151..=200), Greet(200)],
            (190, Some(11)),
        ),
        (
            "a page that fills the gap does not change the count",
            &[Attend(false), Arrive(151..=200), Greet(200), Arrive(101..=150)],
            (190, Some(11)),
        ),
        (
            "the history was wiped: all is read",
            &[Attend(false), Arrive(1..=3), Greet(3)],
            (0, None),
        ),
    ];
    for (description, steps, expected) in cases {
        assert_eq!(apply(attended_room(), steps), *expected, "{description}");
    }
}

#[test]
fn reader_who_returns_has_the_right_count_and_marker() {
    let cases: &[(&str, u64, &[Step], Outcome)] = &[
        (
            "the read mark is the newest message: all is read",
            10,
            &[Attend(true), Arrive(1..=10), Greet(10), ScrollToUnread],
            (0, None),
        ),
        (
            "at the bottom, but scrolling to the marker: unread",
            7,
            &[Attend(true), ScrollToUnread, Arrive(1..=10), Greet(10), ScrollToUnread],
            (3, Some(8)),
        ),
        (
            "at the bottom after scrolling to the marker: read",
            7,
            &[
                Attend(true),
                ScrollToUnread,
                Arrive(1..=10),
                Greet(10),
                ScrollToUnread,
                AtBottom(true),
            ],
            (0, Some(8)),
        ),
        (
            "more unread messages than a page has",
            20,
            &[Attend(true), ScrollToUnread, Arrive(151..=200), Greet(200)],
            (180, Some(21)),
        ),
        (
            "the reader scrolls to the bottom before the page is loaded: read",
            20,
            &[
                Attend(true),
                ScrollToUnread,
                Arrive(151..=200),
                Greet(200),
                AtBottom(false),
                AtBottom(true),
            ],
            (0, Some(21)),
        ),
        (
            "own messages are not counted, and do not get the marker",
            5,
            &[Attend(false), ArriveOwn(9), ArriveOwn(10), Greet(10)],
            (3, Some(6)),
        ),
        (
            "the history was wiped: all is read",
            90,
            &[Attend(true), ScrollToUnread, Arrive(1..=10), Greet(10)],
            (0, None),
        ),
    ];
    for (description, read_up_to, steps, expected) in cases {
        assert_eq!(apply(Unread::new(Some(*read_up_to)), steps), *expected, "{description}");
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
    let mut unread = attended_room();
    unread.set_attended(false);
    unread.on_message(11, false);
    unread.on_unstored_message(11, 1, false);
    assert_eq!((unread.count(), unread.marker()), (2, Some(FirstUnread::Id(11))));

    let mut unread = attended_room();
    unread.set_attended(false);
    unread.on_unstored_message(10, 1, false);
    unread.on_message(11, false);
    assert_eq!((unread.count(), unread.marker()), (2, Some(FirstUnread::Arrival(1))));
}
