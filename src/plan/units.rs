//! What of a plan comes back with each machine.

use std::net::Ipv4Addr;

use super::Plan;
use crate::model::{
    HostName, HostSpec, NameServerName, NameServerSpec, Reach, Security, Service, Unit,
    longest_stop,
};

/// The units of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineUnits {
    pub host: HostSpec,
    pub units: Vec<Unit>,
}

impl Plan {
    /// The name servers that `up` launches at any free port: where they are after another start, nobody knows beforehand.
    pub fn without_port(&self) -> impl Iterator<Item = &NameServerName> {
        let any = |at: &NameServerSpec| matches!(at, NameServerSpec::Launch(at) if at.port() == 0);
        let nameservers = self.nameservers.iter().filter(move |it| any(&it.at));
        nameservers.map(|it| &it.name)
    }

    /// What comes back with each machine, in the order of the file. `afar`: a name server's address as other machines
    /// dial it. Daemons that others start are theirs.
    pub fn units(&self, afar: impl Fn(&str) -> String) -> Vec<MachineUnits> {
        let mut all: Vec<MachineUnits> = Vec::new();
        for host in self.hosts.iter().filter(|it| it.reach != Reach::Attach) {
            let units = self.nameserver_units(&host.name, host.reach.is_local());
            let units = units.chain(self.daemon_units(host, &afar));
            let units: Vec<Unit> = units.collect();
            if !units.is_empty() {
                let host = host.clone();
                all.push(MachineUnits { host, units });
            }
        }
        all
    }

    /// The name server's name, if it is not the first.
    fn suffix(&self, name: &NameServerName) -> Option<NameServerName> {
        let is_first = self.nameservers[0].name == *name;
        (!is_first).then(|| name.clone())
    }

    fn nameserver_units<'p>(
        &'p self,
        host: &'p HostName,
        is_here: bool,
    ) -> impl Iterator<Item = Unit> + 'p {
        self.nameservers.iter().filter_map(move |entry| {
            let is_there = entry.host.as_ref().map_or(is_here, |it| it == host);
            let at = match entry.at {
                NameServerSpec::Launch(at) if is_there => at,
                NameServerSpec::Launch(_) | NameServerSpec::Attach(_) => return None,
            };
            Some(Unit {
                system: self.system.clone(),
                group: self.suffix(&entry.name),
                far: entry.host.is_some(),
                service: Service::NameServer {
                    at,
                    open: self.security == Security::None,
                },
            })
        })
    }

    fn daemon_units<'p>(
        &'p self,
        host: &'p HostSpec,
        afar: &'p impl Fn(&str) -> String,
    ) -> impl Iterator<Item = Unit> + 'p {
        let is_here = host.reach.is_local();
        let has_daemon =
            move |name: &NameServerName| self.hosts_at(name).any(|it| it.name == host.name);
        let nameservers = self.nameservers.iter();
        let nameservers = nameservers.filter(move |entry| has_daemon(&entry.name));
        nameservers.map(move |entry| {
            let (NameServerSpec::Launch(at) | NameServerSpec::Attach(at)) = entry.at;
            let nameserver = format!("tcp://{at}");
            Unit {
                system: self.system.clone(),
                group: self.suffix(&entry.name),
                far: !is_here,
                service: Service::Daemon {
                    host: host.name.clone(),
                    nameserver: match is_here {
                        true => nameserver,
                        false => afar(&nameserver),
                    },
                    address: match is_here {
                        true => Some(host.address.unwrap_or(Ipv4Addr::LOCALHOST.into())),
                        false => host.address,
                    },
                    longest: longest_stop(self.agents_on(&host.name, &entry.name)),
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology;

    fn plan(text: &str) -> Plan {
        let source = topology::Source {
            name: "x.yaml".to_owned(),
            stem: "x".to_owned(),
            folder: "/x".into(),
        };
        Plan::new(topology::load(text, &source).unwrap())
    }

    #[test]
    fn each_machine_brings_back_what_is_on_it() {
        let plan = plan(
            "osb: 1\nname: x\nnameservers:\n  main: 10.0.0.5:7400\n  lab: { launch: 10.0.0.11:7400, host: lab1 }\n\
             hosts:\n  local: { address: 10.0.0.5 }\n  lab1: { ssh: lab1, address: 10.0.0.11 }\n  lab2: { attach: true }\n  \
             lab3: { ssh: lab3 }\nagents:\n  A: { host: lab1 }\n  B: { host: lab1, nameserver: lab }\n  C: { host: lab2 }\n",
        );
        let units = plan.units(|address| format!("{address}/afar"));
        let text = |it: &MachineUnits| {
            let units = it.units.iter();
            let units: Vec<String> = units
                .map(|it| format!("  {}: {}\n", it.file_name(), it.arguments().join(" ")))
                .collect();
            format!("{}\n{}", it.host.name, units.concat())
        };
        let all: Vec<String> = units.iter().map(text).collect();
        insta::assert_snapshot!(all.concat());
        assert_eq!(plan.without_port().count(), 0);
    }
}
