//! The payloads of data sockets, by each serializer, and what lies around them.

use osb::model::Serializer;
use osb::wire::{
    ProofToken, ReplyToken, SyncFrame, decode, encode, join_topic, split_topic, to_sync,
};

/// One frame.
pub fn payloads(bytes: &[u8]) {
    for by in Serializer::UNDERSTOOD {
        // What is read can be written, unless it says that it is bytes and is not.
        if let Ok(message) = decode(bytes, *by) {
            match encode(&message, *by) {
                Ok(written) => assert_eq!(decode(&written, *by), Ok(message), "{by}"),
                Err(error) => assert!(error.to_string().contains("not base64"), "{error}"),
            }
        }
        if let Ok((topic, body)) = split_topic(bytes, *by)
            && let Ok(topic) = std::str::from_utf8(topic)
            && *by != Serializer::Raw
        {
            assert_eq!(join_topic(&topic.parse().unwrap(), body, *by), bytes);
        }
    }
    let token = ReplyToken::random();
    SyncFrame::read(bytes, &token);
    let publication = to_sync(bytes);
    assert_eq!(
        SyncFrame::read(&publication, &token),
        Some(SyncFrame::Publication { after: 1 })
    );
    if let Some(token) = ReplyToken::from_subscription(bytes) {
        assert_eq!(token.subscription(), bytes);
    }
    if let Some(token) = ProofToken::from_subscription(bytes) {
        assert_eq!(token.subscription(), bytes);
    }
}
