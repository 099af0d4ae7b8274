//! A message that was tapped, as values and as text.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::{AgentId, Kind, Serializer, harmless};
use crate::proxy::SeenMessage;
use crate::render::{Paint, Style, json_line, milliseconds};
use crate::wire::{Sort, TappedSocket, Way, decode, split_topic};

/// How many bytes of what is no text are shown to people.
const HEX: usize = 32;

/// The message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tapped {
    pub agent: AgentId,
    pub socket: TappedSocket,
    pub way: Way,
    pub sort: Sort,
    /// The same of a request and its answer.
    pub pair: u64,
    pub count: u64,
    /// Microseconds since 1970.
    pub time: u64,
    pub size: u32,
    pub topic: Option<String>,
    /// Without the topic. It may be the beginning only.
    pub body: Vec<u8>,
    pub is_cut: bool,
}

impl Tapped {
    pub(crate) fn of(agent: AgentId, seen: &SeenMessage<'_>) -> Self {
        let passed = &seen.passed;
        let (topic, body) = match passed.sort {
            Sort::Publication => divide(passed.bytes, seen.socket.serializer),
            Sort::Message | Sort::Request | Sort::Answer | Sort::Garbled => (None, passed.bytes),
        };
        Self {
            agent,
            socket: seen.socket.clone(),
            way: passed.way,
            sort: passed.sort,
            pair: passed.pair,
            count: seen.count,
            time: seen.time,
            size: passed.size,
            topic,
            body: body.to_vec(),
            is_cut: passed.bytes.len() < passed.size as usize,
        }
    }

    /// `Alice.main`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.agent, self.socket.alias)
    }

    /// What it says, if it can be read whole.
    fn value(&self) -> Option<Value> {
        let is_whole = !self.is_cut && self.sort != Sort::Garbled;
        is_whole.then(|| decode(&self.body, self.socket.serializer).ok())?
    }

    /// What it says, on one line for people.
    pub(crate) fn text(&self) -> String {
        let text = match (self.sort, self.value()) {
            (Sort::Garbled, _) => format!("unreadable: {}", String::from_utf8_lossy(&self.body)),
            (_, Some(Value::String(text))) if self.socket.serializer == Serializer::Raw => text,
            (_, Some(value)) if !holds_bytes(&value) => value.to_string(),
            _ => self.bytes(),
        };
        let text = harmless(&text.replace(['\n', '\r'], " ")).into_owned();
        match self.is_cut {
            true => format!("{text}… ({} bytes)", self.size),
            false => text,
        }
    }

    fn bytes(&self) -> String {
        let text = std::str::from_utf8(&self.body);
        if let Ok(text) = text
            && self.socket.serializer != Serializer::Msgpack
        {
            return text.to_owned();
        }
        let mut hex = String::from("0x");
        for byte in self.body.iter().take(HEX) {
            // Into a text nothing fails.
            let _ = write!(hex, "{byte:02x}");
        }
        if self.body.len() > HEX && !self.is_cut {
            let _ = write!(hex, "… ({} bytes)", self.size);
        }
        hex
    }

    /// `21:55:01.123456`, in UTC.
    pub(super) fn clock(&self) -> String {
        let micros = i64::try_from(self.time).unwrap_or(i64::MAX);
        let time = Timestamp::from_microsecond(micros).unwrap_or_default();
        time.strftime("%H:%M:%S.%6f").to_string()
    }

    /// Time, socket, direction, topic.
    pub(crate) fn head(&self, width: usize, style: Style) -> String {
        let arrow = match self.way {
            Way::In => "←",
            Way::Out => "→",
        };
        let head = format!("{} {:width$} {arrow}", self.clock(), self.name());
        let head = style.paint(&head, Paint::Faint);
        match &self.topic {
            Some(topic) if !topic.is_empty() => {
                format!("{head} {}", style.paint(&harmless(topic), Paint::Strong))
            }
            _ => head,
        }
    }

    /// One JSON object.
    pub(super) fn json(&self, took_us: Option<u64>) -> String {
        let micros = i64::try_from(self.time).unwrap_or(i64::MAX);
        let time = Timestamp::from_microsecond(micros).unwrap_or_default();
        let value = self.value();
        let bytes = value.is_none().then(|| STANDARD.encode(&self.body));
        json_line(&Object {
            time: time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            agent: &self.agent,
            alias: self.socket.alias.as_str(),
            kind: self.socket.kind,
            way: self.way,
            sort: self.sort,
            topic: self.topic.as_deref(),
            count: self.count,
            size: self.size,
            request: (self.pair != 0).then(|| format!("{:016x}", self.pair)),
            took_us,
            message: value,
            bytes,
            cut: self.is_cut,
        })
    }
}

/// A message that is bytes, or has some in it: they are `{"$base64": …}` then.
fn holds_bytes(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|it| it.len() == 1 && it.contains_key("$base64"))
}

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    agent: &'a AgentId,
    alias: &'a str,
    kind: Kind,
    way: Way,
    sort: Sort,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    count: u64,
    size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Topic and message. With `raw` the end of the topic is not known: all is the message.
fn divide(bytes: &[u8], by: Serializer) -> (Option<String>, &[u8]) {
    if !by.divides() {
        return (None, bytes);
    }
    match split_topic(bytes, by) {
        Ok((topic, body)) => (Some(String::from_utf8_lossy(topic).into_owned()), body),
        // The beginning of one that is cut.
        Err(_) => (None, bytes),
    }
}

/// A request and its answer, on one line.
pub(super) fn exchange(request: &Tapped, answer: &Tapped, width: usize, style: Style) -> String {
    let took = milliseconds(answer.time.saturating_sub(request.time));
    format!(
        "{} {} ⇒ {}  {}",
        request.head(width, style),
        request.text(),
        answer.text(),
        style.paint(&format!("({took})"), Paint::Faint)
    )
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn tapped(body: &[u8], serializer: Serializer) -> Tapped {
        Tapped {
            agent: "Alice".parse().unwrap(),
            socket: TappedSocket {
                alias: "main".parse().unwrap(),
                kind: Kind::Push,
                serializer,
            },
            way: Way::Out,
            sort: Sort::Message,
            pair: 0,
            count: 3,
            time: 1_795_816_501_123_456,
            size: u32::try_from(body.len()).unwrap(),
            topic: None,
            body: body.to_vec(),
            is_cut: false,
        }
    }

    #[test]
    fn a_message_is_told_on_one_line_whatever_is_in_it() {
        let text = |body: &[u8], by| tapped(body, by).text();
        let packed = crate::wire::encode(&json!({"x": [1, 2]}), Serializer::Msgpack).unwrap();
        insta::assert_snapshot!(
            [
                text(br#"{ "x": 1 }"#, Serializer::Json),
                text(b"not json", Serializer::Json),
                text(&packed, Serializer::Msgpack),
                text(&packed[..3], Serializer::Msgpack),
                text(b"two\nlines \x1b[31m", Serializer::Raw),
                text(&[0xff; 40], Serializer::Raw),
                Tapped {
                    is_cut: true,
                    size: 900,
                    ..tapped(b"the beginn", Serializer::Raw)
                }
                .text(),
                Tapped {
                    sort: Sort::Garbled,
                    ..tapped(b"a message of several frames", Serializer::Raw)
                }
                .text(),
            ]
            .join("\n")
        );
    }

    #[test]
    fn as_json_it_has_a_value_or_bytes() {
        let answer = Tapped {
            sort: Sort::Answer,
            pair: 255,
            ..tapped(b"5", Serializer::Json)
        };
        let publication = Tapped {
            topic: Some("sport".into()),
            is_cut: true,
            size: 900,
            ..tapped(b"\"the beg", Serializer::Json)
        };
        insta::assert_snapshot!([answer.json(Some(1200)), publication.json(None)].join("\n"));
    }
}
