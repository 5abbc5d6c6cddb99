//! The summary of a test run: checks, tests and durations.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The checks and tests that have passed.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
}

struct Line {
    kind: String,
    /// The number of tests; `None` for checks such as formatting.
    tests: Option<u64>,
    /// The duration; `None` where one run has several lines, except for the first.
    took: Option<Duration>,
}

impl Report {
    /// Runs a check.
    pub(super) fn check<T>(&mut self, kind: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let value = work()?;
        self.push(kind, None, Some(started.elapsed()));
        Ok(value)
    }

    /// Runs tests of one kind. `work` returns the number of passed tests.
    pub(super) fn tests(&mut self, kind: &str, work: impl FnOnce() -> Result<u64>) -> Result<()> {
        let started = Instant::now();
        let passed = work()?;
        self.push(kind, Some(passed), Some(started.elapsed()));
        Ok(())
    }

    /// Runs tests of several kinds in one. `work` returns the number of passed tests of each.
    pub(super) fn group(
        &mut self,
        work: impl FnOnce() -> Result<Vec<(String, u64)>>,
    ) -> Result<()> {
        let started = Instant::now();
        let kinds = work()?;
        let mut took = Some(started.elapsed());
        for (kind, passed) in kinds {
            self.push(&kind, Some(passed), took.take());
        }
        Ok(())
    }

    fn push(&mut self, kind: &str, tests: Option<u64>, took: Option<Duration>) {
        self.lines.push(Line { kind: kind.to_owned(), tests, took });
    }

    /// Prints a line for each kind that passed. The error that ends the run reports the other.
    pub(super) fn print(&self) {
        if self.lines.is_empty() {
            return;
        }
        println!("\n{:<16} {:>6} {:>8}", "passed", "tests", "seconds");
        for line in &self.lines {
            let tests = line.tests.map_or(String::new(), |tests| tests.to_string());
            let took = line.took.map_or(String::new(), |took| format!("{:.1}", took.as_secs_f64()));
            println!("{:<16} {tests:>6} {took:>8}", line.kind);
        }
    }

    /// Returns the number of passed tests.
    pub(super) fn passed(&self) -> u64 {
        self.lines.iter().filter_map(|line| line.tests).sum()
    }
}
