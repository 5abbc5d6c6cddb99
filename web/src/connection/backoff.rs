//! The wait before the next attempt to connect: exponential backoff with jitter.

use super::clock::Millis;

/// The longest wait.
pub const WAIT_MS_MAX: Millis = 30_000;

/// The longest first wait. Each further attempt doubles it.
const FIRST_CEILING_MS: Millis = 1_500;

/// Returns the wait after `failures` consecutive failed attempts. `jitter` is a random number from 0
/// to 1. It spreads the clients of a restarted server over three quarters of the longest wait.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the product is at most WAIT_MS_MAX")]
pub fn wait_ms(failures: u32, jitter: f64) -> Millis {
    let doublings = failures.saturating_sub(1).min(10);
    let ceiling = (FIRST_CEILING_MS << doublings).min(WAIT_MS_MAX);
    let floor = ceiling / 4;
    floor + ((ceiling - floor) as f64 * jitter.clamp(0.0, 1.0)) as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_thirty_seconds() {
        let longest: Vec<_> = (1..=7).map(|failures| wait_ms(failures, 1.0)).collect();
        assert_eq!(longest, [1_500, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000]);
        assert_eq!(wait_ms(u32::MAX, 1.0), WAIT_MS_MAX);
        assert_eq!(wait_ms(0, 1.0), 1_500);
    }

    /// Each client draws its wait independently.
    #[test]
    fn thousand_clients_of_a_restarted_server_reconnect_evenly_spread() {
        const CLIENTS: usize = 1_000;
        const BINS: usize = 10;
        for failures in 1..=8 {
            let (floor, ceiling) = (wait_ms(failures, 0.0), wait_ms(failures, 1.0));
            let mut bins = [0; BINS];
            let mut state = 0x9E37_79B9_u64 + u64::from(failures);
            for _ in 0..CLIENTS {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let jitter = (state >> 33) as f64 / f64::from(1u32 << 31);
                let wait = wait_ms(failures, jitter);
                assert!((floor..=ceiling).contains(&wait));
                let bin = usize::try_from((wait - floor) * 10 / (ceiling - floor + 1)).unwrap();
                bins[bin] += 1;
            }
            let fair = CLIENTS / BINS;
            assert!(bins.iter().all(|count| (fair / 2..fair * 2).contains(count)), "{bins:?}");
        }
    }

    #[test]
    fn jitter_spreads_the_wait_and_invalid_jitter_is_clamped() {
        assert_eq!(wait_ms(1, 0.0), 375);
        assert_eq!(wait_ms(1, 0.5), 937);
        assert_eq!(wait_ms(1, 9.0), 1_500);
        assert_eq!(wait_ms(1, f64::NAN), 375);
    }
}
