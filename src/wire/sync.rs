//! The frames of SYNC_PUB and SYNC_SUB. Publications for all and answers for one come by the same
//! socket, so that they arrive in the order in which they were sent; the first byte tells them apart.
//! A subscription to topics gets no answers, and no request makes a publication for all.

use std::fmt;

use super::Incarnation;
use super::data::join_topic_after;
use crate::model::{Serializer, Topic};

/// Begins every publication, and every subscription to a topic.
const PUBLIC: u8 = 1;
/// Begins every answer, and the subscription of its requester.
const PRIVATE: u8 = 2;
const TOKEN: usize = 16;
const ID: usize = 8;

/// Under which a requester is answered: drawn by it, known to it and to the publisher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyToken([u8; TOKEN]);

impl ReplyToken {
    /// Draws one.
    pub fn random() -> Self {
        let mut token = [0; TOKEN];
        for part in token.chunks_mut(ID) {
            part.copy_from_slice(&Incarnation::draw().0.to_be_bytes());
        }
        Self(token)
    }

    /// The token, as a frame of a request.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The token in a frame of a request.
    pub fn from_frame(frame: &[u8]) -> Option<Self> {
        frame.try_into().ok().map(Self)
    }

    /// What a requester subscribes to.
    pub fn subscription(&self) -> Vec<u8> {
        [&[PRIVATE], self.as_bytes()].concat()
    }

    /// The token, if `subscription` is to one.
    pub fn from_subscription(subscription: &[u8]) -> Option<Self> {
        Self::from_frame(subscription.strip_prefix(&[PRIVATE])?)
    }

    /// The answer to the requester's request of that number.
    pub fn answer(&self, id: &[u8], body: &[u8]) -> Vec<u8> {
        [&[PRIVATE], self.as_bytes(), id, body].concat()
    }
}

/// A reader could take it for its own: it is no text for logs.
impl fmt::Debug for ReplyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyToken")
    }
}

/// What a subscriber subscribes to for a topic.
pub fn sync_subscription(topic: &str) -> Vec<u8> {
    [&[PUBLIC], topic.as_bytes()].concat()
}

/// A publication's frame.
pub fn join_sync_topic(topic: &Topic, body: &[u8], by: Serializer) -> Vec<u8> {
    join_topic_after(&[PUBLIC], topic, body, by)
}

/// The publication of a plain PUB, as a SYNC_PUB sends it.
pub fn to_sync(publication: &[u8]) -> Vec<u8> {
    [&[PUBLIC], publication].concat()
}

/// What a subscriber finds in a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum SyncFrame<'a> {
    /// All but so many bytes of the frame are as a plain PUB sends it.
    Publication { after: usize },
    /// The answer to the subscriber's own request of that number.
    Answer { id: u64, body: &'a [u8] },
}

impl<'a> SyncFrame<'a> {
    /// None if it is neither.
    pub fn read(frame: &'a [u8], token: &ReplyToken) -> Option<Self> {
        match frame.split_first()? {
            (&PUBLIC, _) => Some(Self::Publication { after: 1 }),
            (&PRIVATE, rest) => {
                let rest = rest.strip_prefix(token.as_bytes())?;
                let (id, body) = rest.split_first_chunk::<ID>()?;
                let id = u64::from_be_bytes(*id);
                Some(Self::Answer { id, body })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ProofToken, split_topic};
    use proptest::prelude::*;

    #[test]
    fn publications_and_answers_are_told_apart() {
        let (token, other) = (ReplyToken::random(), ReplyToken::random());
        assert_ne!(token, other);
        let publication = join_sync_topic(&"sport".parse().unwrap(), b"1", Serializer::Json);
        let read = SyncFrame::read(&publication, &token).unwrap();
        assert_eq!(read, SyncFrame::Publication { after: 1 });
        let split = split_topic(&publication[1..], Serializer::Json).unwrap();
        assert_eq!(split, (&b"sport"[..], &b"1"[..]));
        assert!(publication.starts_with(&sync_subscription("spo")));
        assert_eq!(to_sync(b"sport\x801"), publication);

        let answer = token.answer(&7u64.to_be_bytes(), b"hi");
        let read = SyncFrame::read(&answer, &token).unwrap();
        assert_eq!(read, SyncFrame::Answer { id: 7, body: b"hi" });
        assert_eq!(SyncFrame::read(&answer, &other), None);
        assert!(answer.starts_with(&token.subscription()));
        let back = ReplyToken::from_subscription(&token.subscription());
        assert_eq!(back, Some(token));
    }

    #[test]
    fn subscriptions_of_one_sort_are_none_of_another() {
        let proof = ProofToken("Bob.news>Alice.feed".into()).subscription();
        assert_eq!(ReplyToken::from_subscription(&proof), None);
        let reply = ReplyToken::random().subscription();
        assert_eq!(ProofToken::from_subscription(&reply), None);
        let topic = sync_subscription("\u{2}aaaaaaaaaaaaaaaa");
        assert_eq!(ReplyToken::from_subscription(&topic), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = SyncFrame::read(&bytes, &ReplyToken::random());
            let _ = ReplyToken::from_subscription(&bytes);
        }
    }
}
