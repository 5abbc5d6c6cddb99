//! Clients of several kinds send to a rate limit in simulated time. A client within the rate and a client
//! that waits after a refusal are never closed; a client that floods is closed soon.

use super::*;

const MS: u64 = MILLISECOND_NS;
const SECOND: u64 = 1000 * MS;

fn default_rates() -> PaceRates {
    PaceRates {
        messages: Rate::per_second(20, 200),
        bytes: Rate::per_second(256 * 1024, 4 * 1024 * 1024),
        pages: Rate::per_second(1024 * 1024, 16 * 1024 * 1024),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: u64,
    refused: u64,
    first_refused_ns: Option<u64>,
    closed_ns: Option<u64>,
}

/// Sends a message at each of these moments, until the connection is closed.
fn send(pace: &mut Pace, rates: PaceRates, moments: impl IntoIterator<Item = u64>) -> Counts {
    let mut counts = Counts::default();
    for now_ns in moments {
        match pace.message(rates, (cost::SAY, 100), now_ns) {
            Verdict::Accept => counts.accepted += 1,
            Verdict::Refuse { retry_after_ms, .. } => {
                assert!(retry_after_ms > 0);
                counts.refused += 1;
                counts.first_refused_ns.get_or_insert(now_ns);
            }
            Verdict::Close => {
                counts.closed_ns = Some(now_ns);
                break;
            }
        }
    }
    counts
}

#[test]
fn client_within_the_rate_is_never_refused() {
    let burst = (0..200).map(|_| 0);
    let hour = (1..=20 * 3600).map(|number| number * 50 * MS);
    let mut pace = Pace::default();
    let counts = send(&mut pace, default_rates(), burst.chain(hour));
    assert_eq!((counts.accepted, counts.refused), (200 + 72_000, 0));
    // After a minute without messages the burst is there again.
    let later = 3660 * SECOND;
    let again = (0..200).map(|_| later).chain((1..=1000).map(|number| later + number * 50 * MS));
    assert_eq!(send(&mut pace, default_rates(), again).refused, 0);
}

#[test]
fn flood_is_refused_at_once_and_closed_within_seconds_at_any_rate() {
    for messages_per_second in [1, 20, 60, 1000] {
        for burst in [1, 20, 100, 5000] {
            let messages = Rate::per_second(messages_per_second, burst);
            let rates = PaceRates { messages, ..PaceRates::default() };
            let flood = (0..1_000_000).map(|number| number * MS / 10);
            let counts = send(&mut Pace::default(), rates, flood);
            let case = format!("{burst}, then {messages_per_second} a second: {counts:?}");
            assert!(counts.closed_ns.is_some_and(|closed_ns| closed_ns < 5 * SECOND), "{case}");
            assert!(counts.accepted <= burst + 5 * messages_per_second, "{case}");
            assert!(counts.refused <= 1000 + 5 * 20, "{case}");
        }
    }
}

#[test]
fn twelve_hundred_at_once_are_two_hundred_accepted_and_a_thousand_refused() {
    let mut pace = Pace::default();
    let counts = send(&mut pace, default_rates(), (0..1200).map(|_| 0));
    assert_eq!((counts.accepted, counts.refused, counts.closed_ns), (200, 1000, None));
    assert_eq!(pace.message(default_rates(), (cost::SAY, 100), 0), Verdict::Close);
}

#[test]
fn client_with_a_second_of_messages_on_their_way_is_never_closed() {
    let mut pace = Pace::default();
    for round in 0..100 {
        // Both buckets are full again.
        let now_ns = round * 60 * SECOND;
        let counts = send(&mut pace, default_rates(), (0..1000).map(|number| now_ns + number * MS));
        assert_eq!((counts.accepted, counts.closed_ns), (200 + 4, None), "{counts:?}");
    }
}

#[test]
fn every_message_until_the_wait_has_passed_is_refused() {
    let mut pace = Pace::default();
    send(&mut pace, default_rates(), (0..200).map(|_| 0));
    let mut refused_ms = |now_ns| match pace.message(default_rates(), (cost::SAY, 1), now_ns) {
        Verdict::Refuse { kind: LimitKind::Messages, retry_after_ms } => Some(retry_after_ms),
        Verdict::Accept => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused_ms(0), Some(1000));
    // By now the bucket has tokens for 19 messages.
    assert_eq!(refused_ms(999 * MS), Some(1));
    assert_eq!(refused_ms(1000 * MS), None);
}

#[test]
fn message_is_accepted_once_the_named_wait_has_passed() {
    let mut pace = Pace::default();
    let (mut now_ns, mut waiting) = (0, 2000);
    while waiting > 0 {
        match pace.message(default_rates(), (cost::SAY, 100), now_ns) {
            Verdict::Accept => waiting -= 1,
            Verdict::Refuse { retry_after_ms, .. } => now_ns += retry_after_ms * MS,
            Verdict::Close => panic!("the client waited for the time in each refusal"),
        }
    }
    assert!(now_ns < 100 * SECOND, "it took {} s", now_ns / SECOND);
}

#[test]
fn message_larger_than_the_burst_is_accepted_and_bytes_have_a_rate() {
    let mut pace = Pace::default();
    let huge = 100 * 1024 * 1024;
    assert_eq!(pace.message(default_rates(), (cost::SAY, huge), 0), Verdict::Accept);
    let second = pace.message(default_rates(), (cost::SAY, 1024 * 1024), 0);
    let Verdict::Refuse { kind, retry_after_ms } = second else { panic!("{second:?}") };
    assert_eq!(kind, LimitKind::Bytes);
    assert!((3990..=4010).contains(&retry_after_ms), "a mebibyte takes 4 s: {retry_after_ms}");
}

/// A byte of pages a millisecond, and sixteen seconds of them at once.
fn page_rates() -> PaceRates {
    PaceRates { pages: Rate::per_second(1000, 16_000), ..default_rates() }
}

/// Returns the wait of a page request that is refused for a debt, in milliseconds.
fn page_refused_ms(pace: &mut Pace, now_ns: u64) -> u64 {
    match pace.page(page_rates(), 10, now_ns) {
        Verdict::Refuse { kind: LimitKind::PageBytes, retry_after_ms } => retry_after_ms,
        other => panic!("{other:?}"),
    }
}

#[test]
fn page_is_refused_until_the_earlier_pages_are_paid_for() {
    let mut pace = Pace::default();
    for _ in 0..16 {
        assert_eq!(pace.page(page_rates(), 10, 0), Verdict::Accept);
        pace.charge_page(page_rates(), 1000, 0);
    }
    assert_eq!(pace.page(page_rates(), 10, 0), Verdict::Accept, "there is no debt yet");
    pace.charge_page(page_rates(), 20_000, 0);
    assert_eq!(page_refused_ms(&mut pace, 0), 20_000);
    assert_eq!(page_refused_ms(&mut pace, 20 * SECOND - 1), 1);
    assert_eq!(pace.page(page_rates(), 10, 20 * SECOND), Verdict::Accept);
}

#[test]
fn client_in_debt_for_pages_may_send_texts_and_pays_for_refused_requests() {
    let mut pace = Pace::default();
    pace.charge_page(page_rates(), 1_000_000, 0);
    for _ in 0..95 {
        page_refused_ms(&mut pace, 0);
    }
    assert_eq!(send(&mut pace, default_rates(), (0..10).map(|_| 0)).accepted, 10);
    let next = pace.page(page_rates(), 10, 0);
    assert!(matches!(next, Verdict::Refuse { kind: LimitKind::Messages, .. }), "{next:?}");
}

#[test]
fn pings_over_the_rate_pause_reading() {
    let mut pace = Pace::default();
    let mut now_ns = 0;
    for _ in 0..400 {
        let pause = pace.charge_control(default_rates(), 0, now_ns);
        now_ns += u64::try_from(pause.as_nanos()).unwrap();
    }
    assert_eq!(now_ns, 10 * SECOND, "200 at once, then 20 a second");
}

#[test]
fn without_rates_every_message_is_accepted_and_no_state_is_kept() {
    let mut pace = Pace::default();
    for _ in 0..10_000 {
        let verdict = pace.message(PaceRates::default(), (cost::REJECTED, 1_000_000), 0);
        assert_eq!(verdict, Verdict::Accept);
    }
    assert_eq!(pace, Pace::default());
}

#[test]
fn each_command_has_its_cost() {
    for (text, tokens) in [
        ("hello", cost::SAY),
        ("", cost::SAY),
        ("@changename:x", cost::CHANGE_NAME),
        ("@history:1", cost::HISTORY),
        ("@history:x", cost::REJECTED),
        ("@changename:", cost::REJECTED),
    ] {
        assert_eq!(cost_of(&ClientCommand::parse(text)), tokens, "{text}");
    }
}
