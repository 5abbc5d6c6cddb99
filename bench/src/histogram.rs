//! Latencies in nanoseconds, exact to 0.1 %.

use hdrhistogram::Histogram as Counts;

/// The largest value that is told apart from larger ones.
const HOUR_NS: u64 = 3_600_000_000_000;

/// Digits of a value that count.
const DIGITS: u8 = 3;

#[derive(Debug, Clone)]
pub(crate) struct Histogram(Counts<u64>);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self(Counts::new_with_bounds(1, HOUR_NS, DIGITS).expect("the bounds are in order"))
    }

    pub(crate) fn record(&mut self, value_ns: u64) {
        self.0.saturating_record(value_ns);
    }

    /// Returns the value that `share` of all values do not exceed, in microseconds; `None` without
    /// values.
    pub(crate) fn quantile_us(&self, share: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(share) as f64 / 1e3)
    }

    /// Returns the largest value, in microseconds.
    pub(crate) fn max_us(&self) -> Option<f64> {
        self.quantile_us(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile_us(0.5), None);
        (1..=1000).for_each(|value_us| histogram.record(value_us * 1000));
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let value = histogram.quantile_us(share).unwrap();
            assert!((value - expected).abs() <= expected / 1000.0, "{share}: {value}");
        }
    }
}
