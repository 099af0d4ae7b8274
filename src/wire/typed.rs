//! Payloads of data sockets read at once as the type that is wanted, without a JSON value in between: what comes of it is
//! the same, only sooner, and bytes stay bytes.

use std::fmt;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::error::Error;

use super::data::{CodecError, DEEPEST, decode};
use crate::model::{Serializer, has_large_integer};

/// Why a payload is not what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no message at all.
    #[error(transparent)]
    Garbled(#[from] CodecError),
    /// It is one, of another type.
    #[error(transparent)]
    Unfit(#[from] Error),
}

/// The message in `bytes`, as a `T`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], by: Serializer) -> Result<T, ReadError> {
    let read = match by {
        Serializer::Json => read_json(bytes),
        Serializer::Msgpack => read_msgpack(bytes),
        Serializer::Raw => T::deserialize(Raw(bytes)).ok(),
        Serializer::Pickle => None,
    };
    match read {
        Some(message) => Ok(message),
        // What is wrong is said as everywhere; or it is right, by way of JSON.
        None => Ok(serde_json::from_value(decode(bytes, by)?)?),
    }
}

/// None if it has to be looked at more closely.
fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let message = serde_json::from_slice(bytes).ok()?;
    let is_plain = !has_large_integer(bytes) && !may_be_deep(bytes);
    is_plain.then_some(message)
}

/// Whether lists and objects may stand too deep in one another, as far as that shows without reading.
fn may_be_deep(json: &[u8]) -> bool {
    // Each has a beginning and an end.
    if json.len() <= 2 * DEEPEST {
        return false;
    }
    let begins = |byte: &&u8| **byte == b'[' || **byte == b'{';
    json.iter().filter(begins).count() > DEEPEST && depth(json) > DEEPEST
}

/// How deep lists and objects of valid JSON stand in one another.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut at) = (0usize, 0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at += crate::model::length_of_text(&json[at..]) - 1,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// The same.
fn read_msgpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let reader = || {
        let mut reader = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
        reader.set_max_depth(128);
        reader
    };
    Sound(DEEPEST).deserialize(&mut reader()).ok()?;
    T::deserialize(&mut reader()).ok()
}

/// Anything that JSON knows too, or bytes: so deep at most, and with numbers that are finite.
#[derive(Clone, Copy)]
struct Sound(usize);

impl Sound {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let deeper = self.0.checked_sub(1);
        deeper.map(Sound).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON knows, or bytes")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        match number.is_finite() {
            true => Ok(()),
            false => Err(E::custom("not finite")),
        }
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while entries.next_key_seed(inside)?.is_some() {
            entries.next_value_seed(inside)?;
        }
        Ok(())
    }
}

/// A payload without a form: text, if it is, or bytes.
struct Raw<'a>(&'a [u8]);

impl<'de> Deserializer<'de> for Raw<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => visitor.visit_str(text),
            Err(_) => visitor.visit_bytes(self.0),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.0.iter().copied()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// The name of a variant, as JSON has it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => visitor.visit_enum(StrDeserializer::<Error>::new(text)),
            Err(_) => visitor.visit_bytes(self.0),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Deserialize)]
    enum Side {
        Buy,
        Sell(u32),
        Limit { price: f64 },
    }

    #[test]
    fn types_are_read_as_by_way_of_json() {
        for by in [Serializer::Json, Serializer::Msgpack] {
            let read = |value: Value| read::<Side>(&encode(&value, by).unwrap(), by);
            assert_eq!(read(json!("Buy")).unwrap(), Side::Buy, "{by}");
            assert_eq!(read(json!({ "Sell": 3 })).unwrap(), Side::Sell(3));
            let limit = json!({ "Limit": { "price": 2 } });
            assert_eq!(read(limit).unwrap(), Side::Limit { price: 2.0 });
            let odd = read(json!("Hold")).unwrap_err();
            assert!(matches!(odd, ReadError::Unfit(_)), "{odd:?}");
        }
        let raw = read::<Side>(b"Buy", Serializer::Raw);
        assert_eq!(raw.unwrap(), Side::Buy);
        let address = encode(&json!("10.0.0.1"), Serializer::Msgpack).unwrap();
        let address = read::<std::net::IpAddr>(&address, Serializer::Msgpack);
        assert_eq!(address.unwrap().to_string(), "10.0.0.1");
    }

    #[test]
    fn what_is_no_message_is_told_so_whatever_is_wanted() {
        let garbled = |bytes: &[u8], by| {
            let all = [
                read::<Value>(bytes, by).map(drop),
                read::<Vec<f64>>(bytes, by).map(drop),
            ];
            all.into_iter()
                .all(|it| matches!(it, Err(ReadError::Garbled(_))))
        };
        for json in ["{", "18446744073709551616", "[1e999]", ""] {
            assert!(garbled(json.as_bytes(), Serializer::Json), "{json}");
        }
        let deep = "[".repeat(101) + &"]".repeat(101);
        assert!(garbled(deep.as_bytes(), Serializer::Json));
        let not = format!("[{}{}]", "\"[[[[[[\",".repeat(200), "[1]");
        assert!(read::<Value>(not.as_bytes(), Serializer::Json).is_ok());
        let nan = rmp_serde::to_vec(&[f64::NAN]).unwrap();
        assert!(garbled(&nan, Serializer::Msgpack));
        let deep = [&[0x91; 101][..], &[1]].concat();
        assert!(garbled(&deep, Serializer::Msgpack));
    }

    proptest! {
        #[test]
        fn values_are_the_same_by_both_ways(bytes in any::<Vec<u8>>(), text in "\\PC{0,40}") {
            for by in Serializer::UNDERSTOOD {
                for bytes in [&bytes[..], text.as_bytes()] {
                    prop_assert_eq!(read::<Value>(bytes, *by).ok(), decode(bytes, *by).ok());
                }
            }
        }
    }
}
