//! A token bucket. Pure: time comes in as a number of nanoseconds that never falls.

/// Nanoseconds in a second, in a minute and in a day.
const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const DAY_NS: u64 = 24 * 60 * MINUTE_NS;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What one token takes to come, in nanoseconds.
    token_ns: u64,
    /// How many there are when it is full.
    burst_tokens: u64,
}

impl Rate {
    /// So many tokens a second, and `burst_tokens` at once. `None`, which is no limit, where either
    /// is 0.
    #[must_use]
    pub const fn per_second(tokens: u64, burst_tokens: u64) -> Option<Self> {
        Self::per(SECOND_NS, tokens, burst_tokens)
    }

    /// So many tokens a minute, and `burst_tokens` at once. `None`, which is no limit, where either
    /// is 0.
    #[must_use]
    pub const fn per_minute(tokens: u64, burst_tokens: u64) -> Option<Self> {
        Self::per(MINUTE_NS, tokens, burst_tokens)
    }

    /// So many tokens at once, and as many again evenly over each day. `None`, which is no limit,
    /// where it is 0.
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

    /// How many tokens there are at once.
    #[must_use]
    pub const fn burst_tokens(self) -> u64 {
        self.burst_tokens
    }

    /// What so many tokens take to come, in nanoseconds.
    pub(crate) fn cost_ns(self, tokens: u64) -> u64 {
        self.token_ns.saturating_mul(tokens)
    }

    fn burst_ns(self) -> u64 {
        self.cost_ns(self.burst_tokens)
    }
}

/// A bucket. It is one number, the moment at which it is full again: what is missing fills with
/// time, and nobody has to pour. A new one is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    full_at_ns: u64,
}

impl Bucket {
    /// How long until so many tokens are there, in nanoseconds; 0 when they are. Whoever wants more
    /// than a full bucket holds waits for a full one.
    #[must_use]
    pub fn wait_ns(&self, rate: Rate, tokens: u64, now_ns: u64) -> u64 {
        let cost_ns = rate.cost_ns(tokens.min(rate.burst_tokens));
        let full_at_ns = self.full_at_ns.max(now_ns).saturating_add(cost_ns);
        full_at_ns.saturating_sub(now_ns.saturating_add(rate.burst_ns()))
    }

    /// Takes tokens, if they are there. Whoever wants more than a full bucket holds pays a full one.
    ///
    /// # Errors
    /// How long until they are, in nanoseconds. Nothing is taken then.
    pub fn take(&mut self, rate: Rate, tokens: u64, now_ns: u64) -> Result<(), u64> {
        match self.wait_ns(rate, tokens, now_ns) {
            0 => {
                self.owe(rate, tokens.min(rate.burst_tokens), now_ns);
                Ok(())
            }
            wait_ns => Err(wait_ns),
        }
    }

    /// Takes tokens whether or not they are there, and however many: what is missing is owed.
    pub fn owe(&mut self, rate: Rate, tokens: u64, now_ns: u64) {
        self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(rate.cost_ns(tokens));
    }

    /// When it is full again: the later, the more is owed.
    #[must_use]
    pub fn full_at_ns(&self) -> u64 {
        self.full_at_ns
    }

    /// Whether it is full, so that a new one would be no other.
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

    /// A bucket as one would think of it: something that is poured into, drop by drop.
    struct Naive {
        level_ns: u64,
        seen_ns: u64,
    }

    impl Naive {
        fn take(&mut self, rate: Rate, tokens: u64, now_ns: u64) -> bool {
            let poured = self.level_ns + (now_ns - self.seen_ns);
            self.level_ns = poured.min(rate.token_ns * rate.burst_tokens);
            self.seen_ns = now_ns;
            let cost = rate.token_ns * tokens.min(rate.burst_tokens);
            let takes = self.level_ns >= cost;
            if takes {
                self.level_ns -= cost;
            }
            takes
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
                    // To the nanosecond, and not before.
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
                    let came = (end_ns - start_ns) / rate.token_ns;
                    prop_assert!((last - first) as u64 <= burst + came);
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
    fn debt_is_waited_for() {
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
