//! Values on the command line are JSON. Who forgets the quotes is shown them.

use serde_json::Value;

use super::{CommandError, ErrorKind};

/// Reads JSON.
pub fn json(text: &str) -> Result<Value, CommandError> {
    serde_json::from_str(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" at line 1 ").next().unwrap_or(&reason);
        let error = CommandError::say(ErrorKind::Usage, format!("{text:?} is not JSON: {reason}"));
        match text.trim_start().starts_with(['{', '[', '"']) {
            true => error,
            false => error.with_hint(format!("for text, write {}", quoted(text))),
        }
    })
}

/// `text` as a JSON string in the shell's single quotes.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    format!("'{}'", json.replace('\'', r"'\''"))
}

/// Reads `NAME=VALUE`.
pub fn assignment(text: &str) -> Result<(String, Value), CommandError> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(
            CommandError::say(ErrorKind::Usage, format!("{text:?} sets nothing"))
                .with_hint("write ATTRIBUTE=VALUE, such as greeting='\"Hello\"'"),
        );
    };
    Ok((name.to_owned(), json(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_quotes_is_shown_with_them() {
        assert_eq!(json("[1, \"x\"]").unwrap(), serde_json::json!([1, "x"]));
        let error = json("it's").unwrap_err();
        assert_eq!(error.message(), "\"it's\" is not JSON: expected value");
        assert_eq!(error.hints(), [r#"for text, write '"it'\''s"'"#]);
        assert!(json("{x: 1}").unwrap_err().hints().is_empty());
    }

    #[test]
    fn an_assignment_has_a_name_and_a_value() {
        let (name, value) = assignment("greeting=\"a=b\"").unwrap();
        assert_eq!((name.as_str(), value), ("greeting", "a=b".into()));
        assert!(assignment("greeting").is_err());
    }
}
