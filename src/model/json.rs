//! JSON as osb takes it in, wherever it does: what could not be kept exactly is refused, in one
//! wording, instead of becoming something else. Integers have 64 bits, numbers are finite, and text
//! is made of whole characters.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Why something is no JSON that is kept exactly.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// An integer of more than 64 bits, or a number that is larger than any.
    #[error("the number is too large to be kept exactly")]
    TooLarge,
    /// NaN or infinity.
    #[error("JSON has no NaN and no infinity")]
    NoNumber,
    /// Half of a surrogate pair.
    #[error("half of a surrogate pair is no character")]
    Surrogate,
    /// It is not JSON, or not of the type that was expected.
    #[error(transparent)]
    Other(serde_json::Error),
}

/// An integer of more than 64 bits has this many digits at least.
const MANY_DIGITS: usize = 19;

/// Reads JSON.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    // What cannot be read at all is told before what can be read, but not kept.
    let value = serde_json::from_slice(text).map_err(|error| told(error, text))?;
    match has_large_integer(text) {
        true => Err(JsonError::TooLarge),
        false => Ok(value),
    }
}

/// A value of Rust as JSON.
pub fn of(value: impl Serialize) -> Result<Value, JsonError> {
    let json = serde_json::to_value(&value).map_err(|error| told(error, b""))?;
    // serde_json writes null for a number that JSON does not have.
    match has_null(&json) && !is_finite(&value) {
        true => Err(JsonError::NoNumber),
        false => Ok(json),
    }
}

/// What serde_json says, in the words for all ways in where there are such.
fn told(error: serde_json::Error, text: &[u8]) -> JsonError {
    let said = error.to_string();
    if said.contains("number out of range") {
        return JsonError::TooLarge;
    }
    if said.contains("hex escape") && !said.contains("EOF") {
        return JsonError::Surrogate;
    }
    let line = text
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1));
    // The error stands at the word's first letter that cannot be: at N, or behind the sign.
    let from = error.column().saturating_sub(2);
    let at = line.and_then(|line| line.get(from..)).unwrap_or_default();
    let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let begins = |at: &[u8]| words.iter().any(|word| at.starts_with(word));
    match begins(at) || at.get(1..).is_some_and(begins) {
        true => JsonError::NoNumber,
        false => JsonError::Other(error),
    }
}

/// Whether valid JSON has an integer in it that has more than 64 bits. Most has not even that many
/// digits in a row, and of those one stands at a multiple of their number.
pub(crate) fn has_large_integer(text: &[u8]) -> bool {
    let mut at = MANY_DIGITS - 1;
    while let Some(byte) = text.get(at) {
        if byte.is_ascii_digit() {
            let before = text[..at].iter().rev();
            let before = before.take_while(|byte| byte.is_ascii_digit()).count();
            let behind = text[at..].iter();
            let behind = behind.take_while(|byte| byte.is_ascii_digit()).count();
            if before + behind >= MANY_DIGITS {
                return numbers(text).any(is_large_integer);
            }
        }
        at += MANY_DIGITS;
    }
    false
}

/// The numbers of valid JSON, as they are written.
fn numbers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = text.get(at) {
            match byte {
                b'"' => at += length_of_text(&text[at..]),
                b'-' | b'0'..=b'9' => {
                    let rest = &text[at..];
                    let length = rest.iter().take_while(|byte| is_part(**byte)).count();
                    at += length;
                    return Some(&rest[..length]);
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// How long the text in quotes is that begins here, with its quotes.
pub fn length_of_text(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

fn is_large_integer(number: &[u8]) -> bool {
    let text = std::str::from_utf8(number).unwrap_or_default();
    let is_integer = !text.contains(['.', 'e', 'E']);
    is_integer && text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether all numbers in it are such as JSON has. Told by msgpack, which has the others too.
fn is_finite(value: &impl Serialize) -> bool {
    let Ok(bytes) = rmp_serde::to_vec(value) else {
        return true;
    };
    let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes);
    let read = Finite::deserialize(&mut reader);
    !read.is_err_and(|error| error.to_string().contains(NOT_FINITE))
}

const NOT_FINITE: &str = "a number that is not finite";

/// Anything whose numbers are finite.
struct Finite;

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Finite)
    }
}

impl<'de> Visitor<'de> for Finite {
    type Value = Finite;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Finite, E> {
        match number.is_finite() {
            true => Ok(Finite),
            false => Err(E::custom(NOT_FINITE)),
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_str<E>(self, _: &str) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_unit<E>(self) -> Result<Finite, E> {
        Ok(Finite)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Finite, A::Error> {
        while let Some(Finite) = items.next_element()? {}
        Ok(Finite)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Finite, A::Error> {
        while let Some((Finite, Finite)) = entries.next_entry()? {}
        Ok(Finite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn error(text: &str) -> String {
        read::<Value>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_would_become_something_else_is_refused() {
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            r#"{"a": ["1", 340282366920938463463374607431768211455]}"#,
            "[1e999]",
            "-1e999",
        ] {
            assert_eq!(error(text), JsonError::TooLarge.to_string(), "{text}");
        }
        for text in [
            "NaN",
            "[1, NaN]",
            "{\"a\":\n NaN}",
            "Infinity",
            "-Infinity",
            r#"{"h": -Infinity}"#,
        ] {
            assert_eq!(error(text), JsonError::NoNumber.to_string(), "{text}");
        }
        for text in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#"["\ud83dx"]"#,
            r#""\ud800\u0041""#,
        ] {
            assert_eq!(error(text), JsonError::Surrogate.to_string(), "{text}");
        }
        for text in ["", "[1", "nan", "\"\\ud8"] {
            let said = read::<Value>(text.as_bytes()).unwrap_err();
            assert!(matches!(said, JsonError::Other(_)), "{text}: {said}");
        }
    }

    #[test]
    fn what_can_be_kept_is_read() {
        for text in [
            "18446744073709551615",
            "-9223372036854775808",
            "18446744073709551616.0",
            "1e19",
            "0.12345678901234567890123",
            r#"{"99999999999999999999": "\"99999999999999999999\\", "a": 1}"#,
            r#""\ud83d\ude00""#,
        ] {
            assert!(read::<Value>(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn values_of_rust_are_kept_or_refused() {
        #[derive(serde::Serialize)]
        struct Reading {
            at: Option<u8>,
            by: std::collections::BTreeMap<i32, f64>,
        }
        let reading = |number: f64| Reading {
            at: None,
            by: [(1, number)].into(),
        };
        assert_eq!(
            of(reading(1.5)).unwrap(),
            json!({ "at": null, "by": { "1": 1.5 } })
        );
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(of(reading(number)), Err(JsonError::NoNumber)));
        }
        assert!(matches!(of([f32::NAN]), Err(JsonError::NoNumber)));
        assert!(matches!(of(u128::MAX), Err(JsonError::TooLarge)));
        assert_eq!(of(()).unwrap(), Value::Null);
    }

    proptest! {
        /// The quick look finds what a look at each number finds.
        #[test]
        fn no_large_integer_is_overlooked(
            items in prop::collection::vec("[1-9][0-9]{0,30}|\"[0-9]{0,30}\"|[0-9][.][0-9]{1,30}", 0..6)
        ) {
            let text = format!("[{}]", items.join(","));
            let large = items.iter().any(|item| {
                !item.contains(['"', '.']) && item.parse::<u64>().is_err()
            });
            prop_assert_eq!(read::<Value>(text.as_bytes()).is_err(), large, "{}", text);
        }
    }
}
