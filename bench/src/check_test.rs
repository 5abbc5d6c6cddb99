//! The check finds each kind of fault, and no others.

use super::*;

/// Two members in room 0 (connections 0 and 1), one in room 1 (connection 2).
fn check() -> Check {
    Check::new(vec![0, 0, 1])
}

/// Five messages of connection 0, with their ids.
fn said(check: &mut Check) -> Vec<(Marked, Option<u64>)> {
    (0..5).map(|n| (check.next_message(0, n), Some(n + 7))).collect()
}

fn hear(check: &mut Check, connection: usize, messages: &[(Marked, Option<u64>)]) {
    for (message, id) in messages {
        check.received(connection, *message, *id);
    }
}

/// Returns the faults if a second member receives five messages in this way.
fn faults_of(places: &[usize]) -> Faults {
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    for place in places {
        hear(&mut check, 1, &messages[*place..=*place]);
    }
    check.finish()
}

#[test]
fn correct_run_has_no_faults() {
    assert_eq!(faults_of(&[0, 1, 2, 3, 4]), Faults::default());
}

#[test]
fn lost_message_is_found_at_any_place() {
    for places in [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3]] {
        assert_eq!(faults_of(&places), Faults { lost: 1, ..Faults::default() }, "{places:?}");
    }
}

#[test]
fn message_without_receivers_is_lost_for_all() {
    let mut check = check();
    check.next_message(0, 0);
    assert_eq!(check.outstanding(), 2);
    assert_eq!(check.finish(), Faults { lost: 2, ..Faults::default() });
}

#[test]
fn duplicate_is_found() {
    let once = Faults { duplicated: 1, ..Faults::default() };
    assert_eq!(faults_of(&[0, 1, 1, 2, 3, 4]), once);
    assert_eq!(faults_of(&[0, 1, 2, 3, 4, 0]), once);
    // The first to hear it hears it twice.
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    hear(&mut check, 0, &messages[2..3]);
    hear(&mut check, 1, &messages);
    assert_eq!(check.finish(), once);
}

#[test]
fn other_order_is_found() {
    let swapped = faults_of(&[0, 2, 1, 3, 4]);
    assert_eq!(swapped, Faults { reordered: 1, ..Faults::default() });
}

#[test]
fn other_order_than_that_of_the_sender_is_found() {
    let mut check = check();
    let messages = said(&mut check);
    for connection in [0, 1] {
        for (id, place) in (7..).zip([0, 2, 1, 3, 4]) {
            check.received(connection, messages[place].0, Some(id));
        }
    }
    assert_eq!(check.finish(), Faults { reordered: 1, ..Faults::default() });
}

#[test]
fn message_of_another_room_is_found() {
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    hear(&mut check, 1, &messages);
    assert!(!check.received(2, messages[0].0, Some(7)));
    assert_eq!(check.finish(), Faults { misrouted: 1, ..Faults::default() });
}

#[test]
fn message_that_was_never_sent_is_corrupt() {
    let mut check = check();
    let never = Marked { room: 0, sender: 0, sequence: 0, due_ns: 0 };
    check.received(1, never, Some(1));
    check.received(1, Marked { sender: 99, ..never }, Some(1));
    assert_eq!(check.finish(), Faults { corrupt: 2, ..Faults::default() });
}

#[test]
fn gap_in_ids_and_differing_ids_are_found() {
    let mut with_gap = check();
    let mut messages = said(&mut with_gap);
    messages[3].1 = Some(100);
    messages[4].1 = Some(101);
    hear(&mut with_gap, 0, &messages);
    hear(&mut with_gap, 1, &messages);
    assert_eq!(with_gap.finish(), Faults { id_gaps: 1, ..Faults::default() });

    let mut other_id = check();
    let mut messages = said(&mut other_id);
    hear(&mut other_id, 0, &messages);
    messages[2].1 = Some(100);
    hear(&mut other_id, 1, &messages);
    assert_eq!(other_id.finish(), Faults { id_gaps: 1, ..Faults::default() });
}

#[test]
fn excused_member_loses_nothing() {
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    check.excuse(1);
    assert_eq!(check.finish(), Faults::default());
}
