//! Values on the command line are JSON. Who forgets the quotes is shown them.

use serde_json::Value;

use super::{CommandError, ErrorKind};
use crate::model::{JsonError, read_json};

/// Reads JSON.
pub(crate) fn json(text: &str) -> Result<Value, CommandError> {
    read_json(text.as_bytes()).map_err(|error| {
        let start = text.trim_start();
        let said = |what: &str| CommandError::say(ErrorKind::Usage, format!("{text} is not JSON{what}"));
        let error = match error {
            JsonError::Other(error) => error,
            inexact => {
                let hint = (!matches!(inexact, JsonError::Surrogate))
                    .then(|| "in double quotes it is text, which is kept as it is".to_owned());
                return said(&format!(": {inexact}")).with_hints(hint);
            }
        };
        if start.is_empty() {
            return CommandError::say(ErrorKind::Usage, "a value is missing: nothing is no JSON")
                .with_hint("for an empty text, write '\"\"'; for no value, null");
        }
        if !start.starts_with(['{', '[', '"']) {
            return said("").with_hint(format!("for text, write {}", quoted(text)));
        }
        let error = match error.is_eof() {
            true => said(": it ends too early"),
            false => said(&format!(": it goes wrong at character {}", character(text, &error))),
        };
        error.with_hint("keys and texts are in double quotes, all of it in the shell's single ones: '{\"n\": [1, \"two\"]}'")
    })
}

/// Where reading ended, counted from 1 in characters.
fn character(text: &str, error: &serde_json::Error) -> usize {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    text.get(..before).unwrap_or(text).chars().count() + 1
}

/// `text` as a JSON string in the shell's single quotes.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    format!("'{}'", json.replace('\'', r"'\''"))
}

/// Reads `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, Value), CommandError> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(
            CommandError::say(ErrorKind::Usage, format!("{text:?} sets nothing"))
                .with_hint("write ATTRIBUTE=VALUE, such as greeting='\"Hello\"'"),
        );
    };
    if name.is_empty() {
        let sentence = format!("{text:?} names no attribute");
        return Err(CommandError::say(ErrorKind::Usage, sentence)
            .with_hint("write ATTRIBUTE=VALUE, such as greeting='\"Hello\"'"));
    }
    Ok((name.to_owned(), json(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_quotes_is_shown_with_them() {
        assert_eq!(json("[1, \"x\"]").unwrap(), serde_json::json!([1, "x"]));
        let error = json("it's").unwrap_err();
        assert_eq!(error.message(), "it's is not JSON");
        assert_eq!(error.hints(), [r#"for text, write '"it'\''s"'"#]);
    }

    #[test]
    fn where_json_goes_wrong_is_told_without_the_words_of_a_library() {
        let message = |text| json(text).unwrap_err().message().to_owned();
        assert_eq!(
            message("{x: 1}"),
            "{x: 1} is not JSON: it goes wrong at character 2"
        );
        assert_eq!(
            message("[\"ä\", x]"),
            "[\"ä\", x] is not JSON: it goes wrong at character 7"
        );
        assert_eq!(
            message("{\"a\": 1"),
            "{\"a\": 1 is not JSON: it ends too early"
        );
        assert_eq!(message(""), "a value is missing: nothing is no JSON");
    }

    #[test]
    fn what_would_become_something_else_is_refused() {
        for (text, why) in [
            ("18446744073709551616", JsonError::TooLarge),
            (
                "{\"id\": 340282366920938463463374607431768211455}",
                JsonError::TooLarge,
            ),
            ("1e999", JsonError::TooLarge),
            ("[NaN]", JsonError::NoNumber),
            ("\"\\ud800\"", JsonError::Surrogate),
        ] {
            let error = json(text).unwrap_err();
            assert_eq!(error.message(), format!("{text} is not JSON: {why}"));
        }
    }

    #[test]
    fn an_assignment_has_a_name_and_a_value() {
        let (name, value) = assignment("greeting=\"a=b\"").unwrap();
        assert_eq!((name.as_str(), value), ("greeting", "a=b".into()));
        assert!(assignment("greeting").is_err());
        assert!(assignment("=1").is_err());
    }
}
