//! The cases of the Autobahn test suite by number: each is in one table, and `docs/autobahn.md` names
//! each once, with the test that runs it.

use std::collections::BTreeMap;

use super::*;

/// Sections of the suite's groups 1 to 7, 9 and 10, and how many cases each has, numbered from 1.
/// There are no sections 7.2, 7.4, 7.6, 7.8 and 7.10 to 7.12, and no group 8.
const SECTIONS: [(&str, usize); 45] = [
    ("1.1", 8),
    ("1.2", 8),
    ("2", 11),
    ("3", 7),
    ("4.1", 5),
    ("4.2", 5),
    ("5", 20),
    ("6.1", 3),
    ("6.2", 4),
    ("6.3", 2),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 11),
    ("6.7", 4),
    ("6.8", 2),
    ("6.9", 4),
    ("6.10", 3),
    ("6.11", 5),
    ("6.12", 8),
    ("6.13", 5),
    ("6.14", 10),
    ("6.15", 1),
    ("6.16", 3),
    ("6.17", 5),
    ("6.18", 5),
    ("6.19", 5),
    ("6.20", 7),
    ("6.21", 8),
    ("6.22", 34),
    ("6.23", 7),
    ("7.1", 6),
    ("7.3", 6),
    ("7.5", 1),
    ("7.7", 13),
    ("7.9", 9),
    ("7.13", 2),
    ("9.1", 6),
    ("9.2", 6),
    ("9.3", 9),
    ("9.4", 9),
    ("9.5", 6),
    ("9.6", 6),
    ("9.7", 6),
    ("9.8", 6),
    ("10.1", 1),
];

const DOCUMENT: &str = include_str!("../../../../docs/autobahn.md");

/// Returns the numbers of the cases that each test runs.
fn tables() -> Vec<(&'static str, Vec<String>)> {
    let names = |cases: Vec<Case>| cases.into_iter().map(|case| case.name).collect::<Vec<_>>();
    let large = |families: &[large::Family]| families.iter().flat_map(large::names).collect();
    vec![
        ("texts_of_every_length_are_delivered", names(lengths::text_cases())),
        ("binary_messages_of_every_length_are_errors", names(lengths::binary_cases())),
        ("pings_are_answered_and_pongs_are_not", names(control::cases())),
        ("reserved_bits_are_refused", names(reserved::bit_cases())),
        ("reserved_opcodes_are_refused", names(reserved::opcode_cases())),
        ("fragmented_control_frames_are_refused", names(fragments::control_cases())),
        ("fragments_form_one_message", names(fragments::valid_cases())),
        ("invalid_sequence_of_fragments_is_refused", names(fragments::broken_cases())),
        ("utf8_text_in_any_pieces_is_delivered", names(utf8::valid_cases())),
        ("invalid_utf8_text_in_any_pieces_is_refused", names(utf8::invalid_cases())),
        ("invalid_utf8_is_refused_before_the_message_ends", names(utf8::early_cases())),
        ("close_is_answered_and_later_frames_are_ignored", names(closing::answered_cases())),
        ("malformed_close_is_refused", names(closing::broken_cases())),
        ("valid_close_codes_are_echoed", names(closing::valid_code_cases())),
        ("reserved_close_codes_are_refused", names(closing::invalid_code_cases())),
        ("large_messages_arrive_complete", large(&large::WHOLE)),
        ("large_messages_in_fragments_arrive_complete", large(&large::CUT)),
        ("large_messages_in_small_pieces_arrive_complete", large(&large::CHOPPED)),
        ("thousand_round_trips_lose_no_message", large(&large::MANY)),
    ]
}

/// Returns the document's rows: the numbers of cases in the first column, and the test in the last.
fn documented() -> Vec<(Vec<&'static str>, &'static str)> {
    let rows = DOCUMENT.lines().filter_map(|line| {
        let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let numbers: Vec<_> = row.split_once(" | ")?.0.split(", ").collect();
        let test = row.rsplit_once(" | ")?.1;
        numbers[0]
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| (numbers, test.trim_matches('`')))
    });
    rows.collect()
}

/// Returns the test of each case.
///
/// # Panics
/// If a case is listed twice.
fn by_number<'a>(
    cases: impl IntoIterator<Item = (&'a str, &'a str)>,
    place: &str,
) -> BTreeMap<&'a str, &'a str> {
    let mut tests = BTreeMap::new();
    for (number, test) in cases {
        assert_eq!(tests.insert(number, test), None, "{number} is twice in {place}");
    }
    tests
}

#[test]
fn autobahn_cases_match_the_tables_and_the_document() {
    let tables = tables();
    let in_tables = tables.iter().flat_map(|(test, names)| {
        let numbers = names.iter().map(|name| name.split(' ').next().unwrap_or_default());
        numbers.map(|number| (number, *test))
    });
    let in_tables = by_number(in_tables, "the tables");
    let documented = documented();
    let rows = documented.iter();
    let in_document =
        rows.flat_map(|(numbers, test)| numbers.iter().map(|number| (*number, *test)));
    let in_document = by_number(in_document, "the document");
    let suite = SECTIONS.iter();
    let suite: Vec<_> = suite
        .flat_map(|(section, count)| (1..=*count).map(move |number| format!("{section}.{number}")))
        .collect();
    let untested: Vec<_> = suite.iter().filter(|n| !in_tables.contains_key(n.as_str())).collect();
    assert!(untested.is_empty(), "in no table: {untested:?}");
    assert_eq!(in_tables.len(), suite.len(), "the tables name cases that the suite does not have");
    let differ: Vec<_> =
        in_tables.iter().filter(|(n, test)| in_document.get(*n) != Some(test)).collect();
    assert!(differ.is_empty(), "the document does not name them with these tests: {differ:?}");
    assert_eq!(in_document.len(), suite.len(), "the document names cases that are in no table");
}
