//! A token bucket. Pure: time is a number of nanoseconds that never decreases.

/// Nanoseconds in a second, in a minute and in a day.
const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const DAY_NS: u64 = 24 * 60 * MINUTE_NS;

/// The refill rate and the capacity of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one token is refilled, in nanoseconds.
    token_ns: u64,
    /// Tokens in a full bucket.
    burst_tokens: u64,
}

impl Rate {
    /// Returns a rate of tokens per second with a capacity of `burst_tokens`. Returns `None`, which is no
    /// limit, if either number is 0.
    #[must_use]
    pub const fn per_second(tokens: u64, burst_tokens: u64) -> Option<Self> {
        Self::per(SECOND_NS, tokens, burst_tokens)
    }

    /// Returns a rate of tokens per minute with a capacity of `burst_tokens`. Returns `None`, which is no
    /// limit, if either number is 0.
    #[must_use]
    pub const fn per_minute(tokens: u64, burst_tokens: u64) -> Option<Self> {
        Self::per(MINUTE_NS, tokens, burst_tokens)
    }

    /// Returns a rate whose capacity is also its number of tokens per day. Returns `None`, which is no limit,
    /// if the number is 0.
    #[must_use]
    pub const fn per_day(tokens: u64) -> Option<Self> {
        Self::per(DAY_NS, tokens, tokens)
    }

    const fn per(span_ns: u64, tokens: u64, burst_tokens: u64) -> Option<Self> {
        if tokens == 0 || burst_tokens == 0 {
            return None;
        }
        let token_ns = if tokens < span_ns { span_ns / tokens } else { 1 };
        Some(Self { token_ns, burst_tokens })
    }

    /// Returns the capacity in tokens.
    #[must_use]
    pub const fn burst_tokens(self) -> u64 {
        self.burst_tokens
    }

    /// Returns the time in which this many tokens are refilled, in nanoseconds.
    pub(crate) fn cost_ns(self, tokens: u64) -> u64 {
        self.token_ns.saturating_mul(tokens)
    }

    fn burst_ns(self) -> u64 {
        self.cost_ns(self.burst_tokens)
    }
}

/// A bucket. It stores only the time at which it is full again, so it needs no timer. A new bucket is
/// full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    full_at_ns: u64,
}

impl Bucket {
    /// Returns the time until this many tokens are available, in nanoseconds. A cost above the capacity
    /// needs a full bucket.
    #[must_use]
    pub fn wait_ns(&self, rate: Rate, tokens: u64, now_ns: u64) -> u64 {
        let cost_ns = rate.cost_ns(tokens.min(rate.burst_tokens));
        let full_at_ns = self.full_at_ns.max(now_ns).saturating_add(cost_ns);
        full_at_ns.saturating_sub(now_ns.saturating_add(rate.burst_ns()))
    }

    /// Takes tokens if they are available. A cost above the capacity counts as the capacity.
    ///
    /// # Errors
    /// The time until the tokens are available, in nanoseconds. The bucket is unchanged.
    pub fn take(&mut self, rate: Rate, tokens: u64, now_ns: u64) -> Result<(), u64> {
        match self.wait_ns(rate, tokens, now_ns) {
            0 => {
                self.owe(rate, tokens.min(rate.burst_tokens), now_ns);
                Ok(())
            }
            wait_ns => Err(wait_ns),
        }
    }

    /// Takes tokens without a check. Missing tokens become a debt.
    pub fn owe(&mut self, rate: Rate, tokens: u64, now_ns: u64) {
        self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(rate.cost_ns(tokens));
    }

    /// Returns the time at which the bucket is full. A larger debt gives a later time.
    #[must_use]
    pub fn full_at_ns(&self) -> u64 {
        self.full_at_ns
    }

    /// Returns whether the bucket is full, and therefore equals a new one.
    #[must_use]
    pub fn is_full(&self, now_ns: u64) -> bool {
        self.full_at_ns <= now_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A bucket that is refilled step by step.
    struct Naive {
        level_ns: u64,
        seen_ns: u64,
    }

    impl Naive {
        fn take(&mut self, rate: Rate, tokens: u64, now_ns: u64) -> bool {
            let refilled_ns = self.level_ns + (now_ns - self.seen_ns);
            self.level_ns = refilled_ns.min(rate.token_ns * rate.burst_tokens);
            self.seen_ns = now_ns;
            let cost = rate.token_ns * tokens.min(rate.burst_tokens);
            let is_enough = self.level_ns >= cost;
            if is_enough {
                self.level_ns -= cost;
            }
            is_enough
        }
    }

    proptest! {
        #[test]
        fn matches_naive_refill_bucket(
            per_second in 1..2000_u64,
            burst in 1..300_u64,
            steps in vec((0..400_000_000_u64, 1..30_u64), 1..300),
        ) {
            let rate = Rate::per_second(per_second, burst).unwrap();
            let mut bucket = Bucket::default();
            let mut naive = Naive { level_ns: rate.token_ns * burst, seen_ns: 0 };
            let mut now_ns = 0;
            for (pause_ns, tokens) in steps {
                now_ns += pause_ns;
                let taken = bucket.take(rate, tokens, now_ns);
                prop_assert_eq!(taken.is_ok(), naive.take(rate, tokens, now_ns));
                if let Err(wait_ns) = taken {
                    // The wait is exact to the nanosecond.
                    prop_assert!(bucket.wait_ns(rate, tokens, now_ns + wait_ns - 1) > 0);
                    prop_assert_eq!(bucket.wait_ns(rate, tokens, now_ns + wait_ns), 0);
                }
            }
        }

        #[test]
        fn any_span_gives_at_most_the_burst_and_the_refill(
            per_second in 1..2000_u64,
            burst in 1..300_u64,
            pauses in vec(0..50_000_000_u64, 1..500),
        ) {
            let rate = Rate::per_second(per_second, burst).unwrap();
            let (mut bucket, mut now_ns, mut taken) = (Bucket::default(), 0, Vec::new());
            for pause_ns in pauses {
                now_ns += pause_ns;
                if bucket.take(rate, 1, now_ns).is_ok() {
                    taken.push(now_ns);
                }
            }
            for (first, start_ns) in taken.iter().enumerate() {
                for (last, end_ns) in taken.iter().enumerate().skip(first) {
                    let refilled = (end_ns - start_ns) / rate.token_ns;
                    prop_assert!((last - first) as u64 <= burst + refilled);
                }
            }
        }
    }

    #[test]
    fn rate_of_zero_is_no_limit_and_large_rates_do_not_overflow() {
        assert_eq!(Rate::per_second(0, 10), None);
        assert_eq!(Rate::per_minute(10, 0), None);
        let huge = Rate::per_second(1, u64::MAX).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(huge, u64::MAX, u64::MAX - 1), Ok(()));
        let fast = Rate::per_second(u64::MAX, 1).unwrap();
        assert_eq!(Bucket::default().take(fast, u64::MAX, 0), Ok(()));
    }

    #[test]
    fn wait_lasts_until_the_debt_is_refilled() {
        let rate = Rate::per_second(10, 2).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            bucket.owe(rate, 1, 0);
        }
        assert_eq!(bucket.wait_ns(rate, 0, 0), 100_000_000);
        assert!(bucket.is_full(300_000_000) && !bucket.is_full(299_999_999));
    }

    #[test]
    fn cost_above_the_burst_is_owed_whole_and_taken_as_a_full_bucket() {
        let rate = Rate::per_second(10, 2).unwrap();
        let (mut owing, mut taking) = (Bucket::default(), Bucket::default());
        owing.owe(rate, 20, 0);
        assert_eq!(
            (owing.wait_ns(rate, 0, 0), owing.wait_ns(rate, 20, 0)),
            (1_800_000_000, 2_000_000_000)
        );
        assert_eq!(taking.take(rate, 20, 0), Ok(()));
        assert_eq!(taking.wait_ns(rate, 20, 0), 200_000_000);
    }
}
