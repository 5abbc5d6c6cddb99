//! A clock for durations. It never goes back, and it includes the time in which the machine slept.

/// Milliseconds since an unspecified moment.
pub type Millis = i64;

/// On some systems the monotonic clock stops while the machine sleeps. If the wall clock gains more
/// than this on it between two readings, in milliseconds, the difference counts as sleep.
const SLEEP_MS: f64 = 10_000.0;

/// Combines the browser's monotonic clock with its wall clock.
///
/// Setting the wall clock forward looks like sleep, so the connection is checked once too often.
/// Setting it back has no effect.
#[derive(Debug, Default)]
pub struct Clock {
    /// The previous readings of the monotonic clock and the wall clock.
    last: Option<(f64, f64)>,
    elapsed_ms: f64,
}

impl Clock {
    /// Returns the time since the first reading, given the present readings of both clocks.
    #[expect(clippy::cast_possible_truncation, reason = "a page lives less than 2^53 ms")]
    pub fn read(&mut self, monotonic_ms: f64, wall_ms: f64) -> Millis {
        let (monotonic_before, wall_before) =
            self.last.replace((monotonic_ms, wall_ms)).unwrap_or((monotonic_ms, wall_ms));
        let step = (monotonic_ms - monotonic_before).max(0.0);
        let slept = wall_ms - wall_before - step;
        self.elapsed_ms += step + if slept > SLEEP_MS { slept } else { 0.0 };
        self.elapsed_ms as Millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_set_back_changes_no_duration() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(1_000.0, 5_000_000.0), 0);
        assert_eq!(clock.read(2_000.0, 5_001_000.0 - 3_600_000.0), 1_000);
        assert_eq!(clock.read(42_000.0, 5_041_000.0 - 3_600_000.0), 41_000);
    }

    #[test]
    fn sleep_with_a_stopped_monotonic_clock_is_counted() {
        let mut clock = Clock::default();
        clock.read(1_000.0, 5_000_000.0);
        assert_eq!(clock.read(2_000.0, 5_600_000.0), 600_000);
        assert_eq!(clock.read(3_000.0, 5_601_000.0), 601_000);
    }

    #[test]
    fn sleep_with_a_running_monotonic_clock_is_counted_once() {
        let mut clock = Clock::default();
        clock.read(1_000.0, 5_000_000.0);
        assert_eq!(clock.read(601_000.0, 5_600_000.0), 600_000);
    }

    #[test]
    fn monotonic_clock_that_goes_back_counts_as_stopped() {
        let mut clock = Clock::default();
        clock.read(1_000.0, 5_000_000.0);
        assert_eq!(clock.read(500.0, 5_000_000.0), 0);
        assert_eq!(clock.read(600.0, 5_000_100.0), 100);
    }
}
