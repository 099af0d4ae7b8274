//! What an agent's program wants of other members: agents and their sockets looked up, methods of theirs called, agents started and
//! ended. Each goes over the agent's own connection, with the rights that its key has there.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::lookups::Lookup;
use super::program::{Program, ToOthers};
use super::requester::Requester;
use super::requests::Request;
use super::state::Agent;
use crate::model::timing::{CONTROL_TIMEOUT, REQUEST_TIMEOUT};
use crate::model::{Address, AgentInfo, Grace, Holder, HostId, Millis, NewAgent, SocketId};
use crate::wire::{AgentRequest, Fault, HostRequest, NameServerRequest, Peer};

impl Agent {
    /// The word is given back if its time has not come.
    pub(super) fn ask_others(&mut self, word: ToOthers) -> Option<ToOthers> {
        if word.id().is_some() && self.program.as_ref().is_some_and(Program::is_behind) {
            return Some(word);
        }
        let requester = Some(Requester::Program(word.id().cloned()));
        let request = |agent: &Self, limit| Request::new(requester.clone(), limit, agent.now);
        match word {
            ToOthers::Agents { agent, .. } => {
                let question = NameServerRequest::Agents { name: agent };
                let lookup = Lookup::Agents;
                let request = request(self, CONTROL_TIMEOUT);
                self.send_lookup(Peer::NameServer, &question, lookup, request);
            }
            ToOthers::Addr {
                agent, alias: None, ..
            } => {
                let name = Some(agent);
                let question = NameServerRequest::Agents { name };
                let request = request(self, CONTROL_TIMEOUT);
                self.send_lookup(Peer::NameServer, &question, Lookup::Addresses, request);
            }
            ToOthers::Addr {
                agent,
                alias: Some(alias),
                ..
            } => {
                let what = format!("finding {agent}.{alias}");
                let question = NameServerRequest::Addr { agent, alias };
                let request = request(self, CONTROL_TIMEOUT);
                self.send_lookup(Peer::NameServer, &question, Lookup::Passed(what), request);
            }
            ToOthers::Call {
                agent,
                name,
                params,
                timeout,
                ..
            } => {
                let what = format!("{name} of {agent}");
                let call = AgentRequest::Call { name, params };
                let limit = timeout.map_or(REQUEST_TIMEOUT, Millis::duration);
                let request = request(self, limit);
                self.send_lookup(Peer::Agent(agent), &call, Lookup::Passed(what), request);
            }
            ToOthers::Spawn { new, timeout, .. } => {
                let limit = timeout.map_or_else(|| new.limit(), Millis::duration);
                let request = request(self, limit);
                self.find_next_for(new, request);
            }
            ToOthers::Remove { agent, .. } => {
                let what = format!("the end of {agent}");
                let remove = HostRequest::Remove {
                    agent,
                    grace: Grace::USUAL,
                };
                let request = request(self, REQUEST_TIMEOUT);
                self.ask_own_host(&remove, Lookup::Done(what), request);
            }
        }
        None
    }

    /// What a program is told of agents.
    pub(super) fn standing_of(&self, answer: Value) -> Result<Value, Fault> {
        let told = |it: AgentInfo| json!({ "name": it.name, "state": it.state, "host": it.host });
        let agents: Vec<AgentInfo> = read(answer)?;
        Ok(agents.into_iter().map(told).collect())
    }

    /// Of the only agent.
    pub(super) fn addresses_in(&self, answer: Value) -> Result<Value, Fault> {
        let mut agents: Vec<AgentInfo> = read(answer)?;
        let addresses = agents.pop().map(|it| it.addresses);
        Ok(json!(addresses.unwrap_or_default()))
    }

    /// The other ends of the wires of an agent that is to be spawned, one after the other; then its host is asked.
    fn find_next_for(&mut self, new: Box<NewAgent>, request: Request) {
        let to = match new.unknown() {
            None => return self.spawn(*new, request),
            Some(to) if to.agent.is_at_home() => to.clone(),
            Some(to) => {
                let reason = format!(
                    "{to} is at another name server: a program connects to those of its own"
                );
                return self.reply(request.requester, Err(Fault::Refused { reason }));
            }
        };
        let question = NameServerRequest::Addr {
            agent: to.agent.name,
            alias: to.alias,
        };
        self.send_lookup(Peer::NameServer, &question, Lookup::Other(new), request);
    }

    pub(super) fn on_other_found(
        &mut self,
        mut new: Box<NewAgent>,
        answer: Value,
        request: Request,
    ) {
        match read::<Address>(answer) {
            Ok(server) => {
                new.found(&server);
                self.find_next_for(new, request);
            }
            Err(fault) => self.reply(request.requester, Err(fault)),
        }
    }

    /// Its own sockets admit the agent first, as they would a wire of its spec.
    fn spawn(&mut self, new: NewAgent, request: Request) {
        let program = self.boot.spec.program.as_ref();
        let here = program.map(|it| it.cwd.clone());
        let here = here.or_else(|| std::env::current_dir().ok());
        let spec = Box::new(new.into_spec(here.unwrap_or_else(|| PathBuf::from("/"))));
        let own = &self.boot.spec.name.name;
        let to_own = spec.wires.iter().map(|it| &it.to);
        let to_own = to_own.filter(|to| to.agent.is_at_home() && to.agent.name == *own);
        let own: Vec<SocketId> = to_own.cloned().collect();
        for socket in own {
            let admit = AgentRequest::Admit {
                alias: socket.alias,
                holder: Holder::Agent(spec.name.name.clone()),
            };
            let unasked = Request::new(None, Duration::ZERO, self.now);
            self.serve(admit, unasked);
        }
        let what = format!("the start of {}", spec.name);
        let spawn = HostRequest::Spawn { spec };
        self.ask_own_host(&spawn, Lookup::Done(what), request);
    }

    /// The host that has started this agent.
    fn ask_own_host(&mut self, question: &HostRequest, lookup: Lookup, request: Request) {
        let host: Option<HostId> = self.boot.host.clone();
        match host {
            Some(host) => self.send_lookup(Peer::Host(host), question, lookup, request),
            None => {
                let reason = "no host has started this agent, and so none starts others for it";
                let reason = reason.to_owned();
                self.reply(request.requester, Err(Fault::Refused { reason }));
            }
        }
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Fault> {
    serde_json::from_value(answer).map_err(|error| Fault::Refused {
        reason: format!("the answer of the name server could not be read: {error}"),
    })
}
