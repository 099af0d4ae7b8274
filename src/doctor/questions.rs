//! The questions that `doctor` has to answer, made from the plan alone. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::naming::nameserver_called;
use super::ways::{WayQuestion, tcp, ways};
use crate::model::{
    AgentId, AgentSpec, HostName, HostSpec, NameServerEntry, NameServerName, NameServerSpec,
    Program, Ready, Template,
};
use crate::plan::Plan;
use crate::wire::{Examination, ProgramNeed};

/// All questions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Questions {
    /// The machines that take part: this one, and those on which agents are to run.
    pub places: Vec<Place>,
    pub ways: Vec<WayQuestion>,
}

/// What to examine on one machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
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
pub(crate) struct ProgramQuestion {
    pub need: ProgramNeed,
    pub agents: Vec<AgentId>,
}

/// A port to bind, and for what. Port 0 is any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortQuestion {
    pub at: SocketAddr,
    pub uses: Vec<String>,
}

impl Questions {
    pub(crate) fn of(plan: &Plan) -> Self {
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
    pub(crate) fn examination(&self, token: String) -> Examination {
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

fn agents_on<'p>(host: &'p HostName, plan: &'p Plan) -> impl Iterator<Item = &'p AgentSpec> {
    let there = move |agent: &&AgentSpec| !agent.attach && agent.host == *host;
    plan.agents.iter().filter(there)
}

fn programs(host: &HostSpec, plan: &Plan) -> Vec<ProgramQuestion> {
    let mut questions: Vec<ProgramQuestion> = Vec::new();
    for agent in plan.agents.iter().filter(|agent| !agent.attach) {
        for need in agent.program.iter().flat_map(|it| needs(it, agent, host)) {
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

/// What is to be found on `host` of an agent's program: the command, and the probe of its readiness. What is copied to
/// another machine with its files is to be found here.
fn needs(program: &Program, agent: &AgentSpec, host: &HostSpec) -> Vec<ProgramNeed> {
    let copied = program.sync.is_some() && agent.host != HostName::local();
    let comes_along = |it: &ProgramNeed| copied && is_beside(&it.name);
    let mut needs: Vec<ProgramNeed> = words(program).collect();
    needs.retain(|need| match comes_along(need) {
        true => host.reach.is_local(),
        false => agent.host == host.name,
    });
    for need in needs.iter_mut().filter(|need| copied && !comes_along(need)) {
        // Its folder will be there.
        need.cwd = "/".into();
    }
    needs
}

/// Whether a program is named by a path that begins at its folder.
fn is_beside(name: &Template) -> bool {
    let text = name.to_string();
    text.contains('/') && !text.starts_with('/') && name.references().next().is_none()
}

fn words(program: &Program) -> impl Iterator<Item = ProgramNeed> {
    let probe = match &program.ready {
        Ready::Probe { argv, .. } => argv.first(),
        Ready::Started | Ready::Done | Ready::Port(_) | Ready::Line(_) => None,
    };
    let need = |name: &Template| ProgramNeed {
        name: name.clone(),
        path: program.env.get("PATH").cloned(),
        cwd: program.cwd.clone(),
    };
    let checking = program.health_words().and_then(<[Template]>::first);
    let names = program.argv.first().into_iter().chain(probe);
    names.chain(checking).map(need)
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
fn bound(agent: &AgentSpec) -> impl Iterator<Item = (String, SocketAddr)> {
    let sockets = agent.bind.iter();
    sockets.flat_map(|socket| {
        let name = format!("{}.{}", agent.name, socket.alias);
        let at = socket.endpoint.as_ref().and_then(tcp);
        // The second port of a channel is the one after.
        let second = at.filter(|at| at.port() > 0 && socket.kind.answers_beside());
        let next = second.and_then(|at| Some(SocketAddr::new(at.ip(), at.port().checked_add(1)?)));
        let requests = next.map(|at| (format!("{name}, requests"), at));
        at.map(|at| (name, at)).into_iter().chain(requests)
    })
}
