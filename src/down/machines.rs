//! What of a system is on other machines: its daemons are asked through the name server, and if that
//! is in vain, by ssh. Daemons that others have started end the system's agents, and stay.

use std::collections::BTreeMap;
use std::time::Duration;

use super::processes::{Ended, LeftMachine, Processes};
use crate::model::timing::DOWN_TIMEOUT;
use crate::model::{AgentName, Grace, HostId, HostInfo, State, SystemName, Ties};
use crate::proxy::{Link, Pending, ProxyError};
use crate::ssh;
use crate::state::{FarNameServer, Launch, Machine};
use crate::wire::{
    DaemonOf, Fault, HostRequest, MachineRequest, NameServerOf, NameServerRequest, Peer, StopStage,
    Stopped,
};

/// What was asked, all at once.
pub(super) struct Asked {
    machines: Vec<(Machine, Question)>,
    patience: Patience,
}

/// How long agents get to end, and how long the answer may take of who ends them.
#[derive(Clone, Copy)]
struct Patience {
    grace: Grace,
    limit: Duration,
}

enum Question {
    /// The daemon is to end with all its agents.
    Daemon(Pending<Vec<Stopped>>),
    /// The agents are to end one by one.
    Agents(Vec<(AgentName, Pending<Stopped>)>),
    /// The name server does not reach it.
    Nobody(String),
}

/// By the hosts that others have started: their agents that nobody else knows of.
pub(super) type Ephemeral = BTreeMap<HostId, Vec<AgentName>>;

impl Processes<'_> {
    /// Those that end with the name server, because that came with this system. Where it was there before, they may have been asked
    /// for by others.
    pub(super) async fn ephemeral(&self, link: Option<&Link>) -> Ephemeral {
        let mut all = Ephemeral::new();
        let Some(link) = link.filter(|_| self.group.was_launched()) else {
            return all;
        };
        let shared = self.group.machines.iter().filter(|it| it.ours.is_none());
        let ask = |machine: &Machine| {
            let id = machine.id(self.system);
            let ties =
                link.ask::<Vec<Ties>>(Peer::Host(id.clone()), &HostRequest::Ties {}, DOWN_TIMEOUT);
            (id, ties)
        };
        let asked: Vec<_> = shared.map(ask).collect();
        for (id, ties) in asked {
            // One that does not answer is told of when it is asked for its agents.
            let ties = ties.await.unwrap_or_default().into_iter();
            let names = ties.filter(|it| it.ephemeral).map(|it| it.agent.name);
            all.insert(id, names.collect());
        }
        all
    }

    /// Asks all machines that the name server reaches.
    pub(super) fn machines(
        &self,
        link: Option<&Link>,
        there: Option<&[HostInfo]>,
        ephemeral: &Ephemeral,
        grace: Grace,
    ) -> Asked {
        let limit = self.limit(grace);
        let patience = Patience { grace, limit };
        let machines = self.group.machines.iter();
        let ask = |machine: &Machine| {
            let id = machine.id(self.system);
            let more = ephemeral.get(&id).map_or(&[][..], Vec::as_slice);
            (
                machine.clone(),
                question((machine, more), &id, (link, there), patience),
            )
        };
        Asked {
            machines: machines.map(ask).collect(),
            patience,
        }
    }
}

fn question(
    (machine, ephemeral): (&Machine, &[AgentName]),
    id: &HostId,
    (link, there): (Option<&Link>, Option<&[HostInfo]>),
    Patience { grace, limit }: Patience,
) -> Question {
    let (Some(link), Some(there)) = (link, there) else {
        return Question::Nobody("the name server does not answer".to_owned());
    };
    let pid = machine.ours.as_ref().map(|launch| launch.pid);
    let is_it = |it: &&HostInfo| it.id() == *id && pid.is_none_or(|pid| it.has_pid(pid));
    let peer = Peer::Host(id.clone());
    match there.iter().find(is_it).map(|it| it.state) {
        // Its machine knows them.
        Some(_) if machine.succeeded => {
            Question::Nobody("it has not started all agents there".to_owned())
        }
        Some(State::Running) if pid.is_some() => {
            Question::Daemon(link.ask(peer, &HostRequest::Shutdown { grace }, limit))
        }
        Some(State::Running) => {
            let ask = |agent: &AgentName| {
                let agent = agent.clone();
                let request = HostRequest::Stop {
                    agent: agent.clone(),
                    grace,
                    hold: false,
                };
                (agent, link.ask(peer.clone(), &request, limit))
            };
            let remove = |agent: &AgentName| {
                let request = HostRequest::Remove {
                    agent: agent.clone(),
                    grace,
                };
                (agent.clone(), link.ask(peer.clone(), &request, limit))
            };
            let ends = machine.agents.iter().map(ask);
            Question::Agents(ends.chain(ephemeral.iter().map(remove)).collect())
        }
        Some(state) => Question::Nobody(format!("its host daemon is {state}")),
        None => Question::Nobody("its host daemon is not there".to_owned()),
    }
}

impl Processes<'_> {
    /// Ends a name server on another machine: it is asked, or gone to.
    pub(super) async fn end_far(
        &self,
        link: Option<&Link>,
        far: &FarNameServer,
    ) -> Result<(), LeftMachine> {
        if let Some(link) = link {
            let shutdown = NameServerRequest::Shutdown {};
            let asked = link.ask::<()>(Peer::NameServer, &shutdown, DOWN_TIMEOUT);
            if asked.await.is_ok() {
                return Ok(());
            }
        }
        let nameserver = NameServerOf {
            system: self.system.clone(),
            group: far.launch.group.clone(),
        };
        let request = MachineRequest::EndNameServer { nameserver };
        let gone = ssh::end(far.launch.ssh.clone(), request, Duration::ZERO).await;
        gone.map(drop).map_err(|error| LeftMachine {
            host: far.host.clone(),
            attached: false,
            reason: error.to_string(),
        })
    }
}

impl Asked {
    /// Waits for the answers, and goes to the machines of those that did not answer; all at once.
    pub(super) async fn finish(self, processes: &Processes<'_>, ended: &mut Ended) {
        let patience = self.patience;
        let mut going = tokio::task::JoinSet::new();
        for (machine, question) in self.machines {
            let system = processes.system.clone();
            going.spawn(async move {
                let outcome = settle(&machine, question, system, patience).await;
                (machine, outcome)
            });
        }
        while let Some(Ok((machine, outcome))) = going.join_next().await {
            match outcome {
                Ok(stopped) => ended.stopped.extend(stopped),
                Err(reason) => ended.machines.push(LeftMachine {
                    host: machine.host,
                    attached: machine.ours.is_none(),
                    reason,
                }),
            }
        }
        ended
            .machines
            .sort_by(|one, other| one.host.cmp(&other.host));
    }
}

async fn settle(
    machine: &Machine,
    question: Question,
    system: SystemName,
    Patience { grace, limit }: Patience,
) -> Result<Vec<Stopped>, String> {
    let reason = match question {
        Question::Daemon(answer) => match answer.await {
            Ok(stopped) => return Ok(stopped),
            Err(error) => {
                if matches!(error, ProxyError::Closed) {
                    // It may have been asked: its agents have their time.
                    tokio::time::sleep(limit).await;
                }
                error.to_string()
            }
        },
        Question::Agents(asked) => return stop_each(asked).await,
        Question::Nobody(reason) => reason,
    };
    let Some(Launch {
        ssh: spec, group, ..
    }) = &machine.ours
    else {
        return Err(reason);
    };
    let daemon = DaemonOf {
        system,
        host: machine.host.clone(),
        group: group.clone(),
    };
    let request = MachineRequest::End { daemon, grace };
    let gone = ssh::end(spec.clone(), request, limit).await;
    gone.map_err(|error| error.to_string())
}

/// One that is not there any more has ended before.
async fn stop_each(asked: Vec<(AgentName, Pending<Stopped>)>) -> Result<Vec<Stopped>, String> {
    let mut stopped = Vec::new();
    for (agent, answer) in asked {
        match answer.await {
            Ok(one) => stopped.push(one),
            Err(ProxyError::Fault(Fault::UnknownAgent { .. })) => {
                stopped.push(Stopped::at(agent, StopStage::Already));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(stopped)
}
