//! Axes: where a value stands, and which values are worth a mark.

/// A logarithmic axis, or one that starts at nought.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    Log { from: f64, to: f64 },
    Linear { to: f64 },
}

impl Scale {
    /// From a 1, 2 or 5 at or below the smallest value to one at or above the largest.
    pub(super) fn log_around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let min = values.clone().fold(f64::INFINITY, f64::min);
        let max = values.fold(f64::MIN_POSITIVE, f64::max);
        let from = marks_within(min / 10.0, min).pop().unwrap_or(min);
        let above = marks_within(max, max * 10.0);
        Self::Log { from, to: above.first().copied().unwrap_or(max).max(from * 2.0) }
    }

    /// From nought to a round number above the largest value.
    pub(super) fn linear_up_to(values: impl Iterator<Item = f64>) -> Self {
        let max = values.fold(f64::MIN_POSITIVE, f64::max) * 1.05;
        let step = step(max);
        Self::Linear { to: (max / step).ceil() * step }
    }

    /// The place of a value, from 0 to 1.
    pub(super) fn place(self, value: f64) -> f64 {
        match self {
            Self::Log { from, to } => (value / from).ln() / (to / from).ln(),
            Self::Linear { to } => value / to,
        }
    }

    /// Values to mark.
    pub(super) fn marks(self) -> Vec<f64> {
        match self {
            Self::Log { from, to } => marks_within(from, to),
            Self::Linear { to } => {
                let step = step(to);
                (0..=(to / step).round() as u32).map(|index| f64::from(index) * step).collect()
            }
        }
    }
}

/// The numbers 1, 2, 5, 10, 20 and so on in a range, its ends included.
fn marks_within(from: f64, to: f64) -> Vec<f64> {
    let decades = from.log10().floor() as i32..=to.log10().ceil() as i32;
    let all = decades.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    all.filter(|mark| *mark >= from * 0.999 && *mark <= to * 1.001).collect()
}

/// A step that gives four to eight marks.
fn step(max: f64) -> f64 {
    let candidates = marks_within(max / 100.0, max);
    candidates.into_iter().find(|step| max / step <= 8.0).unwrap_or(max)
}

/// A value in as few digits as say it.
pub(super) fn short(value: f64) -> String {
    let text = if value >= 1000.0 {
        let thousands = value / 1000.0;
        return if (thousands.round() - thousands).abs() < 0.05 {
            format!("{thousands:.0}k")
        } else {
            format!("{thousands:.1}k")
        };
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values_between_round_ends() {
        let log = Scale::log_around([0.33, 45.0].into_iter());
        let Scale::Log { from, to } = log else { panic!() };
        assert!((from - 0.2).abs() < 1e-9 && (to - 50.0).abs() < 1e-9, "{from} {to}");
        assert_eq!(log.marks().len(), 8);
        let linear = Scale::linear_up_to([3.0, 11.2].into_iter());
        assert_eq!(linear.marks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }

    #[test]
    fn values_are_short() {
        let texts = [0.0, 0.5, 12.34, 123.4, 1000.0, 2500.0].map(short);
        assert_eq!(texts, ["0", "0.5", "12.3", "123", "1k", "2.5k"]);
    }
}
