//! Names that others have at a name server which several use: whose agents those are. Pure.

use std::fmt;

use super::Plan;
use crate::model::{AgentInfo, AgentName, AgentSpec, HostName, NameServerName, SystemName};

/// A name that is to be given to an agent of this system, and that another agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub name: AgentName,
    pub by: Owner,
}

/// Whose an agent is, for all that its name server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    System(SystemName),
    /// A daemon has started it that serves all systems.
    Host(HostName),
    Hand,
}

impl Owner {
    fn of(agent: &AgentInfo) -> Self {
        match (&agent.system, &agent.host) {
            (Some(system), _) => Owner::System(system.clone()),
            (None, Some(host)) => Owner::Host(host.clone()),
            (None, None) => Owner::Hand,
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            Owner::System(system) => write!(f, "{} (of the system {system})", self.name),
            Owner::Host(host) => write!(f, "{} (on the host {host})", self.name),
            Owner::Hand => write!(f, "{} (started by hand)", self.name),
        }
    }
}

/// The names of agents to be started that others have, at a name server where nothing of the system is yet.
pub fn taken(plan: &Plan, at: &NameServerName, there: &[AgentInfo]) -> Vec<Taken> {
    held(plan, at, there).collect()
}

/// The same where the system is up: its own agents have their names.
pub fn taken_from_standing(plan: &Plan, at: &NameServerName, there: &[AgentInfo]) -> Vec<Taken> {
    let is_anothers = |it: &Taken| match &it.by {
        Owner::System(system) => *system != plan.system,
        // It may be this system's.
        Owner::Host(_) => false,
        Owner::Hand => true,
    };
    held(plan, at, there).filter(is_anothers).collect()
}

fn held<'a>(
    plan: &'a Plan,
    at: &'a NameServerName,
    there: &'a [AgentInfo],
) -> impl Iterator<Item = Taken> + 'a {
    let started = plan.agents_at(at).filter(|agent| !agent.attach);
    started.filter_map(|AgentSpec { name, .. }| {
        let mut there = there.iter();
        let holder = there.find(|it| it.name == name.name && !it.state.ended())?;
        Some(Taken {
            name: name.name.clone(),
            by: Owner::of(holder),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NameServerEntry, NameServerSpec, Security, State, Topology};
    use serde_json::json;

    fn plan(agents: &[(&str, bool)]) -> Plan {
        let agent = |(name, attach): &(&str, bool)| AgentSpec {
            attach: *attach,
            ..AgentSpec::named(name.parse().unwrap())
        };
        Plan::new(Topology {
            name: "own".parse().unwrap(),
            security: Security::None,
            nameservers: vec![NameServerEntry {
                name: NameServerName::only(),
                at: NameServerSpec::Attach("127.0.0.1:1".parse().unwrap()),
                host: None,
            }],
            hosts: Vec::new(),
            agents: agents.iter().map(agent).collect(),
        })
    }

    fn there(name: &str, system: Option<&str>, host: Option<&str>, state: State) -> AgentInfo {
        let info = json!({
            "name": name, "host": host, "system": system, "nameserver": "", "state": state, "pid": 1,
            "uptime_s": 1.0, "restarts": 0, "addresses": {}
        });
        serde_json::from_value(info).unwrap()
    }

    #[test]
    fn a_name_is_told_with_whose_it_is() {
        let names = ["Own", "Other", "Hand", "Shared", "Ended"];
        let mut agents = names.map(|name| (name, false)).to_vec();
        agents.push(("Guest", true));
        let plan = plan(&agents);
        let all = [
            there("Own", Some("own"), Some("local"), State::Running),
            there("Other", Some("other"), Some("local"), State::Unreachable),
            there("Hand", None, None, State::Running),
            there("Shared", None, Some("lab"), State::Running),
            there("Ended", Some("other"), Some("local"), State::Failed),
            there("Guest", None, None, State::Running),
        ];
        let told = |taken: Vec<Taken>| taken.iter().map(ToString::to_string).collect::<Vec<_>>();
        let only = NameServerName::only();
        assert_eq!(
            told(taken_from_standing(&plan, &only, &all)),
            ["Other (of the system other)", "Hand (started by hand)"]
        );
        assert_eq!(
            told(taken(&plan, &only, &all)),
            [
                "Own (of the system own)",
                "Other (of the system other)",
                "Hand (started by hand)",
                "Shared (on the host lab)"
            ]
        );
    }
}
