//! What the agent asks of other members on the way to what it was asked itself: where a socket is,
//! and whether a publisher has seen a subscription.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::asker::Asker;
use super::control::Weight;
use super::requests::{Outcome, Request};
use super::state::{Agent, Further, Waiting};
use crate::model::{Address, Alias, Millis, Role, Target};
use crate::wire::{
    AgentRequest, ConnectRequest, ConnectToRequest, Envelope, Fault, MessageKind,
    NameServerRequest, Peer, ProofToken, body, read_body,
};

/// Marks the numbers of errands, so that no announcement has one of them.
const MARK: u64 = 1 << 63;

/// Whether an answer is that to an errand.
pub fn is_errand(id: u64) -> bool {
    id & MARK != 0
}

/// What was asked, and what is to be done with the answer.
pub enum Errand {
    /// The name server: where the other socket is.
    Find(ConnectToRequest),
    /// A subscriber that binds: to subscribe to a token, before anybody publishes to it.
    Probe {
        connect: ConnectRequest,
        subscriber: Target,
        token: ProofToken,
    },
    /// A publisher: to have seen the token that the socket `at` has subscribed to. Others follow.
    Prove {
        at: usize,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
    },
}

impl Errand {
    /// The socket that it is about, if there is one yet.
    pub fn socket(&self) -> Option<usize> {
        match self {
            Errand::Prove { at, .. } => Some(*at),
            Errand::Find(_) | Errand::Probe { .. } => None,
        }
    }

    fn what(&self) -> String {
        match self {
            Errand::Find(connect) => format!("finding {}", connect.to),
            Errand::Probe { subscriber, .. } => format!("preparing {subscriber} for the proof"),
            Errand::Prove { publisher, .. } => {
                format!("seeing the subscription at {publisher}")
            }
        }
    }
}

impl Agent {
    /// Connects to another agent's socket, wherever it is, and proves the connection.
    pub fn connect_to(&mut self, connect: ConnectToRequest, request: Request) -> Outcome {
        let question = NameServerRequest::Addr {
            agent: connect.to.agent.clone(),
            alias: connect.to.alias.clone(),
        };
        self.send_errand(Peer::NameServer, &question, Errand::Find(connect), request);
        None
    }

    /// Answers when all publishers have seen what the subscriber `at` subscribes to.
    pub fn prove_subscription(
        &mut self,
        at: usize,
        mut publishers: Vec<Target>,
        answer: Value,
        request: Request,
    ) {
        let Some(publisher) = publishers.pop() else {
            return self.reply(request.asker, Ok(answer));
        };
        let token = self.new_token(&self.sockets.at(at).alias.clone(), &publisher);
        self.sockets.at_mut(at).subscribe(&token.subscription());
        self.ask_publisher(at, publisher, token, publishers, answer, request);
    }

    fn ask_publisher(
        &mut self,
        at: usize,
        publisher: Target,
        token: ProofToken,
        others: Vec<Target>,
        answer: Value,
        request: Request,
    ) {
        let peer = Peer::Agent(publisher.agent.clone());
        let question = AgentRequest::Prove {
            alias: publisher.alias.clone(),
            tokens: vec![token.clone()],
        };
        let errand = Errand::Prove {
            at,
            publisher,
            token,
            others,
            answer,
        };
        self.send_errand(peer, &question, errand, request);
    }

    fn send_errand(
        &mut self,
        peer: Peer,
        question: &impl Serialize,
        errand: Errand,
        request: Request,
    ) {
        let Request {
            asker,
            limit,
            until,
        } = request;
        let left = until.saturating_sub(self.now).as_millis();
        let id = self.waiting.add(
            until,
            Waiting::Errand {
                asker,
                errand: Box::new(errand),
                until,
                limit,
            },
        );
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        let envelope = Envelope::request(MARK | id, left, peer);
        self.control.send(&envelope, body(question), Weight::Heavy);
    }

    /// Somebody has answered.
    pub fn on_errand_answered(&mut self, envelope: &Envelope, content: &[u8]) {
        let Some(Waiting::Errand {
            asker,
            errand,
            until,
            limit,
        }) = self.waiting.take(envelope.id & !MARK)
        else {
            return;
        };
        let request = Request {
            asker,
            limit,
            until,
        };
        let answer = match envelope.kind {
            MessageKind::Error => Err(read_body::<Fault>(content).unwrap_or_else(|fault| fault)),
            _ => read_body::<Value>(content),
        };
        match answer {
            Ok(answer) => self.go_on(*errand, answer, request),
            Err(fault) => {
                self.abandon(&errand);
                self.reply(request.asker, Err(fault));
            }
        }
    }

    fn go_on(&mut self, errand: Errand, answer: Value, request: Request) {
        match errand {
            Errand::Find(connect) => match self.reachable(&connect.to, answer) {
                Ok(server) => self.connect_found(connect, server, request),
                Err(fault) => self.reply(request.asker, Err(fault)),
            },
            Errand::Probe {
                connect,
                subscriber,
                token,
            } => {
                let further = |at| Further::ProvenHere {
                    at,
                    subscriber,
                    token,
                };
                self.connect_and(connect, further, request);
            }
            Errand::Prove {
                at,
                token,
                mut others,
                answer,
                ..
            } => match others.pop() {
                Some(next) => self.ask_publisher(at, next, token, others, answer, request),
                None => {
                    self.sockets.at_mut(at).unsubscribe(&token.subscription());
                    self.reply(request.asker, Ok(answer));
                }
            },
        }
    }

    fn reachable(&self, to: &Target, answer: Value) -> Result<Address, Fault> {
        let read = serde_json::from_value::<Address>(answer);
        let address = read.map_err(|error| Fault::BadRequest {
            reason: format!("an address that is {error}"),
        })?;
        match address.role {
            Role::Server => Ok(address),
            Role::Client => Err(Fault::Refused {
                reason: format!("{to} connects: it has no address to connect to"),
            }),
        }
    }

    /// The other socket is found: the proof depends on its kind.
    fn connect_found(&mut self, connect: ConnectToRequest, server: Address, request: Request) {
        let ConnectToRequest {
            alias,
            to,
            handlers,
            replies,
        } = connect;
        let kind = server.kind.twin();
        let token = self.new_token(&alias, &to);
        let connect = ConnectRequest {
            alias,
            server,
            to: Some(to.clone()),
            handlers,
            replies,
            token: kind.subscribes().then(|| token.clone()),
            timeout: Millis::from(request.until.saturating_sub(self.now)),
        };
        match kind {
            kind if kind.publishes() => {
                let peer = Peer::Agent(to.agent.clone());
                let question = AgentRequest::Probe {
                    alias: to.alias.clone(),
                    token: token.clone(),
                };
                let errand = Errand::Probe {
                    connect,
                    subscriber: to,
                    token,
                };
                self.send_errand(peer, &question, errand, request);
            }
            kind if kind.subscribes() => {
                let publisher = to;
                let further = |at| Further::ProvenThere {
                    at,
                    publisher,
                    token,
                };
                self.connect_and(connect, further, request);
            }
            _ => self.connect_and(connect, |_| Further::Nothing, request),
        }
    }

    fn connect_and(
        &mut self,
        connect: ConnectRequest,
        further: impl FnOnce(usize) -> Further,
        request: Request,
    ) {
        match self.connect_one(connect) {
            Ok(link) => self.await_proof(Waiting::Wire {
                asker: request.asker,
                links: vec![link],
                one: true,
                further: further(link.0),
                until: request.until,
                limit: request.limit,
            }),
            Err(fault) => self.reply(request.asker, Err(fault)),
        }
    }

    /// The handshakes were seen: what else is to be?
    pub fn see_further(
        &mut self,
        asker: Option<Asker>,
        wired: Value,
        further: Further,
        (until, limit): (Duration, Duration),
    ) {
        match further {
            Further::ProvenThere {
                at,
                publisher,
                token,
            } => {
                let request = Request {
                    asker,
                    limit,
                    until,
                };
                self.ask_publisher(at, publisher, token, Vec::new(), wired, request);
            }
            done => {
                self.give_up(&done);
                self.reply(asker, Ok(wired));
            }
        }
    }

    /// Whether what is to be seen at this end has been.
    pub fn is_seen_here(&self, further: &Further) -> bool {
        match further {
            Further::ProvenHere { at, token, .. } => {
                self.sockets.at(*at).has_seen(std::slice::from_ref(token))
            }
            Further::Nothing | Further::ProvenThere { .. } => true,
        }
    }

    /// The token is of no use any more.
    pub fn give_up(&mut self, further: &Further) {
        match further {
            Further::Nothing => {}
            Further::ProvenHere {
                subscriber, token, ..
            } => self.unprobe_at(subscriber, token),
            Further::ProvenThere { at, token, .. } => {
                self.sockets.at_mut(*at).unsubscribe(&token.subscription());
            }
        }
    }

    fn unprobe_at(&mut self, subscriber: &Target, token: &ProofToken) {
        let question = AgentRequest::Unprobe {
            alias: subscriber.alias.clone(),
            token: token.clone(),
        };
        let envelope = Envelope::oneway(Peer::Agent(subscriber.agent.clone()));
        self.control.send(&envelope, body(&question), Weight::Light);
    }

    /// The time is up.
    pub fn answer_late_errand(&mut self, asker: Option<Asker>, errand: &Errand, limit: Duration) {
        self.abandon(errand);
        let (what, limit) = (errand.what(), Millis::from(limit));
        self.reply(asker, Err(Fault::Deadline { what, limit }));
    }

    fn abandon(&mut self, errand: &Errand) {
        match errand {
            Errand::Find(_) => {}
            Errand::Probe {
                subscriber, token, ..
            } => self.unprobe_at(subscriber, token),
            Errand::Prove { at, token, .. } => {
                self.sockets.at_mut(*at).unsubscribe(&token.subscription());
            }
        }
    }

    /// A token that nobody else has.
    fn new_token(&mut self, alias: &Alias, other: &Target) -> ProofToken {
        self.last_token += 1;
        let (agent, number) = (&self.boot.name, self.last_token);
        let life = self.boot.incarnation.0;
        ProofToken(format!("{agent}.{alias}>{other}/{life:x}/{number}"))
    }
}
