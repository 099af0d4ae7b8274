//! Agents that move to another host: the new process is there, and has proven its wires, before the former one ends. It gets
//! the name then, in one step.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{
    AgentId, AgentInfo, AgentName, AgentSpec, BindSpec, Endpoint, HostName, Incarnation, Speaks,
    State, Step,
};
use crate::plan::Alteration;
use crate::proxy::{Notice, ProxyError, Watch};
use crate::up::Progress;
use crate::up::ask::{look_through, named};
use crate::up::error::{Stage, UpError};
use crate::up::state::{Group, Up, lock};
use crate::wire::{Event, Fault, NameServerRequest, Peer, Reached};

/// Those that are started, each with the life whose place it is to take.
type Movers<'a> = BTreeMap<AgentName, (&'a AgentSpec, Incarnation)>;

impl Up<'_> {
    /// Starts the new processes of agents that move, and waits until their wires are proven. If one of them cannot, nothing else
    /// has begun.
    pub(in crate::up) async fn start_successors(
        &self,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let moving = self
            .request
            .change
            .anew()
            .filter(|it| self.can_be_beside(it));
        let moving: Vec<&AgentSpec> = moving.map(|it| &it.to).collect();
        if moving.is_empty() {
            return Ok(());
        }
        progress.begin(Stage::Succeed, moving.len());
        for group in &self.groups {
            let at = |it: &&&AgentSpec| *self.part.nameserver_of(&it.name) == group.name;
            let here = moving.iter().filter(at).copied();
            self.start_at(group, here.collect(), progress).await?;
        }
        progress.end();
        Ok(())
    }

    async fn start_at(
        &self,
        group: &Group,
        moving: Vec<&AgentSpec>,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let former = lives(look_through(&group.link).await?.0);
        let known = |it: &AgentSpec| former.get(&it.name.name).copied();
        let movers = moving
            .into_iter()
            .filter_map(|it| Some((it.name.name.clone(), (it, known(it)?))));
        let movers: Movers<'_> = movers.collect();
        if movers.is_empty() {
            return Ok(());
        }
        // Begun before: nothing is missed.
        let watch = Watch::begin(&group.link);
        let limits = movers.values().map(|(it, _)| it.start_timeout.duration());
        // Their processes first, and then their wires, which each limits itself.
        let limit = limits.max().unwrap_or(CONTROL_TIMEOUT) * 2 + ANSWER_MARGIN;
        for (agent, _) in movers.values() {
            self.entrust_successor(group, agent).await?;
        }
        let asked: Vec<_> = movers
            .values()
            .map(|(agent, former)| (agent.name.clone(), self.ask_host(agent, Some(*former))))
            .collect();
        for (agent, started) in asked {
            named(agent, Stage::Succeed, started.await)?;
        }
        self.until_all_stand(watch, movers, limit, progress).await
    }

    /// Or its new host could not have it let in.
    async fn entrust_successor(&self, group: &Group, agent: &AgentSpec) -> Result<(), UpError> {
        let entrust = NameServerRequest::Entrust {
            agents: vec![agent.name.name.clone()],
            to: self.part.host_id(&agent.host),
        };
        let entrusted = group
            .link
            .ask::<()>(Peer::NameServer, &entrust, CONTROL_TIMEOUT);
        Ok(entrusted.await?)
    }

    async fn until_all_stand(
        &self,
        mut watch: Watch,
        mut waiting: Movers<'_>,
        limit: Duration,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let deadline = tokio::time::Instant::now() + limit;
        while let Some((agent, _)) = waiting.values().next() {
            let late = ProxyError::Timeout {
                what: format!("step {} of {}", Step::Wire, agent.name.name),
                limit: limit.into(),
                standing: None,
            };
            let notice = match tokio::time::timeout_at(deadline, watch.next()).await {
                Ok(Some(notice)) => notice,
                Ok(None) => return Err(UpError::Proxy(ProxyError::Closed)),
                Err(_) => return Err(failed(&agent.name, late)),
            };
            let Notice::Event(Event::Successor { agent, reached }) = notice else {
                continue;
            };
            let Some((spec, _)) = waiting.get(&agent.name) else {
                continue;
            };
            match standing(&spec.name, &agent, &reached)? {
                None => {}
                Some(life) => {
                    progress.advance(&spec.name.to_string());
                    lock(&self.successors).insert(spec.name.clone(), life);
                    waiting.remove(&agent.name);
                }
            }
        }
        Ok(())
    }

    /// The former lives have ended: the name is the successors'.
    pub(in crate::up) async fn take_over(&self) -> Result<(), UpError> {
        let successors = lock(&self.successors).clone();
        for (agent, incarnation) in successors {
            let request = NameServerRequest::TakeOver {
                agent: agent.name.clone(),
                incarnation,
            };
            let link = self.link(&agent).clone();
            let answer = link.ask::<()>(Peer::NameServer, &request, CONTROL_TIMEOUT);
            named(agent, Stage::Start, answer.await)?;
        }
        Ok(())
    }

    /// Whether its next life is there already.
    pub(in crate::up) fn has_successor(&self, agent: &AgentId) -> bool {
        lock(&self.successors).contains_key(agent)
    }

    /// Whether the new process can be there as long as the former one is. Programs that are agents themselves may be of libraries that
    /// know of no successors.
    fn can_be_beside(&self, it: &Alteration) -> bool {
        let is_started = !it.from.attach && !it.to.attach;
        let program = it.to.program.as_ref();
        let is_its_own = program.is_none_or(|it| it.speaks != Speaks::Osb);
        let address = |host: &HostName| self.address_of(host);
        let is_elsewhere = address(&it.from.host) != address(&it.to.host);
        let is_free = it.to.bind.iter().all(is_of_any_port);
        self.has_moved(it) && is_started && is_its_own && (is_elsewhere || is_free)
    }

    fn address_of(&self, host: &HostName) -> Option<IpAddr> {
        let hosts = self.request.plan.hosts.iter();
        hosts
            .filter(|it| it.name == *host)
            .find_map(|it| it.address)
    }
}

/// Whether another socket that is bound alike has a place beside it on one machine.
fn is_of_any_port(socket: &BindSpec) -> bool {
    match &socket.endpoint {
        None => true,
        Some(Endpoint::Tcp { port, .. }) => *port == 0,
        Some(Endpoint::Ipc { path }) => path.is_none(),
    }
}

fn failed(agent: &AgentId, cause: ProxyError) -> UpError {
    UpError::Agent {
        agent: agent.clone(),
        stage: Stage::Succeed,
        cause: Box::new(cause),
        log: Vec::new(),
    }
}

/// The lives of agents that have not ended.
fn lives(agents: Vec<AgentInfo>) -> BTreeMap<AgentName, Incarnation> {
    let alive = agents.into_iter().filter(|it| !it.state.ended());
    let lives = alive.filter_map(|it| Some((it.name, Incarnation::of_run(&it.incarnation?)?)));
    lives.collect()
}

/// The life of a successor whose wires are proven; None as long as it is not known whether they are.
fn standing(
    name: &AgentId,
    agent: &AgentInfo,
    reached: &Reached,
) -> Result<Option<Incarnation>, UpError> {
    if let Some(fault) = &reached.fault {
        return Err(failed(name, fault.clone().into()));
    }
    match (&agent.exit, agent.state) {
        (Some(exit), _) => Err(UpError::Ended {
            agent: name.clone(),
            stage: Stage::Succeed,
            exit: exit.clone(),
        }),
        (None, state) if state.ended() || state == State::Unreachable => {
            let agent = name.name.clone();
            Err(failed(name, Fault::NotRunning { agent, state }.into()))
        }
        (None, _) => {
            let life = agent.incarnation.as_deref().and_then(Incarnation::of_run);
            Ok(life.filter(|_| reached.done.contains(&Step::Wire)))
        }
    }
}
