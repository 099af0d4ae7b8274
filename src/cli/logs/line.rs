//! One line of a log: `2026-11-23T05:15:00.123Z INFO  text`, or anything at all, since programs
//! write there too.

use crate::model::AgentId;

/// A line, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub agent: AgentId,
    /// Without its newline.
    pub text: String,
}

const STAMP: &[u8] = b"0000-00-00T00:00:00.000Z";

impl LogLine {
    /// When it was written. Lines without a stamp belong to the one before.
    pub fn stamp(&self) -> Option<&str> {
        let stamp = self.text.get(..STAMP.len())?;
        let fits = |(have, want): (u8, &u8)| match want {
            b'0' => have.is_ascii_digit(),
            other => have == *other,
        };
        stamp.bytes().zip(STAMP).all(fits).then_some(stamp)
    }

    /// The level and the rest, of a line with a stamp.
    pub fn level_and_text(&self) -> (Option<&str>, &str) {
        let Some(stamp) = self.stamp() else {
            return (None, &self.text);
        };
        let rest = self.text[stamp.len()..].trim_start();
        match rest.split_once(' ') {
            Some((level, text)) if is_level(level) => (Some(level), text.trim_start()),
            _ => (None, rest),
        }
    }
}

fn is_level(word: &str) -> bool {
    matches!(word, "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine {
            agent: "Alice".parse().unwrap(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_stamp_is_recognised() {
        let stamped = line("2026-11-23T05:15:00.123Z INFO  Hello, Bob!");
        assert_eq!(stamped.stamp(), Some("2026-11-23T05:15:00.123Z"));
        assert_eq!(stamped.level_and_text(), (Some("INFO"), "Hello, Bob!"));
        let other = line("2026-11-23T05:15:00.123Z hello there");
        assert_eq!(other.level_and_text(), (None, "hello there"));
    }

    #[test]
    fn anything_else_has_none() {
        for text in [
            "",
            "Traceback:",
            "2026-11-23 05:15:00.123Z INFO",
            "ééééééééééééééé",
        ] {
            assert_eq!(line(text).stamp(), None, "{text}");
            assert_eq!(line(text).level_and_text(), (None, text));
        }
    }
}
