//! How long to wait before trying again.

use xmeet_shared::UnixMillis;

/// The longest wait.
pub const WAIT_MS_MAX: UnixMillis = 30_000;

/// The ceiling of the first wait; each further one doubles it.
const FIRST_CEILING_MS: UnixMillis = 1_500;

/// The wait after `failures` attempts in a row that did not last. `jitter` (0 to 1) spreads the
/// clients of a server that has just come back over three quarters of the wait.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the product is at most WAIT_MS_MAX")]
pub fn wait_ms(failures: u32, jitter: f64) -> UnixMillis {
    let doublings = failures.saturating_sub(1).min(10);
    let ceiling = (FIRST_CEILING_MS << doublings).min(WAIT_MS_MAX);
    let floor = ceiling / 4;
    floor + ((ceiling - floor) as f64 * jitter.clamp(0.0, 1.0)) as UnixMillis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let longest: Vec<_> = (1..=7).map(|failures| wait_ms(failures, 1.0)).collect();
        assert_eq!(longest, [1_500, 3_000, 6_000, 12_000, 24_000, 30_000, 30_000]);
        assert_eq!(wait_ms(u32::MAX, 1.0), WAIT_MS_MAX);
        assert_eq!(wait_ms(0, 1.0), 1_500);
    }

    #[test]
    fn jitter_spreads_each_wait_and_nonsense_jitter_is_contained() {
        assert_eq!(wait_ms(1, 0.0), 375);
        assert_eq!(wait_ms(1, 0.5), 937);
        assert_eq!(wait_ms(1, 9.0), 1_500);
        assert_eq!(wait_ms(1, f64::NAN), 375);
    }
}
