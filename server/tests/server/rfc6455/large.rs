//! Groups 9 and 10 of the suite: large messages in one frame, in fragments and in small pieces, and a
//! thousand round trips. The tests do not assert durations.

use super::case::cut_as_in_the_suite;
use super::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Sizes of the messages in 9.1 and 9.2, in bytes.
const SIZES: [usize; 6] = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
/// Sizes of the fragments in 9.3 and 9.4, in bytes.
const FRAGMENTS: [usize; 9] = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
/// Sizes of the pieces in 9.5 and 9.6, in bytes.
const PIECES: [usize; 6] = [64, 128, 256, 512, 1024, 2048];
/// Sizes of the messages in 9.7 and 9.8, in bytes.
const ROUND_TRIPS: [usize; 6] = [0, 16, 64, 256, 1024, 4096];
const ROUND_TRIPS_COUNT: usize = 1000;

/// Starts a server that accepts the largest message. It has no history, because greetings would contain it.
async fn table() -> Table {
    Table::with(&[
        "--frame-bytes-max",
        "16777216",
        "--outbox-bytes-max",
        "67108864",
        "--waiting-bytes-max",
        "1073741824",
        "--history-messages",
        "0",
    ])
    .await
}

/// The bytes of a family of cases, by the number of the case in its section.
pub(super) type Family = (&'static str, fn(usize) -> Case, usize);

const WHOLE_TEXTS: Family = ("9.1", |number| whole_text(SIZES[number - 1]), SIZES.len());
const WHOLE_BINARIES: Family = ("9.2", |number| whole_binary(SIZES[number - 1]), SIZES.len());
const CUT_TEXTS: Family = ("9.3", |number| cut_text(FRAGMENTS[number - 1]), FRAGMENTS.len());
const CUT_BINARIES: Family = ("9.4", |number| cut_binary(number), FRAGMENTS.len());
const CHOPPED_TEXTS: Family =
    ("9.5", |number| whole_text(MIB).chopped(PIECES[number - 1]), PIECES.len());
const CHOPPED_BINARIES: Family =
    ("9.6", |number| whole_binary(MIB).chopped(PIECES[number - 1]), PIECES.len());
const TEXTS: Family = ("9.7", |number| many_texts(ROUND_TRIPS[number - 1]), ROUND_TRIPS.len());
const BINARIES: Family =
    ("9.8", |number| many_binaries(ROUND_TRIPS[number - 1]), ROUND_TRIPS.len());
const AUTO_FRAGMENTED: Family = ("10.1", |_| auto_fragmented(), 1);

/// Returns the names of a family's cases, which are their numbers.
pub(super) fn names((section, _, count): &Family) -> Vec<String> {
    (1..=*count).map(|number| format!("{section}.{number}")).collect()
}

pub(super) const WHOLE: [Family; 2] = [WHOLE_TEXTS, WHOLE_BINARIES];
pub(super) const CUT: [Family; 3] = [CUT_TEXTS, CUT_BINARIES, AUTO_FRAGMENTED];
pub(super) const CHOPPED: [Family; 2] = [CHOPPED_TEXTS, CHOPPED_BINARIES];
pub(super) const MANY: [Family; 2] = [TEXTS, BINARIES];

async fn run(families: &[Family]) {
    let mut table = table().await;
    for family in families {
        let numbered = (1..).zip(names(family));
        table.run(numbered.map(|(number, name)| (family.1)(number).named(name))).await;
    }
}

fn whole_text(size: usize) -> Case {
    let said = "BAsd7&jh23".repeat(size / 10 + 1)[..size].to_owned();
    case("", &[text(&said)]).says(said)
}

fn whole_binary(size: usize) -> Case {
    let sent: Vec<u8> = b"\x00\xfe\x23\xfa\xf0".iter().copied().cycle().take(size).collect();
    case("", &[frame(BINARY, &sent)]).binary()
}

fn cut_text(fragment_bytes: usize) -> Case {
    let said = "*".repeat(4 * MIB);
    case("", &cut_as_in_the_suite(TEXT, said.as_bytes(), fragment_bytes)).says(said)
}

fn cut_binary(number: usize) -> Case {
    let byte = if number == 1 { 0xfe } else { b'*' };
    let sent = vec![byte; 4 * MIB];
    case("", &cut_as_in_the_suite(BINARY, &sent, FRAGMENTS[number - 1])).binary()
}

fn auto_fragmented() -> Case {
    let said = "*".repeat(64 * KIB);
    case("", &cut_as_in_the_suite(TEXT, said.as_bytes(), 1300)).says(said)
}

fn many_texts(size: usize) -> Case {
    let said = "*".repeat(size);
    let case = case("", &vec![text(&said); ROUND_TRIPS_COUNT]);
    match size {
        // XGate ignores an empty text, so there is no answer to await.
        0 => case.frame_by_frame(),
        _ => (0..ROUND_TRIPS_COUNT).fold(case.one_at_a_time(), |case, _| case.says(&said)),
    }
}

fn many_binaries(size: usize) -> Case {
    let case = case("", &vec![frame(BINARY, &vec![0xfe; size]); ROUND_TRIPS_COUNT]);
    (0..ROUND_TRIPS_COUNT).fold(case.one_at_a_time(), |case, _| case.binary())
}

#[tokio::test]
async fn large_messages_arrive_complete() {
    run(&WHOLE).await;
}

#[tokio::test]
async fn large_messages_in_fragments_arrive_complete() {
    run(&CUT).await;
}

#[tokio::test]
async fn large_messages_in_small_pieces_arrive_complete() {
    run(&CHOPPED).await;
}

#[tokio::test]
async fn thousand_round_trips_lose_no_message() {
    run(&MANY).await;
}
