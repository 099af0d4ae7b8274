//! What is to be found out, made from the plan alone. Pure.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use crate::model::{
    AgentId, Endpoint, HostName, HostSpec, Kind, NameServerEntry, NameServerName, NameServerSpec,
    Program, Reach, Ready, Reference, SocketId, Template,
};
use crate::plan::{AgentPlan, Plan};
use crate::wire::{Examination, ProgramNeed};

/// All questions.
#[derive(Debug, Clone, PartialEq)]
pub struct Questions {
    /// The machines that take part: this one, and those on which agents are to run.
    pub places: Vec<Place>,
    pub ways: Vec<WayQuestion>,
}

/// What is to be looked at on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub host: HostSpec,
    pub programs: Vec<ProgramQuestion>,
    pub ports: Vec<PortQuestion>,
    /// What its daemon dials.
    pub nameserver: Option<SocketAddr>,
    /// The name servers where its daemon is to be registered, with the addresses of those that may be
    /// there already.
    pub registers_at: Vec<(NameServerName, Option<SocketAddr>)>,
}

/// A program, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramQuestion {
    pub need: ProgramNeed,
    pub agents: Vec<AgentId>,
}

/// A port to bind, and for what. Port 0 is any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortQuestion {
    pub at: SocketAddr,
    pub uses: Vec<String>,
}

/// A machine that will dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayQuestion {
    pub from: HostName,
    pub to: End,
    pub uses: Vec<String>,
}

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum End {
    /// To a port that a machine is to bind.
    Port { host: HostName, at: SocketAddr },
    /// To a name server that is there already.
    NameServer {
        name: NameServerName,
        at: SocketAddr,
    },
}

impl Questions {
    pub fn of(plan: &Plan) -> Self {
        let takes_part = |host: &&HostSpec| {
            let mut agents = plan.agents.iter().filter(|agent| !agent.attach);
            let mut nameservers = plan.nameservers.iter();
            host.reach.is_local()
                || agents.any(|agent| agent.host == host.name)
                || nameservers.any(|it| it.host.as_ref() == Some(&host.name))
        };
        let places = plan.hosts.iter().filter(takes_part);
        Self {
            places: places.map(|host| place(host, plan)).collect(),
            ways: ways(plan),
        }
    }
}

impl Place {
    pub fn examination(&self, token: String) -> Examination {
        Examination {
            host: self.host.name.clone(),
            address: self.host.address,
            nameserver: self.nameserver,
            programs: self.programs.iter().map(|it| it.need.clone()).collect(),
            bind: self.ports.iter().map(|it| it.at).collect(),
            token,
        }
    }
}

fn place(host: &HostSpec, plan: &Plan) -> Place {
    let here = || plan.nameservers.iter();
    let needed = here().filter(|it| plan.hosts_at(&it.name).any(|at| at.name == host.name));
    let registers_at = needed.map(|entry| match entry.at {
        NameServerSpec::Launch(_) => (entry.name.clone(), None),
        NameServerSpec::Attach(at) => (entry.name.clone(), Some(at)),
    });
    let registers_at: Vec<_> = registers_at.collect();
    let first = registers_at.first();
    let nameserver = first.and_then(|(name, _)| here().find(|it| it.name == *name));
    Place {
        programs: programs(host, plan),
        ports: ports(host, plan),
        nameserver: nameserver.map(|it| dialled(it, plan)),
        registers_at,
        host: host.clone(),
    }
}

/// A name server as other machines dial it.
fn dialled(nameserver: &NameServerEntry, plan: &Plan) -> SocketAddr {
    match nameserver.at {
        NameServerSpec::Attach(at) => at,
        NameServerSpec::Launch(mut at) => {
            let mut hosts = plan.hosts.iter();
            let its = hosts.find(|host| launches(host, nameserver));
            if let Some(ip) = its.and_then(|it| it.address)
                && at.ip().is_unspecified()
            {
                at.set_ip(ip);
            }
            at
        }
    }
}

/// Whether a name server is to be launched on a host.
fn launches(host: &HostSpec, nameserver: &NameServerEntry) -> bool {
    match &nameserver.host {
        Some(name) => host.name == *name,
        None => host.reach.is_local(),
    }
}

/// How a name server is called.
pub fn nameserver_called(name: &NameServerName, plan: &Plan) -> String {
    match plan.nameservers.len() {
        1 => "the name server".to_owned(),
        _ => format!("the name server {}", name.as_str()),
    }
}

fn agents_on<'p>(host: &'p HostName, plan: &'p Plan) -> impl Iterator<Item = &'p AgentPlan> {
    let there = move |agent: &&AgentPlan| !agent.attach && agent.host == *host;
    plan.agents.iter().filter(there)
}

fn programs(host: &HostSpec, plan: &Plan) -> Vec<ProgramQuestion> {
    let mut questions: Vec<ProgramQuestion> = Vec::new();
    for agent in agents_on(&host.name, plan) {
        for need in agent.program.iter().flat_map(needs) {
            let name = agent.name.clone();
            match questions.iter_mut().find(|it| it.need == need) {
                Some(question) if question.agents.contains(&name) => {}
                Some(question) => question.agents.push(name),
                None => questions.push(ProgramQuestion {
                    need,
                    agents: vec![name],
                }),
            }
        }
    }
    questions
}

/// The command, and the probe of its readiness.
fn needs(program: &Program) -> impl Iterator<Item = ProgramNeed> {
    let probe = match &program.ready {
        Ready::Probe { argv, .. } => argv.first(),
        _ => None,
    };
    let need = |name: &Template| ProgramNeed {
        name: name.clone(),
        path: program.env.get("PATH").cloned(),
        cwd: program.cwd.clone(),
    };
    program.argv.first().into_iter().chain(probe).map(need)
}

fn ports(host: &HostSpec, plan: &Plan) -> Vec<PortQuestion> {
    let mut uses: BTreeMap<SocketAddr, Vec<String>> = BTreeMap::new();
    let mut fixed = Vec::new();
    let mut bind = |at: SocketAddr, what: String| match at.port() {
        // Each is bound for itself: two of one port are a finding.
        1.. => fixed.push(PortQuestion {
            at,
            uses: vec![what],
        }),
        0 => uses.entry(at).or_default().push(what),
    };
    for entry in &plan.nameservers {
        if let NameServerSpec::Launch(at) = entry.at
            && launches(host, entry)
        {
            bind(at, nameserver_called(&entry.name, plan));
        }
    }
    for agent in agents_on(&host.name, plan) {
        for (socket, at) in bound(agent) {
            bind(at, socket);
        }
    }
    let any = uses.into_iter().map(|(at, uses)| PortQuestion { at, uses });
    fixed.into_iter().chain(any).collect()
}

/// What an agent binds by tcp, and for which socket.
fn bound(agent: &AgentPlan) -> impl Iterator<Item = (String, SocketAddr)> {
    let sockets = agent.configuration.bind.iter();
    sockets.flat_map(|socket| {
        let name = format!("{}.{}", agent.name, socket.alias);
        let at = socket.endpoint.as_ref().and_then(tcp);
        // The second port of a channel is the one after.
        let second = at.filter(|at| at.port() > 0 && socket.kind == Kind::SyncPub);
        let next = second.and_then(|at| Some(SocketAddr::new(at.ip(), at.port().checked_add(1)?)));
        let requests = next.map(|at| (format!("{name}, requests"), at));
        at.map(|at| (name, at)).into_iter().chain(requests)
    })
}

fn tcp(endpoint: &Endpoint) -> Option<SocketAddr> {
    match endpoint {
        Endpoint::Tcp { ip, port } => Some(SocketAddr::new(*ip, *port)),
        Endpoint::Ipc { .. } => None,
    }
}

/// The ways, with places to find them again by where they begin and end.
#[derive(Default)]
struct Gathered {
    ways: Vec<WayQuestion>,
    places: HashMap<(HostName, End), usize>,
}

impl Gathered {
    fn add(&mut self, from: &HostName, to: End, what: String) {
        let ways = &mut self.ways;
        let place = *self
            .places
            .entry((from.clone(), to.clone()))
            .or_insert_with(|| {
                ways.push(WayQuestion {
                    from: from.clone(),
                    to,
                    uses: Vec::new(),
                });
                ways.len() - 1
            });
        ways[place].uses.push(what);
    }
}

fn ways(plan: &Plan) -> Vec<WayQuestion> {
    let mut gathered = Gathered::default();
    to_nameservers(plan, &mut gathered);
    let agents: HashMap<&AgentId, &AgentPlan> =
        plan.agents.iter().map(|it| (&it.name, it)).collect();
    let mut across = |client: &AgentId, server: &SocketId, what: String| {
        let (Some(from), Some(on)) = (agents.get(client), agents.get(&server.agent)) else {
            return;
        };
        let mut endpoints = on.endpoints().filter(|(alias, _)| **alias == server.alias);
        let at = endpoints.next().and_then(|(_, endpoint)| tcp(endpoint));
        if let Some(at) = at.filter(|_| !from.attach && !on.attach && from.host != on.host) {
            let host = on.host.clone();
            gathered.add(&from.host, End::Port { host, at }, what);
        }
    };
    for link in &plan.links {
        let what = format!("{} to {}", link.client, link.server);
        across(&link.client.agent, &link.server, what);
    }
    for agent in &plan.agents {
        for reference in agent.program.iter().flat_map(Program::references) {
            if let Reference::Addr {
                agent: of, alias, ..
            } = reference
            {
                let server = SocketId {
                    agent: of.clone(),
                    alias: alias.clone(),
                };
                let what = format!("the command of {} to {server}", agent.name);
                across(&agent.name, &server, what);
            }
        }
    }
    gathered.ways
}

/// Every machine with a daemon dials the name server of its agents, and so does this one.
fn to_nameservers(plan: &Plan, gathered: &mut Gathered) {
    let local = plan.hosts.iter().find(|it| it.reach == Reach::Local);
    let Some(local) = local.map(|it| &it.name) else {
        return;
    };
    for entry in &plan.nameservers {
        let name = entry.name.clone();
        let to = match entry.at {
            NameServerSpec::Launch(at) => End::Port {
                host: entry.host.as_ref().unwrap_or(local).clone(),
                at,
            },
            NameServerSpec::Attach(at) => End::NameServer { name, at },
        };
        let what = |from: &HostName| format!("{from} to {}", nameserver_called(&entry.name, plan));
        let daemons = plan.hosts_at(&entry.name).map(|it| &it.name);
        let others = daemons.filter(|name| *name != local);
        for from in [local].into_iter().chain(others) {
            if to.host() != Some(from) {
                gathered.add(from, to.clone(), what(from));
            }
        }
    }
}

impl End {
    /// The machine that a way leads to, if one of the topology's.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            End::Port { host, .. } => Some(host),
            End::NameServer { .. } => None,
        }
    }
}

/// What peers dial for a socket that is bound to `ip` on a machine at `address`.
pub fn dialled_at(ip: IpAddr, address: Option<IpAddr>) -> Option<IpAddr> {
    match ip.is_unspecified() {
        true => address,
        false => Some(ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Input, Source, load_all};

    fn plan(text: &str) -> Plan {
        let source = Source {
            name: "t.yaml".to_owned(),
            stem: "t".to_owned(),
            folder: "/t".into(),
        };
        let topology = load_all(&[Input::file("t.yaml", text)], &source, &|_| None);
        Plan::new(topology.unwrap_or_else(|problems| panic!("{problems:?}")))
    }

    const TWO: &str = r#"
osb: 1
name: two
security: none
nameserver: 10.0.0.1:0
hosts:
  local: { address: 10.0.0.1 }
  lab1: { ssh: lab1, address: 10.0.0.11 }
  lab2: { ssh: lab2 }
  idle: { ssh: idle }
agents:
  Alice:
    host: lab1
    bind: { main: PUSH, news: { kind: SYNC_PUB, addr: "10.0.0.11:5000", handler: echo } }
  Bob: { host: lab2, command: [python3, bob.py] }
  Carol: { host: lab2, command: [python3, carol.py] }
  Dave: { command: [python3, "${addr:Alice.main}"], speaks: nothing }
connections:
  - { agent: Bob, to: Alice.main, alias: in }
  - { agent: Carol, to: Alice.main, alias: in }
  - { agent: Bob, to: Alice.news, alias: news }
"#;

    #[test]
    fn each_way_is_tried_once_and_each_machine_looked_at_that_takes_part() {
        let questions = Questions::of(&plan(TWO));
        let names: Vec<&str> = questions
            .places
            .iter()
            .map(|it| it.host.name.as_str())
            .collect();
        assert_eq!(names, ["local", "lab1", "lab2"]);
        let show = |way: &WayQuestion| {
            let to = match &way.to {
                End::Port { host, at } => format!("{host} {at}"),
                End::NameServer { at, .. } => at.to_string(),
            };
            format!("{} → {to}: {}", way.from, way.uses.join("; "))
        };
        let ways: Vec<String> = questions.ways.iter().map(show).collect();
        insta::assert_snapshot!(ways.join("\n"), @r"
        lab1 → local 10.0.0.1:0: lab1 to the name server
        lab2 → local 10.0.0.1:0: lab2 to the name server
        lab2 → lab1 10.0.0.11:0: Bob.in to Alice.main; Carol.in to Alice.main
        lab2 → lab1 10.0.0.11:5000: Bob.news to Alice.news
        local → lab1 10.0.0.11:0: the command of Dave to Alice.main
        ");
        let ports: Vec<String> = questions.places[1]
            .ports
            .iter()
            .map(|it| format!("{} {}", it.at, it.uses.join("; ")))
            .collect();
        insta::assert_snapshot!(ports.join("\n"), @r"
        10.0.0.11:5000 Alice.news
        10.0.0.11:5001 Alice.news, requests
        10.0.0.11:0 Alice.main
        ");
        let programs = &questions.places[2].programs;
        assert_eq!(programs.len(), 1);
        assert_eq!(programs[0].agents.len(), 2);
    }
}
