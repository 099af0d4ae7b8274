//! When what is due that was recorded, and how late it was. Each time is counted from the beginning: what is late once does not
//! make all that follows late. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::Traffic;

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// As fast as it goes.
    Max,
}

/// Why a text is no speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a speed is a number such as 2 or 0.5, or max")]
pub(crate) struct BadSpeed;

impl FromStr for Speed {
    type Err = BadSpeed;

    fn from_str(text: &str) -> Result<Self, BadSpeed> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times = text.parse().ok();
        let times = times.filter(|it: &f64| (1e-6..=1e6).contains(it));
        times.map(Speed::Times).ok_or(BadSpeed)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Times(times) => write!(f, "{times}"),
            Speed::Max => f.write_str("max"),
        }
    }
}

/// The times of a recording as times since it is played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    speed: Speed,
    /// The time in the recording, in nanoseconds, that is due at once,
    first: u64,
    /// and since when it is played then.
    base: Duration,
}

impl Pace {
    /// Begins with that time.
    pub(crate) fn new(speed: Speed, first: u64) -> Self {
        Self {
            speed,
            first,
            base: Duration::ZERO,
        }
    }

    /// How long after the beginning what has that time is due.
    pub(crate) fn due(&self, time: u64) -> Duration {
        let after = Duration::from_nanos(time.saturating_sub(self.first));
        match self.speed {
            Speed::Max => self.base,
            Speed::Times(times) => self.base + after.div_f64(times),
        }
    }

    /// It is played once more, when what has that time is due.
    pub(crate) fn again(&mut self, last: u64) {
        self.base = self.due(last);
    }
}

/// How late messages were.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lateness {
    late: Traffic,
    most: Duration,
}

impl Lateness {
    pub(crate) fn note(&mut self, late: Duration) {
        let us = usize::try_from(late.as_micros()).unwrap_or(usize::MAX);
        self.late.note(us, None);
        self.most = self.most.max(late);
    }

    /// How many have been noted.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.late.messages
    }

    /// What so many in a hundred do not exceed, in microseconds, to some 6%.
    pub(crate) fn at(&self, percent: u64) -> Option<u64> {
        let most = u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX);
        self.late.size_at(percent).map(|it| it.min(most))
    }

    pub(crate) fn most(&self) -> Duration {
        self.most
    }

    /// Those of another are of this too.
    pub(crate) fn add(&mut self, other: &Lateness) {
        self.most = self.most.max(other.most);
        self.late.messages += other.late.messages;
        for (step, count) in &other.late.sizes {
            match self.late.sizes.binary_search_by_key(step, |it| it.0) {
                Ok(at) => self.late.sizes[at].1 += count,
                Err(at) => self.late.sizes.insert(at, (*step, *count)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_is_due_is_counted_from_the_beginning() {
        let due = |speed: &str, times: &[u64]| -> Vec<u128> {
            let pace = Pace::new(speed.parse().unwrap(), 100 * MS);
            times
                .iter()
                .map(|it| pace.due(it * MS).as_millis())
                .collect()
        };
        assert_eq!(due("1", &[100, 130, 90]), [0, 30, 0]);
        assert_eq!(due("2", &[100, 130]), [0, 15]);
        assert_eq!(due("0.5", &[100, 130]), [0, 60]);
        assert_eq!(due("max", &[100, 130]), [0, 0]);
        let mut pace = Pace::new(Speed::Times(2.0), 100 * MS);
        pace.again(130 * MS);
        assert_eq!(pace.due(110 * MS).as_millis(), 15 + 5);
    }

    #[test]
    fn a_speed_is_a_number_or_max() {
        for bad in ["", "0", "-1", "fast", "nan", "inf"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
        for good in ["2", "0.5", "max"] {
            assert_eq!(good.parse::<Speed>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn lateness_is_told_by_percentiles() {
        let (mut one, mut two) = (Lateness::default(), Lateness::default());
        (1..=98).for_each(|_| one.note(Duration::from_micros(10)));
        two.note(Duration::from_micros(20));
        two.note(Duration::from_micros(5000));
        one.add(&two);
        assert_eq!(
            (one.count(), one.at(50), one.at(99)),
            (100, Some(10), Some(20))
        );
        assert_eq!(one.most(), Duration::from_millis(5));
    }
}
