//! One wire: its ends, what carries it, and what becomes of its messages.

use super::cause::{Cause, Ends};
use super::facts::{AgentFacts, Facts, Flow};
use super::reads;
use crate::model::{
    Action, Alias, ConnectionInfo, Handlers, HeldSocket, Kind, Millis, Proof, SocketId,
};

/// A wire, as the end that connects tells of it.
pub(super) struct Wire<'a> {
    client: (&'a AgentFacts, &'a ConnectionInfo),
    /// None: it leads to no agent that is known.
    server: Option<(&'a AgentFacts, Alias)>,
}

/// All wires that lead to or from a socket.
pub(super) fn wires_at<'a>(
    agent: &'a AgentFacts,
    alias: &Alias,
    facts: &'a Facts,
) -> Vec<Wire<'a>> {
    let own = agent.info.connections.iter();
    let own = own.filter(|it| it.alias == *alias).map(|connection| Wire {
        client: (agent, connection),
        server: server_of(connection, facts),
    });
    let others = facts.agents.iter().flat_map(|client| {
        let connections = client.info.connections.iter();
        connections.map(move |connection| (client, connection))
    });
    let others = others.filter_map(|(client, connection)| {
        let server = server_of(connection, facts)?;
        let is_here = server.0.id == agent.id && server.1 == *alias;
        is_here.then_some(Wire {
            client: (client, connection),
            server: Some(server),
        })
    });
    own.chain(others).collect()
}

/// By its name, or else by its address.
fn server_of<'a>(connection: &ConnectionInfo, facts: &'a Facts) -> Option<(&'a AgentFacts, Alias)> {
    if let Some(SocketId { agent, alias }) = &connection.to {
        return Some((facts.agent(agent)?, alias.clone()));
    }
    facts.agents.iter().find_map(|agent| {
        let mut addresses = agent.info.addresses.iter();
        let is_it = |it: &(&Alias, &crate::model::Address)| {
            Some(&it.1.address) == connection.address.as_ref()
        };
        let (alias, _) = addresses.find(is_it)?;
        Some((agent, alias.clone()))
    })
}

impl<'a> Wire<'a> {
    /// Its ends, as far as they are agents that are known.
    pub(super) fn agents(&self) -> Vec<&'a AgentFacts> {
        let server = self.server.as_ref().map(|(agent, _)| *agent);
        std::iter::once(self.client.0).chain(server).collect()
    }

    /// Which messages, or requests, go to the end that connects.
    fn client_reads(&self) -> bool {
        reads(self.client.1.kind)
    }

    fn client_name(&self) -> SocketId {
        self.client.0.name_of(&self.client.1.alias)
    }

    fn ends(&self) -> Ends {
        let client = self.client_name().to_string();
        let connection = self.client.1;
        let server = match (&connection.to, &connection.address) {
            (Some(to), _) => to.to_string(),
            (None, Some(address)) => address.clone(),
            (None, None) => "an unknown address".to_owned(),
        };
        match self.client_reads() {
            true => Ends {
                writer: server,
                reader: client,
            },
            false => Ends {
                writer: client,
                reader: server,
            },
        }
    }

    /// Why it carries nothing; none, if it is proven.
    pub(super) fn carrier(&self) -> Option<Cause> {
        let connection = self.client.1;
        let since = Millis::from_secs(connection.proof_ms / 1000);
        let is_open = !matches!(connection.proof, Proof::Proven { .. } | Proof::Refused);
        if is_open && let Some(cause) = self.mismatch().or_else(|| self.missing()) {
            return Some(cause);
        }
        match connection.proof {
            Proof::Proven { .. } => None,
            Proof::Refused => Some(Cause::Refused { wire: self.ends() }),
            Proof::Resolving => Some(Cause::Missing { wire: self.ends() }),
            Proof::Connecting | Proof::Lost | Proof::Suspect | Proof::Unreachable => {
                let told = self.client.0.told.as_ref();
                let tried = told.and_then(|it| it.dialled.get(&connection.alias));
                let failure = tried.and_then(|it| Some((it, it.failure.clone()?)));
                Some(match failure {
                    Some((tried, failure)) => Cause::NotDialable {
                        wire: self.ends(),
                        address: tried.address.clone(),
                        failure,
                    },
                    None => Cause::Unconnected {
                        wire: self.ends(),
                        lost: connection.proof == Proof::Lost,
                        since,
                        address: connection.address.clone().unwrap_or_default(),
                    },
                })
            }
        }
    }

    /// The other agent is there, and has no such socket.
    fn missing(&self) -> Option<Cause> {
        let (server, alias) = self.server.as_ref()?;
        let is_there = server.info.addresses.contains_key(alias);
        (!is_there).then(|| Cause::Missing { wire: self.ends() })
    }

    /// What keeps the ends from each other although both are there.
    fn mismatch(&self) -> Option<Cause> {
        let (server, alias) = self.server.as_ref()?;
        let there = server.info.addresses.get(alias)?;
        let here = self.client.0.socket(&self.client.1.alias);
        let wants = self.client.1.kind.twin();
        if there.kind != wants {
            return Some(Cause::Mismatch {
                wire: self.ends(),
                what: "kind",
                here: format!("{}, which goes with {wants}", self.client.1.kind),
                there: there.kind.to_string(),
            });
        }
        let here = here.filter(|here| here.serializer != there.serializer)?;
        Some(Cause::Mismatch {
            wire: self.ends(),
            what: "serializer",
            here: here.serializer.to_string(),
            there: there.serializer.to_string(),
        })
    }

    fn end(&self, reader: bool) -> Option<(&'a AgentFacts, Alias)> {
        match self.client_reads() == reader {
            true => Some((self.client.0, self.client.1.alias.clone())),
            false => self.server.clone(),
        }
    }

    /// What becomes of its messages.
    pub(super) fn messages(&self) -> Vec<Cause> {
        let (writer, reader) = (self.end(false), self.end(true));
        let flow = |end: &Option<(&AgentFacts, Alias)>| {
            let (agent, alias) = end.as_ref()?;
            agent.flow(alias)
        };
        let (sent, received) = (flow(&writer), flow(&reader));
        let mut causes = Vec::new();
        if let Some((reader, alias)) = &reader {
            causes.extend(of_reader(reader, alias, received));
        }
        if received.is_some_and(|it| it.moment.received > 0) {
            if causes.is_empty() {
                causes.push(Cause::Flows {
                    wire: self.ends(),
                    messages: received.map_or(0, |it| it.moment.received),
                });
            }
        } else {
            causes.extend(self.of_silence(writer.as_ref(), sent));
        }
        if let (Some((writer, alias)), Some(sent)) = (&writer, sent)
            && sent.all.dropped > 0
        {
            causes.push(Cause::Dropped {
                writer: writer.name_of(alias),
                dropped: sent.all.dropped,
            });
        }
        causes
    }

    /// Nothing has come within the moment: why not, by the writer.
    fn of_silence(&self, writer: Option<&(&AgentFacts, Alias)>, sent: Option<Flow>) -> Vec<Cause> {
        let (Some((writer, alias)), Some(sent)) = (writer, sent) else {
            return Vec::new();
        };
        let name = writer.name_of(alias);
        let waiting = sent.all.waiting;
        if sent.moment.sent > 0 {
            return vec![match self.topics(writer, alias) {
                Some(cause) => cause,
                None if waiting > 0 => self.full(name, waiting),
                None => Cause::TakenByOthers { wire: self.ends() },
            }];
        }
        let timers = writer.stopped_timers(alias);
        if !timers.is_empty() {
            return vec![Cause::TimerStopped {
                writer: name,
                timers,
            }];
        }
        if waiting > 0 {
            return vec![self.full(name, waiting)];
        }
        // What it has sent before may have matched nothing.
        let topics = (sent.all.sent > 0)
            .then(|| self.topics(writer, alias))
            .flatten();
        vec![topics.unwrap_or(Cause::NothingSent {
            writer: name,
            sent: sent.all.sent,
        })]
    }

    fn full(&self, writer: SocketId, waiting: u64) -> Cause {
        let slow = self.end(true).map(|(agent, _)| agent.id.clone());
        Cause::QueueFull {
            writer,
            waiting,
            slow,
        }
    }

    /// A publisher's messages match none of the subscriptions.
    fn topics(&self, writer: &AgentFacts, alias: &Alias) -> Option<Cause> {
        let (reader, to) = self.end(true)?;
        let socket = reader.socket(&to).filter(|it| it.kind.subscribes())?;
        let subscribed = subscriptions(socket);
        let has_received = reader.flow(&to).is_some_and(|it| it.all.received > 0);
        let published = writer.told.as_ref().and_then(|it| it.topics.get(alias));
        let begins = |topic: &String| subscribed.iter().any(|it| topic.starts_with(it.as_str()));
        let is_matched = match published {
            Some(published) if !published.is_empty() => published.iter().any(begins),
            _ => has_received || subscribed.iter().any(String::is_empty),
        };
        (!is_matched).then(|| Cause::Topics {
            wire: self.ends(),
            subscribed,
            published: published.cloned(),
        })
    }
}

fn of_reader(agent: &AgentFacts, alias: &Alias, flow: Option<Flow>) -> Vec<Cause> {
    let (name, socket) = (agent.name_of(alias), agent.socket(alias));
    let mut causes = Vec::new();
    if socket.is_some_and(|it| it.kind.subscribes() && subscriptions(it).is_empty()) {
        causes.push(Cause::Unsubscribed {
            socket: name.clone(),
        });
    }
    let Some(flow) = flow else {
        return causes;
    };
    let garbled = flow.all.garbled;
    if garbled > 0 && (flow.moment.garbled > 0 || garbled == flow.all.received) {
        causes.push(Cause::Unreadable {
            socket: name.clone(),
            garbled,
        });
    } else if flow.all.received > 0 && socket.is_some_and(discards) {
        causes.push(Cause::Discarded {
            reader: name,
            received: flow.all.received,
        });
    }
    causes
}

/// What the topics of a subscriber begin with; `""` is all.
fn subscriptions(socket: &HeldSocket) -> Vec<String> {
    match &socket.handlers {
        Handlers::All(_) => vec![String::new()],
        Handlers::ByTopic(topics) => topics.keys().cloned().collect(),
    }
}

/// Whether all that arrives is thrown away.
fn discards(socket: &HeldSocket) -> bool {
    let mut actions = socket.handlers.actions().peekable();
    let is_request = matches!(socket.kind, Kind::Rep | Kind::AsyncRep);
    !is_request && actions.peek().is_some() && actions.all(|it| *it == Action::Discard)
}
