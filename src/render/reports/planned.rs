//! `osb plan`: what `up` would do, in the order of its phases.

use std::fmt::Write;

use super::checked::count;
use super::copied;
use crate::model::{AgentId, AgentSpec, NameServerEntry, NameServerSpec, WireSpec, words};
use crate::plan::{LaunchPlan, Plan, ProofPlan};
use crate::render::table::Width::{Needed, Spare};
use crate::render::table::{Field, Table};
use crate::render::{Paint, Report, Style, pretty};

pub struct Planned(pub Plan);

impl Report for Planned {
    fn table(&self, style: Style) -> String {
        let plan = &self.0;
        let nameservers: Vec<String> = plan.nameservers.iter().map(|it| to_do(plan, it)).collect();
        let hosts: Vec<String> = plan
            .agents_by_host()
            .into_iter()
            .map(|(host, agents)| format!("{host} ({})", count(agents, "agent")))
            .collect();
        let mut text = format!("system {}: {}", plan.system, nameservers.join(", "));
        // Writing to text cannot fail.
        if !hosts.is_empty() {
            let _ = write!(text, "; hosts: {}", hosts.join(", "));
        }
        match plan.attached().count() {
            0 => {}
            attached => {
                let _ = write!(text, "; {} started elsewhere", count(attached, "agent"));
            }
        }
        text += "\n";
        let _ = write!(text, "\n{}\n", agents(style, &plan.agents));
        let programs = plan.agents.iter().map(|it| (&it.host, &it.program));
        let copied = copied::copied(programs);
        if !copied.is_empty() {
            let _ = write!(text, "\n{}\n", copied::table(style, &copied));
        }
        let wires: Vec<Kept<'_>> = plan.wires().collect();
        if !wires.is_empty() {
            let _ = write!(text, "\n{}\n", self::wires(style, &wires));
        }
        if !plan.launches.is_empty() {
            let _ = write!(text, "\n{}\n", launches(style, &plan.launches));
        }
        text
    }

    fn json(&self) -> String {
        pretty(&self.0)
    }

    fn names(&self) -> Vec<String> {
        self.0
            .agents
            .iter()
            .map(|agent| agent.name.to_string())
            .collect()
    }
}

fn to_do(plan: &Plan, entry: &NameServerEntry) -> String {
    let name = match plan.nameservers.len() {
        1 => String::new(),
        _ => format!(" {}", entry.name),
    };
    match entry.at {
        NameServerSpec::Launch(at) => {
            let host = entry.host.as_ref();
            let on = host.map_or(String::new(), |host| format!(" on {host}"));
            format!("launch a name server{name} at {at}{on}")
        }
        NameServerSpec::Attach(at) => format!("attach to the name server{name} at {at}"),
    }
}

fn agents(style: Style, agents: &[AgentSpec]) -> String {
    Table::new(style)
        .column("START", Needed, |it: &AgentSpec| {
            Field::painted(&it.name, Paint::Strong)
        })
        .column("HOST", Spare(2), |it| match it.attach {
            true => "-".to_owned(),
            false => it.host.to_string(),
        })
        .column("PROGRAM", Needed, |it| match &it.program {
            _ if it.attach => "(started elsewhere)".to_owned(),
            Some(program) => words(&program.argv),
            None => "-".to_owned(),
        })
        .column("BIND", Needed, sockets)
        .column("TIMERS", Spare(1), timers)
        .render(agents)
}

fn sockets(agent: &AgentSpec) -> String {
    let sockets = agent.bind.iter();
    let sockets = sockets.map(|socket| {
        let at = socket.endpoint.as_ref();
        let at = at.map_or("anywhere".to_owned(), ToString::to_string);
        format!("{} {} {at}", socket.alias, socket.kind)
    });
    sockets.collect::<Vec<_>>().join(", ")
}

fn timers(agent: &AgentSpec) -> String {
    let timers = agent.timers.iter();
    let timers = timers.map(|timer| match &timer.alias {
        Some(alias) => format!("{alias}: {} {}", timer.when, timer.action),
        None => format!("{} {}", timer.when, timer.action),
    });
    timers.collect::<Vec<_>>().join(", ")
}

fn launches(style: Style, launches: &[LaunchPlan]) -> String {
    Table::new(style)
        .column("LAUNCH", Needed, |it: &LaunchPlan| {
            Field::painted(&it.agent, Paint::Strong)
        })
        .column("AFTER", Needed, |it| {
            let after: Vec<String> = it.after.iter().map(AgentId::to_string).collect();
            match after.is_empty() {
                true => "-".to_owned(),
                false => after.join(", "),
            }
        })
        .column("READY BY", Needed, LaunchPlan::awaited)
        .render(launches)
}

/// A wire, with the agent that keeps it.
type Kept<'p> = (&'p AgentSpec, &'p WireSpec);

fn wires(style: Style, wires: &[Kept<'_>]) -> String {
    Table::new(style)
        .column("WIRE", Needed, |(agent, wire): &Kept<'_>| {
            let (client, server) = (agent.client(wire), &wire.to);
            match wire.kind.comes_first() {
                true => format!("{client} → {server}"),
                false => format!("{server} → {client}"),
            }
        })
        .column("KINDS", Spare(2), |(_, wire)| {
            let first = match wire.kind.comes_first() {
                true => wire.kind,
                false => wire.kind.twin(),
            };
            format!("{first}/{}", first.twin())
        })
        .column("PROOF", Spare(1), |(agent, wire)| {
            match ProofPlan::of(agent, wire) {
                ProofPlan::Handshake => "handshake",
                ProofPlan::Subscription { .. } => "handshake and subscription",
            }
        })
        .render(wires)
}
