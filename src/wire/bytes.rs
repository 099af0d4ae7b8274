//! Bytes in messages, which JSON does not have: apart from the values around them on the way through this process,
//! `{"$base64": …}` where JSON is written, and just bytes elsewhere.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::{JsonError, to_json};

/// The only key of an object that stands for bytes.
pub(super) const BASE64: &str = "$base64";
/// The same, of an object that stands for a part of a frame: `[START, END]`.
pub const PLACE: &str = "$bytes";
/// The only key of an object that stands for bytes which are kept apart, with their number. No topology and no program
/// writes such a key.
const APART: &str = "\0bytes";

thread_local! {
    /// Where bytes are put that are serialized while a message is made of a value of Rust.
    static KEPT_APART: RefCell<Option<Vec<Vec<u8>>>> = const { RefCell::new(None) };
}

/// Bytes as a message, or as a part of one: images, arrays, anything that is no text.
///
/// By sockets with the serializers `raw` and `msgpack` they travel as they are. JSON has no bytes: there they are
/// `{"$base64": "…"}`, which takes a third more room, and time. What is read may also be text, or a list of numbers below
/// 256.
///
/// ```
/// use osb::kit::{Agent, Bytes};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Image { width: u32, pixels: Bytes }
///
/// let agent = Agent::new(())
///     .handler("images", |agent, mut image: Image| {
///         image.pixels.iter_mut().for_each(|pixel| *pixel = 255 - *pixel);
///         Ok(agent.send("negatives", image)?)
///     })
///     .handler("frames", |_, frame: Bytes| Ok(frame.len()));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// The bytes themselves.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Bytes {
    /// Their beginning, for there may be very many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        let shown = &self.0[..self.0.len().min(SHOWN)];
        match self.0.len() {
            0..=SHOWN => write!(f, "Bytes({shown:?})"),
            count => write!(f, "Bytes({count} bytes: {shown:?}…)"),
        }
    }
}

impl Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return to.serialize_bytes(&self.0);
        }
        let apart = KEPT_APART.with_borrow_mut(|kept| {
            let kept = kept.as_mut()?;
            kept.push(self.0.clone());
            Some(kept.len() - 1)
        });
        let mut map = to.serialize_map(Some(1))?;
        match apart {
            Some(number) => map.serialize_entry(APART, &number)?,
            None => map.serialize_entry(BASE64, &STANDARD.encode(&self.0))?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(BytesVisitor).map(Bytes)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, text, or {\"$base64\": …}")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_string<E>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<u8>, A::Error> {
        let only = "an object that stands for bytes has the key \"$base64\" and no others";
        let Some((key, text)) = entries.next_entry::<String, String>()? else {
            return Err(A::Error::custom(only));
        };
        let another = entries.next_entry::<String, Value>()?;
        if key != BASE64 || another.is_some() {
            return Err(A::Error::custom(only));
        }
        STANDARD
            .decode(text)
            .map_err(|error| A::Error::custom(format!("not base64: {error}")))
    }
}

/// A message on its way through this process: a value, and the bytes in it apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    value: Value,
    bytes: Vec<Vec<u8>>,
}

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        let bytes = Vec::new();
        Self { value, bytes }
    }
}

impl Content {
    /// A message of a value of Rust.
    pub fn of(value: impl Serialize) -> Result<Self, JsonError> {
        let (value, bytes) = apart(|| to_json(value));
        let value = value?;
        Ok(Self { value, bytes })
    }

    /// The value, with bytes where they stand.
    pub(super) fn parts(&self) -> (&Value, &[Vec<u8>]) {
        (&self.value, &self.bytes)
    }

    /// All of it, if it is nothing but bytes.
    pub(super) fn only_bytes(&self) -> Option<&[u8]> {
        bytes_of(&self.value, &self.bytes)
    }

    /// As JSON.
    pub fn into_value(self) -> Value {
        let Self { mut value, bytes } = self;
        if !bytes.is_empty() {
            put_back(&mut value, &bytes);
        }
        value
    }
}

/// Why a message does not go with the frame that has come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("what stands for bytes is {{\"$bytes\": [START, END]}}, with a place in the frame")]
    NoPlace,
    #[error("the message has more bytes than its frame")]
    TooMany,
}

impl Content {
    /// A message that has come with a frame: objects stand for parts of it, or it is the message itself.
    pub fn framed(message: Option<Value>, frame: Vec<u8>) -> Result<Self, PlaceError> {
        let Some(mut value) = message else {
            return Ok(Self::of_frame(frame));
        };
        if place_of(&value)? == Some((0, frame.len())) {
            return Ok(Self::of_frame(frame));
        }
        let mut parts = Parts {
            left: frame.len(),
            frame,
            bytes: Vec::new(),
        };
        parts.take(&mut value)?;
        let bytes = parts.bytes;
        Ok(Self { value, bytes })
    }

    fn of_frame(frame: Vec<u8>) -> Self {
        Self {
            value: json!({ APART: 0 }),
            bytes: vec![frame],
        }
    }

    /// All of it, if it is nothing but bytes, to keep.
    pub fn into_only_bytes(mut self) -> Result<Vec<u8>, Self> {
        match self.only_bytes().is_some() && self.bytes.len() == 1 {
            true => self.bytes.pop().ok_or(self),
            false => Err(self),
        }
    }
}

/// A frame, and what has been taken of it.
struct Parts {
    frame: Vec<u8>,
    /// How many bytes may still be taken: no more than there are, or a short line would need much room.
    left: usize,
    bytes: Vec<Vec<u8>>,
}

impl Parts {
    fn take(&mut self, value: &mut Value) -> Result<(), PlaceError> {
        if let Some((start, end)) = place_of(value)? {
            let part = self.frame.get(start..end).ok_or(PlaceError::NoPlace)?;
            self.left = self
                .left
                .checked_sub(part.len())
                .ok_or(PlaceError::TooMany)?;
            *value = json!({ APART: self.bytes.len() });
            self.bytes.push(part.to_vec());
            return Ok(());
        }
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|it| self.take(it)),
            // It would stand for bytes here.
            Value::Object(fields) if fields.contains_key(APART) => Err(PlaceError::NoPlace),
            Value::Object(fields) => fields.values_mut().try_for_each(|it| self.take(it)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
}

/// For which part of a frame this object stands, if it does.
fn place_of(value: &Value) -> Result<Option<(usize, usize)>, PlaceError> {
    let object = value.as_object().filter(|object| object.len() == 1);
    let Some(place) = object.and_then(|object| object.get(PLACE)) else {
        return Ok(None);
    };
    let number = |it: &Value| it.as_u64().and_then(|it| usize::try_from(it).ok());
    let place = match place.as_array().map(Vec::as_slice) {
        Some([start, end]) => number(start).zip(number(end)),
        _ => None,
    };
    place.map(Some).ok_or(PlaceError::NoPlace)
}

/// A message whose objects stand for parts of a frame, as JSON.
pub fn without_frame(message: &mut Value, frame: &[u8]) {
    if let Ok(Some((start, end))) = place_of(message) {
        *message = json!({ BASE64: STANDARD.encode(frame.get(start..end).unwrap_or_default()) });
        return;
    }
    match message {
        Value::Array(items) => items.iter_mut().for_each(|it| without_frame(it, frame)),
        Value::Object(fields) => fields.values_mut().for_each(|it| without_frame(it, frame)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The bytes for which this object stands, if it stands for some that are kept apart.
pub(super) fn bytes_of<'a>(value: &Value, bytes: &'a [Vec<u8>]) -> Option<&'a [u8]> {
    if bytes.is_empty() {
        return None;
    }
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let number = usize::try_from(object.get(APART)?.as_u64()?).ok()?;
    bytes.get(number).map(Vec::as_slice)
}

fn put_back(value: &mut Value, bytes: &[Vec<u8>]) {
    if let Some(bytes) = bytes_of(value, bytes) {
        *value = json!({ BASE64: STANDARD.encode(bytes) });
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| put_back(it, bytes)),
        Value::Object(fields) => fields.values_mut().for_each(|it| put_back(it, bytes)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keeps apart what is serialized of bytes meanwhile.
fn apart<T>(serialize: impl FnOnce() -> T) -> (T, Vec<Vec<u8>>) {
    /// Also when a value panics as it is serialized.
    struct Reset(Option<Vec<Vec<u8>>>);
    impl Drop for Reset {
        fn drop(&mut self) {
            KEPT_APART.set(self.0.take());
        }
    }
    let _reset = Reset(KEPT_APART.replace(Some(Vec::new())));
    let made = serialize();
    (made, KEPT_APART.take().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Serializer as By;
    use crate::wire::{Encode, encode, read};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Image {
        width: u32,
        pixels: Bytes,
        note: Option<String>,
    }

    fn image() -> Image {
        Image {
            width: 3,
            pixels: vec![0, 255, 0x80].into(),
            note: None,
        }
    }

    #[test]
    fn bytes_come_back_by_every_serializer() {
        let content = Content::of(image()).unwrap();
        for by in [By::Json, By::Msgpack] {
            let body = content.encode(by).unwrap();
            assert_eq!(read::<Image>(&body, by).unwrap(), image(), "{by}");
        }
        let msgpack = content.encode(By::Msgpack).unwrap();
        assert!(msgpack.windows(3).any(|it| it == [0, 255, 0x80]));
        for bytes in [&b"\xff\0"[..], b"text", b""] {
            let content = Content::of(Bytes::from(bytes)).unwrap();
            assert_eq!(content.encode(By::Raw).unwrap(), bytes);
            assert_eq!(read::<Bytes>(bytes, By::Raw).unwrap().0, bytes);
            assert_eq!(read::<Vec<u8>>(bytes, By::Raw).unwrap(), bytes);
        }
    }

    #[test]
    fn parts_of_a_frame_are_put_where_objects_stand_for_them() {
        let frame = || vec![1, 2, 3, 255];
        let whole = Content::framed(None, frame()).unwrap();
        assert_eq!(whole.clone().into_only_bytes(), Ok(frame()));
        let place = json!({ PLACE: [0, 4] });
        assert_eq!(Content::framed(Some(place), frame()), Ok(whole));
        let value = json!({ "a": { PLACE: [1, 3] }, "b": [{ PLACE: [0, 0] }, { "x": 1 }] });
        let parts = Content::framed(Some(value.clone()), frame()).unwrap();
        let expected = json!({ "a": { BASE64: "AgM=" }, "b": [{ BASE64: "" }, { "x": 1 }] });
        assert_eq!(parts.encode(By::Msgpack), encode(&expected, By::Msgpack));
        assert_eq!(parts.into_value(), expected);
        let mut plain = value;
        without_frame(&mut plain, &frame());
        assert_eq!(plain, expected);
        for (wrong, why) in [
            (json!({ PLACE: [0, 5] }), PlaceError::NoPlace),
            (json!([{ PLACE: [2, 1] }]), PlaceError::NoPlace),
            (json!([{ PLACE: 3 }]), PlaceError::NoPlace),
            (json!([{ PLACE: [0, 1, 2] }]), PlaceError::NoPlace),
            (
                json!([{ PLACE: [0, 3] }, { PLACE: [1, 3] }]),
                PlaceError::TooMany,
            ),
        ] {
            assert_eq!(Content::framed(Some(wrong), frame()), Err(why));
        }
    }

    #[test]
    fn as_json_they_are_what_programs_know() {
        let value = Content::of((image(), 1)).unwrap().into_value();
        let expected = json!([{ "width": 3, "pixels": { "$base64": "AP+A" }, "note": null }, 1]);
        assert_eq!(value, expected);
        assert_eq!(serde_json::to_value((image(), 1)).unwrap(), expected);
        assert_eq!(Content::from(expected.clone()).into_value(), expected);
        for by in [By::Json, By::Msgpack] {
            let body = encode(&expected, by).unwrap();
            let (back, _) = read::<(Image, u8)>(&body, by).unwrap();
            assert_eq!(back, image());
            assert_eq!(read::<Value>(&body, by).unwrap(), expected);
        }
    }

    #[test]
    fn what_stands_for_no_bytes_is_none() {
        let read = |text: &str| serde_json::from_str::<Bytes>(text);
        assert_eq!(read("[1, 2]").unwrap().0, [1, 2]);
        assert_eq!(read("\"hi\"").unwrap().0, b"hi");
        for text in [
            "[256]",
            "{}",
            "{\"$base64\":\"?\"}",
            "{\"$base64\":\"\",\"x\":1}",
            "{\"\\u0000bytes\":\"0\"}",
            "5",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let crafted = json!([{ PLACE: [0, 1] }, { APART: 0 }]);
        let refused = Content::framed(Some(crafted), vec![1]);
        assert_eq!(refused, Err(PlaceError::NoPlace));
        // Nobody has kept anything apart.
        let crafted = json!({ APART: 0 });
        assert_eq!(Content::from(crafted.clone()).into_value(), crafted);
    }
}
