//! Decides which messages have expired, from timestamps that may come from a wrong clock.

use std::ops::RangeInclusive;

use xmeet_shared::UnixMillis;

/// The timestamps of messages that are neither expired nor in the future.
pub(crate) type ValidTimes = RangeInclusive<UnixMillis>;

/// Returns how many of the oldest messages have expired, from timestamps in the order of ids: all up to
/// the last expired timestamp before the first valid one. Future timestamps between expired ones expire
/// with them. A clock that lagged cannot expire valid messages that came before.
pub(crate) fn expired_count(
    times: impl IntoIterator<Item = UnixMillis>,
    valid: &ValidTimes,
) -> usize {
    let oldest_run = times.into_iter().take_while(|ts| !valid.contains(ts));
    let too_old = oldest_run.enumerate().filter(|(_, ts)| ts < valid.start());
    too_old.last().map_or(0, |(place, _)| place + 1)
}
