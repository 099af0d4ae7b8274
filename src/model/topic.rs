//! Topics of publications.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Level;

/// What divides a topic from the body on the wire, as in osBrain.
pub const SEPARATOR: u8 = 0x80;

/// A topic that arrives as it is sent. There is no other way to one than by [`FromStr`].
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(String);

/// Why a text is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the topic {0:?} has a character with the byte 0x80 in it, which ends a topic")]
pub struct TopicError(String);

impl Topic {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Levels of log entries, which are words in ASCII.
impl From<Level> for Topic {
    fn from(level: Level) -> Self {
        Self(level.to_string())
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;

    fn try_from(text: String) -> Result<Self, TopicError> {
        match text.as_bytes().contains(&SEPARATOR) {
            true => Err(TopicError(text)),
            false => Ok(Self(text)),
        }
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_cut_is_no_topic() {
        for text in ["", "sport", "café", "日本", "\u{7f}"] {
            assert_eq!(text.parse::<Topic>().unwrap().as_str(), text);
        }
        for text in ["мир", "À la carte", "it’s", "a — b", "\u{80}"] {
            let error = text.parse::<Topic>().unwrap_err();
            assert!(error.to_string().contains("the byte 0x80"), "{error}");
            let json = serde_json::to_string(text).unwrap();
            let read = serde_json::from_str::<Topic>(&json).unwrap_err();
            assert!(read.to_string().contains("the byte 0x80"), "{read}");
        }
    }
}
