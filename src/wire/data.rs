//! Payloads of data sockets: a message as bytes and back, by each serializer, and topics.
//!
//! In osb a message is a JSON value. Bytes that are no text have a place in it as
//! `{"$base64": "…"}`, with the raw serializer and as msgpack's binary type.

use std::cell::RefCell;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserializer, Serialize, Serializer as SerdeSerializer};
use serde_json::{Map, Number, Value, json};

use super::bytes::{BASE64, Content, PLACE, bytes_of as apart};
use crate::model::{JsonError, SEPARATOR, Serializer, Topic, read_json};

/// How deep lists and objects may stand in one another. serde_json reads a body of 127: so deep a message
/// still leaves room for what it may be wrapped in, as an attribute's value or in a request.
pub(super) const DEEPEST: usize = 100;

/// Why a payload cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the raw serializer takes text or {{\"$base64\": …}}, not {0}")]
    NotRaw(&'static str),
    #[error("a pickle is written by agents in Python alone")]
    Pickle,
    #[error("not base64: {0}")]
    Base64(String),
    #[error("not {0}: {1}")]
    Garbled(Serializer, String),
    #[error("nested more than {DEEPEST} deep")]
    TooDeep,
    #[error("a publication without the byte 0x80 after its topic")]
    NoSeparator,
}

/// What can be sent.
pub trait Encode {
    /// As bytes.
    fn encode(&self, by: Serializer) -> Result<Vec<u8>, CodecError>;
}

impl Encode for Value {
    fn encode(&self, by: Serializer) -> Result<Vec<u8>, CodecError> {
        encode(self, by)
    }
}

impl Encode for Content {
    fn encode(&self, by: Serializer) -> Result<Vec<u8>, CodecError> {
        let (value, bytes) = self.parts();
        if bytes.is_empty() {
            return encode(value, by);
        }
        refuse_depth(value)?;
        match by {
            Serializer::Json => encode(&self.clone().into_value(), by),
            Serializer::Msgpack => {
                rmp_serde::to_vec(&Writer(value, bytes)).map_err(|e| garbled(by, e))
            }
            Serializer::Raw => match self.only_bytes() {
                Some(bytes) => Ok(bytes.to_vec()),
                None => Err(CodecError::NotRaw(type_of(value))),
            },
            Serializer::Pickle => Err(CodecError::Pickle),
        }
    }
}

/// A message as bytes.
pub fn encode(message: &Value, by: Serializer) -> Result<Vec<u8>, CodecError> {
    refuse_depth(message)?;
    match by {
        Serializer::Json => serde_json::to_vec(message).map_err(|e| garbled(by, e)),
        Serializer::Msgpack => rmp_serde::to_vec(&Writer(message, &[])).map_err(|e| garbled(by, e)),
        Serializer::Raw => match message {
            Value::String(text) => Ok(text.clone().into_bytes()),
            Value::Null => Ok(Vec::new()),
            other => match bytes_of(other) {
                Some(bytes) => bytes,
                None => Err(CodecError::NotRaw(type_of(other))),
            },
        },
        Serializer::Pickle => Err(CodecError::Pickle),
    }
}

/// The message in `bytes`.
pub fn decode(bytes: &[u8], by: Serializer) -> Result<Value, CodecError> {
    let message = match by {
        Serializer::Json => read_json(bytes).map_err(|e| garbled(by, e))?,
        Serializer::Msgpack => {
            let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
            reader.set_max_depth(128);
            let plain = Reader { apart: None };
            plain.deserialize(&mut reader).map_err(|e| garbled(by, e))?
        }
        Serializer::Raw => match std::str::from_utf8(bytes) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => value_of(bytes),
        },
        Serializer::Pickle => value_of(bytes),
    };
    refuse_depth(&message)?;
    Ok(message)
}

/// The message in `bytes` by msgpack, and the bytes in it as a frame, for parts of which objects stand in the message. If there are
/// none, or if other objects have that form, there is no frame, and the message is as `decode` has it.
pub fn decode_apart(bytes: &[u8]) -> Result<(Value, Option<Vec<u8>>), CodecError> {
    let by = Serializer::Msgpack;
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(128);
    let kept = RefCell::new(Kept::default());
    let apart = Reader { apart: Some(&kept) };
    let message = apart.deserialize(&mut reader).map_err(|e| garbled(by, e))?;
    refuse_depth(&message)?;
    let Kept { frame, ambiguous } = kept.into_inner();
    match ambiguous {
        true => Ok((decode(bytes, by)?, None)),
        false => Ok((message, frame)),
    }
}

fn refuse_depth(message: &Value) -> Result<(), CodecError> {
    match is_within(message, DEEPEST) {
        true => Ok(()),
        false => Err(CodecError::TooDeep),
    }
}

/// Whether lists and objects stand at most `depth` deep in one another. Goes no deeper than that itself.
fn is_within(value: &Value, depth: usize) -> bool {
    let inside = |item| is_within(item, depth - 1);
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(inside),
        Value::Object(fields) => depth > 0 && fields.values().all(inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A publication's frame: topic, 0x80, body; with `raw`, topic and body only.
pub fn join_topic(topic: &Topic, body: &[u8], by: Serializer) -> Vec<u8> {
    join_topic_after(&[], topic, body, by)
}

/// The same, behind other bytes.
pub(super) fn join_topic_after(lead: &[u8], topic: &Topic, body: &[u8], by: Serializer) -> Vec<u8> {
    let topic = topic.as_str().as_bytes();
    let mut frame = Vec::with_capacity(lead.len() + topic.len() + 1 + body.len());
    frame.extend_from_slice(lead);
    frame.extend_from_slice(topic);
    if by.divides() {
        frame.push(SEPARATOR);
    }
    frame.extend_from_slice(body);
    frame
}

/// The topic and body of a publication's frame. With `raw` nothing divides them: the body is the
/// whole frame, and so is what topics are matched against.
pub fn split_topic(frame: &[u8], by: Serializer) -> Result<(&[u8], &[u8]), CodecError> {
    if !by.divides() {
        return Ok((frame, frame));
    }
    // UTF-8 has bytes of 0x80 inside its characters, but a topic and its reader agree on the first
    // one, as osBrain does; topics are therefore best kept to ASCII.
    let at = frame
        .iter()
        .position(|byte| *byte == SEPARATOR)
        .ok_or(CodecError::NoSeparator)?;
    Ok((&frame[..at], &frame[at + 1..]))
}

fn garbled(by: Serializer, error: impl fmt::Display) -> CodecError {
    CodecError::Garbled(by, error.to_string())
}

/// The bytes that `value` stands for, if it stands for bytes.
fn bytes_of(value: &Value) -> Option<Result<Vec<u8>, CodecError>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let text = object.get(BASE64)?.as_str()?;
    Some(
        STANDARD
            .decode(text)
            .map_err(|e| CodecError::Base64(e.to_string())),
    )
}

fn value_of(bytes: &[u8]) -> Value {
    json!({ BASE64: STANDARD.encode(bytes) })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Writes a message by serde, objects that stand for bytes as bytes; some of these are kept apart.
struct Writer<'a>(&'a Value, &'a [Vec<u8>]);

impl Serialize for Writer<'_> {
    fn serialize<S: SerdeSerializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Some(bytes) = apart(self.0, self.1) {
            return to.serialize_bytes(bytes);
        }
        match self.0 {
            Value::Array(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Writer(item, self.1))?;
                }
                list.end()
            }
            Value::Object(fields) => match bytes_of(self.0) {
                Some(bytes) => to.serialize_bytes(&bytes.map_err(serde::ser::Error::custom)?),
                None => {
                    let mut map = to.serialize_map(Some(fields.len()))?;
                    for (key, field) in fields {
                        map.serialize_entry(key, &Writer(field, self.1))?;
                    }
                    map.end()
                }
            },
            plain => plain.serialize(to),
        }
    }
}

/// Bytes that are kept apart from the message in which they stand.
#[derive(Default)]
struct Kept {
    frame: Option<Vec<u8>>,
    /// Something else looks like an object that stands for some.
    ambiguous: bool,
}

/// Reads a message by serde, bytes as objects that stand for them.
#[derive(Clone, Copy)]
struct Reader<'k> {
    apart: Option<&'k RefCell<Kept>>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON knows, or bytes")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v)
            .map(Value::Number)
            .ok_or_else(|| E::custom(JsonError::NoNumber))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        let Some(kept) = self.apart else {
            return Ok(value_of(v));
        };
        let mut kept = kept.borrow_mut();
        let frame = kept.frame.get_or_insert_default();
        let start = frame.len();
        frame.extend_from_slice(v);
        Ok(json!({ PLACE: [start, frame.len()] }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            map.insert(key, entries.next_value_seed(self)?);
        }
        if let Some(kept) = self.apart.filter(|_| map.contains_key(PLACE)) {
            kept.borrow_mut().ambiguous = true;
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e12..1e12f64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            any::<Vec<u8>>().prop_map(|bytes| value_of(&bytes)),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,5}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn raw_carries_text_and_bytes_only() {
        let there_and_back = |message: &Value| {
            decode(&encode(message, Serializer::Raw).unwrap(), Serializer::Raw).unwrap()
        };
        assert_eq!(there_and_back(&json!("hi")), json!("hi"));
        let bytes = json!({ "$base64": "/wA=" });
        assert_eq!(encode(&bytes, Serializer::Raw).unwrap(), [0xff, 0]);
        assert_eq!(there_and_back(&bytes), bytes);
        assert_eq!(
            encode(&json!(5), Serializer::Raw),
            Err(CodecError::NotRaw("a number"))
        );
        let bad = json!({ "$base64": "?" });
        assert!(matches!(
            encode(&bad, Serializer::Raw),
            Err(CodecError::Base64(_))
        ));
    }

    fn nested(deep: usize) -> Value {
        (0..deep).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn how_deep_a_message_may_be() {
        for by in [Serializer::Json, Serializer::Msgpack] {
            let deepest = nested(DEEPEST);
            assert_eq!(decode(&encode(&deepest, by).unwrap(), by), Ok(deepest));
            let deeper = nested(DEEPEST + 1);
            assert_eq!(encode(&deeper, by), Err(CodecError::TooDeep));
        }
        let json = |deep: usize| "[".repeat(deep) + &"]".repeat(deep);
        let read = |deep: usize| decode(json(deep).as_bytes(), Serializer::Json);
        assert_eq!(read(DEEPEST + 1), Err(CodecError::TooDeep));
        assert!(read(100_000).is_err());
        let msgpack = [&[0x91; 100_000][..], &[1]].concat();
        assert!(decode(&msgpack, Serializer::Msgpack).is_err());
    }

    /// One that was collected is still there to be looked at, however deep it is.
    #[test]
    fn the_deepest_message_can_be_an_attribute_in_a_reply() {
        let received = json!({ "received": [nested(DEEPEST)] });
        let reply = crate::wire::read_body::<Value>(&crate::wire::body(&received));
        assert_eq!(reply, Ok(received));
    }

    #[test]
    fn numbers_that_would_become_others_are_not_taken() {
        let json = decode(b"[18446744073709551616]", Serializer::Json).unwrap_err();
        assert_eq!(json, garbled(Serializer::Json, JsonError::TooLarge));
        let nan = rmp_serde::to_vec(&f64::NAN).unwrap();
        let msgpack = decode(&nan, Serializer::Msgpack).unwrap_err();
        assert!(
            msgpack
                .to_string()
                .ends_with(&JsonError::NoNumber.to_string()),
            "{msgpack}"
        );
    }

    /// A number that says how much follows is not believed before it has followed.
    #[test]
    fn lengths_that_are_a_lie_cost_nothing() {
        for first in [0xc6, 0xdb, 0xdd, 0xdf] {
            let frame = [first, 0xff, 0xff, 0xff, 0xff];
            assert!(decode(&frame, Serializer::Msgpack).is_err(), "{first:x}");
        }
    }

    #[test]
    fn publications_are_framed_as_in_osbrain() {
        let sport: Topic = "sport".parse().unwrap();
        let frame = join_topic(&sport, b"\"goal\"", Serializer::Json);
        assert_eq!(frame, b"sport\x80\"goal\"");
        assert_eq!(
            split_topic(&frame, Serializer::Json).unwrap(),
            (&b"sport"[..], &b"\"goal\""[..])
        );
        assert_eq!(join_topic(&sport, b"goal", Serializer::Raw), b"sportgoal");
        let raw = split_topic(b"sportgoal", Serializer::Raw).unwrap();
        assert_eq!(raw, (&b"sportgoal"[..], &b"sportgoal"[..]));
        assert_eq!(
            split_topic(b"x", Serializer::Json),
            Err(CodecError::NoSeparator)
        );
    }

    #[test]
    fn bytes_of_msgpack_are_kept_apart() {
        let message = json!({ "a": { BASE64: "AP8=" }, "b": [{ BASE64: "" }, { BASE64: "Bw==" }] });
        let bytes = encode(&message, Serializer::Msgpack).unwrap();
        let (mut read, frame) = decode_apart(&bytes).unwrap();
        assert_eq!(read["a"], json!({ PLACE: [0, 2] }));
        let frame = frame.unwrap();
        assert_eq!(frame, [0, 255, 7]);
        crate::wire::without_frame(&mut read, &frame);
        assert_eq!(read, message);
        let ambiguous = json!([{ PLACE: [0, 1] }, { BASE64: "AA==" }]);
        let bytes = encode(&ambiguous, Serializer::Msgpack).unwrap();
        assert_eq!(decode_apart(&bytes), Ok((ambiguous, None)));
        let empty = encode(&json!({ BASE64: "" }), Serializer::Msgpack).unwrap();
        let place = json!({ PLACE: [0, 0] });
        assert_eq!(decode_apart(&empty), Ok((place, Some(Vec::new()))));
    }

    proptest! {
        #[test]
        fn messages_come_back(message in messages()) {
            for by in [Serializer::Json, Serializer::Msgpack] {
                let bytes = encode(&message, by).unwrap();
                prop_assert_eq!(decode(&bytes, by).unwrap(), message.clone());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            for by in Serializer::UNDERSTOOD {
                let _ = decode(&bytes, *by);
                let _ = split_topic(&bytes, *by);
            }
            prop_assert_eq!(decode_apart(&bytes).is_ok(), decode(&bytes, Serializer::Msgpack).is_ok());
        }
    }
}
