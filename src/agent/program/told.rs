//! A message as a program in a process of its own is told it: as JSON, or with its bytes in a frame.

use serde_json::{Value, json};
use zmq::Message;

use super::words::{Outcome, Payload};
use crate::model::Serializer;
use crate::wire::{CodecError, PLACE, decode, decode_apart};

/// One of the two.
#[derive(Debug)]
pub(crate) enum Told {
    Plain(Value),
    /// Without a value, the frame is the message.
    Framed {
        message: Option<Value>,
        frame: Frame,
    },
}

/// Bytes that follow a line.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Behind so many bytes of what has arrived.
    Behind(Message, usize),
    Own(Vec<u8>),
}

impl Frame {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Frame::Behind(message, start) => &message[*start..],
            Frame::Own(bytes) => bytes,
        }
    }
}

impl Told {
    /// The same in the word, and the frame.
    pub(crate) fn parts(&mut self) -> (Outcome<'_>, Option<Frame>) {
        match self {
            Told::Plain(message) => (Outcome::Message { message }, None),
            Told::Framed { message, frame } => {
                let frame = std::mem::replace(frame, Frame::Own(Vec::new()));
                let outcome = Outcome::Frame {
                    message: message.as_ref(),
                    bytes: frame.bytes().len(),
                };
                (outcome, Some(frame))
            }
        }
    }
}

impl Payload {
    /// For a program that takes frames. All that a raw socket brings is bytes, and so are pickles.
    pub(crate) fn told(self) -> Result<Told, CodecError> {
        let (frame, start, by) = match self {
            Payload::Value(value) => return Ok(Told::Plain(value)),
            Payload::Frame { frame, start, by } => (frame, start, by),
        };
        Ok(match by {
            Serializer::Json => Told::Plain(decode(&frame[start..], by)?),
            Serializer::Raw | Serializer::Pickle => Told::Framed {
                message: None,
                frame: Frame::Behind(frame, start),
            },
            Serializer::Msgpack => match decode_apart(&frame[start..])? {
                (message, None) => Told::Plain(message),
                (message, Some(bytes)) => Told::Framed {
                    message: Some(message).filter(|it| !is_whole(it, bytes.len())),
                    frame: Frame::Own(bytes),
                },
            },
        })
    }
}

/// Whether the message is the frame.
fn is_whole(message: &Value, length: usize) -> bool {
    *message == json!({ PLACE: [0, length] })
}
