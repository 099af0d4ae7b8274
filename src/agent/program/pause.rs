//! How long a line may be begun and not ended before what there is of it is kept. Pure.

use std::time::Duration;

use super::lines::Lines;
use crate::model::timing::UNFINISHED_LINE_TIMEOUT;

/// A line that is begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Since when, and which line.
    since: Option<(Duration, u64)>,
}

impl Pause {
    /// Whether what there is has waited long enough.
    pub(crate) fn is_over(&mut self, lines: &Lines, now: Duration) -> bool {
        if lines.unfinished().is_empty() {
            self.since = None;
            return false;
        }
        let line = lines.ended();
        match self.since {
            Some((since, which)) if which == line => {
                let over = now >= since + UNFINISHED_LINE_TIMEOUT;
                if over {
                    self.since = None;
                }
                over
            }
            _ => {
                self.since = Some((now, line));
                false
            }
        }
    }

    pub(crate) fn wakes_at(&self) -> Option<Duration> {
        self.since.map(|(since, _)| since + UNFINISHED_LINE_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Long;
    use super::*;

    #[test]
    fn a_line_has_a_second_of_its_own() {
        let (mut pause, mut lines) = (Pause::default(), Lines::new(Long::Divide));
        let at = Duration::from_millis;
        lines.push(b"one");
        assert!(!pause.is_over(&lines, at(0)));
        lines.push(b"\ntwo");
        lines.next();
        // Another line.
        assert!(!pause.is_over(&lines, at(1500)));
        assert_eq!(pause.wakes_at(), Some(at(2500)));
        assert!(pause.is_over(&lines, at(2500)));
        lines.take_unfinished();
        assert!(!pause.is_over(&lines, at(9000)));
        assert_eq!(pause.wakes_at(), None);
    }
}
