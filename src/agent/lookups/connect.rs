//! Connecting to another agent's socket by its name: it is found, connected to, and proven as its kind
//! wants it.

use serde_json::Value;

use super::Lookup;
use crate::agent::requests::{Outcome, Request};
use crate::agent::state::{Agent, Further, Waiting};
use crate::model::{Address, Millis, Role, Target};
use crate::wire::{AgentRequest, ConnectRequest, ConnectToRequest, Fault, NameServerRequest, Peer};

impl Agent {
    /// Connects to another agent's socket, wherever it is, and proves the connection.
    pub fn connect_to(&mut self, connect: ConnectToRequest, request: Request) -> Outcome {
        let question = NameServerRequest::Addr {
            agent: connect.to.agent.clone(),
            alias: connect.to.alias.clone(),
        };
        self.send_lookup(Peer::NameServer, &question, Lookup::Find(connect), request);
        None
    }

    pub(super) fn reachable(&self, to: &Target, answer: Value) -> Result<Address, Fault> {
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
    pub(super) fn connect_found(
        &mut self,
        connect: ConnectToRequest,
        server: Address,
        request: Request,
    ) {
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
            to: Some(to.clone().into()),
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
                let lookup = Lookup::Probe {
                    connect: Box::new(connect),
                    subscriber: to,
                    token,
                };
                self.send_lookup(peer, &question, lookup, request);
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
            _ => {
                self.connect_and(connect, |_| Further::Nothing, request);
            }
        }
    }

    /// False if it could not be begun: that has been answered.
    pub(super) fn connect_and(
        &mut self,
        connect: ConnectRequest,
        further: impl FnOnce(usize) -> Further,
        request: Request,
    ) -> bool {
        let made = self.not_there(&connect.alias);
        let link = match self.connect_one(connect) {
            Ok(link) => link,
            Err(fault) => {
                self.reply(request.requester, Err(fault));
                return false;
            }
        };
        self.await_proof(Waiting::Wire {
            requester: request.requester,
            links: vec![link],
            one: true,
            made,
            further: further(link.0),
            until: request.until,
            limit: request.limit,
        });
        true
    }
}
