//! Which messages have become too old, by times that may be those of a wrong clock.

use std::ops::RangeInclusive;

use xmeet_shared::UnixMillis;

/// The times of messages that are neither too old nor from the future.
pub(crate) type Timely = RangeInclusive<UnixMillis>;

/// How many of the oldest messages go, by their times, oldest message first: all up to the last
/// that is too old and has nothing timely before it. What a clock that was ahead made goes with
/// what stands around it, and a clock that was behind makes nothing old that was said before.
pub(crate) fn gone(times: impl IntoIterator<Item = UnixMillis>, timely: &Timely) -> usize {
    let oldest_run = times.into_iter().take_while(|ts| !timely.contains(ts));
    let too_old = oldest_run.enumerate().filter(|(_, ts)| ts < timely.start());
    too_old.last().map_or(0, |(place, _)| place + 1)
}
