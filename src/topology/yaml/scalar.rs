//! What a scalar is: null, a boolean, a number or text.

use saphyr_parser::ScalarStyle;

use super::{Data, Meaning, Plain};

/// No number is written with more characters than this.
const LONGEST_NUMBER: usize = 400;

/// What the scalar `text` is. In quotes, and as a block, it is text.
pub(super) fn resolve(text: &str, style: ScalarStyle) -> Data {
    let means = match style {
        ScalarStyle::Plain => meaning(text),
        _ => None,
    };
    let text = text.to_owned();
    match means {
        Some(means) => Data::Plain(Plain { text, means }),
        None => Data::Text(text),
    }
}

/// What a plain scalar is besides text.
fn meaning(text: &str) -> Option<Meaning> {
    if text.is_empty() {
        return Some(Meaning::Null);
    }
    if !may_be_more_than_text(text) {
        return None;
    }
    if text.len() > LONGEST_NUMBER {
        return is_digits(text).then_some(Meaning::TooLarge);
    }
    match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(serde_yaml::Value::Null) => Some(Meaning::Null),
        Ok(serde_yaml::Value::Bool(truth)) => Some(Meaning::Bool(truth)),
        Ok(serde_yaml::Value::Number(number)) => Some(number_of(&number)),
        Err(_) if is_digits(text) || text.starts_with("0x") => Some(Meaning::TooLarge),
        _ => is_infinite(text).then_some(Meaning::TooLarge),
    }
}

/// Most scalars are plainly text: their first letter says so.
fn may_be_more_than_text(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.~tTfFnN".contains(c))
        && !text.contains(char::is_whitespace)
}

fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn number_of(number: &serde_yaml::Number) -> Meaning {
    match serde_json::to_value(number) {
        Ok(serde_json::Value::Number(number)) => Meaning::Number(number),
        _ => Meaning::NoNumber,
    }
}

/// A number such as `1e999`, which is written as one and is larger than any that there is.
fn is_infinite(text: &str) -> bool {
    let is_written_so = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    text.chars().all(is_written_so) && text.parse().is_ok_and(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Option<Meaning> {
        let data = resolve(text, ScalarStyle::Plain);
        match data {
            Data::Plain(plain) => {
                assert_eq!(plain.text, text);
                Some(plain.means)
            }
            data => {
                assert_eq!(data, Data::Text(text.into()));
                None
            }
        }
    }

    #[test]
    fn plain_scalars_are_what_yaml_says() {
        for empty in ["", "~", "null"] {
            assert_eq!(plain(empty), Some(Meaning::Null), "{empty}");
        }
        assert_eq!(plain("true"), Some(Meaning::Bool(true)));
        assert_eq!(plain("False"), Some(Meaning::Bool(false)));
        for text in [
            "yes",
            "off",
            "hello",
            "1s",
            "127.0.0.1:0",
            "1.2.3",
            "-",
            "::1",
            "- a",
            "--5",
            "1e",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
        for (text, value) in [
            ("1", json!(1)),
            ("-5", json!(-5)),
            ("0x1f", json!(31)),
            ("1.5e3", json!(1500.0)),
            ("24.10", json!(24.1)),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            let Some(Meaning::Number(number)) = plain(text) else {
                panic!("{text} is a number");
            };
            assert_eq!(serde_json::Value::Number(number), value);
        }
        for text in [".nan", "-.inf"] {
            assert_eq!(plain(text), Some(Meaning::NoNumber), "{text}");
        }
        let long = "1".repeat(500);
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "1e999",
            "-1.5E+400",
            &long,
        ] {
            assert_eq!(plain(text), Some(Meaning::TooLarge), "{text}");
        }
    }

    #[test]
    fn quoted_scalars_are_text() {
        for style in [
            ScalarStyle::SingleQuoted,
            ScalarStyle::DoubleQuoted,
            ScalarStyle::Literal,
        ] {
            assert_eq!(resolve("1", style), Data::Text("1".into()));
            assert_eq!(resolve("", style), Data::Text(String::new()));
        }
    }
}
