//! Tests of the connection machine with events and times of their choice.

use proptest::prelude::*;

use super::*;

/// A tick while no text is unanswered.
const TICK: Input = Input::Tick { is_unanswered: false, buffered_bytes: 0 };

/// A tick while a sent text is unanswered.
const UNANSWERED_TICK: Input = Input::Tick { is_unanswered: true, buffered_bytes: 0 };

/// The time for an unannounced message after a greeting that took no time.
const FRAME_MS: Millis = 64;

/// Returns a machine that was greeted at time 0.
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
fn lost_connection_is_retried_with_growing_waits() {
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
fn connection_that_lasted_resets_the_backoff() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 1013 }, 100, 1.0);
    assert_eq!(retry_at(&machine), 1_600);
    machine.handle(TICK, 1_600, 0.0);
    machine.handle(Input::Greeted, 1_700, 0.0);
    machine.handle(Input::Closed { code: 1013 }, 1_800, 1.0);
    assert_eq!(retry_at(&machine), 4_800, "a short connection lengthens the wait");
    machine.handle(TICK, 4_800, 0.0);
    machine.handle(Input::Greeted, 5_000, 0.0);
    machine.handle(Input::Closed { code: 1001 }, 60_000, 1.0);
    assert_eq!(retry_at(&machine), 61_500);
}

#[test]
fn short_connection_late_in_the_visit_lengthens_the_wait() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 1006 }, 1_000_000, 1.0);
    assert_eq!(retry_at(&machine), 1_001_500);
    machine.handle(TICK, 1_001_500, 0.0);
    machine.handle(Input::Greeted, 1_001_600, 0.0);
    machine.handle(Input::Closed { code: 1006 }, 1_001_700, 1.0);
    assert_eq!(retry_at(&machine), 1_004_700);
}

#[test]
fn attempt_now_has_no_effect_while_connected() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::TryNow, 1_000, 0.0), None);
    assert_eq!(machine.phase(), Phase::Connected);
}

#[test]
fn final_close_code_stops_attempts_until_the_person_asks() {
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
fn idle_connection_is_probed_and_replaced_without_an_answer() {
    let mut machine = connected();
    assert_eq!(machine.handle(TICK, 29_999, 0.0), None);
    assert_eq!(machine.handle(TICK, 30_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 32_999 + FRAME_MS, 0.0), None);
    assert_eq!(machine.handle(TICK, 33_000 + FRAME_MS, 0.0), Some(Effect::Open));
    assert_eq!(machine.phase(), Phase::Connecting);
}

#[test]
fn unanswered_text_is_followed_by_a_probe_after_two_seconds() {
    let mut machine = connected();
    assert_eq!(machine.handle(UNANSWERED_TICK, 1_999, 0.0), None);
    assert_eq!(machine.handle(UNANSWERED_TICK, 2_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(UNANSWERED_TICK, 4_999 + FRAME_MS, 0.0), None);
    assert_eq!(machine.handle(UNANSWERED_TICK, 5_000 + FRAME_MS, 0.0), Some(Effect::Open));
}

#[test]
fn connection_of_a_page_that_slept_is_replaced_without_a_probe() {
    for wakes in [TICK, Input::Visible] {
        let mut machine = connected();
        assert_eq!(machine.handle(wakes, 600_000, 0.0), Some(Effect::Open), "{wakes:?}");
    }
}

#[test]
fn takeover_by_another_tab_is_followed_by_a_retry() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 4001 }, 20_000, 1.0);
    assert_eq!(retry_at(&machine), 21_500);
}

#[test]
fn any_frame_answers_the_probe() {
    let mut machine = connected();
    machine.handle(TICK, 30_000, 0.0);
    machine.handle(Input::FrameReceived { bytes: 100 }, 30_100, 0.0);
    assert_eq!(machine.handle(TICK, 40_000, 0.0), None);
    assert_eq!(machine.handle(TICK, 60_100, 0.0), Some(Effect::Probe));
}

#[test]
fn page_hidden_for_a_minute_probes_when_it_becomes_visible() {
    let mut machine = connected();
    machine.handle(Input::Hidden, 1_000, 0.0);
    machine.handle(Input::FrameReceived { bytes: 100 }, 50_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 61_001, 0.0), Some(Effect::Probe));
    machine.handle(Input::FrameReceived { bytes: 100 }, 61_100, 0.0);
    machine.handle(Input::Hidden, 62_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 63_000, 0.0), None, "hidden for one second");
}

#[test]
fn offline_closes_at_once_and_online_opens_at_once() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Offline, 5_000, 0.0), Some(Effect::Close));
    assert_eq!(machine.phase(), Phase::Offline { retry_at: 35_000 });
    machine.handle(Input::Closed { code: 1006 }, 5_001, 0.0);
    assert_eq!(
        machine.phase(),
        Phase::Offline { retry_at: 35_000 },
        "the close event of the old socket has no effect"
    );
    assert_eq!(machine.handle(Input::Online, 6_000, 0.0), Some(Effect::Open));
}

#[test]
fn online_event_while_connected_sends_a_probe() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Online, 5_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 7_999, 0.0), None);
    assert_eq!(machine.handle(TICK, 8_000, 0.0), Some(Effect::Open));
}

#[test]
fn network_change_without_an_answer_replaces_a_slow_connection() {
    let mut machine = connected();
    machine.handle(Input::SizeAnnounced { bytes: 3_000_000 }, 1_000, 0.0);
    assert_eq!(machine.handle(Input::Online, 5_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(TICK, 8_000, 0.0), Some(Effect::Open));
    assert_eq!(machine.handle(Input::Online, 9_000, 0.0), Some(Effect::Open), "connecting");
}

#[test]
fn offline_browser_retries_after_thirty_seconds() {
    let mut machine = connected();
    machine.handle(Input::Offline, 0, 0.0);
    assert_eq!(machine.handle(TICK, 30_000, 0.0), Some(Effect::Open));
}

#[test]
fn socket_without_a_greeting_is_closed_after_fifteen_seconds() {
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
    /// After any inputs, unless the phase is stopped, ticks without frames lead to another attempt, at
    /// the latest when all announced and sent bytes would have passed at the lowest rate.
    #[test]
    fn silent_connection_after_any_inputs_is_replaced(
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
mod slow_networks;
