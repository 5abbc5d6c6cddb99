//! Local time from Unix milliseconds and the offset of the time zone, which comes from
//! `browser::offset_minutes`.

use xmeet_shared::UnixMillis;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;

/// The span of the clock within which an author's messages share a heading.
const GROUP_MS: i64 = 5 * MINUTE_MS;

/// A day of the reader's calendar, as the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i64);

/// A moment in the reader's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day.
    pub day: Day,
    /// Hour, 0 to 23.
    pub hour: i64,
    /// Minute, 0 to 59.
    pub minute: i64,
    /// Second, 0 to 59.
    pub second: i64,
    /// The offset from UTC in minutes.
    pub offset_minutes: i32,
}

/// The parts of a [`Day`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Year, as in 2015.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: usize,
    /// Day of the month, 1 to 31.
    pub day: i64,
    /// Day of the week, 0 is Sunday.
    pub weekday: usize,
}

impl LocalTime {
    /// Returns the local time of `at` in a zone with this offset from UTC.
    #[must_use]
    pub fn new(at: UnixMillis, offset_minutes: i32) -> Self {
        let local_ms = at.saturating_add(i64::from(offset_minutes) * MINUTE_MS);
        let minutes = local_ms.div_euclid(MINUTE_MS);
        let minute_of_day = minutes.rem_euclid(DAY_MINUTES);
        Self {
            day: Day(minutes.div_euclid(DAY_MINUTES)),
            hour: minute_of_day / 60,
            minute: minute_of_day % 60,
            second: local_ms.rem_euclid(MINUTE_MS) / 1000,
            offset_minutes,
        }
    }

    /// Returns the time as `14:05`.
    #[must_use]
    pub fn clock(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// Returns the time as `14:05:06 UTC+08:00`.
    #[must_use]
    pub fn clock_and_zone(&self) -> String {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.abs();
        let (hours, minutes) = (offset / 60, offset % 60);
        format!("{}:{:02} UTC{sign}{hours:02}:{minutes:02}", self.clock(), self.second)
    }
}

impl Day {
    /// Returns the date, by Howard Hinnant's days-to-civil algorithm.
    #[must_use]
    pub fn date(self) -> Date {
        let shifted = self.0.clamp(-100_000_000, 100_000_000) + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let weekday = (self.0 + 4).rem_euclid(7);
        Date {
            year,
            month: usize::try_from(month).unwrap_or(1),
            day,
            weekday: usize::try_from(weekday).unwrap_or(0),
        }
    }
}

/// Returns whether two consecutive messages of one author share a heading: they are in order and in
/// the same five minutes of the clock. So headings do not depend on the first loaded message.
#[must_use]
pub fn share_heading(earlier: UnixMillis, later: UnixMillis) -> bool {
    earlier <= later && earlier.div_euclid(GROUP_MS) == later.div_euclid(GROUP_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: UnixMillis = 1_428_472_926_000; // 2015-04-08T06:02:06Z

    #[test]
    fn moment_is_shown_in_the_time_zone() {
        let shanghai = LocalTime::new(MOMENT, 480);
        assert_eq!(shanghai.clock(), "14:02");
        assert_eq!(shanghai.clock_and_zone(), "14:02:06 UTC+08:00");
        assert_eq!(shanghai.day.date(), Date { year: 2015, month: 4, day: 8, weekday: 3 });
        let newfoundland = LocalTime::new(MOMENT, -150);
        assert_eq!(newfoundland.clock_and_zone(), "03:32:06 UTC-02:30");
    }

    #[test]
    fn day_changes_at_local_midnight() {
        let before = LocalTime::new(1_700_000_000_000, 60); // 2023-11-14 23:13:20 there
        let after = LocalTime::new(1_700_000_000_000, 120); // 2023-11-15 00:13:20 there
        assert_eq!((before.clock().as_str(), before.day.date().day), ("23:13", 14));
        assert_eq!((after.clock().as_str(), after.day.date().day), ("00:13", 15));
        assert_eq!(after.day.0, before.day.0 + 1);
    }

    #[test]
    fn dates_before_1970_and_on_leap_days_are_right() {
        assert_eq!(Day(-1).date(), Date { year: 1969, month: 12, day: 31, weekday: 3 });
        assert_eq!(Day(0).date(), Date { year: 1970, month: 1, day: 1, weekday: 4 });
        assert_eq!(Day(11_016).date(), Date { year: 2000, month: 2, day: 29, weekday: 2 });
        for extreme in [i64::MIN, i64::MAX] {
            let _ = LocalTime::new(extreme, 840).day.date();
        }
    }

    #[test]
    fn messages_in_order_within_five_minutes_share_a_heading() {
        assert!(share_heading(0, 0));
        assert!(share_heading(0, 299_999));
        assert!(!share_heading(299_999, 300_000));
        assert!(!share_heading(10, 9));
    }
}
