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

/// Returns the number of passed tests in the summary of the browser tests, whose runner fails if a
/// file has no test. `None` if there is no summary.
pub(super) fn of_browser_tests(output: &str) -> Option<u64> {
    let passed = output.lines().rev().find_map(|line| line.strip_prefix("# pass "))?;
    passed.trim().parse().ok()
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
    fn browser_tests_are_counted_by_their_last_summary() {
        let output = "TAP version 13\n# tests 4\n# pass 3\n# skipped 1\n";
        assert_eq!(of_browser_tests(output), Some(3));
        assert_eq!(of_browser_tests("# pass 7\nnoise\n# pass 0\n"), Some(0));
        assert_eq!(of_browser_tests("> e2e@1.0.0 test\n"), None);
    }
}
