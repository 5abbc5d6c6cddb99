//! Slow networks in virtual time: transfers get enough time, and dead connections are noticed.

use super::*;

const KIB: u64 = 1024;

/// A machine on a network with a constant rate, and its effects.
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
        let mut network =
            Self { machine: Machine::new(0), now: 0, bytes_per_second, effects: Vec::new() };
        network.input(Input::Start);
        network
    }

    fn input(&mut self, input: Input) {
        self.effects.extend(self.machine.handle(input, self.now, 0.5));
    }

    /// Lets the time of a transfer of `bytes` pass, with a tick each second.
    fn pass(&mut self, bytes: u64, is_unanswered: bool) {
        let end = self.now + Millis::try_from(bytes * 1000 / self.bytes_per_second).unwrap();
        while self.now + 1_000 < end {
            self.now += 1_000;
            self.input(Input::Tick { is_unanswered, buffered_bytes: 0 });
        }
        self.now = end;
    }

    fn receive(&mut self, bytes: u64, is_unanswered: bool) {
        self.pass(bytes, is_unanswered);
        self.input(Input::FrameReceived { bytes });
    }

    /// Receives a greeting of an announced size, in frames of these sizes in bytes.
    fn receive_greeting(&mut self, announced_bytes: u64, frame_bytes: &[u64]) {
        self.receive(200, false);
        self.input(Input::SizeAnnounced { bytes: announced_bytes });
        for bytes in frame_bytes {
            self.receive(*bytes, false);
        }
        self.input(Input::Greeted);
    }

    /// Returns the number of attempts to connect.
    fn attempts(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Open)).count()
    }
}

#[test]
fn fifty_messages_of_64_kib_arrive_at_256_kbit_on_one_connection() {
    let mut network = SlowConnection::open(256);
    network.receive_greeting(51 * 64 * KIB, &[20, 300, 50 * 64 * KIB + 9_000]);
    assert_eq!(network.machine.phase(), Phase::Connected);
    assert!(network.now > 100_000, "it took {} ms", network.now);
    assert_eq!(network.attempts(), 1);
}

#[test]
fn greeting_at_the_lowest_rate_arrives_on_one_connection() {
    let mut network = SlowConnection::open(33);
    network.receive_greeting(1024 * KIB, &[20, 300, 1023 * KIB]);
    assert_eq!((network.machine.phase(), network.attempts()), (Phase::Connected, 1));
}

#[test]
fn unannounced_greeting_has_two_minutes() {
    let mut network = SlowConnection::open(64);
    network.receive_greeting(
        crate::connection::transfer::UNANNOUNCED_GREETING_BYTES,
        &[20, 300, 900 * KIB],
    );
    assert_eq!((network.machine.phase(), network.attempts()), (Phase::Connected, 1));
}

#[test]
fn announced_greeting_that_stops_is_closed() {
    let mut network = SlowConnection::open(256);
    network.receive(200, false);
    network.input(Input::SizeAnnounced { bytes: 64 * KIB });
    network.pass(64 * KIB * 20, false);
    assert!(network.effects.contains(&Effect::Close));
}

#[test]
fn text_of_64_kib_at_64_kbit_is_sent_once() {
    let mut network = SlowConnection::open(64);
    network.receive_greeting(300, &[20, 280]);
    network.input(Input::Sent { bytes: 64 * KIB });
    network.pass(64 * KIB, true);
    network.receive(65 * KIB, true);
    assert_eq!(network.attempts(), 1);
    network.input(TICK);
    assert_eq!(network.machine.phase(), Phase::Connected);
}

#[test]
fn text_that_leaves_the_browser_below_the_lowest_rate_causes_no_timeout() {
    let mut network = SlowConnection::open(64);
    network.receive_greeting(300, &[20, 280]);
    network.input(Input::Sent { bytes: 64 * KIB });
    for left in (0..128).rev() {
        network.now += 500;
        network.input(Input::Tick { is_unanswered: true, buffered_bytes: left * KIB / 2 });
    }
    assert_eq!(network.attempts(), 1);
}

#[test]
fn text_without_an_echo_replaces_the_connection() {
    let mut network = SlowConnection::open(64);
    network.receive_greeting(300, &[20, 280]);
    network.input(Input::Sent { bytes: 64 * KIB });
    network.pass(7 * 64 * KIB, true);
    assert!(network.attempts() > 1);
}

#[test]
fn large_message_of_another_member_causes_no_timeout() {
    let mut network = SlowConnection::open(64);
    network.receive_greeting(2 * KIB, &[20, 2_000]);
    network.now += 20_000;
    network.input(TICK);
    // The echo of a short text follows the large message.
    network.input(Input::Sent { bytes: 20 });
    network.receive(64 * KIB, true);
    network.receive(150, true);
    assert_eq!(network.attempts(), 1);
}

#[test]
fn large_history_page_causes_no_timeout() {
    let mut network = SlowConnection::open(256);
    network.receive_greeting(300, &[20, 280]);
    network.receive(120, false);
    network.input(Input::SizeAnnounced { bytes: 3_200 * KIB });
    assert!(network.machine.receiving_ms(network.now) > 700_000);
    network.receive(3_200 * KIB, false);
    assert_eq!(network.attempts(), 1);
    assert_eq!(network.machine.receiving_ms(network.now), 0);
}

#[test]
fn late_answer_extends_the_time_for_messages() {
    let mut network = SlowConnection::open(1_000);
    network.receive_greeting(16 * KIB, &[20, 16 * KIB]);
    let before = network.machine.frame_ms();
    network.input(Input::Sent { bytes: 20 });
    network.pass(2_000_000, true);
    assert!(network.attempts() > 1);
    network.receive_greeting(16 * KIB, &[20, 16 * KIB]);
    assert!(network.machine.frame_ms() > before, "{} ms", network.machine.frame_ms());
}

#[test]
fn dead_fast_connection_is_noticed_within_seven_seconds() {
    let mut network = SlowConnection::open(10_000);
    network.receive_greeting(15 * KIB, &[20, 15 * KIB]);
    network.input(Input::Sent { bytes: 20 });
    network.pass(8 * 1_250_000, true);
    assert_eq!(network.attempts(), 2);
}
