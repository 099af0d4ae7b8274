//! Messages as the frames that sockets send.

use zmq::Message;

use super::Slot;
use crate::model::{Kind, Serializer, Topic};
use crate::wire::{CodecError, Content, Encode, join_sync_topic, join_topic};

impl Slot {
    /// A message as the frame that this socket sends.
    pub(crate) fn frame(
        &self,
        message: &impl Encode,
        topic: Option<&Topic>,
    ) -> Result<Message, CodecError> {
        let body = message.encode(self.serializer)?;
        Ok(match self.kind.publishes() {
            true => publication(self.kind, topic, &body, self.serializer),
            false => body.into(),
        })
    }

    /// The same of a message that is not needed afterwards: bytes that travel as they are need not be copied.
    pub(crate) fn frame_of(
        &self,
        message: Content,
        topic: Option<&Topic>,
    ) -> Result<Message, CodecError> {
        let as_it_is = self.serializer == Serializer::Raw && !self.kind.publishes();
        if !as_it_is {
            return self.frame(&message, topic);
        }
        match message.into_only_bytes() {
            Ok(bytes) => Ok(bytes.into()),
            Err(message) => self.frame(&message, topic),
        }
    }
}

/// A message as a publisher of that kind sends it.
pub(crate) fn publication(
    kind: Kind,
    topic: Option<&Topic>,
    body: &[u8],
    by: Serializer,
) -> Message {
    let none = Topic::default();
    let topic = topic.unwrap_or(&none);
    match kind.answers_beside() {
        true => join_sync_topic(topic, body, by).into(),
        false => join_topic(topic, body, by).into(),
    }
}
