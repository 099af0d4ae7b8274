//! Programs begin: agents are led to those that are there, and the others are launched, each when those are
//! ready that it waits for, with what it refers to filled in. All have to settle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, named, unless_done};
use super::error::{Stage, UpError};
use super::state::{Addresses, Up};
use super::told::Tellings;
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{
    AgentId, AgentName, AgentSpec, HostId, Millis, Program, Ready, Reference, SocketId, Step,
};
use crate::plan::{LaunchPlan, Order};
use crate::proxy::{Link, ProxyError};
use crate::wire::{AgentRequest, Fault, HostRequest, Peer};

/// What agents tell, and where sockets are.
type Context<'c> = (&'c Tellings, &'c Addresses);
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
    /// Programs that are there begin, those that can be launched at once are launched, and each
    /// of them has to settle.
    pub(super) async fn settle(
        &self,
        progress: &mut dyn Progress,
        context: Context<'_>,
        launches: &[LaunchPlan],
        known: &mut Known,
    ) -> Result<(), UpError> {
        let there = |agent: &&AgentSpec| agent.settles() && !agent.is_launched();
        let there: Vec<&AgentSpec> = self.part.agents.iter().filter(there).collect();
        if there.is_empty() && launches.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Settle, there.len() + launches.len());
        let mut under_way = UnderWay::new();
        self.lead(there.iter().copied(), Step::Settle).await?;
        for agent in there {
            under_way.spawn(self.settled(agent, Stage::Settle, context.0));
        }
        let turn = Turn {
            stage: Stage::Settle,
            launches,
            timers: false,
        };
        self.carry_out(turn, under_way, context, known, progress)
            .await
    }

    /// Launches the programs that are left, each as soon as those are ready that it waits for.
    pub(super) async fn launch(
        &self,
        progress: &mut dyn Progress,
        context: Context<'_>,
        launches: &[LaunchPlan],
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
        self.carry_out(turn, UnderWay::new(), context, known, progress)
            .await
    }

    /// Launches what is launchable, again and again, until all are ready and have settled.
    async fn carry_out(
        &self,
        turn: Turn<'_>,
        mut under_way: UnderWay,
        (tellings, addresses): Context<'_>,
        known: &mut Known,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let agents = self.part.agents.iter();
        let agents: HashMap<&AgentId, &AgentSpec> = agents.map(|it| (&it.name, it)).collect();
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
                        Some(plan) => {
                            under_way.spawn(self.settled(plan, turn.stage, tellings));
                        }
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
        plan: &AgentSpec,
        stage: Stage,
        tellings: &Tellings,
    ) -> impl Future<Output = Result<Done, UpError>> + Send + use<> {
        let (agent, ends) = (plan.name.clone(), self.ends.subscribe());
        let limit = plan.settle.duration() + CONTROL_TIMEOUT;
        let settled = self.until_done(tellings, &agent, (stage, Step::Settle), limit);
        async move {
            unless_done(settled.await, &agent, ends).await?;
            Ok(Done::Settled(agent))
        }
    }

    /// What to do for one agent, with all that is known so far.
    fn launching(
        &self,
        plan: &AgentSpec,
        addresses: &Addresses,
        known: &Known,
    ) -> Option<Launching> {
        let program = self.placed(plan)?;
        let (mut values, mut unknown) = (BTreeMap::new(), Vec::new());
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
            host: self.part.host_id(&plan.host),
            ends: self.ends.subscribe(),
        })
    }
}

/// Only what takes its time is worth a word.
fn show_awaited(launched: &[&LaunchPlan], progress: &mut dyn Progress) {
    let slow = launched.iter().filter(|it| !it.is_prompt());
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
    values: BTreeMap<String, String>,
    /// Attributes of agents that were not launched: they are asked for when they are needed.
    unknown: Vec<Lookup>,
    link: Arc<Link>,
    host: HostId,
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
            Ok(()) => self.ask(timers).await,
            Err(cause) => Err(cause),
        };
        let agent = self.agent.clone();
        let launched = named(agent.clone(), Stage::Launch, launched);
        let launched = launched.map(|(_, attributes)| attributes);
        let attributes = match ends_when_ready(&self.program.ready) {
            true => or_left(launched, &agent, self.ends.clone(), self.left()).await?,
            false => launched?,
        };
        Ok(Done::Launched(agent, attributes))
    }

    /// The attributes with which it has ended.
    async fn left(&self) -> Attributes {
        let request = HostRequest::Attributes {
            agent: self.agent.name.clone(),
            name: None,
        };
        let peer = Peer::Host(self.host.clone());
        let left = self.link.ask(peer, &request, CONTROL_TIMEOUT).await;
        // One that has none has left none.
        left.unwrap_or_default()
    }

    async fn look_up(&mut self) -> Result<(), ProxyError> {
        for lookup in std::mem::take(&mut self.unknown) {
            let request = AgentRequest::GetAttr { name: lookup.name };
            let peer = Peer::Agent(lookup.agent);
            let timeout = self.timeout.duration();
            let value: Value = lookup.link.ask(peer, &request, timeout).await?;
            self.values.insert(lookup.reference, as_text(&value));
        }
        let mut references = self.program.references();
        let is_unknown =
            |it: &&Reference| it.agent().is_some() && !self.values.contains_key(&it.to_string());
        match references.find(is_unknown) {
            Some(reference) => {
                let reason = format!("nobody knows what ${{{reference}}} stands for");
                Err(ProxyError::Fault(Fault::Refused { reason }))
            }
            None => Ok(()),
        }
    }

    /// Its host launches it, which keeps what is known for the agent's next life.
    async fn ask(&self, timers: bool) -> Result<Attributes, ProxyError> {
        let launch = HostRequest::Launch {
            agent: self.agent.name.clone(),
            values: self.values.clone(),
            timers,
            timeout: self.timeout,
        };
        let timeout = self.timeout.duration() + 2 * ANSWER_MARGIN;
        let host = Peer::Host(self.host.clone());
        self.link.ask(host, &launch, timeout).await
    }
}

/// Whether an end with status 0 says that it is ready, or was.
fn ends_when_ready(ready: &Ready) -> bool {
    match ready {
        Ready::Done | Ready::Started => true,
        Ready::Port(_) | Ready::Line(_) | Ready::Probe { .. } => false,
    }
}

/// The attributes that an agent has answered with; or those that it has `left`, if news of its end have come before
/// its answer.
async fn or_left(
    launched: Result<Attributes, UpError>,
    agent: &AgentId,
    ends: watch::Receiver<BTreeSet<AgentId>>,
    left: impl Future<Output = Attributes>,
) -> Result<Attributes, UpError> {
    match launched {
        Ok(attributes) => Ok(attributes),
        Err(error) => {
            unless_done::<()>(Err(error), agent, ends).await?;
            Ok(left.await)
        }
    }
}

/// Text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::model::State;

    type Outcome = Poll<Result<Attributes, UpError>>;

    fn id(name: &str) -> AgentId {
        name.parse().unwrap()
    }

    fn attributes(value: i32) -> Attributes {
        BTreeMap::from([("x".to_owned(), value.into())])
    }

    fn failed(cause: impl Into<ProxyError>) -> Result<Attributes, UpError> {
        named(id("Job"), Stage::Launch, Err::<Attributes, _>(cause.into())).map(|it| it.1)
    }

    /// All that a launch is answered with whose agent is not there any more.
    fn absences() -> [Fault; 3] {
        let agent: AgentName = "Job".parse().unwrap();
        [
            Fault::Gone {
                peer: Peer::Agent(agent.clone()),
            },
            Fault::NotRunning {
                agent: agent.clone(),
                state: State::Stopped,
            },
            Fault::UnknownAgent { name: agent },
        ]
    }

    /// What has come of it when these have ended: before the answer, and after it.
    fn outcome(launched: Result<Attributes, UpError>, before: &[&str], after: &[&str]) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().unwrap();
        let _entered = runtime.enter();
        let (news, ends) = watch::channel(BTreeSet::new());
        let ended = |names: &[&str]| {
            let names: Vec<AgentId> = names.iter().map(|it| id(it)).collect();
            news.send_modify(|ends| ends.extend(names));
        };
        let agent = id("Job");
        let mut running = pin!(or_left(launched, &agent, ends, async { attributes(2) }));
        let mut context = Context::from_waker(Waker::noop());
        ended(before);
        if let Poll::Ready(outcome) = running.as_mut().poll(&mut context) {
            return Poll::Ready(outcome);
        }
        ended(after);
        running.as_mut().poll(&mut context)
    }

    fn is_left(outcome: &Outcome) -> bool {
        matches!(outcome, Poll::Ready(Ok(it)) if *it == attributes(2))
    }

    #[test]
    fn an_end_that_is_known_before_the_answer_is_as_good_as_one() {
        for fault in absences() {
            let early = outcome(failed(fault.clone()), &["Job"], &[]);
            assert!(is_left(&early), "{fault}: {early:?}");
            // The end of another agent does not concern it.
            let late = outcome(failed(fault.clone()), &["Other"], &["Job"]);
            assert!(is_left(&late), "{fault}: {late:?}");
            let never = outcome(failed(fault.clone()), &["Other"], &["Another"]);
            assert!(never.is_pending(), "{fault}: {never:?}");
        }
    }

    #[test]
    fn an_answer_is_what_counts_and_so_is_a_failure() {
        let answered = outcome(Ok(attributes(1)), &["Job"], &[]);
        assert!(matches!(answered, Poll::Ready(Ok(it)) if it == attributes(1)));
        let reason = "no".to_owned();
        let refused = outcome(failed(Fault::Refused { reason }), &["Job"], &[]);
        assert!(matches!(refused, Poll::Ready(Err(UpError::Agent { .. }))));
        let cut = outcome(failed(ProxyError::Closed), &["Job"], &[]);
        assert!(matches!(cut, Poll::Ready(Err(UpError::Agent { .. }))));
    }

    #[test]
    fn who_is_to_stay_is_not_ready_by_its_end() {
        assert!(ends_when_ready(&Ready::Done) && ends_when_ready(&Ready::Started));
        for stays in [
            Ready::Port("127.0.0.1:80".parse().unwrap()),
            Ready::Line("up".to_owned()),
            Ready::Probe {
                argv: Vec::new(),
                every: Millis::from_secs(1),
            },
        ] {
            assert!(!ends_when_ready(&stays), "{stays:?}");
        }
    }
}
