//! The connection machine, driven by hand: no clock, no socket.

use proptest::prelude::*;

use super::*;

/// A machine that was greeted at 0.
fn connected() -> Machine {
    let mut machine = Machine::new(0);
    assert_eq!(machine.handle(Input::Start, 0, 0.5), Some(Effect::Open));
    assert_eq!(machine.phase(), Phase::Connecting);
    assert_eq!(machine.handle(Input::Greeted, 0, 0.5), None);
    assert_eq!(machine.phase(), Phase::Connected);
    machine
}

fn retry_at(machine: &Machine) -> UnixMillis {
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
        assert_eq!(machine.handle(Input::Tick, retry_at(&machine) - 1, 0.0), None);
        now = retry_at(&machine);
        assert_eq!(machine.handle(Input::Tick, now, 0.0), Some(Effect::Open));
    }
    assert_eq!(waits, [1_500, 3_000, 6_000, 12_000, 24_000, 30_000]);
}

#[test]
fn only_a_connection_that_lasted_shortens_the_next_wait() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 1013 }, 100, 1.0);
    assert_eq!(retry_at(&machine), 1_600);
    machine.handle(Input::Tick, 1_600, 0.0);
    machine.handle(Input::Greeted, 1_700, 0.0);
    machine.handle(Input::Closed { code: 1013 }, 1_800, 1.0);
    assert_eq!(retry_at(&machine), 4_800, "closed at once again: wait longer");
    machine.handle(Input::Tick, 4_800, 0.0);
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
        for input in [Input::Tick, Input::Online, Input::Visible, Input::Offline] {
            assert_eq!(machine.handle(input, 1_000_000, 0.0), None, "{input:?}");
        }
        assert_eq!(machine.handle(Input::TryNow, 1_000_001, 0.0), Some(Effect::Open));
    }
}

#[test]
fn silence_is_probed_and_no_answer_means_dead() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Tick, 29_999, 0.0), None);
    assert_eq!(machine.handle(Input::Tick, 30_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(Input::Tick, 32_999, 0.0), None);
    assert_eq!(machine.handle(Input::Tick, 33_000, 0.0), Some(Effect::Open));
    assert_eq!(machine.phase(), Phase::Connecting);
}

#[test]
fn what_is_not_answered_is_asked_about_soon() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::TickUnanswered, 1_999, 0.0), None);
    assert_eq!(machine.handle(Input::TickUnanswered, 2_000, 0.0), Some(Effect::Probe));
    assert_eq!(machine.handle(Input::TickUnanswered, 4_999, 0.0), None);
    assert_eq!(machine.handle(Input::TickUnanswered, 5_000, 0.0), Some(Effect::Open));
}

#[test]
fn a_page_that_slept_does_not_ask_first() {
    for wakes in [Input::Tick, Input::Visible] {
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
    machine.handle(Input::Tick, 30_000, 0.0);
    machine.handle(Input::Heard, 30_100, 0.0);
    assert_eq!(machine.handle(Input::Tick, 40_000, 0.0), None);
    assert_eq!(machine.handle(Input::Tick, 60_100, 0.0), Some(Effect::Probe));
}

#[test]
fn a_page_that_was_hidden_for_long_asks_when_it_is_seen_again() {
    let mut machine = connected();
    machine.handle(Input::Hidden, 1_000, 0.0);
    machine.handle(Input::Heard, 50_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 61_001, 0.0), Some(Effect::Probe));
    machine.handle(Input::Heard, 61_100, 0.0);
    machine.handle(Input::Hidden, 62_000, 0.0);
    assert_eq!(machine.handle(Input::Visible, 63_000, 0.0), None, "only a glance away");
}

#[test]
fn offline_shows_at_once_and_online_tries_at_once() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Offline, 5_000, 0.0), Some(Effect::Close));
    assert_eq!(machine.phase(), Phase::Lost { retry_at: 35_000 });
    machine.handle(Input::Closed { code: 1006 }, 5_001, 0.0);
    assert_eq!(
        machine.phase(),
        Phase::Lost { retry_at: 35_000 },
        "its close event changes nothing"
    );
    assert_eq!(machine.handle(Input::Online, 6_000, 0.0), Some(Effect::Open));
}

#[test]
fn online_on_a_live_connection_probes_it() {
    let mut machine = connected();
    assert_eq!(machine.handle(Input::Online, 5_000, 0.0), Some(Effect::Probe));
}

#[test]
fn a_browser_that_is_wrong_about_the_network_is_tried_all_the_same() {
    let mut machine = connected();
    machine.handle(Input::Offline, 0, 0.0);
    assert_eq!(machine.handle(Input::Tick, 30_000, 0.0), Some(Effect::Open));
}

#[test]
fn a_socket_that_never_greets_is_given_up() {
    let mut machine = Machine::new(0);
    machine.handle(Input::Start, 0, 0.0);
    assert_eq!(machine.handle(Input::Tick, 14_999, 0.0), None);
    assert_eq!(machine.handle(Input::Tick, 15_000, 0.0), Some(Effect::Close));
    assert_eq!(retry_at(&machine), 15_375);
}

#[test]
fn a_clock_that_is_set_back_does_not_stretch_the_wait() {
    let mut machine = connected();
    machine.handle(Input::Closed { code: 1006 }, 1_000_000, 1.0);
    assert_eq!(machine.handle(Input::Tick, 0, 0.0), Some(Effect::Open));
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Start),
        Just(Input::Heard),
        Just(Input::Greeted),
        (1000u16..5000).prop_map(|code| Input::Closed { code }),
        Just(Input::TryNow),
        Just(Input::Offline),
        Just(Input::Online),
        Just(Input::Hidden),
        Just(Input::Visible),
        Just(Input::Tick),
        Just(Input::TickUnanswered),
    ]
}

proptest! {
    /// Whatever happens in whatever order: unless told to stay away, a minute of ticks without a
    /// word from the server always leads to another attempt.
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
            let opened = (0..80).any(|second| {
                machine.handle(Input::Tick, now + second * 1_000, 0.5) == Some(Effect::Open)
            });
            prop_assert!(opened, "stuck in {:?}", machine.phase());
        }
    }
}
