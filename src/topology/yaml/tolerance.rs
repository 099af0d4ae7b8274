//! What is valid, and the parser does not take: JSON with tabs between its parts or with characters
//! written as surrogate pairs, and tabs behind the colon of a key. Written so that it takes them, with
//! each part in its place.

use std::borrow::Cow;

use saphyr_parser::Parser;
use serde::de::IgnoredAny;

use crate::model::length_of_text;

/// How many tabs behind colons a file may have.
const MOST_TABS: usize = 200;

/// The same, as the parser takes it.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    let is_json = text.trim_start().starts_with(['{', '['])
        && text.contains(['\t', '\\'])
        && serde_json::from_str::<IgnoredAny>(text).is_ok();
    match is_json {
        true => Cow::Owned(json(text)),
        false if text.contains(":\t") => Cow::Owned(without_tabs(text)),
        false => Cow::Borrowed(text),
    }
}

fn json(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\t']) {
        done.push_str(&rest[..at]);
        let length = match rest.as_bytes()[at] {
            b'"' => length_of_text(&rest.as_bytes()[at..]),
            _ => 1,
        };
        match &rest[at..at + length] {
            "\t" => done.push(' '),
            quoted => quoted_text(quoted, &mut done),
        }
        rest = &rest[at + length..];
    }
    done + rest
}

/// A pair of surrogates is one escape here, which is shorter: spaces behind the text make up for it.
fn quoted_text(mut rest: &str, done: &mut String) {
    let mut shorter = 0;
    while let Some(at) = rest.find('\\') {
        done.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match pair(rest) {
            Some(whole) => {
                done.push_str(&format!("\\U{:08x}", u32::from(whole)));
                shorter += 2;
                12
            }
            None => {
                let length = rest.chars().take(2).map(char::len_utf8).sum();
                done.push_str(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    done.push_str(rest);
    done.push_str(&" ".repeat(shorter));
}

/// The character that two escapes stand for.
fn pair(text: &str) -> Option<char> {
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let pair = [half(0)?, half(6)?];
    let mut whole = char::decode_utf16(pair);
    whole.next()?.ok().filter(|_| whole.next().is_none())
}

/// Spaces for the tabs at which the parser stops behind a colon: none in a text is one.
fn without_tabs(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MOST_TABS {
        let Some(Err(error)) = Parser::new_from_str(&text).find(Result::is_err) else {
            break;
        };
        let before = text.char_indices().nth(error.marker().index());
        let end = before.map_or(text.len(), |(at, _)| at);
        let Some(colon) = text[..end].trim_end_matches('\t').strip_suffix(':') else {
            break;
        };
        let tabs = colon.len() + 1..end;
        if tabs.is_empty() || !error.info().contains("YAML whitespace") {
            break;
        }
        text.replace_range(tabs.clone(), &" ".repeat(tabs.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_in_their_places() {
        for (text, expected) in [
            ("{\t\"a\":\t\"x\\t\" }", "{ \"a\": \"x\\t\" }"),
            (
                r#"{"a": "\ud83d\ude00!", "b": 1}"#,
                r#"{"a": "\U0001f600!"  , "b": 1}"#,
            ),
            (r#"["\\ud83d\\ude00"]"#, r#"["\\ud83d\\ude00"]"#),
            ("osb:\t1\na: 'x:\ty'\n", "osb: 1\na: 'x:\ty'\n"),
            ("a: |\n  x:\ty\nb:\t\t2", "a: |\n  x:\ty\nb:  2"),
        ] {
            assert_eq!(readable(text), expected);
        }
    }
}
