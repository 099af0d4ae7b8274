//! Text from elsewhere for a terminal: what programs print, values, errors, paths, what other machines say. It is read,
//! and does nothing.
//!
//! Characters that would do something are written as JSON writes them, so that JSON stays what it is.

use std::borrow::Cow;
use std::fmt::Write;

/// The text, with tabs and ends of lines, in which all other characters that would do something to a terminal, or turn
/// the order of what is read, are written out.
pub fn harmless(text: &str) -> Cow<'_, str> {
    match text.contains(is_harmful) {
        true => Cow::Owned(written_out(text, |_| None)),
        false => Cow::Borrowed(text),
    }
}

/// The same, but sequences that colour may pass. What comes after the text is not coloured by it.
pub fn harmless_in_colour(text: &str) -> Cow<'_, str> {
    match text.contains(is_harmful) {
        true => Cow::Owned(written_out(text, colour)),
        false => Cow::Borrowed(text),
    }
}

/// The same as `harmless`, on one line: no text can pass for another line.
pub fn harmless_line(text: &str) -> Cow<'_, str> {
    match harmless(text) {
        text if !text.contains('\n') => text,
        text => Cow::Owned(text.replace('\n', "\\n")),
    }
}

fn written_out(text: &str, may_pass: fn(&str) -> Option<&str>) -> String {
    let mut harmless = String::with_capacity(text.len() + 16);
    let (mut rest, mut coloured) = (text, false);
    while let Some(c) = rest.chars().next() {
        let length = match may_pass(rest) {
            Some(sequence) => {
                coloured = !matches!(sequence, "\u{1b}[0m" | "\u{1b}[m");
                harmless.push_str(sequence);
                sequence.len()
            }
            None => {
                write_out(c, &mut harmless);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    if coloured {
        harmless.push_str("\u{1b}[0m");
    }
    harmless
}

fn write_out(c: char, to: &mut String) {
    match c {
        '\r' => to.push_str("\\r"),
        // Writing to text cannot fail; none of them has more than four digits.
        c if is_harmful(c) => drop(write!(to, "\\u{:04x}", u32::from(c))),
        c => to.push(c),
    }
}

/// Those that control a terminal, in seven bits (ESC) or eight (U+009B), and those that turn the direction of others.
fn is_harmful(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && !matches!(c, '\t' | '\n'))
}

/// The sequence at the beginning, if it colours: `ESC [ 1 ; 31 m`.
fn colour(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':')))?;
    let is_colour = numbers[end..].starts_with('m');
    is_colour.then(|| &text[..2 + end + 1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_do_something_is_written_out() {
        let text = "a\tü\n\u{1b}]0;title\u{7}\r\u{9b}2J\u{7f}\u{202e}\u{1b}[31mred\u{1b}[0m";
        let shown = r"\u001b]0;title\u0007\r\u009b2J\u007f\u202e";
        assert_eq!(
            harmless(text),
            format!("a\tü\n{shown}\\u001b[31mred\\u001b[0m")
        );
        assert_eq!(
            harmless_in_colour(text),
            format!("a\tü\n{shown}\u{1b}[31mred\u{1b}[0m")
        );
        assert_eq!(harmless_line("a\nhint: b\u{1b}"), "a\\nhint: b\\u001b");
        assert!(matches!(harmless("Zoë\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_colour_ends_with_its_text() {
        assert_eq!(
            harmless_in_colour("\u{1b}[31mred"),
            "\u{1b}[31mred\u{1b}[0m"
        );
        assert_eq!(harmless_in_colour("\u{1b}[31"), "\\u001b[31");
        assert_eq!(harmless_in_colour("\u{1b}[2J"), "\\u001b[2J");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_and_json_stays_the_same(text in any::<String>(), escapes in "[\u{1b}\u{9b}\r\u{202e}\\[0-9;m]{0,9}") {
            let text = text + &escapes;
            prop_assert!(!harmless(&text).contains(is_harmful));
            let coloured = harmless_in_colour(&text);
            let rest = coloured.split('\u{1b}').skip(1).map(|it| format!("\u{1b}{it}"));
            for sequence in rest {
                prop_assert!(colour(&sequence).is_some(), "{coloured:?}");
            }
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&harmless(&json)).unwrap(), text);
        }
    }
}
