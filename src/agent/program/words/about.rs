//! What a line is about that is no word: its `type` and its `id`, wherever they stand in the object, even if
//! other values are no JSON or the line breaks off. And of how many bytes the frame is that it announces.

use super::ProgramId;
use crate::model::length_of_text;

/// What can be seen of a word that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Its type.
    pub word: String,
    pub id: Option<ProgramId>,
}

/// Looks for them. None if it does not say of what type it is.
pub(crate) fn about(line: &[u8]) -> Option<About> {
    let (mut word, mut id) = (None, None);
    for (key, value) in entries(line) {
        match key {
            b"\"type\"" => word = word.or_else(|| serde_json::from_slice(value).ok()),
            b"\"id\"" => id = id.or_else(|| serde_json::from_slice(value).ok()),
            _ => {}
        }
    }
    Some(About { word: word?, id })
}

/// How many bytes follow the line, if it says so: also of a line that cannot be read, or they would be taken for lines. An object
/// without a type was printed for people.
pub(crate) fn announced(line: &[u8]) -> Option<u64> {
    let line = line.trim_ascii_start();
    // Most lines have none: that is seen soon.
    let is_without = std::str::from_utf8(line).is_ok_and(|line| !line.contains("\"bytes\""));
    if is_without || !line.starts_with(b"{") {
        return None;
    }
    let (mut has_type, mut bytes) = (false, None);
    for (key, value) in entries(line) {
        match key {
            b"\"type\"" => has_type |= value.starts_with(b"\""),
            b"\"bytes\"" => bytes = bytes.or(Some(value)),
            _ => {}
        }
    }
    let bytes = bytes.filter(|_| has_type);
    bytes.and_then(|value| serde_json::from_slice(value).ok())
}

/// The keys of an object, as they are written, each with its value if that is text or a number.
fn entries(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (mut at, mut depth) = (0, 0_usize);
    let mut before: &[u8] = b"";
    let mut key: Option<&[u8]> = None;
    std::iter::from_fn(move || {
        while let Some(byte) = line.get(at) {
            let length = match byte {
                b'"' => length_of_text(&line[at..]),
                b'0'..=b'9' | b'-' => {
                    let number = line[at..].iter();
                    number.take_while(|byte| is_of_number(**byte)).count()
                }
                _ => 1,
            };
            let token = &line[at..at + length];
            at += length;
            match (byte, depth) {
                (b'{' | b'[', _) => depth += 1,
                (b'}' | b']', _) => depth = depth.saturating_sub(1),
                (b':', 1) => key = Some(before),
                (b',', 1) => key = None,
                (b'"' | b'0'..=b'9' | b'-', 1) => {
                    before = token;
                    if let Some(key) = key.take() {
                        return Some((key, token));
                    }
                }
                _ => {}
            }
        }
        None
    })
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(line: &str) -> Option<(String, Option<ProgramId>)> {
        about(line.as_bytes()).map(|about| (about.word, about.id))
    }

    #[test]
    fn type_and_id_are_seen_wherever_they_stand() {
        let number = |n| Some(ProgramId::Number(n));
        for (line, word, id) in [
            (
                r#"{"type":"reply","id":5,"message":{"id": 7, "x": NaN}}"#,
                "reply",
                number(5),
            ),
            (
                r#"{"message": [NaN, "}\"type"], "id": "x", "type": "send"}"#,
                "send",
                Some(ProgramId::Text("x".into())),
            ),
            (
                r#"{"type" : "reply", "message": -Infinity, "id":12}"#,
                "reply",
                number(12),
            ),
            (
                r#"{"id": 3, "type": "reply", "message": "xxxx"#,
                "reply",
                number(3),
            ),
            (
                r#"{"type": "reply", "message": "\"id\": 5, "#,
                "reply",
                None,
            ),
            (r#"{"type": "set", "attributes": {"id": 5}}"#, "set", None),
        ] {
            assert_eq!(seen(line), Some((word.to_owned(), id)), "{line}");
        }
        for line in [
            "",
            "{",
            r#"{"id": 5}"#,
            r#"{"a": {"type": "reply"}}"#,
            r#"["type", "reply"]"#,
        ] {
            assert_eq!(seen(line), None, "{line}");
        }
    }

    #[test]
    fn how_long_a_frame_is_is_seen_if_it_is_said_in_earnest() {
        for (line, bytes) in [
            (r#"{"type":"send","alias":"out","bytes":5}"#, Some(5)),
            (r#" {"bytes": 0, "type":"x", "message": NaN"#, Some(0)),
            (
                r#"{"type":"x","bytes":18446744073709551615}"#,
                Some(u64::MAX),
            ),
            (r#"{"type":"x","bytes":18446744073709551616}"#, None),
            (r#"{"type":"x","bytes":-5}"#, None),
            (r#"{"type":"x","bytes":5.5}"#, None),
            (r#"{"type":"x","bytes":5e3}"#, None),
            (r#"{"type":"x","bytes":"5"}"#, None),
            (r#"{"type":"x","message":{"bytes":5}}"#, None),
            (r#"{"type":"x","message":"\"bytes\":5"}"#, None),
            (r#"{"bytes":5,"level":"info"}"#, None),
            (r#"{"bytes":5,"type":1}"#, None),
            (r#"["bytes",5]"#, None),
            (r#""bytes":5"#, None),
        ] {
            assert_eq!(announced(line.as_bytes()), bytes, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[{}\\[\\]\",:a0 typeid\\\\é-]{0,60}") {
            let _ = seen(&line);
            let _ = announced(line.as_bytes());
        }
    }
}
