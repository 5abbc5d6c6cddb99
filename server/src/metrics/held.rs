//! Something that is there for a while and counted meanwhile, however it ends.

use prometheus_client::metrics::gauge::Gauge;

/// Adds to a gauge while it lives.
#[derive(Debug)]
pub struct Held {
    gauge: Gauge,
    count: i64,
}

impl Held {
    /// Counts nothing yet.
    #[must_use]
    pub fn none(gauge: &Gauge) -> Self {
        Self { gauge: gauge.clone(), count: 0 }
    }

    /// Counts one.
    #[must_use]
    pub fn one(gauge: &Gauge) -> Self {
        let mut held = Self::none(gauge);
        held.set(1);
        held
    }

    /// Counts so many from here on. Touches the gauge only when that is another number.
    pub fn set(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if count != self.count {
            self.gauge.inc_by(count - self.count);
            self.count = count;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_not_counted() {
        let gauge = Gauge::default();
        let one = Held::one(&gauge);
        let mut many = Held::none(&gauge);
        many.set(5);
        many.set(3);
        assert_eq!(gauge.get(), 4);
        drop(many);
        assert_eq!(gauge.get(), 1);
        drop(one);
        assert_eq!(gauge.get(), 0);
    }
}
