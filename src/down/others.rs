//! Who else hangs on the name servers that `down` would end with a system: other systems, agents that were started by hand, and
//! daemons that others have started.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::model::timing::DOWN_TIMEOUT;
use crate::model::{
    AgentInfo, AgentName, HostId, HostInfo, HostName, NameServerName, SystemName, Ties,
};
use crate::proxy::{Link, Pending};
use crate::state::{GroupRecord, SystemRecord};
use crate::wire::{HostRequest, NameServerRequest, Peer};

/// Those that hang on one name server and are not of its system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Others {
    pub nameserver: NameServerName,
    /// What to dial: `tcp://…`.
    pub address: String,
    pub systems: Vec<OtherSystem>,
    /// Daemons of no system that this one's topology does not name.
    pub hosts: Vec<HostName>,
    /// Agents of no system that is known, such as those started by hand.
    pub agents: Vec<AgentName>,
}

/// What another system has there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherSystem {
    pub name: SystemName,
    pub hosts: Vec<HostName>,
    pub agents: Vec<AgentName>,
}

/// What becomes of others that hang on a name server which is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForOthers {
    /// They keep it: nothing is done, and the error says who they are.
    Keep,
    /// They lose it, and the report says who they are.
    Lose,
}

/// Those that hang on the name servers of these groups that end with them. The connection to one that does not answer
/// is closed: it would be waited for in vain again.
pub(super) async fn others(
    record: &SystemRecord,
    groups: &[&GroupRecord],
    links: &mut [Option<Link>],
) -> Vec<Others> {
    let ask = |(group, link): (&&GroupRecord, &Option<Link>)| {
        let link = link.as_ref().filter(|_| group.was_launched())?;
        let agents = NameServerRequest::Agents { name: None };
        let hosts = NameServerRequest::Hosts {};
        let agents = link.ask::<Vec<AgentInfo>>(Peer::NameServer, &agents, DOWN_TIMEOUT);
        let hosts = link.ask::<Vec<HostInfo>>(Peer::NameServer, &hosts, DOWN_TIMEOUT);
        let shared = group.machines.iter().filter(|it| it.ours.is_none());
        let ties = shared
            .map(|it| ties_at(link, it.id(&record.name)))
            .collect::<Vec<_>>();
        Some((agents, hosts, ties))
    };
    let asked: Vec<_> = groups.iter().zip(&*links).map(ask).collect();
    let mut all = Vec::new();
    for ((group, link), asked) in groups.iter().zip(links).zip(asked) {
        let Some((agents, hosts, ties)) = asked else {
            continue;
        };
        match (agents.await, hosts.await) {
            (Ok(mut agents), Ok(hosts)) => {
                let ephemeral = ephemeral(ties).await;
                agents.retain(|it| !ephemeral.contains(&it.name));
                all.push(Others::at(record, group, agents, hosts));
            }
            _ => *link = None,
        }
    }
    all.retain(|it| !it.is_empty());
    all
}

fn ties_at(link: &Link, host: HostId) -> Pending<Vec<Ties>> {
    link.ask(Peer::Host(host), &HostRequest::Ties {}, DOWN_TIMEOUT)
}

/// Agents that were asked for at run time, at daemons that others have started: they end with the system.
async fn ephemeral(asked: Vec<Pending<Vec<Ties>>>) -> BTreeSet<AgentName> {
    let mut names = BTreeSet::new();
    for ties in asked {
        // One that does not answer keeps what it has: it is told of.
        let ties = ties.await.unwrap_or_default().into_iter();
        names.extend(ties.filter(|it| it.ephemeral).map(|it| it.agent.name));
    }
    names
}

impl Others {
    /// Of what a name server knows, all that is not of the system whose group it serves.
    fn at(
        record: &SystemRecord,
        group: &GroupRecord,
        agents: Vec<AgentInfo>,
        hosts: Vec<HostInfo>,
    ) -> Self {
        let mut others = Self {
            nameserver: group.name.clone(),
            address: group.nameserver.clone(),
            systems: Vec::new(),
            hosts: Vec::new(),
            agents: Vec::new(),
        };
        let mut systems: BTreeMap<SystemName, OtherSystem> = BTreeMap::new();
        let mut of = |name: SystemName, add: &mut dyn FnMut(&mut OtherSystem)| {
            let new = OtherSystem {
                name: name.clone(),
                hosts: Vec::new(),
                agents: Vec::new(),
            };
            add(systems.entry(name).or_insert(new));
        };
        let ids = group.machines.iter().map(|it| it.id(&record.name));
        let ids: Vec<HostId> = ids.collect();
        // What cannot be reached may be there all the same.
        for host in hosts.into_iter().filter(|it| !it.state.ended()) {
            match &host.system {
                Some(system) if *system == record.name => {}
                Some(system) => of(system.clone(), &mut |it| it.hosts.push(host.name.clone())),
                None if ids.contains(&host.id()) => {}
                None => others.hosts.push(host.name),
            }
        }
        let is_of_machine = |agent: &AgentInfo| {
            let mut machines = group.machines.iter();
            machines
                .any(|it| agent.host.as_ref() == Some(&it.host) && it.agents.contains(&agent.name))
        };
        let is_own = |agent: &AgentInfo| match &agent.system {
            Some(system) => *system == record.name,
            None => group.attached.contains(&agent.name) || is_of_machine(agent),
        };
        // Those that they have made in their processes end with them.
        let own = agents.iter().filter(|it| is_own(it));
        let processes: BTreeSet<String> = own.filter_map(|it| it.incarnation.clone()).collect();
        let is_within = |agent: &AgentInfo| {
            let within = agent.within.as_ref();
            within.is_some_and(|it| processes.contains(it))
        };
        for agent in agents.into_iter().filter(|it| !it.state.ended()) {
            match &agent.system {
                _ if is_own(&agent) || is_within(&agent) => {}
                Some(system) => of(system.clone(), &mut |it| it.agents.push(agent.name.clone())),
                None => others.agents.push(agent.name),
            }
        }
        others.systems = systems.into_values().collect();
        others
    }

    fn is_empty(&self) -> bool {
        self.systems.is_empty() && self.hosts.is_empty() && self.agents.is_empty()
    }
}

/// `system other (1 host, 2 agents), agents Carol, Dave`.
impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize, what: &str| match number {
            1 => format!("1 {what}"),
            _ => format!("{number} {what}s"),
        };
        let system = |it: &OtherSystem| {
            let (hosts, agents) = (
                count(it.hosts.len(), "host"),
                count(it.agents.len(), "agent"),
            );
            format!("system {} ({hosts}, {agents})", it.name)
        };
        let mut parts: Vec<String> = self.systems.iter().map(system).collect();
        let hosts = self.hosts.iter().map(HostName::as_str);
        let agents = self.agents.iter().map(AgentName::as_str);
        parts.extend(listed("daemon", &hosts.collect::<Vec<_>>()));
        parts.extend(listed("agent", &agents.collect::<Vec<_>>()));
        f.write_str(&parts.join(", "))
    }
}

/// How many names are shown.
const SHOWN: usize = 5;

fn listed(what: &str, names: &[&str]) -> Option<String> {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>();
    Some(match names.len() {
        0 => return None,
        1 => format!("{what} {}", shown.join(", ")),
        2..=SHOWN => format!("{what}s {}", shown.join(", ")),
        more => format!("{what}s {} and {} more", shown.join(", "), more - SHOWN),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn agent(name: &str, system: Option<&str>, host: Option<&str>, state: &str) -> AgentInfo {
        let info = json!({
            "name": name, "host": host, "system": system, "nameserver": "tcp://127.0.0.1:1", "state": state, "pid": 1,
            "uptime_s": 1.0, "restarts": 0, "addresses": {}
        });
        serde_json::from_value(info).unwrap()
    }

    fn host(name: &str, system: Option<&str>) -> HostInfo {
        let info = json!({
            "name": name, "system": system, "state": "running", "pid": 1, "version": "1", "uptime_s": 1.0, "agents": 1
        });
        serde_json::from_value(info).unwrap()
    }

    fn record() -> SystemRecord {
        let record = json!({
            "name": "pair", "topology": "{}", "file": "x.yaml",
            "groups": [{
                "name": "main", "phase": "up", "nameserver": "tcp://127.0.0.1:1", "launched_nameserver": null,
                "hosts": [], "attached": ["Guest"],
                "machines": [{ "host": "lab1", "agents": ["Far"], "ours": null }]
            }]
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn what_is_of_the_system_is_not_counted_and_all_else_is() {
        let record = record();
        let mut alice = agent("Alice", Some("pair"), Some("local"), "running");
        alice.incarnation = Some("a1".to_owned());
        let mut child = agent("Child", None, None, "running");
        child.within = alice.incarnation.clone();
        let own = vec![
            alice,
            child,
            agent("Guest", None, None, "running"),
            agent("Far", None, Some("lab1"), "running"),
            agent("Gone", Some("other"), Some("local"), "failed"),
        ];
        let hosts = vec![host("local", Some("pair")), host("lab1", None)];
        let none = Others::at(&record, &record.groups[0], own.clone(), hosts.clone());
        assert!(none.is_empty(), "{none:?}");

        let mut agents = own;
        agents.extend([
            agent("Carol", Some("other"), Some("local"), "unreachable"),
            agent("Late", None, None, "running"),
            agent("Theirs", None, Some("lab1"), "running"),
        ]);
        let mut hosts = hosts;
        hosts.extend([host("local", Some("other")), host("lab2", None)]);
        let some = Others::at(&record, &record.groups[0], agents, hosts);
        assert_eq!(
            some.to_string(),
            "system other (1 host, 1 agent), daemon lab2, agents Late, Theirs"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let names = ["A", "B", "C", "D", "E", "F", "G"];
        let list = listed("agent", &names).unwrap();
        assert_eq!(list, "agents A, B, C, D, E and 2 more");
    }
}
