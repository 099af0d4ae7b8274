//! Daemons of other machines that have ended: started again by ssh, all at once. Each hangs on its connection until it
//! has dialled the name server; then it lives on its own, whatever comes of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::super::error::{Stage, UpError};
use super::super::machines::{let_in, seen_from_afar};
use super::super::observe::Observer;
use super::super::state::{Group, Shared, lock};
use super::super::{LostHost, OutOfReach, Progress};
use super::seen::agents_with;
use crate::model::timing::HOST_TIMEOUT;
use crate::model::{AgentName, Millis, NameServerName, Reach, SshSpec, State};
use crate::plan::{Actual, Mend, Place, Plan};
use crate::proxy::Watch;
use crate::ssh::{self, Begun, SshError};
use crate::state::{Launch, Machine};
use crate::wire::{DaemonOf, FormerAgent, MachineRequest};

/// The way to other machines, for what stands there.
pub(super) struct Elsewhere<'e> {
    pub plan: &'e Plan,
    pub launched: &'e Shared,
    pub groups: &'e [Group],
}

/// What came of it.
#[derive(Default)]
pub(super) struct GoneTo {
    /// Daemons that are there again.
    pub back: Vec<Place>,
    failed: BTreeMap<Place, SshError>,
}

/// A daemon that has been started, and has not dialled the name server yet.
struct Started {
    place: Place,
    launch: Launch,
    begun: Begun,
}

/// One that has.
struct Back {
    place: Place,
    launch: Launch,
    agents: Vec<FormerAgent>,
}

type Failed = (Place, SshError);

impl Elsewhere<'_> {
    /// Starts daemons in the place of those that have ended, and takes note of what they know of their agents.
    pub(crate) async fn start_again(
        &self,
        places: &[Place],
        actual: &mut Actual,
        progress: &mut dyn Progress,
    ) -> Result<GoneTo, UpError> {
        let mut gone_to = GoneTo::default();
        if places.is_empty() {
            return Ok(gone_to);
        }
        progress.begin(Stage::Hosts, places.len());
        let (started, failed) = self.launch(places).await?;
        gone_to.failed.extend(failed);
        let (back, failed) = self.until_back(started, progress).await;
        gone_to.failed.extend(failed);
        self.write_down(&back)?;
        actual.tried.extend(gone_to.failed.keys().cloned());
        self.take_note(&back, actual).await?;
        gone_to.back.extend(back.into_iter().map(|it| it.place));
        gone_to.back.sort();
        progress.end();
        Ok(gone_to)
    }

    async fn launch(&self, places: &[Place]) -> Result<(Vec<Started>, Vec<Failed>), UpError> {
        let mut going = JoinSet::new();
        for place in places {
            let Some((ssh, former, request)) = self.request(place).await? else {
                continue;
            };
            let place = place.clone();
            going.spawn(async move {
                let files = Arc::default();
                let begun = ssh::launch(ssh.clone(), request, files, |_| {}).await;
                let launch = |pid| Launch {
                    ssh,
                    group: former.group,
                    pid,
                };
                match begun {
                    Ok(begun) => Ok(Started {
                        place,
                        launch: launch(begun.pid),
                        begun,
                    }),
                    Err(error) => Err((place, error)),
                }
            });
        }
        Ok(sorted(going).await)
    }

    /// What to ask of a machine, and how the daemon there that has ended was started.
    async fn request(
        &self,
        (nameserver, host): &Place,
    ) -> Result<Option<(SshSpec, Launch, MachineRequest)>, UpError> {
        let found = self.plan.hosts_at(nameserver).find(|it| it.name == *host);
        let group = self.groups.iter().find(|it| it.name == *nameserver);
        let (Some(spec), Some(group)) = (found, group) else {
            return Ok(None);
        };
        let Reach::Ssh(ssh) = &spec.reach else {
            return Ok(None);
        };
        let (record, system) = {
            let launched = lock(self.launched);
            let record = launched.standing_group(nameserver).cloned();
            (record, launched.system.clone())
        };
        let former = record.as_ref().and_then(|record| {
            let mut machines = record.machines.iter();
            machines.find(|it| it.host == *host)?.ours.clone()
        });
        let (Some(record), Some(former)) = (record, former) else {
            return Ok(None);
        };
        let request = MachineRequest::Launch {
            daemon: DaemonOf {
                system,
                host: host.clone(),
                group: former.group.clone(),
            },
            nameserver: seen_from_afar(self.plan, &record.nameserver),
            address: spec.address,
            files: Vec::new(),
            keys: let_in(Some(&group.link), self.plan.host_id(host)).await?,
            succeeds: Some(former.pid),
        };
        Ok(Some((ssh.clone(), former, request)))
    }

    /// Lets each live on as soon as the name server knows it.
    async fn until_back(
        &self,
        started: Vec<Started>,
        progress: &mut dyn Progress,
    ) -> (Vec<Back>, Vec<Failed>) {
        let mut observers: BTreeMap<NameServerName, Observer> = BTreeMap::new();
        let (mut releases, mut watches) = (JoinSet::new(), JoinSet::new());
        for it in started {
            let observer = observers.entry(it.place.0.clone()).or_default();
            let id = self.plan.host_id(&it.place.1);
            let there = observer.expect_host(id, Some(it.launch.pid));
            releases.spawn(release(it, there));
        }
        for (name, observer) in observers {
            if let Some(group) = self.groups.iter().find(|it| it.name == name) {
                let notices = Watch::begin(&group.link);
                watches.spawn(observer.watch(notices, |_| false));
            }
        }
        let (back, failed) = sorted(releases).await;
        back.iter()
            .for_each(|it: &Back| progress.advance(it.place.1.as_str()));
        (back, failed)
    }

    /// Writes down which daemons there are now.
    fn write_down(&self, back: &[Back]) -> Result<(), UpError> {
        let mut launched = lock(self.launched);
        for Back {
            place: (nameserver, host),
            launch,
            agents,
        } in back
        {
            let group = launched.standing_group_mut(nameserver);
            let mut machines = group.into_iter().flat_map(|it| &mut it.machines);
            let machine: Option<&mut Machine> = machines.find(|it| it.host == *host);
            if let Some(machine) = machine {
                machine.ours = Some(launch.clone());
                machine.succeeded |= agents.iter().any(|it| it.alive);
            }
        }
        launched.write_standing()
    }

    async fn take_note(&self, back: &[Back], actual: &mut Actual) -> Result<(), UpError> {
        for group in self.groups {
            let back = back.iter().filter(|it| it.place.0 == group.name);
            let back: Vec<&Back> = back.collect();
            if back.is_empty() {
                continue;
            }
            let former = back.iter().flat_map(|it| &it.agents);
            let alive: BTreeSet<AgentName> = former
                .filter(|it| it.alive)
                .map(|it| it.agent.clone())
                .collect();
            let id = |agent: &AgentName| self.plan.id(&group.name, agent.clone());
            for info in agents_with(&group.link, &alive).await? {
                actual.agents.insert(id(&info.name), info);
            }
            actual.alive.extend(alive.iter().map(id));
            for it in back {
                self.note_dead(it, actual);
                actual.hosts.insert(it.place.clone());
            }
        }
        Ok(())
    }

    /// Notes agents that have ended, as their machine knows, and silent agents that it does not know.
    fn note_dead(&self, back: &Back, actual: &mut Actual) {
        let (nameserver, host) = &back.place;
        for it in back.agents.iter().filter(|it| !it.alive) {
            let agent = self.plan.id(nameserver, it.agent.clone());
            actual.dead.insert(agent, it.status);
        }
        let agents = self.plan.agents_at(nameserver);
        for agent in agents.filter(|it| it.host == *host && !it.attach) {
            let is_known = back.agents.iter().any(|it| it.agent == agent.name.name);
            let state = actual.agents.get(&agent.name).map(|it| it.state);
            let is_silent = matches!(state, Some(State::Suspect | State::Unreachable));
            if !is_known && is_silent {
                actual.dead.insert(agent.name.clone(), None);
            }
        }
    }
}

impl GoneTo {
    /// The report on what could not be brought back.
    pub(crate) fn out_of_reach(&self, plan: &Plan, mend: &Mend) -> OutOfReach {
        let lost = mend.lost.iter().map(|place| {
            let agents = plan.agents_on(&place.1, &place.0);
            LostHost {
                host: place.1.clone(),
                nameserver: place.0.clone(),
                agents: agents.map(|it| it.name.clone()).collect(),
                cause: self.failed.get(place).cloned(),
            }
        });
        OutOfReach {
            hosts: lost.collect(),
            agents: mend.out_of_reach.clone(),
        }
    }
}

/// Lets a daemon live on when it is `there`.
async fn release(started: Started, there: oneshot::Receiver<()>) -> Result<Back, Failed> {
    let Started {
        place,
        launch,
        begun,
    } = started;
    let mut session = begun.session;
    let late = || SshError {
        destination: launch.ssh.destination.to_string(),
        stage: ssh::Stage::DialBack,
        reason: format!(
            "it did not dial the name server within {}",
            Millis::from(HOST_TIMEOUT)
        ),
    };
    let outcome = tokio::select! {
        biased;
        there = tokio::time::timeout(HOST_TIMEOUT, there) => match there {
            Ok(Ok(())) => Ok(()),
            _ => Err(late()),
        },
        error = session.ended() => Err(error),
    };
    let outcome = match outcome {
        Ok(()) => session.release().await,
        Err(error) => {
            session.cut(Duration::ZERO).await;
            Err(error)
        }
    };
    match outcome {
        Ok(()) => Ok(Back {
            place,
            launch,
            agents: begun.agents,
        }),
        Err(error) => Err((place, error)),
    }
}

/// Waits for all; those that have been done, and those that have failed.
async fn sorted<T: 'static, E: 'static>(mut all: JoinSet<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    while let Some(Ok(outcome)) = all.join_next().await {
        match outcome {
            Ok(it) => done.push(it),
            Err(it) => failed.push(it),
        }
    }
    (done, failed)
}
