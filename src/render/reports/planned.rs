//! `osb plan`: what `up` would do, in the order of its phases.

use std::fmt::Write;

use super::checked::count;
use super::copied;
use crate::model::{AgentId, NameServerEntry, NameServerSpec, words};
use crate::plan::{AgentPlan, LaunchPlan, LinkPlan, Plan, ProofPlan};
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
        if !plan.links.is_empty() {
            let _ = write!(text, "\n{}\n", links(style, &plan.links));
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

fn agents(style: Style, agents: &[AgentPlan]) -> String {
    let mut table = Table::new(style, &["START", "HOST", "PROGRAM", "BIND", "TIMERS"])
        .leaving_out(&["TIMERS", "HOST"]);
    for agent in agents {
        let program = match &agent.program {
            _ if agent.attach => "(started elsewhere)".to_owned(),
            Some(program) => words(&program.argv),
            None => "-".to_owned(),
        };
        let sockets = agent.configuration.bind.iter();
        let sockets: Vec<String> = sockets
            .map(|socket| {
                let at = socket.endpoint.as_ref();
                let at = at.map_or("anywhere".to_owned(), ToString::to_string);
                format!("{} {} {at}", socket.alias, socket.kind)
            })
            .collect();
        let timers = agent.configuration.timers.iter();
        let timers: Vec<String> = timers
            .map(|timer| match &timer.alias {
                Some(alias) => format!("{alias}: {} {}", timer.when, timer.action),
                None => format!("{} {}", timer.when, timer.action),
            })
            .collect();
        table.row([
            Field::painted(&agent.name, Paint::Strong),
            match agent.attach {
                true => "-".into(),
                false => (&agent.host).into(),
            },
            program.into(),
            sockets.join(", ").into(),
            timers.join(", ").into(),
        ]);
    }
    table.render()
}

fn launches(style: Style, launches: &[LaunchPlan]) -> String {
    let mut table = Table::new(style, &["LAUNCH", "AFTER", "READY BY"]);
    for launch in launches {
        let after: Vec<String> = launch.after.iter().map(AgentId::to_string).collect();
        let after = match after.is_empty() {
            true => "-".to_owned(),
            false => after.join(", "),
        };
        table.row([
            Field::painted(&launch.agent, Paint::Strong),
            after.into(),
            launch.ready.to_string().into(),
        ]);
    }
    table.render()
}

fn links(style: Style, links: &[LinkPlan]) -> String {
    let mut table = Table::new(style, &["WIRE", "KINDS", "PROOF"]).leaving_out(&["PROOF", "KINDS"]);
    for link in links {
        let (from, to, kind) = match link.kind.comes_first() {
            true => (&link.client, &link.server, link.kind),
            false => (&link.server, &link.client, link.kind.twin()),
        };
        table.row([
            format!("{from} → {to}").into(),
            format!("{kind}/{}", kind.twin()).into(),
            match link.proof {
                ProofPlan::Handshake => "handshake",
                ProofPlan::Subscription { .. } => "handshake and subscription",
            }
            .into(),
        ]);
    }
    table.render()
}
