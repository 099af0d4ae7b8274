//! Durations as people write them: `500ms`, `1s`, `1.5s`, `5m`, `1h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest duration accepted: longer ones are typing errors.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A duration in whole milliseconds. In files and on the command line it is text with a unit, in
/// messages a number of milliseconds.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(u64);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It begins with no number.
    #[error("expected a number and a unit, such as 500ms, 1s, 5m, 1h or 90d")]
    NotANumber,
    /// It has no unit.
    #[error("the unit is missing: write {0}ms, {0}s, {0}m, {0}h or {0}d")]
    NoUnit(String),
    /// There is no such unit.
    #[error("there is no unit {0:?}; use ms, s, m, h or d")]
    BadUnit(String),
    /// It is longer than a year.
    #[error("is too long: a year at most")]
    TooLong,
}

impl Millis {
    /// So many milliseconds.
    pub const fn new(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// The number of milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The same for the standard library.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Millis {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let text = text.trim();
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits_end);
        let number_of: f64 = number.parse().map_err(|_| DurationError::NotANumber)?;
        let scale = match unit.trim() {
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3600e3,
            "d" => 86_400e3,
            "" => return Err(DurationError::NoUnit(number.to_owned())),
            other => return Err(DurationError::BadUnit(other.to_owned())),
        };
        let millis = number_of * scale;
        if millis > LONGEST.as_millis() as f64 {
            return Err(DurationError::TooLong);
        }
        Ok(Self(millis.round() as u64))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let text = match ms {
            0 => "0s".to_owned(),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
            _ => format!("{ms}ms"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        let read = |text: &str| text.parse::<Millis>().map(Millis::get);
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("1.5s"), Ok(1500));
        assert_eq!(read("5m"), Ok(300_000));
        assert_eq!(read("1h"), Ok(3_600_000));
        assert_eq!(read("90d"), Ok(90 * 86_400_000));
        assert_eq!(read("0s"), Ok(0));
        assert_eq!(read("5"), Err(DurationError::NoUnit("5".into())));
        assert_eq!(read("5 weeks"), Err(DurationError::BadUnit("weeks".into())));
        assert_eq!(read("soon"), Err(DurationError::NotANumber));
        assert_eq!(read("-1s"), Err(DurationError::NotANumber));
        assert_eq!(read("9000000h"), Err(DurationError::TooLong));
    }

    proptest! {
        #[test]
        fn text_comes_back(ms in 0u64..31_536_000_000) {
            let millis = Millis::new(ms);
            prop_assert_eq!(millis.to_string().parse::<Millis>().unwrap(), millis);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<Millis>();
        }
    }
}
