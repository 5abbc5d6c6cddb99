//! The wall clock and the server's time zone. No other code reads them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use xmeet_shared::{Civil, SendTime, UnixMillis};

/// Returns the current time, for code that is not part of a simulation.
pub(crate) fn unix_now() -> UnixMillis {
    Timestamp::now().as_millisecond()
}

/// A clock with a time zone, for timestamps and `send_time` texts. Tests use a simulated one.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    /// The start of a simulated clock; `None` for the wall clock.
    start: Option<(UnixMillis, Instant)>,
}

impl Clock {
    /// Creates a clock for a zone of the IANA database, or with `None` for the system's zone.
    ///
    /// # Errors
    /// If the zone does not exist.
    pub fn new(zone_name: Option<&str>) -> Result<Self, jiff::Error> {
        let zone = match zone_name {
            Some(name) => TimeZone::get(name)?,
            None => TimeZone::system(),
        };
        Ok(Self { zone, start: None })
    }

    /// Creates a simulated clock in UTC. It starts at `start_ts` and advances with the runtime's time, so
    /// that timestamps do not depend on the day of the test.
    #[must_use]
    pub fn simulated(start_ts: UnixMillis) -> Self {
        Self { zone: TimeZone::UTC, start: Some((start_ts, Instant::now())) }
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self.start {
            None => unix_now(),
            Some((start_ts, since)) => {
                let elapsed_ms = UnixMillis::try_from(since.elapsed().as_millis());
                start_ts.saturating_add(elapsed_ms.unwrap_or(UnixMillis::MAX))
            }
        }
    }

    /// Formats the `send_time` of a frame.
    #[must_use]
    pub fn moment(&self, ts: UnixMillis) -> SendTime {
        SendTime::moment(self.civil(ts))
    }

    /// Formats the `send_time` of a history record.
    #[must_use]
    pub fn date(&self, ts: UnixMillis) -> SendTime {
        SendTime::date(self.civil(ts))
    }

    fn civil(&self, ts: UnixMillis) -> Civil {
        let timestamp = Timestamp::from_millisecond(ts).unwrap_or(Timestamp::UNIX_EPOCH);
        let at = self.zone.to_datetime(timestamp);
        Civil {
            year: at.year(),
            month: at.month(),
            day: at.day(),
            hour: at.hour(),
            minute: at.minute(),
            second: at.second(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_formatted_in_the_configured_zone() {
        let ts = 1_428_472_926_000; // 2015-04-08T06:02:06Z
        let shanghai = Clock::new(Some("Asia/Shanghai")).unwrap();
        assert_eq!(shanghai.moment(ts).as_str(), "2015-4-8 14:2:6");
        assert_eq!(shanghai.date(ts).as_str(), "2015-04-08");
        let new_york = Clock::new(Some("America/New_York")).unwrap();
        assert_eq!(new_york.moment(ts).as_str(), "2015-4-8 2:2:6");
    }

    #[test]
    fn unknown_time_zone_is_an_error() {
        assert!(Clock::new(Some("Atlantis/Capital")).is_err());
    }
}
