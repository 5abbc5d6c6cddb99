//! The number of tests that ran, from the output of each test runner.

use std::collections::BTreeMap;

/// Returns the number of tests that ran for each package, from the JUnit file of cargo-nextest. Its
/// suites are named `package`, `package::test` or `package::bin/name`; skipped tests are not in it.
pub(super) fn of_junit(xml: &str) -> BTreeMap<String, u64> {
    let mut packages = BTreeMap::new();
    for suite in xml.split("<testsuite ").skip(1) {
        let head = suite.split_once('>').map_or(suite, |(head, _)| head);
        let number = |name| attribute(head, name).and_then(|value| value.parse::<u64>().ok());
        if let (Some(name), Some(tests)) = (attribute(head, "name"), number("tests")) {
            let package = name.split("::").next().unwrap_or(name);
            let ran = tests.saturating_sub(number("disabled").unwrap_or(0));
            *packages.entry(package.to_owned()).or_default() += ran;
        }
    }
    packages
}

fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = head.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Returns the number of passed tests in all `test result:` lines of `cargo test`.
pub(super) fn of_cargo_test(output: &str) -> u64 {
    let results = output.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|line| line.split_once(" passed")?.0.parse::<u64>().ok()).sum()
}

/// Returns the number of passed tests in the last summary of Node's test runner, in either of its
/// formats. `None` if there is no summary.
pub(super) fn of_node(output: &str) -> Option<u64> {
    let passed = output.lines().rev().find_map(|line| {
        let line = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
        line.strip_prefix("pass ")
    });
    let passed: u64 = passed?.trim().parse().ok()?;
    let empty = output.lines().filter(|line| is_file_without_tests(line)).count();
    Some(passed.saturating_sub(u64::try_from(empty).unwrap_or(u64::MAX)))
}

/// Returns whether a line reports a file without tests, which Node counts as a passed test.
fn is_file_without_tests(line: &str) -> bool {
    let name = line.strip_prefix("# Subtest: ").or_else(|| line.strip_prefix("✔ "));
    let name = name.map(|name| name.split(" (").next().unwrap_or(name));
    let is_file = |name: &str| [".mjs", ".cjs", ".js"].iter().any(|kind| name.ends_with(kind));
    name.is_some_and(|name| is_file(name) && !name.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_suites_add_up_to_packages() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="9" failures="0" errors="0" uuid="x" time="0.1">
    <testsuite name="xmeet-server" tests="3" disabled="0" errors="0" failures="0">
        <testcase name="room::tests::joins" classname="xmeet-server" time="0.1"></testcase>
    </testsuite>
    <testsuite name="xmeet-server::protocol" tests="4" disabled="1" errors="0" failures="0">
    </testsuite>
    <testsuite name="xmeet-shared" tests="2" disabled="0" errors="0" failures="0"/>
</testsuites>"#;
        let expected = [("xmeet-server".to_owned(), 6), ("xmeet-shared".to_owned(), 2)];
        assert_eq!(of_junit(xml), BTreeMap::from(expected));
        assert_eq!(of_junit(""), BTreeMap::new());
    }

    #[test]
    fn cargo_test_results_add_up() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            \n   Doc-tests xmeet_server\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(of_cargo_test(output), 5);
        assert_eq!(of_cargo_test("nothing"), 0);
    }

    #[test]
    fn node_counts_in_both_formats() {
        assert_eq!(
            of_node("TAP version 13\n# tests 4\n# suites 0\n# pass 3\n# skipped 1\n"),
            Some(3)
        );
        assert_eq!(of_node("✔ chats\nℹ tests 2\nℹ pass 2\nℹ fail 0\n"), Some(2));
        assert_eq!(of_node("# pass 7\nnoise\nℹ pass 0\n"), Some(0));
        assert_eq!(of_node("> e2e@1.0.0 test\n"), None);
    }

    #[test]
    fn file_without_tests_does_not_count() {
        let tap = "# Subtest: /src/e2e/empty.mjs\nok 1 - /src/e2e/empty.mjs\n# pass 1\n";
        assert_eq!(of_node(tap), Some(0));
        let spec = "✔ e2e/empty.test.js (71.4ms)\n✔ serves /boot.js (2.1ms)\nℹ pass 2\n";
        assert_eq!(of_node(spec), Some(1));
    }
}
