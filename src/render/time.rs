//! Times as people read them.

use std::time::Duration;

use crate::model::age;

/// How long something has been up: `3m 12s`, `2h 05m`, `4d 7h`.
pub fn uptime(seconds: f64) -> String {
    age(Duration::from_secs(seconds.max(0.0) as u64))
}

/// How long something took: `0.12 s`, `75.3 s`.
pub fn elapsed(duration: Duration) -> String {
    match duration.as_secs() {
        0..=9 => format!("{:.2} s", duration.as_secs_f64()),
        10..=99 => format!("{:.1} s", duration.as_secs_f64()),
        long => uptime(long as f64),
    }
}

/// Microseconds as milliseconds: `0.4 ms`, `12 ms`.
pub(crate) fn milliseconds(us: u64) -> String {
    match us {
        0..=9_999 => format!("{:.1} ms", us as f64 / 1000.0),
        _ => format!("{} ms", us / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(uptime(0.4), "0s");
        assert_eq!(uptime(192.9), "3m 12s");
        assert_eq!(uptime(7500.0), "2h 05m");
        assert_eq!(uptime(370_800.0), "4d 7h");
        assert_eq!(uptime(-1.0), "0s");
        assert_eq!(elapsed(Duration::from_millis(123)), "0.12 s");
        assert_eq!(elapsed(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(milliseconds(1234), "1.2 ms");
        assert_eq!(milliseconds(12_340), "12 ms");
    }
}
