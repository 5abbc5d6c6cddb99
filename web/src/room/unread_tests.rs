//! What was read, step by step.

use super::*;

/// How many are unread, and where the line is.
type Seen = (u64, Option<MessageId>);

/// One thing that happens.
enum Step {
    /// Messages of others with these ids come.
    Come(std::ops::RangeInclusive<MessageId>),
    /// One of our own comes back.
    Own(MessageId),
    /// A greeting ends; this is the newest message.
    Greet(MessageId),
    /// Somebody looks, or stops looking.
    Look(bool),
    /// The list is at the bottom, or is not.
    Bottom(bool),
    /// The list is on its way to where the reader goes on.
    Seek,
    /// The reader says something.
    Say,
}

use Step::{Bottom, Come, Greet, Look, Own, Say, Seek};

/// Does the steps, and gives back how many are unread, and where the line is.
fn after(mut unread: Unread, steps: &[Step]) -> Seen {
    for step in steps {
        match step {
            Come(ids) => ids.clone().for_each(|id| unread.on_message(id, false)),
            Own(id) => unread.on_message(*id, true),
            Greet(newest) => unread.greeted(*newest),
            Look(is_attended) => unread.set_attended(*is_attended),
            Bottom(is_at_bottom) => unread.scroll_changed(*is_at_bottom, false),
            Seek => unread.scroll_changed(true, true),
            Say => unread.reader_replied(),
        }
    }
    let line = unread.marker().map(|line| match line {
        FirstUnread::Id(id) => id,
        FirstUnread::Arrival(arrival) => panic!("a line before arrival {arrival}"),
    });
    (unread.count(), line)
}

/// Somebody who looks at a room for the first time, with ten messages in it.
fn present() -> Unread {
    let mut unread = Unread::new(None);
    unread.set_attended(true);
    for id in 1..=10 {
        unread.on_message(id, false);
    }
    unread.greeted(10);
    unread.scroll_changed(true, false);
    unread
}

#[test]
fn a_reader_who_comes_and_goes() {
    let cases: &[(&str, &[Step], Seen)] = &[
        ("history is not unread", &[], (0, None)),
        ("what comes before one's eyes is read", &[Come(11..=13)], (0, None)),
        ("while nobody looks it is not", &[Look(false), Come(11..=13)], (3, Some(11))),
        (
            "the line stays while it is read",
            &[Look(false), Come(11..=13), Look(true)],
            (0, Some(11)),
        ),
        (
            "the line stays while more comes before one's eyes",
            &[Look(false), Come(11..=13), Look(true), Come(14..=20)],
            (0, Some(11)),
        ),
        (
            "one's own message takes the line away",
            &[Look(false), Come(11..=13), Look(true), Say, Own(14)],
            (0, None),
        ),
        (
            "the line moves for whoever had read everything",
            &[Look(false), Come(11..=13), Look(true), Look(false), Come(14..=15)],
            (2, Some(14)),
        ),
        (
            "and stays for whoever had not",
            &[Look(false), Come(11..=13), Bottom(false), Look(true), Look(false), Come(14..=15)],
            (5, Some(11)),
        ),
        ("further up nothing is read", &[Bottom(false), Come(11..=13)], (3, None)),
        (
            "and the line is above all of it, once more comes while nobody looks",
            &[Bottom(false), Come(11..=13), Look(false), Come(14..=14)],
            (4, Some(11)),
        ),
        ("down again it is", &[Bottom(false), Come(11..=13), Bottom(true)], (0, None)),
        ("our own are never unread", &[Look(false), Own(11), Own(12)], (0, None)),
        (
            "nor is the line above them",
            &[Look(false), Own(11), Own(11), Come(12..=13), Own(14)],
            (2, Some(12)),
        ),
        (
            "over a gap it is counted all the same",
            &[Look(false), Come(151..=200), Greet(200)],
            (190, Some(11)),
        ),
        (
            "the page that fills the gap changes nothing",
            &[Look(false), Come(151..=200), Greet(200), Come(101..=150)],
            (190, Some(11)),
        ),
        ("a history that was wiped begins anew", &[Look(false), Come(1..=3), Greet(3)], (0, None)),
    ];
    for (what, steps, expected) in cases {
        assert_eq!(after(present(), steps), *expected, "{what}");
    }
}

#[test]
fn a_reader_who_opens_the_room_again() {
    let cases: &[(&str, u64, &[Step], Seen)] = &[
        ("all was read", 10, &[Look(true), Come(1..=10), Greet(10), Seek], (0, None)),
        (
            "the view is not at the bottom yet when it is there only on its way",
            7,
            &[Look(true), Seek, Come(1..=10), Greet(10), Seek],
            (3, Some(8)),
        ),
        (
            "and in the end everything is in view",
            7,
            &[Look(true), Seek, Come(1..=10), Greet(10), Seek, Bottom(true)],
            (0, Some(8)),
        ),
        ("more than a page", 20, &[Look(true), Seek, Come(151..=200), Greet(200)], (180, Some(21))),
        (
            "the reader scrolls before the place has come",
            20,
            &[Look(true), Seek, Come(151..=200), Greet(200), Bottom(false), Bottom(true)],
            (0, Some(21)),
        ),
        (
            "our own on the last page, and others before it",
            5,
            &[Look(false), Own(9), Own(10), Greet(10)],
            (3, Some(6)),
        ),
        ("another room by now", 90, &[Look(true), Seek, Come(1..=10), Greet(10)], (0, None)),
    ];
    for (what, read_up_to, steps, expected) in cases {
        assert_eq!(after(Unread::new(Some(*read_up_to)), steps), *expected, "{what}");
    }
}

#[test]
fn a_place_that_is_not_to_be_had_is_given_up() {
    let mut unread = Unread::new(Some(3));
    unread.set_attended(true);
    unread.scroll_changed(true, true);
    unread.on_message(10, false);
    unread.greeted(10);
    assert_eq!((unread.count(), unread.is_opening()), (7, true));
    unread.end_opening();
    assert_eq!((unread.count(), unread.read_up_to()), (0, Some(10)));
}

#[test]
fn messages_without_ids_are_counted_until_they_are_seen() {
    let mut unread = Unread::new(None);
    unread.greeted(0);
    unread.scroll_changed(true, false);
    unread.on_unstored_message(0, 1, false);
    assert_eq!(unread.count(), 0, "it came before the reader's eyes");
    unread.set_attended(false);
    unread.on_unstored_message(0, 2, true);
    assert_eq!((unread.count(), unread.marker()), (0, None), "the reader's own is read");
    unread.on_unstored_message(0, 3, false);
    unread.on_unstored_message(0, 4, false);
    assert_eq!((unread.count(), unread.marker()), (2, Some(FirstUnread::Arrival(3))));
    unread.set_attended(true);
    assert_eq!((unread.count(), unread.marker()), (0, Some(FirstUnread::Arrival(3))));
}

#[test]
fn the_line_stands_above_whichever_came_first_with_an_id_or_without() {
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
