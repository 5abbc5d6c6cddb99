//! Latencies: counts in buckets whose width grows with the value, exact to about 1.6 %.

/// Buckets for each power of two.
const PARTS: u64 = 64;
const PARTS_BITS: u32 = 6;

/// Nanoseconds, counted.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let buckets = PARTS as usize * (65 - PARTS_BITS as usize);
        Self { counts: vec![0; buckets], total: 0, max_ns: 0 }
    }

    pub(crate) fn record(&mut self, value_ns: u64) {
        self.counts[bucket(value_ns)] += 1;
        self.total += 1;
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// The value that `share` of all values do not exceed, in microseconds; nothing without values.
    pub(crate) fn quantile_us(&self, share: f64) -> Option<f64> {
        let rank = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        let at = self.counts.iter().position(|count| {
            sum += count;
            sum >= rank
        })?;
        Some(middle_ns(at).min(self.max_ns) as f64 / 1e3)
    }

    /// The largest value, in microseconds.
    pub(crate) fn max_us(&self) -> Option<f64> {
        (self.total > 0).then_some(self.max_ns as f64 / 1e3)
    }
}

/// Values below [`PARTS`] have a bucket each; above, each power of two has as many.
fn bucket(value: u64) -> usize {
    if value < PARTS {
        return value as usize;
    }
    let shift = value.ilog2() - PARTS_BITS;
    (u64::from(shift + 1) * PARTS + (value >> shift) - PARTS) as usize
}

/// The middle of a bucket.
fn middle_ns(bucket: usize) -> u64 {
    let (power, part) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
    match power.checked_sub(1) {
        None => part,
        Some(shift) => ((PARTS + part) << shift) + (1 << shift) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_near_its_values() {
        for power in 0..64 {
            for value in [1_u64 << power, (1 << power) + (1 << power) / 3] {
                let near = middle_ns(bucket(value)) as f64;
                assert!((near - value as f64).abs() <= value as f64 / 100.0, "{value}: {near}");
            }
        }
        bucket(u64::MAX);
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile_us(0.5), None);
        (1..=1000).for_each(|value_us| histogram.record(value_us * 1000));
        let near = |share, expected: f64| {
            let value = histogram.quantile_us(share).unwrap();
            assert!((value - expected).abs() < expected / 50.0, "{share}: {value}");
        };
        near(0.5, 500.0);
        near(0.99, 990.0);
        assert_eq!(histogram.max_us(), Some(1000.0));
    }
}
