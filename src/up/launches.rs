//! The last phase: programs that could not be started with their agents, each when those are ready
//! that it waits for, with what it refers to filled in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{COURTESY, joined, named};
use super::error::{Stage, UpError};
use super::phases::{Addresses, Up};
use crate::model::{AgentId, AgentName, Millis, Program, Ready, Reference, SocketId};
use crate::plan::{AgentPlan, LaunchPlan, Order};
use crate::proxy::{Link, ProxyError};
use crate::wire::{AgentRequest, Fault, Launch, Peer};

type Attributes = BTreeMap<String, Value>;

impl Up<'_> {
    /// Launches all programs that are left, as soon as each may be.
    pub(super) async fn launch(
        &self,
        progress: &mut dyn Progress,
        addresses: &Addresses,
    ) -> Result<(), UpError> {
        let plan = &self.part;
        let launches = &plan.launches;
        if launches.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Launch, launches.len());
        let agents: HashMap<&AgentId, &AgentPlan> =
            plan.agents.iter().map(|it| (&it.name, it)).collect();
        let by_name: HashMap<&AgentId, &LaunchPlan> =
            launches.iter().map(|it| (&it.agent, it)).collect();
        let mut order = Order::new(launches);
        let mut known = HashMap::new();
        let mut under_way: JoinSet<Result<(AgentId, Attributes), UpError>> = JoinSet::new();
        let mut awaited: Vec<&LaunchPlan> = Vec::new();
        loop {
            for agent in order.launchable() {
                awaited.extend(by_name.get(&agent));
                let launching = agents.get(&agent).copied();
                let launching = launching.and_then(|it| self.launching(it, addresses, &known));
                if let Some(launching) = launching {
                    under_way.spawn(launching.run());
                }
            }
            show_awaited(&awaited, progress);
            let Some(launched) = under_way.join_next().await else {
                break;
            };
            let (agent, attributes) = joined(launched)?;
            progress.advance(&agent.to_string());
            awaited.retain(|it| it.agent != agent);
            order.on_ready(&agent);
            known.insert(agent, attributes);
        }
        progress.end();
        Ok(())
    }

    /// What is to be done for one agent, with all that is known so far.
    fn launching(
        &self,
        plan: &AgentPlan,
        addresses: &Addresses,
        known: &HashMap<AgentId, Attributes>,
    ) -> Option<Launching> {
        let program = self.placed(plan)?;
        let (mut values, mut unknown) = (HashMap::new(), Vec::new());
        for reference in program.references() {
            let value = match reference {
                Reference::Addr { agent, alias, part } => {
                    let (agent, alias) = (agent.clone(), alias.clone());
                    let address = addresses.get(&SocketId { agent, alias });
                    address.and_then(|it| part.of(&it.address))
                }
                Reference::Attr { agent, name } => {
                    let attributes = known.get(agent);
                    let value = attributes.and_then(|all| all.get(name)).map(as_text);
                    if value.is_none() {
                        unknown.push(Lookup {
                            reference: reference.to_string(),
                            agent: agent.name.clone(),
                            name: name.clone(),
                            link: self.link(agent).clone(),
                        });
                    }
                    value
                }
                Reference::Env { .. } | Reference::Host { .. } => None,
            };
            values.extend(value.map(|value| (reference.to_string(), value)));
        }
        Some(Launching {
            agent: plan.name.clone(),
            timeout: program.timeout.unwrap_or(plan.start_timeout),
            program,
            values,
            unknown,
            link: self.link(&plan.name).clone(),
        })
    }
}

/// Only what takes its time is worth a word.
fn show_awaited(launched: &[&LaunchPlan], progress: &mut dyn Progress) {
    let slow = launched.iter().filter(|it| it.ready != Ready::Started);
    let slow: Vec<&LaunchPlan> = slow.copied().collect();
    if !slow.is_empty() {
        progress.await_programs(&slow);
    }
}

/// A program on its way.
struct Launching {
    agent: AgentId,
    program: Program,
    timeout: Millis,
    /// What references stand for, by their text.
    values: HashMap<String, String>,
    /// Attributes of agents that were not launched: they are asked for when they are needed.
    unknown: Vec<Lookup>,
    link: Arc<Link>,
}

/// An attribute to ask for.
struct Lookup {
    reference: String,
    agent: AgentName,
    name: String,
    link: Arc<Link>,
}

impl Launching {
    /// Asks for what is not known yet, launches the program and waits until it is ready.
    async fn run(mut self) -> Result<(AgentId, Attributes), UpError> {
        let launched = match self.look_up().await {
            Ok(program) => self.ask(program).await,
            Err(cause) => Err(cause),
        };
        named(self.agent, Stage::Launch, launched)
    }

    async fn look_up(&mut self) -> Result<Program, ProxyError> {
        for lookup in std::mem::take(&mut self.unknown) {
            let request = AgentRequest::GetAttr { name: lookup.name };
            let peer = Peer::Agent(lookup.agent);
            let patience = self.timeout.duration();
            let value: Value = lookup.link.ask(peer, &request, patience).await?;
            self.values.insert(lookup.reference, as_text(&value));
        }
        self.program.filled(|reference| {
            let value = self.values.get(&reference.to_string());
            match (value, reference.agent()) {
                (None, Some(_)) => {
                    let reason = format!("nobody knows what ${{{reference}}} stands for");
                    Err(ProxyError::Fault(Fault::Refused { reason }))
                }
                (value, _) => Ok(value.cloned()),
            }
        })
    }

    async fn ask(&self, program: Program) -> Result<Attributes, ProxyError> {
        let launch = AgentRequest::Launch(Launch {
            program,
            timeout: self.timeout,
        });
        let peer = Peer::Agent(self.agent.name.clone());
        let patience = self.timeout.duration() + COURTESY;
        self.link.ask(peer, &launch, patience).await
    }
}

/// Text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
