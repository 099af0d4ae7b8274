//! A line of an agent's log, or of its program's output: `2026-11-23T05:15:00.123Z INFO  text`, or
//! anything at all, since libraries write there too.

const STAMP: &[u8] = b"0000-00-00T00:00:00.000Z";

/// When a line was written. Lines without a stamp belong to the one before.
pub fn stamp(line: &str) -> Option<&str> {
    let stamp = line.get(..STAMP.len())?;
    let fits = |(have, want): (u8, &u8)| match want {
        b'0' => have.is_ascii_digit(),
        other => have == *other,
    };
    stamp.bytes().zip(STAMP).all(fits).then_some(stamp)
}

/// Whether a line of a program goes on in its next entry: it was not ended for a while, or too long.
pub fn goes_on(line: &str) -> bool {
    let word = stamp(line).and_then(|stamp| line.get(stamp.len() + 1..stamp.len() + 5));
    matches!(word, Some("OUT+" | "ERR+"))
}

/// The level and the rest, of a line with a stamp. `OUT` and `ERR` are a program's standard output
/// and standard error.
pub fn level_and_text(line: &str) -> (Option<&str>, &str) {
    let Some(stamp) = stamp(line) else {
        return (None, line);
    };
    let rest = line[stamp.len()..].trim_start();
    let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "DEBUG" | "INFO" | "WARN" | "ERROR" => (Some(word), text.trim_start()),
        // What a program writes stays as it is.
        "OUT" | "ERR" => (Some(word), text.strip_prefix("  ").unwrap_or(text)),
        "OUT+" | "ERR+" => (Some(&word[..3]), text.strip_prefix(' ').unwrap_or(text)),
        _ => (None, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_recognised() {
        let stamped = "2026-11-23T05:15:00.123Z INFO  Hello, Bob!";
        assert_eq!(stamp(stamped), Some("2026-11-23T05:15:00.123Z"));
        assert_eq!(level_and_text(stamped), (Some("INFO"), "Hello, Bob!"));
        let printed = "2026-11-23T05:15:00.123Z ERR     at line 3";
        assert_eq!(level_and_text(printed), (Some("ERR"), "  at line 3"));
        let part = "2026-11-23T05:15:00.123Z ERR+  Password: ";
        assert_eq!(level_and_text(part), (Some("ERR"), "Password: "));
        assert!(goes_on(part) && !goes_on(printed) && !goes_on("ERR+  x"));
        let empty = "2026-11-23T05:15:00.123Z OUT";
        assert_eq!(level_and_text(empty), (Some("OUT"), ""));
        let other = "2026-11-23T05:15:00.123Z hello there";
        assert_eq!(level_and_text(other), (None, "hello there"));
    }

    #[test]
    fn anything_else_has_none() {
        for text in [
            "",
            "Traceback:",
            "2026-11-23 05:15:00.123Z INFO",
            "ééééééééééééééé",
        ] {
            assert_eq!(stamp(text), None, "{text}");
            assert_eq!(level_and_text(text), (None, text));
        }
    }
}
