//! `kill -9` of an agent on a machine with many, until it runs again as its spec says and every wire of it, and to it, is
//! proven again. The clock is that of a watcher at the name server.

#[path = "../common/mod.rs"]
mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{Aim, Options, System, Table};
use osb::model::{AgentInfo, Proof, State};
use osb::proxy::{NameServer, Notice};
use osb::wire::Event;

const LIMIT: Duration = Duration::from_secs(30);

fn main() {
    let options = Options::from_env();
    let (agents, kills) = if options.quick { (10, 5) } else { (100, 100) };
    for security in ["none", "curve"] {
        let system = System::up_of(&topology(agents, security));
        let nameserver = system.nameserver();
        let mut times: Vec<f64> = (0..kills)
            .map(|n| restart(&nameserver, &format!("agent-{}", n % agents)))
            .collect();
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        let title = format!("kill -9 of one of {agents} agents, security: {security}");
        let table = Table::new(&title, "milliseconds until all is proven again");
        table.figure("median", None, at(0.5), Aim::AtMost(20.0));
        table.figure("99th percentile", None, at(0.99), Aim::AtMost(60.0));
    }
}

/// A ring: each agent dials the next one, and is dialled by the one before it.
fn topology(count: usize, security: &str) -> String {
    let agents = (0..count).map(|n| {
        format!("  agent-{n}: {{ bind: {{ main: PUSH }}, restart: {{ policy: always, limit: 0, delay: 0s }} }}\n")
    });
    let wires = (0..count).map(|n| {
        let next = (n + 1) % count;
        format!(
            "  - {{ agent: agent-{n}, to: agent-{next}.main, alias: next, handler: discard }}\n"
        )
    });
    let (agents, wires): (String, String) = (agents.collect(), wires.collect());
    format!("osb: 1\nname: bench\nsecurity: {security}\nagents:\n{agents}connections:\n{wires}")
}

fn restart(nameserver: &NameServer, name: &str) -> f64 {
    let mut watch = nameserver.watch();
    let all = watch.wait_until("a snapshot", LIMIT, |notice| match notice {
        Notice::Snapshot(snapshot) => Some(snapshot.agents),
        Notice::Event(_) => None,
    });
    let all = all.expect("the name server answers");
    let leads_to = |it: &AgentInfo| {
        let mut to = it.connections.iter().filter_map(|it| it.to.as_ref());
        to.any(|to| to.agent.name.as_str() == name)
    };
    let victim = all.iter().find(|it| it.name.as_str() == name);
    let victim = victim.expect("it is there");
    let before = all.iter().find(|it| leads_to(it)).expect("a ring");
    let times = |it: &AgentInfo| it.connections.iter().map(|it| it.times).sum::<u32>();
    let proven_before = times(before);
    let pid = victim.pid.expect("it runs").to_string();
    let began = Instant::now();
    let killed = Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.expect("there is a kill").success());
    let (mut own, mut others) = (false, false);
    let back = watch.wait_until("all proven again", LIMIT, |notice| {
        let Notice::Event(Event::Agent { agent, .. }) = notice else {
            return None;
        };
        let mut connections = agent.connections.iter();
        let proven = !agent.connections.is_empty()
            && connections.all(|it| matches!(it.proof, Proof::Proven { .. }));
        if agent.name == victim.name {
            let is_new = agent.incarnation != victim.incarnation;
            own |= is_new && agent.state == State::Running && proven;
        }
        if agent.name == before.name {
            others = proven && times(&agent) > proven_before;
        }
        (own && others).then_some(())
    });
    back.expect("it comes back");
    began.elapsed().as_secs_f64() * 1e3
}
