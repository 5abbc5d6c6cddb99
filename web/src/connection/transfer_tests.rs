//! Slow lines, in virtual time: what is on its way is waited for, and a dead line is noticed.

use super::*;

const KIB: u64 = 1024;

/// A line that passes bytes on at a steady rate, and what happened on it.
struct SlowConnection {
    machine: Machine,
    now: Millis,
    bytes_per_second: u64,
    effects: Vec<Effect>,
}

impl SlowConnection {
    /// Opens a connection at `kbit_per_second`.
    fn open(kbit_per_second: u64) -> Self {
        let bytes_per_second = kbit_per_second * 1000 / 8;
        let mut line =
            Self { machine: Machine::new(0), now: 0, bytes_per_second, effects: Vec::new() };
        line.input(Input::Start);
        line
    }

    fn input(&mut self, input: Input) {
        self.effects.extend(self.machine.handle(input, self.now, 0.5));
    }

    /// Lets `bytes` pass, with a tick each second; the browser holds nothing back.
    fn pass(&mut self, bytes: u64, is_unanswered: bool) {
        let end = self.now + Millis::try_from(bytes * 1000 / self.bytes_per_second).unwrap();
        while self.now + 1_000 < end {
            self.now += 1_000;
            self.input(Input::Tick { is_unanswered, buffered_bytes: 0 });
        }
        self.now = end;
    }

    fn hear(&mut self, bytes: u64, is_unanswered: bool) {
        self.pass(bytes, is_unanswered);
        self.input(Input::FrameReceived { bytes });
    }

    fn greet(&mut self, announced_bytes: u64, frames: &[u64]) {
        self.hear(200, false);
        self.input(Input::SizeAnnounced { bytes: announced_bytes });
        for bytes in frames {
            self.hear(*bytes, false);
        }
        self.input(Input::Greeted);
    }

    /// The attempts to connect that there were.
    fn attempts(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Open)).count()
    }
}

#[test]
fn fifty_messages_of_64_kib_arrive_at_256_kbit_on_one_connection() {
    let mut line = SlowConnection::open(256);
    line.greet(51 * 64 * KIB, &[20, 300, 50 * 64 * KIB + 9_000]);
    assert_eq!(line.machine.phase(), Phase::Connected);
    assert!(line.now > 100_000, "it took {} ms", line.now);
    assert_eq!(line.attempts(), 1);
}

#[test]
fn a_greeting_at_the_floor_rate_arrives_on_one_connection() {
    let mut line = SlowConnection::open(33);
    line.greet(1024 * KIB, &[20, 300, 1023 * KIB]);
    assert_eq!((line.machine.phase(), line.attempts()), (Phase::Connected, 1));
}

#[test]
fn a_greeting_that_nobody_announced_has_two_minutes() {
    let mut line = SlowConnection::open(64);
    line.greet(crate::connection::transfer::UNANNOUNCED_GREETING_BYTES, &[20, 300, 900 * KIB]);
    assert_eq!((line.machine.phase(), line.attempts()), (Phase::Connected, 1));
}

#[test]
fn an_announced_greeting_that_stops_coming_is_given_up() {
    let mut line = SlowConnection::open(256);
    line.hear(200, false);
    line.input(Input::SizeAnnounced { bytes: 64 * KIB });
    line.pass(64 * KIB * 20, false);
    assert!(line.effects.contains(&Effect::Close));
}

#[test]
fn a_text_of_64_kib_is_sent_once_at_64_kbit() {
    let mut line = SlowConnection::open(64);
    line.greet(300, &[20, 280]);
    line.input(Input::Sent { bytes: 64 * KIB });
    line.pass(64 * KIB, true);
    line.hear(65 * KIB, true);
    assert_eq!(line.attempts(), 1);
    line.input(TICK);
    assert_eq!(line.machine.phase(), Phase::Connected);
}

#[test]
fn a_text_that_leaves_the_browser_slower_than_the_floor_is_waited_for() {
    let mut line = SlowConnection::open(64);
    line.greet(300, &[20, 280]);
    line.input(Input::Sent { bytes: 64 * KIB });
    for left in (0..128).rev() {
        line.now += 500;
        line.input(Input::Tick { is_unanswered: true, buffered_bytes: left * KIB / 2 });
    }
    assert_eq!(line.attempts(), 1);
}

#[test]
fn a_text_that_never_comes_back_is_noticed() {
    let mut line = SlowConnection::open(64);
    line.greet(300, &[20, 280]);
    line.input(Input::Sent { bytes: 64 * KIB });
    line.pass(7 * 64 * KIB, true);
    assert!(line.attempts() > 1);
}

#[test]
fn a_large_message_of_another_does_not_look_like_a_dead_line() {
    let mut line = SlowConnection::open(64);
    line.greet(2 * KIB, &[20, 2_000]);
    line.now += 20_000;
    line.input(TICK);
    // A short text waits for its echo, which comes behind the other's message.
    line.input(Input::Sent { bytes: 20 });
    line.hear(64 * KIB, true);
    line.hear(150, true);
    assert_eq!(line.attempts(), 1);
}

#[test]
fn a_large_page_of_history_does_not_look_like_a_dead_line() {
    let mut line = SlowConnection::open(256);
    line.greet(300, &[20, 280]);
    line.hear(120, false);
    line.input(Input::SizeAnnounced { bytes: 3_200 * KIB });
    assert!(line.machine.receiving_ms(line.now) > 700_000);
    line.hear(3_200 * KIB, false);
    assert_eq!(line.attempts(), 1);
    assert_eq!(line.machine.receiving_ms(line.now), 0);
}

#[test]
fn a_line_that_was_taken_for_dead_wrongly_gets_more_time() {
    let mut line = SlowConnection::open(1_000);
    line.greet(16 * KIB, &[20, 16 * KIB]);
    let before = line.machine.frame_ms();
    line.input(Input::Sent { bytes: 20 });
    line.pass(2_000_000, true);
    assert!(line.attempts() > 1);
    line.greet(16 * KIB, &[20, 16 * KIB]);
    assert!(line.machine.frame_ms() > before, "{} ms", line.machine.frame_ms());
}

#[test]
fn a_fast_line_that_dies_is_noticed_within_seven_seconds() {
    let mut line = SlowConnection::open(10_000);
    line.greet(15 * KIB, &[20, 15 * KIB]);
    line.input(Input::Sent { bytes: 20 });
    line.pass(8 * 1_250_000, true);
    assert_eq!(line.attempts(), 2);
}
