//! A guard that keeps a gauge correct when its owner is dropped.

use prometheus_client::metrics::gauge::Gauge;

/// Adds a count to a gauge, and subtracts it when dropped.
#[derive(Debug)]
pub struct GaugeGuard {
    gauge: Gauge,
    count: i64,
}

impl GaugeGuard {
    /// Creates a guard that adds nothing yet.
    #[must_use]
    pub fn none(gauge: &Gauge) -> Self {
        Self { gauge: gauge.clone(), count: 0 }
    }

    /// Creates a guard that adds one.
    #[must_use]
    pub fn one(gauge: &Gauge) -> Self {
        let mut guard = Self::none(gauge);
        guard.set(1);
        guard
    }

    /// Changes the count. Updates the gauge only if the count differs.
    pub fn set(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if count != self.count {
            self.gauge.inc_by(count - self.count);
            self.count = count;
        }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_guard_subtracts_its_count() {
        let gauge = Gauge::default();
        let one = GaugeGuard::one(&gauge);
        let mut many = GaugeGuard::none(&gauge);
        many.set(5);
        many.set(3);
        assert_eq!(gauge.get(), 4);
        drop(many);
        assert_eq!(gauge.get(), 1);
        drop(one);
        assert_eq!(gauge.get(), 0);
    }
}
