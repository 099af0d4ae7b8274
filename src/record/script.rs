//! What of a recording is sent again, by whom, and how. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lane::Lane;
use super::{Heard, Tally, Track};
use crate::model::{AgentId, Alias, Serializer, SocketId, Target, Topic, matches_name};
use crate::wire::{Sort, TappedSocket, Way, decode, split_topic};

/// How a message is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Say {
    Message,
    Publication(Topic),
    /// What is answered does not matter.
    Request,
}

/// A message that is sent again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub alias: Alias,
    pub say: Say,
    pub message: Value,
}

/// Why one is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsaid {
    Answer,
    Garbled,
    Pickle,
    Unreadable,
}

impl Unsaid {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Unsaid::Answer => "answers are for those who have asked",
            Unsaid::Garbled => "they were unreadable when they were recorded",
            Unsaid::Pickle => "pickles are written by agents in Python alone",
            Unsaid::Unreadable => "they cannot be read",
        }
    }
}

/// Which channels are played.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Choice {
    /// What these agents have sent of their own accord: names, or patterns with stars.
    SentBy(Vec<String>),
    /// What has come to that socket.
    ReceivedBy(String),
    /// Whatever else is named.
    Named,
}

impl Choice {
    /// Whether a channel is played. `only` are names of channels, sockets and agents, with stars; none are all.
    pub(crate) fn takes(&self, track: &Track, only: &[String]) -> bool {
        let Some(lane) = &track.lane else {
            return false;
        };
        let (agent, socket) = (lane.agent.to_string(), lane.socket());
        let names = [&agent, &socket, &track.name];
        let is_named = |pattern: &String| names.iter().any(|it| matches_name(pattern, it));
        if !only.is_empty() && !only.iter().any(is_named) {
            return false;
        }
        match self {
            Choice::SentBy(agents) => {
                let is_own = matches!(lane.sort, Sort::Message | Sort::Publication | Sort::Request);
                let is_meant = |it: &String| matches_name(it, &agent);
                lane.way == Way::Out && is_own && agents.iter().any(is_meant)
            }
            Choice::ReceivedBy(to) => lane.way == Way::In && socket == *to,
            Choice::Named => true,
        }
    }
}

/// A message as it is sent again.
pub(crate) fn line(heard: &Heard, lane: &Lane) -> Result<Line, Unsaid> {
    let by = lane.socket.serializer;
    if by == Serializer::Pickle {
        return Err(Unsaid::Pickle);
    }
    let (say, body) = match (lane.sort, &lane.topic) {
        (Sort::Message, _) => (Say::Message, &heard.data[..]),
        (Sort::Request, _) => (Say::Request, &heard.data[..]),
        (Sort::Publication, Some(topic)) => (publication(topic)?, &heard.data[..]),
        (Sort::Publication, None) if by.divides() => {
            let (topic, body) = split_topic(&heard.data, by).map_err(|_| Unsaid::Unreadable)?;
            let topic = std::str::from_utf8(topic).map_err(|_| Unsaid::Unreadable)?;
            (publication(topic)?, body)
        }
        // Whatever it begins with is its topic.
        (Sort::Publication, None) => (publication("")?, &heard.data[..]),
        (Sort::Answer, _) => return Err(Unsaid::Answer),
        (Sort::Garbled, _) => return Err(Unsaid::Garbled),
    };
    Ok(Line {
        alias: lane.socket.alias.clone(),
        say,
        message: decode(body, by).map_err(|_| Unsaid::Unreadable)?,
    })
}

fn publication(topic: &str) -> Result<Say, Unsaid> {
    let topic = topic.parse().map_err(|_| Unsaid::Unreadable)?;
    Ok(Say::Publication(topic))
}

/// One who stands in for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub agent: AgentId,
    pub sockets: Vec<PartSocket>,
}

/// A socket that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartSocket {
    pub socket: TappedSocket,
    /// To what it connects. None: it is bound.
    pub to: Vec<Target>,
}

/// Who stands in for whom, with the sockets that were recorded.
pub(crate) fn parts(tally: &Tally, choice: &Choice, only: &[String]) -> Vec<Part> {
    let tracks = || tally.channels.values().map(|it| &it.track);
    let played = tracks().filter(|it| choice.takes(it, only));
    let agents: BTreeSet<AgentId> = played
        .filter_map(|it| it.lane.as_ref().map(|it| it.agent.clone()))
        .collect();
    let part = |agent: AgentId| {
        let lanes = tracks().filter_map(|it| it.lane.as_ref());
        let own = lanes.filter(|it| it.agent == agent);
        let sockets: BTreeMap<Alias, TappedSocket> = own
            .map(|it| (it.socket.alias.clone(), it.socket.clone()))
            .collect();
        let info = tally.agents.get(&agent.to_string());
        let info: Value = info
            .and_then(|it| serde_json::from_str(it).ok())
            .unwrap_or_default();
        let socket = |socket: TappedSocket| PartSocket {
            to: connected(&info, &socket),
            socket,
        };
        Part {
            sockets: sockets.into_values().map(socket).collect(),
            agent,
        }
    };
    agents.into_iter().map(part).collect()
}

/// What a socket was connected to, if it was not bound.
fn connected(info: &Value, socket: &TappedSocket) -> Vec<Target> {
    let alias = socket.alias.as_str();
    if info["addresses"][alias]["role"] != "client" && socket.kind.binds() {
        return Vec::new();
    }
    let connections = info["connections"].as_array();
    let own = connections
        .into_iter()
        .flatten()
        .filter(|it| it["alias"] == alias);
    let to = own.filter_map(|it| serde_json::from_value::<SocketId>(it["to"].clone()).ok());
    to.filter_map(SocketId::at_home).collect()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::model::Kind;
    use crate::record::{ChannelTally, End};

    fn lane(socket: &str, kind: Kind, way: Way, sort: Sort) -> Lane {
        let (agent, alias) = socket.split_once('.').unwrap();
        Lane {
            agent: agent.parse().unwrap(),
            socket: TappedSocket {
                alias: alias.parse().unwrap(),
                kind,
                serializer: Serializer::Json,
            },
            way,
            sort,
            topic: None,
        }
    }

    fn track(lane: Lane) -> Track {
        Track {
            name: lane.name(),
            encoding: lane.encoding().to_owned(),
            lane: Some(lane),
        }
    }

    fn said(lane: &Lane, data: &[u8]) -> Result<Line, Unsaid> {
        let heard = Heard {
            track: Rc::new(track(lane.clone())),
            sequence: 1,
            time: 0,
            data: data.to_vec(),
        };
        line(&heard, lane)
    }

    #[test]
    fn messages_are_sent_as_they_were() {
        let topic = |text: &str| Say::Publication(text.parse().unwrap());
        let push = lane("A.out", Kind::Push, Way::Out, Sort::Message);
        let of = |lane: &Lane, data: &[u8]| said(lane, data).map(|it| (it.say, it.message));
        assert_eq!(of(&push, b"[1]"), Ok((Say::Message, json!([1]))));
        assert_eq!(of(&push, b"[1"), Err(Unsaid::Unreadable));
        let news = lane("A.news", Kind::Pub, Way::Out, Sort::Publication);
        assert_eq!(of(&news, b"sport\x801"), Ok((topic("sport"), json!(1))));
        let sport = Lane {
            topic: Some("sport".into()),
            ..news.clone()
        };
        assert_eq!(of(&sport, b"1"), Ok((topic("sport"), json!(1))));
        let mut raw = news;
        raw.socket.serializer = Serializer::Raw;
        assert_eq!(of(&raw, b"sport 1"), Ok((topic(""), json!("sport 1"))));
        raw.socket.serializer = Serializer::Pickle;
        assert_eq!(of(&raw, b"x"), Err(Unsaid::Pickle));
        for (sort, why) in [
            (Sort::Answer, Unsaid::Answer),
            (Sort::Garbled, Unsaid::Garbled),
        ] {
            assert_eq!(
                of(&lane("A.rep", Kind::Rep, Way::Out, sort), b"1"),
                Err(why)
            );
        }
    }

    #[test]
    fn who_stands_in_has_the_sockets_that_were_recorded() {
        let channels = [
            lane("Alice.out", Kind::Push, Way::Out, Sort::Message),
            lane("Alice.in", Kind::Pull, Way::In, Sort::Message),
            lane("Alice.ask", Kind::AsyncReq, Way::Out, Sort::Request),
            lane("Bob.in", Kind::Pull, Way::In, Sort::Message),
            lane("Carol.out", Kind::Push, Way::Out, Sort::Message),
        ];
        let channels = channels.map(|lane| {
            let track = track(lane);
            let tally = ChannelTally {
                track,
                messages: 1,
                bytes: 1,
                window: None,
            };
            (tally.track.name.clone(), tally)
        });
        let info = json!({
            "addresses": { "out": { "role": "client" }, "in": { "role": "server" } },
            "connections": [{ "alias": "out", "to": "Bob.in" }, { "alias": "ask", "to": "Bob.desk" }, { "alias": "out", "to": null }],
        });
        let tally = Tally {
            about: BTreeMap::new(),
            channels: channels.into(),
            window: None,
            lost: BTreeMap::new(),
            end: End::Whole,
            metadata: Vec::new(),
            agents: [("Alice".to_owned(), info.to_string())].into(),
        };
        let told = |choice: Choice, only: &[&str]| -> Vec<String> {
            let only: Vec<String> = only.iter().map(|it| (*it).to_owned()).collect();
            let parts = parts(&tally, &choice, &only).into_iter();
            let told = parts.flat_map(|part| {
                part.sockets.into_iter().map(move |it| {
                    let to: Vec<String> = it.to.iter().map(ToString::to_string).collect();
                    format!("{}.{} {}", part.agent, it.socket.alias, to.join(" "))
                })
            });
            told.collect()
        };
        let alice = ["Alice.ask Bob.desk", "Alice.in ", "Alice.out Bob.in"];
        assert_eq!(told(Choice::SentBy(vec!["A*".into()]), &[]), alice);
        assert_eq!(
            told(Choice::SentBy(vec!["*".into()]), &["Carol"]),
            ["Carol.out "]
        );
        assert!(told(Choice::SentBy(vec!["Bob".into()]), &[]).is_empty());
        assert_eq!(told(Choice::ReceivedBy("Bob.in".into()), &[]), ["Bob.in "]);
        assert_eq!(told(Choice::Named, &["Alice.ask:request"]), alice);
    }
}
