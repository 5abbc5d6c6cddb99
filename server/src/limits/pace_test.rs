//! Goal: nobody who behaves meets the pace, and nobody who floods goes on for long. Method: clients
//! of some manner send to a pace in a time that is only counted, and are read as a session would.

use super::*;

const MS: u64 = MILLISECOND_NS;
const SECOND: u64 = 1000 * MS;

/// The defaults.
fn rates() -> PaceRates {
    PaceRates {
        messages: Rate::per_second(20, 200),
        bytes: Rate::per_second(256 * 1024, 4 * 1024 * 1024),
        pages: Rate::per_second(1024 * 1024, 16 * 1024 * 1024),
    }
}

/// How it went for a client.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    taken: u64,
    refused: u64,
    first_refused_ns: Option<u64>,
    latest_ns: u64,
    slowed_down: u64,
    ended_ns: Option<u64>,
}

/// Reads messages that came at these moments, none before the rest that the one before it brought.
fn read(pace: &mut Pace, moments: impl IntoIterator<Item = u64>) -> Record {
    read_at(rates(), pace, moments)
}

fn read_at(rates: PaceRates, pace: &mut Pace, moments: impl IntoIterator<Item = u64>) -> Record {
    let (mut record, mut free_ns) = (Record::default(), 0);
    for came_ns in moments {
        let now_ns = came_ns.max(free_ns);
        record.latest_ns = now_ns;
        match pace.message(rates, (cost::SAY, 100), now_ns) {
            Verdict::Take { rest } => {
                assert!(rest.is_zero());
                record.taken += 1;
            }
            Verdict::Refuse { kind, retry_after_ms, rest, is_news } => {
                assert!(retry_after_ms > 0);
                // It is answered at once here.
                if is_news {
                    pace.note_told(now_ns);
                }
                record.refused += 1;
                record.first_refused_ns.get_or_insert(now_ns);
                record.slowed_down += u64::from(kind == LimitKind::SlowedDown);
                free_ns = now_ns + u64::try_from(rest.as_nanos()).unwrap();
            }
            Verdict::End => {
                record.ended_ns = Some(now_ns);
                return record;
            }
        }
    }
    record
}

fn strikes(pace: &Pace) -> u8 {
    pace.told.as_ref().map_or(0, |told| told.strikes)
}

#[test]
fn two_hundred_at_once_and_then_twenty_a_second_meet_no_limit() {
    let burst = (0..200).map(|_| 0);
    let hour = (1..=20 * 3600).map(|number| number * 50 * MS);
    let mut pace = Pace::default();
    let record = read(&mut pace, burst.chain(hour));
    assert_eq!((record.taken, record.refused), (200 + 72_000, 0));
    // A minute's rest, and all of it again.
    let later = 3660 * SECOND;
    let again = (0..200).map(|_| later).chain((1..=1000).map(|number| later + number * 50 * MS));
    assert_eq!(read(&mut pace, again).refused, 0);
}

#[test]
fn a_flood_is_brought_down_at_once_and_ended_in_seconds() {
    let mut pace = Pace::default();
    let record = read(&mut pace, (0..1_000_000).map(|number| number * MS));
    assert!(record.first_refused_ns.unwrap() < SECOND / 4, "{record:?}");
    assert_eq!(record.slowed_down, 1);
    assert!((6 * SECOND..10 * SECOND).contains(&record.ended_ns.unwrap()), "{record:?}");
    // The burst, and a message for each twentieth of a second that it lasted.
    assert!(record.taken < 200 + 20 * 7, "{record:?}");
    assert!(record.refused < REFUSALS_BURST + 10 * REFUSALS_PER_SECOND, "{record:?}");
}

/// Also where the buckets are full again after the rest that a flood is given.
#[test]
fn a_flood_is_ended_at_any_rate() {
    for messages_per_second in [1, 20, 60, 1000] {
        for burst in [1, 20, 100, 5000] {
            let messages = Rate::per_second(messages_per_second, burst);
            let rates = PaceRates { messages, ..PaceRates::default() };
            let flood = (0..1_000_000).map(|number| number * MS / 10);
            let record = read_at(rates, &mut Pace::default(), flood);
            let case = format!("{burst}, then {messages_per_second} a second: {record:?}");
            assert!(record.ended_ns.is_some_and(|ended_ns| ended_ns < 20 * SECOND), "{case}");
            assert_eq!(record.slowed_down, 1, "{case}");
        }
    }
}

#[test]
fn what_was_on_its_way_is_no_strike() {
    let mut pace = Pace::default();
    for round in 0..100 {
        // Far apart enough that the bucket is full again.
        let now_ns = round * 60 * SECOND;
        let record = read(&mut pace, (0..500).map(|number| now_ns + number * MS / 2));
        assert!((200..=205).contains(&record.taken), "{record:?}");
        assert_eq!((strikes(&pace), record.slowed_down, record.ended_ns), (0, 0, None));
    }
}

#[test]
fn five_hundred_at_once_are_two_hundred_taken_and_three_hundred_refused_at_once() {
    let mut pace = Pace::default();
    let record = read(&mut pace, (0..500).map(|_| 0));
    assert_eq!((record.taken, record.refused, strikes(&pace)), (200, 300, 0));
    // One more is not read before the client must have heard, and is a strike then.
    let mut pace = Pace::default();
    let record = read(&mut pace, (0..501).map(|_| 0));
    assert_eq!((record.refused, record.latest_ns, strikes(&pace)), (301, HEARD_AFTER_NS, 1));
}

#[test]
fn whoever_keeps_every_wait_is_refused_twenty_a_second_and_no_more() {
    let mut pace = Pace::default();
    let record = read(&mut pace, (0..500).map(|_| 0));
    assert_eq!((record.taken, record.refused), (200, 300));
    let hour = (1..=3600).flat_map(|second| (0..40).map(move |_| second * SECOND));
    let record = read(&mut pace, hour);
    assert_eq!((record.taken, record.refused, strikes(&pace)), (72_000, 72_000, 0));
    // One more each time is read when the client must have heard.
    let more = (3601..).flat_map(|second| (0..41).map(move |_| second * SECOND));
    let record = read(&mut pace, more);
    assert_eq!((record.slowed_down, record.ended_ns), (1, Some(3608 * SECOND)), "{record:?}");
}

#[test]
fn what_is_read_at_a_connections_end_is_no_debt_of_refusals() {
    let mut pace = Pace::default();
    for _ in 0..10_000 {
        pace.message(rates(), (cost::SAY, 1), 0);
    }
    let next = pace.message(rates(), (cost::SAY, 1), SECOND / 10);
    let Verdict::Refuse { rest, .. } = next else { panic!("{next:?}") };
    assert_eq!(rest, Duration::ZERO, "one of two that came meanwhile is left");
}

#[test]
fn there_is_one_strike_for_each_time_that_a_client_was_told() {
    let mut pace = Pace::default();
    read(&mut pace, (0..201).map(|_| 0));
    assert_eq!(strikes(&pace), 0);
    // All at once, when it must have heard.
    let record = read(&mut pace, (0..300).map(|_| HEARD_AFTER_NS));
    assert_eq!((record.refused, strikes(&pace)), (300, 1));
    let told = pace.message(rates(), (cost::SAY, 1), HEARD_AFTER_NS + SECOND / 4);
    let Verdict::Refuse { retry_after_ms, .. } = told else { panic!("{told:?}") };
    assert_eq!(retry_after_ms, 1750, "two seconds from the strike on");
}

/// Judges a message that is refused: how long it says to wait, in milliseconds, and whether that is
/// news to the client.
fn refused(pace: &mut Pace, now_ns: u64) -> (u64, bool) {
    match pace.message(rates(), (cost::SAY, 1), now_ns) {
        Verdict::Refuse { retry_after_ms, is_news, .. } => (retry_after_ms, is_news),
        other => panic!("{other:?}"),
    }
}

#[test]
fn there_is_no_strike_before_the_client_was_told() {
    let mut pace = Pace::default();
    read(&mut pace, (0..200).map(|_| 0));
    assert_eq!(refused(&mut pace, 0), (1000, true));
    // Its answer takes 600 ms; with that of the strike it is the same.
    pace.note_told(600 * MS);
    assert_eq!(refused(&mut pace, 600 * MS), (400, false));
    assert_eq!(refused(&mut pace, 999 * MS), (1, false));
    let taken = read(&mut pace, (0..20).map(|_| SECOND)).taken;
    assert_eq!((taken, refused(&mut pace, SECOND)), (20, (1000, true)));
    pace.note_told(SECOND);
    assert_eq!(refused(&mut pace, SECOND + 500 * MS), (2000, true));
    pace.note_told(SECOND + 1100 * MS);
    assert_eq!(refused(&mut pace, SECOND + 1599 * MS), (901, false));
    assert_eq!(strikes(&pace), 1);
    assert_eq!(refused(&mut pace, SECOND + 1600 * MS), (4000, true));
    assert_eq!(strikes(&pace), 2);
}

#[test]
fn what_is_read_before_the_client_was_told_is_told_again_and_no_strike() {
    let mut pace = Pace::default();
    read(&mut pace, (0..200).map(|_| 0));
    // As on a connection's end, or on the next one of the same member.
    assert_eq!(refused(&mut pace, 0), (1000, true));
    assert_eq!(refused(&mut pace, 900 * MS), (100, true));
    assert_eq!(strikes(&pace), 0);
}

#[test]
fn a_wait_in_which_nothing_was_read_is_no_merit() {
    let mut pace = Pace::default();
    read(&mut pace, (0..201).map(|_| 0));
    assert_eq!(refused(&mut pace, HEARD_AFTER_NS), (2000, true));
    // The answer takes longer than the wait.
    pace.note_told(5 * SECOND);
    assert_eq!(read(&mut pace, (0..100).map(|_| 5 * SECOND)).taken, 100);
    assert_eq!((refused(&mut pace, 5 * SECOND), strikes(&pace)), ((2000, true), 1));
}

#[test]
fn a_wait_that_is_kept_ends_the_row() {
    let mut pace = Pace::default();
    let mut now_ns = 0;
    for _ in 0..20 {
        read(&mut pace, (0..201).map(|_| now_ns));
        for _ in 0..2 {
            now_ns += HEARD_AFTER_NS;
            assert_eq!(read(&mut pace, [now_ns]).refused, 1);
        }
        assert_eq!(strikes(&pace), 2);
        now_ns += 4 * SECOND;
        assert_eq!(read(&mut pace, [now_ns]).taken, 1);
        assert_eq!(strikes(&pace), 0);
    }
}

#[test]
fn whoever_was_slowed_down_and_then_behaves_starts_anew() {
    let mut pace = Pace::default();
    let mut moment = 0;
    while strikes(&pace) < STRIKES_MAX {
        assert_eq!(read(&mut pace, [moment]).ended_ns, None);
        moment += MS;
    }
    // Quiet until all tokens are back: a burst, and a message too many, are told as the first time.
    moment += 60 * SECOND;
    let record = read(&mut pace, (0..202).map(|_| moment));
    assert_eq!((record.taken, record.refused, strikes(&pace)), (200, 2, 0));
}

#[test]
fn the_wait_that_is_told_is_enough() {
    let mut pace = Pace::default();
    let mut now_ns = 0;
    // It sends one after the other until one is refused, and that one again as soon as it may.
    let mut waiting = 2000;
    while waiting > 0 {
        match pace.message(rates(), (cost::SAY, 100), now_ns) {
            Verdict::Take { .. } => waiting -= 1,
            Verdict::Refuse { retry_after_ms, rest, is_news, .. } => {
                assert_eq!((rest, is_news, strikes(&pace)), (Duration::ZERO, true, 0));
                pace.note_told(now_ns);
                now_ns += retry_after_ms * MS;
            }
            Verdict::End => panic!("it did what it was told"),
        }
    }
    assert!(now_ns < 100 * SECOND, "it took {} s", now_ns / SECOND);
}

#[test]
fn bytes_count_and_one_message_is_never_too_much() {
    let mut pace = Pace::default();
    let huge = 100 * 1024 * 1024;
    let first = pace.message(rates(), (cost::SAY, huge), 0);
    assert_eq!(first, Verdict::Take { rest: Duration::ZERO });
    let second = pace.message(rates(), (cost::SAY, 1024 * 1024), 0);
    let Verdict::Refuse { kind, retry_after_ms, .. } = second else { panic!("{second:?}") };
    assert_eq!(kind, LimitKind::Bytes);
    assert!((3990..=4010).contains(&retry_after_ms), "a mebibyte takes 4 s: {retry_after_ms}");
}

/// A byte of pages a millisecond, and sixteen seconds of them at once.
fn page_rates() -> PaceRates {
    PaceRates { pages: Rate::per_second(1000, 16_000), ..rates() }
}

/// What a request for a page that is refused is told, in milliseconds.
fn page_refused(pace: &mut Pace, now_ns: u64) -> u64 {
    match pace.page(page_rates(), 10, now_ns) {
        Verdict::Refuse { kind: LimitKind::PageBytes, retry_after_ms, rest, is_news: false } => {
            assert_eq!(rest, Duration::ZERO);
            retry_after_ms
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_is_paid_for_by_all_its_bytes_before_the_next_is_sent() {
    const TAKE: Verdict = Verdict::Take { rest: Duration::ZERO };
    let mut pace = Pace::default();
    for _ in 0..16 {
        assert_eq!(pace.page(page_rates(), 10, 0), TAKE);
        pace.note_page(page_rates(), 1000, 0);
    }
    assert_eq!(pace.page(page_rates(), 10, 0), TAKE, "nothing is owed yet");
    pace.note_page(page_rates(), 20_000, 0);
    assert_eq!(page_refused(&mut pace, 0), 20_000);
    assert_eq!(page_refused(&mut pace, 20 * SECOND - 1), 1);
    assert_eq!(pace.page(page_rates(), 10, 20 * SECOND), TAKE);
}

#[test]
fn whoever_owes_for_pages_may_speak_and_asking_on_is_too_much_as_anything_is() {
    let mut pace = Pace::default();
    pace.note_page(page_rates(), 1_000_000, 0);
    for _ in 0..95 {
        page_refused(&mut pace, 0);
    }
    assert!(pace.told.is_none());
    // Each has cost two tokens.
    assert_eq!(read(&mut pace, (0..10).map(|_| 0)).taken, 10);
    let next = pace.page(page_rates(), 10, 0);
    assert!(matches!(next, Verdict::Refuse { kind: LimitKind::Messages, is_news: true, .. }));
}

#[test]
fn pings_are_never_refused_and_are_read_at_the_rate() {
    let mut pace = Pace::default();
    let mut now_ns = 0;
    for _ in 0..400 {
        let verdict = pace.control(rates(), 0, now_ns);
        let Verdict::Take { rest } = verdict else { panic!("{verdict:?}") };
        now_ns += u64::try_from(rest.as_nanos()).unwrap();
    }
    assert_eq!(now_ns, 10 * SECOND, "200 at once, then 20 a second");
    assert_eq!(strikes(&pace), 0);
}

#[test]
fn without_rates_everything_is_taken_and_nothing_kept() {
    let mut pace = Pace::default();
    for _ in 0..10_000 {
        let verdict = pace.message(PaceRates::default(), (cost::BAD, 1_000_000), 0);
        assert_eq!(verdict, Verdict::Take { rest: Duration::ZERO });
    }
    assert!(pace.told.is_none());
}

#[test]
fn a_commands_cost_is_what_it_causes() {
    for (text, tokens) in [
        ("hello", cost::SAY),
        ("", cost::SAY),
        ("@changename:x", cost::CHANGE_NAME),
        ("@history:1", cost::HISTORY),
        ("@history:x", cost::BAD),
        ("@changename:", cost::BAD),
    ] {
        assert_eq!(cost_of(&ClientCommand::parse(text)), tokens, "{text}");
    }
}
