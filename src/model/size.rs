//! How much is kept of a log, and sizes as people write them: `20MiB`, `20m`, `500k`, `1048576`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The least that a log file is limited to: some lines have to fit in.
const LEAST: u64 = 1 << 10;
/// Larger ones are typing errors.
const MOST: u64 = 1 << 40;

/// A size in bytes. In files it is text with a unit, or a number of bytes; in messages a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Size(u64);

/// Why a text is not the size of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It begins with no number.
    #[error("expected a number and a unit, such as 20MiB, 20m or 500k")]
    NotANumber,
    /// There is no such unit.
    #[error("there is no unit {0:?}; use k, m or g, or KiB, MiB or GiB")]
    BadUnit(String),
    /// It is too small or too large.
    #[error("is out of range: 1KiB at least, 1024GiB at most")]
    OutOfRange,
}

impl Size {
    /// So many mebibytes.
    pub const fn mib(mebibytes: u64) -> Self {
        Self(mebibytes << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let number: f64 = number.parse().map_err(|_| SizeError::NotANumber)?;
        // All count by 1024, as those of docker do.
        let scale = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1_u64 << 30,
            _ => return Err(SizeError::BadUnit(unit.trim().to_owned())),
        };
        let bytes = (number * scale as f64).round();
        if !(LEAST as f64..=MOST as f64).contains(&bytes) {
            return Err(SizeError::OutOfRange);
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let whole = |(bits, _): &&(u32, &str)| self.0.is_multiple_of(1 << bits);
        match units.iter().find(whole) {
            Some((bits, unit)) => write!(f, "{}{unit}", self.0 >> bits),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// How much is kept of each log of an agent: so many files, the one that is written to among them, of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLimits {
    /// How large a file becomes before the next is begun.
    pub max_size: Size,
    /// One at least.
    pub max_files: u32,
}

impl LogLimits {
    /// How many files may be kept of a log.
    pub const MOST_FILES: u32 = 1000;
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            max_size: Size::mib(20),
            max_files: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let bytes = |text: &str| text.parse().map(Size::bytes);
        assert_eq!(bytes("20MiB"), Ok(20 << 20));
        assert_eq!(bytes("20m"), Ok(20 << 20));
        assert_eq!(bytes("1.5 kb"), Ok(1536));
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("1g"), Ok(1 << 30));
        assert_eq!(bytes("lots"), Err(SizeError::NotANumber));
        assert_eq!(bytes("20q"), Err(SizeError::BadUnit("q".into())));
        assert_eq!(bytes("10"), Err(SizeError::OutOfRange));
        assert_eq!(bytes("9999999g"), Err(SizeError::OutOfRange));
        for text in ["20MiB", "3KiB", "2GiB", "1025B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
