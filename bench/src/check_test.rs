//! The check notices every fault it is there for, and nothing else.

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
        check.heard(connection, *message, *id);
    }
}

/// What a second member's way of hearing five messages is called.
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
fn a_good_run_has_no_faults() {
    assert_eq!(faults_of(&[0, 1, 2, 3, 4]), Faults::default());
}

#[test]
fn a_lost_message_is_noticed_at_the_start_within_and_at_the_end() {
    for places in [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3]] {
        assert_eq!(faults_of(&places), Faults { lost: 1, ..Faults::default() }, "{places:?}");
    }
}

#[test]
fn a_message_that_nobody_hears_is_lost_for_all() {
    let mut check = check();
    check.next_message(0, 0);
    assert_eq!(check.outstanding(), 2);
    assert_eq!(check.finish(), Faults { lost: 2, ..Faults::default() });
}

#[test]
fn a_duplicate_is_noticed() {
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
fn another_order_is_noticed() {
    let swapped = faults_of(&[0, 2, 1, 3, 4]);
    assert_eq!(swapped, Faults { reordered: 1, ..Faults::default() });
}

#[test]
fn a_sender_heard_in_another_order_than_it_spoke_is_noticed() {
    let mut check = check();
    let messages = said(&mut check);
    for connection in [0, 1] {
        for (id, place) in (7..).zip([0, 2, 1, 3, 4]) {
            check.heard(connection, messages[place].0, Some(id));
        }
    }
    assert_eq!(check.finish(), Faults { reordered: 1, ..Faults::default() });
}

#[test]
fn a_message_of_another_room_is_noticed() {
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    hear(&mut check, 1, &messages);
    assert!(!check.heard(2, messages[0].0, Some(7)));
    assert_eq!(check.finish(), Faults { misrouted: 1, ..Faults::default() });
}

#[test]
fn what_was_never_sent_is_corrupt() {
    let mut check = check();
    let never = Marked { room: 0, sender: 0, sequence: 0, due_ns: 0 };
    check.heard(1, never, Some(1));
    check.heard(1, Marked { sender: 99, ..never }, Some(1));
    assert_eq!(check.finish(), Faults { corrupt: 2, ..Faults::default() });
}

#[test]
fn a_gap_in_the_ids_is_noticed_and_so_is_a_member_who_sees_another_id() {
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
fn a_member_that_is_excused_loses_nothing() {
    let mut check = check();
    let messages = said(&mut check);
    hear(&mut check, 0, &messages);
    check.excuse(1);
    assert_eq!(check.finish(), Faults::default());
}
