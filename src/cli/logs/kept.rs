//! The logs of a run that is over, on the other machines that it was on: read and forgotten there, by ssh.

use tokio::task::JoinSet;

use super::elsewhere::{Fetched, fetched_of};
use super::line::Part;
use crate::cli::{CommandError, Context, ErrorKind};
use crate::model::{AgentId, AgentName, HostName, SshSpec, SystemName};
use crate::ssh;
use crate::state::{KeptMachine, RunNote};
use crate::wire::{AgentLogs, DaemonOf, MachineRequest, NameServerOf};

/// Machines that could not be asked, and why.
#[derive(Default)]
pub(super) struct Missing(Vec<(HostName, String)>);

/// The daemons that a run had one after the other at one place.
struct Place {
    ssh: SshSpec,
    daemon: DaemonOf,
    pids: Vec<u32>,
    agents: Vec<AgentName>,
}

/// Reads the logs of `wanted`, or of all agents if there are none, on all machines at once.
pub(super) async fn read(
    system: &SystemName,
    note: &RunNote,
    wanted: &[AgentId],
    context: &Context,
) -> (Vec<(AgentId, Fetched)>, Missing) {
    let (places, mut missing) = places(system, &note.machines, wanted);
    let mut reading = JoinSet::new();
    for Place {
        ssh,
        daemon,
        pids,
        agents,
    } in places
    {
        reading.spawn(async move {
            let logs = ssh::kept_logs(ssh, daemon.clone(), pids, agents).await;
            (daemon, logs)
        });
    }
    let mut fetched = Vec::new();
    while let Some(Ok((daemon, outcome))) = reading.join_next().await {
        match outcome {
            Ok(logs) => {
                let logs = logs.into_iter();
                fetched.extend(logs.flat_map(|it| of_agent(it, &daemon, context)));
            }
            Err(error) => missing.0.push((daemon.host, error.to_string())),
        }
    }
    (fetched, missing)
}

fn of_agent(logs: AgentLogs, daemon: &DaemonOf, context: &Context) -> [(AgentId, Fetched); 2] {
    let id = AgentId {
        name: logs.agent,
        nameserver: daemon.group.clone(),
    };
    let pieces = [(Part::Log, logs.log), (Part::Output, logs.output)];
    fetched_of(&id, pieces, &daemon.host, context)
}

/// Where the logs of `wanted` are, or of all. Where others have started the daemon, nobody can be asked.
fn places(
    system: &SystemName,
    machines: &[KeptMachine],
    wanted: &[AgentId],
) -> (Vec<Place>, Missing) {
    let (mut places, mut missing) = (Vec::<Place>::new(), Missing::default());
    for machine in machines {
        let is_wanted = |id: &&AgentId| wanted.is_empty() || wanted.contains(id);
        let agents = machine.agents.iter().filter(is_wanted);
        let agents: Vec<AgentName> = agents.map(|id| id.name.clone()).collect();
        if agents.is_empty() {
            continue;
        }
        let Some(launch) = &machine.ours else {
            let reason = "others have started its host daemon, which keeps them";
            missing.0.push((machine.host.clone(), reason.to_owned()));
            continue;
        };
        let daemon = DaemonOf {
            system: system.clone(),
            host: machine.host.clone(),
            group: launch.group.clone(),
        };
        let mut known = places.iter_mut();
        match known.find(|it| it.daemon == daemon && it.ssh == launch.ssh) {
            Some(place) => {
                place.pids.push(launch.pid);
                let new = agents.into_iter();
                let new: Vec<AgentName> = new.filter(|it| !place.agents.contains(it)).collect();
                place.agents.extend(new);
            }
            None => places.push(Place {
                ssh: launch.ssh.clone(),
                daemon,
                pids: vec![launch.pid],
                agents,
            }),
        }
    }
    (places, missing)
}

/// Forgets the runs of a system on all other machines that these runs of it were on. Tells how many there were.
pub(super) async fn forget(system: &SystemName, notes: &[RunNote]) -> (usize, Missing) {
    let mut asked: Vec<(HostName, SshSpec, MachineRequest)> = Vec::new();
    for (host, ssh, request) in notes.iter().flat_map(|note| requests(system, note)) {
        let is_same = |it: &(HostName, SshSpec, MachineRequest)| it.1 == ssh && it.2 == request;
        if !asked.iter().any(is_same) {
            asked.push((host, ssh, request));
        }
    }
    let mut forgetting = JoinSet::new();
    for (host, spec, request) in asked {
        forgetting.spawn(async move { (host, ssh::forget_runs(spec, request).await) });
    }
    let (mut count, mut missing) = (0, Missing::default());
    while let Some(Ok((host, outcome))) = forgetting.join_next().await {
        match outcome {
            Ok(runs) => count += runs,
            Err(error) => missing.0.push((host, error.to_string())),
        }
    }
    (count, missing)
}

/// What is to be asked of which daemon. Daemons that others have started see to their logs themselves.
fn requests(system: &SystemName, note: &RunNote) -> Vec<(HostName, SshSpec, MachineRequest)> {
    let daemons = note.machines.iter().filter_map(|machine| {
        let launch = machine.ours.as_ref()?;
        let daemon = DaemonOf {
            system: system.clone(),
            host: machine.host.clone(),
            group: launch.group.clone(),
        };
        let request = MachineRequest::ForgetRuns { daemon };
        Some((machine.host.clone(), launch.ssh.clone(), request))
    });
    let nameservers = note.nameservers.iter().map(|far| {
        let nameserver = NameServerOf {
            system: system.clone(),
            group: far.launch.group.clone(),
        };
        let request = MachineRequest::ForgetNameServerRuns { nameserver };
        (far.host.clone(), far.launch.ssh.clone(), request)
    });
    daemons.chain(nameservers).collect()
}

impl Missing {
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// An error, if there are any. `what` could not be done there.
    pub(crate) fn complain(mut self, what: &str) -> Result<(), CommandError> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        self.0.dedup();
        let each = self.0.iter().map(|(host, why)| format!("{host} ({why})"));
        let sentence = format!("{what}: {}", each.collect::<Vec<_>>().join(", "));
        Err(CommandError::say(ErrorKind::Failed, sentence).with_code("machine"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Launch;

    fn machine(host: &str, pid: Option<u32>, agents: &[&str]) -> KeptMachine {
        let ssh = SshSpec {
            destination: host.parse().unwrap(),
            port: None,
            identity: None,
            config: None,
        };
        KeptMachine {
            host: host.parse().unwrap(),
            agents: agents.iter().map(|it| it.parse().unwrap()).collect(),
            ours: pid.map(|pid| Launch {
                ssh,
                group: None,
                pid,
            }),
        }
    }

    #[test]
    fn each_place_is_asked_once_and_only_where_something_is_wanted() {
        let system = "x".parse().unwrap();
        let machines = [
            machine("lab1", Some(1), &["A", "B"]),
            machine("lab1", Some(2), &["B", "C"]),
            machine("lab2", Some(3), &["D"]),
            machine("lab3", None, &["E"]),
        ];
        let shown = |wanted: &[&str]| {
            let wanted: Vec<AgentId> = wanted.iter().map(|it| it.parse().unwrap()).collect();
            let (places, missing) = places(&system, &machines, &wanted);
            let place = |it: &Place| {
                let agents: Vec<&str> = it.agents.iter().map(AgentName::as_str).collect();
                format!("{} {:?} {}", it.daemon.host, it.pids, agents.concat())
            };
            let places: Vec<String> = places.iter().map(place).collect();
            (places.join(", "), missing.0.len())
        };
        assert_eq!(shown(&[]), ("lab1 [1, 2] ABC, lab2 [3] D".to_owned(), 1));
        assert_eq!(shown(&["C"]), ("lab1 [2] C".to_owned(), 0));
        assert_eq!(shown(&["E"]), (String::new(), 1));
    }
}
