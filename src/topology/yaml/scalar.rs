//! What a scalar is: null, a boolean, a number or text.

use saphyr_parser::ScalarStyle;

use super::Data;

/// No number is written with more characters than this.
const LONGEST_NUMBER: usize = 400;

/// The number is an integer that fits into no 64 bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// What the scalar `text` is. In quotes, and as a block, it is text.
pub(super) fn resolve(text: &str, style: ScalarStyle) -> Result<Data, TooLarge> {
    if style != ScalarStyle::Plain {
        return Ok(Data::Text(text.to_owned()));
    }
    if text.is_empty() {
        return Ok(Data::Null);
    }
    if !may_be_more_than_text(text) {
        return Ok(Data::Text(text.to_owned()));
    }
    resolve_plain(text)
}

/// Most scalars are plainly text: their first letter says so.
fn may_be_more_than_text(text: &str) -> bool {
    text.len() <= LONGEST_NUMBER
        && text.starts_with(|c: char| c.is_ascii_digit() || "+-.~tTfFnN".contains(c))
        && !text.contains(char::is_whitespace)
}

fn resolve_plain(text: &str) -> Result<Data, TooLarge> {
    let is_digits = text
        .trim_start_matches(['-', '+'])
        .bytes()
        .all(|b| b.is_ascii_digit());
    Ok(match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(serde_yaml::Value::Null) => Data::Null,
        Ok(serde_yaml::Value::Bool(truth)) => Data::Bool(truth),
        Ok(serde_yaml::Value::Number(number)) => {
            serde_json::to_value(&number).map_or(Data::NoNumber, |value| match value {
                serde_json::Value::Number(number) => Data::Number(number),
                _ => Data::NoNumber,
            })
        }
        Err(_) if is_digits || text.starts_with("0x") => return Err(TooLarge),
        _ => Data::Text(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Result<Data, TooLarge> {
        resolve(text, ScalarStyle::Plain)
    }

    #[test]
    fn plain_scalars_are_what_yaml_says() {
        for empty in ["", "~", "null"] {
            assert_eq!(plain(empty), Ok(Data::Null), "{empty}");
        }
        assert_eq!(plain("true"), Ok(Data::Bool(true)));
        assert_eq!(plain("False"), Ok(Data::Bool(false)));
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
        ] {
            assert_eq!(plain(text), Ok(Data::Text(text.into())), "{text}");
        }
        for (text, value) in [
            ("1", json!(1)),
            ("-5", json!(-5)),
            ("0x1f", json!(31)),
            ("1.5e3", json!(1500.0)),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            let Ok(Data::Number(number)) = plain(text) else {
                panic!("{text} is a number");
            };
            assert_eq!(serde_json::Value::Number(number), value);
        }
        assert_eq!(plain(".nan"), Ok(Data::NoNumber));
        assert_eq!(plain("-.inf"), Ok(Data::NoNumber));
        assert_eq!(plain("18446744073709551616"), Err(TooLarge));
        assert_eq!(plain("-9223372036854775809"), Err(TooLarge));
    }

    #[test]
    fn quoted_scalars_are_text() {
        for style in [
            ScalarStyle::SingleQuoted,
            ScalarStyle::DoubleQuoted,
            ScalarStyle::Literal,
        ] {
            assert_eq!(resolve("1", style), Ok(Data::Text("1".into())));
            assert_eq!(resolve("", style), Ok(Data::Text(String::new())));
        }
    }
}
