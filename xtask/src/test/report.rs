//! What ran, how many tests it was and how long it took.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The kinds of checks and tests that have passed so far.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
}

struct Line {
    kind: String,
    /// Absent for what has no tests to count, such as formatting.
    tests: Option<u64>,
    /// Absent where one run covered several lines and another one has the time.
    took: Option<Duration>,
}

impl Report {
    /// Runs what either passes or does not.
    pub(super) fn check<T>(&mut self, kind: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let value = work()?;
        self.push(kind, None, Some(started.elapsed()));
        Ok(value)
    }

    /// Runs tests of one kind; they say how many passed.
    pub(super) fn tests(&mut self, kind: &str, work: impl FnOnce() -> Result<u64>) -> Result<()> {
        let started = Instant::now();
        let passed = work()?;
        self.push(kind, Some(passed), Some(started.elapsed()));
        Ok(())
    }

    /// Runs tests of several kinds at once.
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
        // Set-up happens in several places and is one thing to whoever reads the summary.
        let known = self.lines.iter_mut().find(|line| line.kind == kind);
        match (known, took) {
            (Some(Line { took: Some(so_far), .. }), Some(more)) => *so_far += more,
            _ => self.lines.push(Line { kind: kind.to_owned(), tests, took }),
        }
    }

    /// Prints a line for each kind that passed. What failed is not among them: the error that ends
    /// the run tells it.
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

    /// How many tests passed.
    pub(super) fn passed(&self) -> u64 {
        self.lines.iter().filter_map(|line| line.tests).sum()
    }
}
