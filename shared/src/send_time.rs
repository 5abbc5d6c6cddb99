//! The two time formats of the original protocol.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A date and time in the server's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i16,
    /// Month, 1 to 12.
    pub month: i8,
    /// Day of the month, 1 to 31.
    pub day: i8,
    /// Hour, 0 to 23.
    pub hour: i8,
    /// Minute, 0 to 59.
    pub minute: i8,
    /// Second, 0 to 59.
    pub second: i8,
}

/// The text of a `send_time` key. Old clients show it to people; programs use `ts`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SendTime(String);

impl SendTime {
    /// Returns the format of frames: `2015-4-8 14:2:6`, without zero padding.
    #[must_use]
    pub fn moment(at: Civil) -> Self {
        let Civil { year, month, day, hour, minute, second } = at;
        Self(format!("{year}-{month}-{day} {hour}:{minute}:{second}"))
    }

    /// Returns the format of history records: `2015-06-24`, the date with zero padding.
    #[must_use]
    pub fn date(at: Civil) -> Self {
        Self(format!("{:04}-{:02}-{:02}", at.year, at.month, at.day))
    }

    /// Accepts a received text without a check.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SendTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendTime({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_record_times_have_zero_padding() {
        let at = Civil { year: 2015, month: 4, day: 8, hour: 14, minute: 2, second: 6 };
        assert_eq!(SendTime::moment(at).as_str(), "2015-4-8 14:2:6");
        assert_eq!(SendTime::date(at).as_str(), "2015-04-08");
    }
}
