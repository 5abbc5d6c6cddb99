//! The connection machine, driven by hand: no clock, no socket.

use proptest::prelude::*;

use super::*;

/// Time passes, and nothing is under way.
const TICK: Input = Input::Tick { is_unanswered: false, buffered_bytes: 0 };

/// Time passes, and something that was sent has not come back.
const UNANSWERED_TICK: Input = Input::Tick { is_unanswered: true, buffered_bytes: 0 };

/// What a message that nobody announced may take on a line that greeted at once.
const FRAME_MS: Millis = 64;

/// A machine that was greeted at 0.
fn connected() -> Machine {
    let mut machine = Machine::new(0);
    assert_eq!(machine.handle(Input::Start, 0, 0.5), Some(Effect::Open));
    assert_eq!(machine.phase(), Phase::Connecting);
    assert_eq!(machine.handle(Input::Greeted, 0, 0.5), None);
    assert_eq!(machine.phase(), Phase::Connected);
    machine
}

fn retry_at(machine: &Machine) -> Millis {
    match machine.phase() {
        Phase::Retrying { retry_at } => retry_at,
        other => panic!("not retrying but {other:?}"),
    }
}

#[test]
fn a_lost_connection_is_tried_again_with_growing_waits() {
    let mut machine = connected();
    let mut now = 20_000;
    let mut waits = Vec::new();
    for _ in 0..6 {
        machine.handle(Input::Closed { code: 1006 }, now, 1.0);
        waits.push(retry_at(&machine) - now);
        assert_eq!(machine.handle(TICK, retry_at(&machine) - 1, 0.0), None);
        now = retry_at(&machine);
        assert_eq!(machine.handle(TICK, now, 0.0), Some(Effect::Open));
    }
    assert_eq!(waits, [1_500, 3_000, 6_000, 12_000, 24_000, 30_000]);
}

#[test]
fn only_a_connection_that_lasted_shortens_the_next_wait() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 1013 }, 100, 1.0);
    assert_eq!(retry_at(&machine), 1_600);
    machine.handle(TICK, 1_600, 0.0);
    machine.handle(Input::Greeted, 1_700, 0.0);
    machine.handle(Input::Closed { code: 1013 }, 1_800, 1.0);
    assert_eq!(retry_at(&machine), 4_800, "closed at once again: wait longer");
    machine.handle(TICK, 4_800, 0.0);
    machine.handle(Input::Greeted, 5_000, 0.0);
    machine.handle(Input::Closed { code: 1001 }, 60_000, 1.0);
    assert_eq!(retry_at(&machine), 61_500);
}

#[test]
fn a_server_that_says_stay_away_is_believed_until_a_person_asks() {
    for code in [1000, 1008] {
        let mut machine = connected();
        machine.handle(Input::Closed { code }, 5, 0.0);
        assert_eq!(machine.phase(), Phase::Stopped { code });
        for input in [TICK, Input::Online, Input::Visible, Input::Offline] {
            assert_eq!(machine.handle(input, 1_000_000, 0.0), None, "{input:?}");
        }
        assert_eq!(machine.handle(Input::TryNow, 1_000_001, 0.0), Some(Effect::Open));
    }
}

#[test]
fn silence_is_probed_and_no_answer_means_dead() {
    let mut machine = connected();
    assert_eq!(machine.handle(TICK, 29_999, 0.0), None);
    assert_eq!(machine.handle(TICK, 30_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 32_999 + FRAME_MS, 0.0), None);
    assert_eq!(machine.handle(TICK, 33_000 + FRAME_MS, 0.0), Some(Effect::Open));
    assert_eq!(machine.phase(), Phase::Connecting);
}

#[test]
fn what_is_not_answered_is_asked_about_soon() {
    let mut machine = connected();
    assert_eq!(machine.handle(UNANSWERED_TICK, 1_999, 0.0), None);
    assert_eq!(machine.handle(UNANSWERED_TICK, 2_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(UNANSWERED_TICK, 4_999 + FRAME_MS, 0.0), None);
    assert_eq!(machine.handle(UNANSWERED_TICK, 5_000 + FRAME_MS, 0.0), Some(Effect::Open));
}

#[test]
fn a_page_that_slept_does_not_ask_first() {
    for wakes in [TICK, Input::Visible] {
        let mut machine = connected();
        assert_eq!(machine.handle(wakes, 600_000, 0.0), Some(Effect::Open), "{wakes:?}");
    }
}

#[test]
fn a_member_that_was_taken_over_comes_back() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 4001 }, 20_000, 1.0);
    assert_eq!(retry_at(&machine), 21_500);
}

#[test]
fn an_answer_ends_the_probe() {
    let mut machine = connected();
    machine.handle(TICK, 30_000, 0.0);
    machine.handle(Input::FrameReceived { bytes: 100 }, 30_100, 0.0);
    assert_eq!(machine.handle(TICK, 40_000, 0.0), None);
    assert_eq!(machine.handle(TICK, 60_100, 0.0), Some(Effect::Probe));
}

#[test]
fn a_page_that_was_hidden_for_long_asks_when_it_is_seen_again() {
    let mut machine = connected();
    machine.handle(Input::Hidden, 1_000, 0.0);
    machine.handle(Input::FrameReceived { bytes: 100 }, 50_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 61_001, 0.0), Some(Effect::Probe));
    machine.handle(Input::FrameReceived { bytes: 100 }, 61_100, 0.0);
    machine.handle(Input::Hidden, 62_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 63_000, 0.0), None, "only a glance away");
}

#[test]
fn offline_shows_at_once_and_online_tries_at_once() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Offline, 5_000, 0.0), Some(Effect::Close));
    assert_eq!(machine.phase(), Phase::Offline { retry_at: 35_000 });
    machine.handle(Input::Closed { code: 1006 }, 5_001, 0.0);
    assert_eq!(
        machine.phase(),
        Phase::Offline { retry_at: 35_000 },
        "its close event changes nothing"
    );
    assert_eq!(machine.handle(Input::Online, 6_000, 0.0), Some(Effect::Open));
}

#[test]
fn online_on_a_live_connection_probes_it() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Online, 5_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 7_999, 0.0), None);
    assert_eq!(machine.handle(TICK, 8_000, 0.0), Some(Effect::Open));
}

#[test]
fn another_network_ends_a_slow_connection_that_does_not_answer() {
    let mut machine = connected();
    machine.handle(Input::SizeAnnounced { bytes: 3_000_000 }, 1_000, 0.0);
    assert_eq!(machine.handle(Input::Online, 5_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 8_000, 0.0), Some(Effect::Open));
    assert_eq!(machine.handle(Input::Online, 9_000, 0.0), Some(Effect::Open), "connecting");
}

#[test]
fn a_browser_that_is_wrong_about_the_network_is_tried_all_the_same() {
    let mut machine = connected();
    machine.handle(Input::Offline, 0, 0.0);
    assert_eq!(machine.handle(TICK, 30_000, 0.0), Some(Effect::Open));
}

#[test]
fn a_socket_that_never_greets_is_given_up() {
    let mut machine = Machine::new(0);
    machine.handle(Input::Start, 0, 0.0);
    assert_eq!(machine.handle(TICK, 14_999, 0.0), None);
    assert_eq!(machine.handle(TICK, 15_000, 0.0), Some(Effect::Close));
    assert_eq!(retry_at(&machine), 15_375);
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Start),
        (0u64..100_000).prop_map(|bytes| Input::FrameReceived { bytes }),
        Just(Input::Greeted),
        (1000u16..5000).prop_map(|code| Input::Closed { code }),
        Just(Input::TryNow),
        Just(Input::Offline),
        Just(Input::Online),
        Just(Input::Hidden),
        Just(Input::Visible),
        Just(TICK),
        Just(UNANSWERED_TICK),
        (0u64..100_000).prop_map(|bytes| Input::SizeAnnounced { bytes }),
        (0u64..100_000).prop_map(|bytes| Input::Sent { bytes }),
        (0u64..100_000)
            .prop_map(|buffered_bytes| Input::Tick { is_unanswered: true, buffered_bytes }),
    ]
}

proptest! {
    /// Whatever happens in whatever order: unless told to stay away, ticks without a word from the
    /// server always lead to another attempt, at the latest when everything that was announced and
    /// sent would have passed over the slowest line.
    #[test]
    fn it_never_gives_up_by_itself(
        inputs in prop::collection::vec((any_input(), 0i64..40_000, 0f64..1.0), 0..60)
    ) {
        let mut machine = Machine::new(0);
        let mut now = 0;
        for (input, step, jitter) in inputs {
            now += step;
            machine.handle(input, now, jitter);
        }
        machine.handle(Input::Visible, now, 0.5);
        if !matches!(machine.phase(), Phase::Stopped { .. }) {
            let opened = (0..4_000).any(|second| {
                machine.handle(TICK, now + second * 1_000, 0.5) == Some(Effect::Open)
            });
            prop_assert!(opened, "stuck in {:?}", machine.phase());
        }
    }
}

#[path = "transfer_tests.rs"]
mod slow_lines;
