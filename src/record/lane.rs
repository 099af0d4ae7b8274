//! What a channel of a recording is of: one socket, one way, one sort of messages, and of publications one topic.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::{AgentId, Serializer};
use crate::wire::{Sort, TappedSocket, Way};

/// The channel's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    pub agent: AgentId,
    pub socket: TappedSocket,
    pub way: Way,
    pub sort: Sort,
    /// Of publications. None: it stands before each message, as on the wire, or is not divided from it.
    pub topic: Option<String>,
}

impl Lane {
    /// The socket: `Alice.main`.
    pub(crate) fn socket(&self) -> String {
        format!("{}.{}", self.agent, self.socket.alias)
    }

    /// What the channel is called: `Alice.main`, `Alice.news/sport`, `Bob.ask:answer`.
    pub(crate) fn name(&self) -> String {
        let socket = self.socket();
        match (self.sort, &self.topic) {
            (Sort::Publication, Some(topic)) if !topic.is_empty() => format!("{socket}/{topic}"),
            (Sort::Message | Sort::Publication, _) => socket,
            (Sort::Request | Sort::Answer | Sort::Garbled, _) => {
                format!("{socket}:{}", word(&self.sort))
            }
        }
    }

    /// How messages are to be read, in the words of MCAP where it has one.
    pub(crate) fn encoding(&self) -> &'static str {
        match (self.sort, self.socket.serializer) {
            (Sort::Garbled, _) => "text",
            _ if self.has_topic_before() => "publication",
            (_, serializer) => serializer.as_str(),
        }
    }

    /// Whether each message begins with its topic and the byte 0x80.
    pub(crate) fn has_topic_before(&self) -> bool {
        self.sort == Sort::Publication && self.topic.is_none() && self.socket.serializer.divides()
    }

    /// Whether messages are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.encoding() == Serializer::Json.as_str()
    }

    /// All of it, for those who read it back.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            ("agent".to_owned(), self.agent.to_string()),
            ("alias".to_owned(), self.socket.alias.to_string()),
            ("kind".to_owned(), word(&self.socket.kind)),
            ("serializer".to_owned(), word(&self.socket.serializer)),
            ("way".to_owned(), word(&self.way)),
            ("sort".to_owned(), word(&self.sort)),
        ]);
        let topic = self.topic.iter();
        all.extend(topic.map(|it| ("topic".to_owned(), it.clone())));
        all
    }

    /// Reads that. None: the channel is none of osb's.
    pub(crate) fn read(metadata: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| metadata.get(key);
        Some(Self {
            agent: text("agent")?.parse().ok()?,
            socket: TappedSocket {
                alias: text("alias")?.parse().ok()?,
                kind: value(text("kind")?)?,
                serializer: value(text("serializer")?)?,
            },
            way: value(text("way")?)?,
            sort: value(text("sort")?)?,
            topic: text("topic").cloned(),
        })
    }
}

/// The word by which serde knows it.
fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn value<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Kind;

    pub(crate) fn lane(sort: Sort, topic: Option<&str>) -> Lane {
        Lane {
            agent: "Alice@lab".parse().unwrap(),
            socket: TappedSocket {
                alias: "main".parse().unwrap(),
                kind: Kind::SyncPub,
                serializer: Serializer::Json,
            },
            way: Way::Out,
            sort,
            topic: topic.map(str::to_owned),
        }
    }

    #[test]
    fn a_channel_has_a_name_and_is_read_back() {
        let mut told = Vec::new();
        for (sort, topic) in [
            (Sort::Message, None),
            (Sort::Publication, Some("sport")),
            (Sort::Publication, Some("")),
            (Sort::Publication, None),
            (Sort::Request, None),
            (Sort::Answer, None),
            (Sort::Garbled, None),
        ] {
            let lane = lane(sort, topic);
            assert_eq!(Lane::read(&lane.metadata()), Some(lane.clone()));
            told.push(format!("{} {}", lane.name(), lane.encoding()));
        }
        insta::assert_snapshot!(told.join("\n"));
        assert_eq!(Lane::read(&BTreeMap::new()), None);
    }
}
