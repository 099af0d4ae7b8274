//! Programs begin: those that are there are told to start, and the others are launched, each when those are
//! ready that it waits for, with what it refers to filled in. All have to settle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ask::{COURTESY, joined, named};
use super::error::{Stage, UpError};
use super::phases::{Addresses, Up, unless_done};
use super::{PATIENCE, Progress};
use crate::model::{AgentId, AgentName, HostName, Millis, Program, Ready, Reference, SocketId};
use crate::plan::{AgentPlan, LaunchPlan, Order};
use crate::proxy::{Link, ProxyError};
use crate::wire::{AgentRequest, Fault, HostRequest, Launch, Peer, Settled};

type Attributes = BTreeMap<String, Value>;
/// The attributes of those that were launched.
pub(super) type Known = HashMap<AgentId, Attributes>;

/// Something that was waited for has come.
enum Done {
    /// The program is ready.
    Launched(AgentId, Attributes),
    Settled(AgentId),
}

/// What is under way.
type UnderWay = JoinSet<Result<Done, UpError>>;

/// Launches that are made in one phase.
pub(super) struct Turn<'t> {
    pub stage: Stage,
    pub launches: &'t [LaunchPlan],
    /// The timers of all others run already: theirs begin as their programs do.
    pub timers: bool,
}

impl Up<'_> {
    /// Programs that are there are told to start, those that can be launched at once are launched, and each
    /// of them has to settle.
    pub(super) async fn settle(
        &self,
        progress: &mut dyn Progress,
        launches: &[LaunchPlan],
        addresses: &Addresses,
        known: &mut Known,
    ) -> Result<(), UpError> {
        let there = |agent: &&AgentPlan| agent.settles() && !agent.is_launched();
        let there: Vec<&AgentPlan> = self.part.agents.iter().filter(there).collect();
        if there.is_empty() && launches.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Settle, there.len() + launches.len());
        let mut under_way = UnderWay::new();
        for agent in there {
            let peer = Peer::Agent(agent.name.name.clone());
            self.link(&agent.name).tell(peer, &AgentRequest::Start {});
            under_way.spawn(self.settled(agent, Stage::Settle));
        }
        let turn = Turn {
            stage: Stage::Settle,
            launches,
            timers: false,
        };
        self.carry_out(turn, under_way, addresses, known, progress)
            .await
    }

    /// Launches the programs that are left, each as soon as those are ready that it waits for.
    pub(super) async fn launch(
        &self,
        progress: &mut dyn Progress,
        launches: &[LaunchPlan],
        addresses: &Addresses,
        known: &mut Known,
    ) -> Result<(), UpError> {
        if launches.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Launch, launches.len());
        let turn = Turn {
            stage: Stage::Launch,
            launches,
            timers: true,
        };
        self.carry_out(turn, UnderWay::new(), addresses, known, progress)
            .await
    }

    /// Launches what is launchable, again and again, until all are ready and have settled.
    async fn carry_out(
        &self,
        turn: Turn<'_>,
        mut under_way: UnderWay,
        addresses: &Addresses,
        known: &mut Known,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let agents = self.part.agents.iter();
        let agents: HashMap<&AgentId, &AgentPlan> = agents.map(|it| (&it.name, it)).collect();
        let by_name = turn.launches.iter().map(|it| (&it.agent, it));
        let by_name: HashMap<&AgentId, &LaunchPlan> = by_name.collect();
        let mut order = Order::among(turn.launches, known.keys());
        let mut awaited: Vec<&LaunchPlan> = Vec::new();
        loop {
            for agent in order.launchable() {
                awaited.extend(by_name.get(&agent));
                let launching = agents.get(&agent).copied();
                let launching = launching.and_then(|it| self.launching(it, addresses, known));
                if let Some(launching) = launching {
                    under_way.spawn(launching.run(turn.timers));
                }
            }
            show_awaited(&awaited, progress);
            let Some(done) = under_way.join_next().await else {
                break;
            };
            match joined(done)? {
                Done::Launched(agent, attributes) => {
                    awaited.retain(|it| it.agent != agent);
                    order.on_ready(&agent);
                    match agents.get(&agent).filter(|plan| plan.settles()) {
                        Some(plan) => drop(under_way.spawn(self.settled(plan, turn.stage))),
                        None => progress.advance(&agent.to_string()),
                    }
                    known.insert(agent, attributes);
                }
                Done::Settled(agent) => progress.advance(&agent.to_string()),
            }
        }
        progress.end();
        Ok(())
    }

    /// Waits until the agent's program has settled, or has ended as it should.
    fn settled(
        &self,
        plan: &AgentPlan,
        stage: Stage,
    ) -> impl Future<Output = Result<Done, UpError>> + Send + use<> {
        let (agent, ends) = (plan.name.clone(), self.ends.subscribe());
        let within = plan.settle;
        let peer = Peer::Agent(agent.name.clone());
        let patience = within.duration() + PATIENCE;
        let asked =
            self.link(&agent)
                .ask::<Settled>(peer, &AgentRequest::Settle { within }, patience);
        async move {
            let settled = named(agent.clone(), stage, asked.await);
            unless_done(settled, &agent, ends).await?;
            Ok(Done::Settled(agent))
        }
    }

    /// What is to be done for one agent, with all that is known so far.
    fn launching(
        &self,
        plan: &AgentPlan,
        addresses: &Addresses,
        known: &Known,
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
            host: plan.host.clone(),
            ends: self.ends.subscribe(),
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
    host: HostName,
    ends: watch::Receiver<BTreeSet<AgentId>>,
}

/// An attribute to ask for.
struct Lookup {
    reference: String,
    agent: AgentName,
    name: String,
    link: Arc<Link>,
}

impl Launching {
    /// Asks for what is not known yet, launches the program and waits until it is ready. If so, the agent's
    /// timers begin.
    async fn run(mut self, timers: bool) -> Result<Done, UpError> {
        let launched = match self.look_up().await {
            Ok(program) => self.ask(program, timers).await,
            Err(cause) => Err(cause),
        };
        let agent = self.agent.clone();
        let launched = match named(self.agent.clone(), Stage::Launch, launched) {
            Ok((_, attributes)) => Ok(attributes),
            // News of its end may come before its answer.
            Err(error) if self.ends_when_ready() => {
                unless_done::<()>(Err(error), &agent, self.ends.clone()).await?;
                Ok(self.left().await)
            }
            Err(error) => Err(error),
        };
        Ok(Done::Launched(agent, launched?))
    }

    /// Whether an end with status 0 says that it is ready, or was.
    fn ends_when_ready(&self) -> bool {
        matches!(self.program.ready, Ready::Done | Ready::Started)
    }

    /// The attributes with which it has ended.
    async fn left(&self) -> Attributes {
        let request = HostRequest::Attributes {
            agent: self.agent.name.clone(),
            name: None,
        };
        let peer = Peer::Host(self.host.clone());
        let left = self.link.ask(peer, &request, PATIENCE).await;
        // One that has none has left none.
        left.unwrap_or_default()
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

    async fn ask(&self, program: Program, timers: bool) -> Result<Attributes, ProxyError> {
        let launch = AgentRequest::Launch(Launch {
            program,
            timeout: self.timeout,
        });
        let peer = Peer::Agent(self.agent.name.clone());
        let patience = self.timeout.duration() + COURTESY;
        let launched = self.link.ask(peer.clone(), &launch, patience);
        if timers {
            // It is read when the program has been started.
            self.link.tell(peer, &AgentRequest::Go {});
        }
        launched.await
    }
}

/// Text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
