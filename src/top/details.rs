//! All that is known of what is selected, as lines.

use std::time::Duration;

use super::cell::{Tone, proof, tone};
use super::known::{AgentSeen, Known, Now};
use super::rows::{Key, SystemSeen, shown};
use super::words::{bytes, percent, rate};
use crate::model::age;
use crate::model::{AfterEnd, AgentId, AgentInfo, SocketId, harmless_line};
use crate::wire::ProcessUsage;

/// A line, and what its colour means.
pub(super) type Line = (String, Tone);

/// Of what a row is about.
pub(super) fn details(known: &Known, systems: &[SystemSeen], key: &Key, now: Now) -> Vec<Line> {
    match key {
        Key::Agent(id) | Key::Wire(id, ..) => match known.agents.get(id) {
            Some(agent) => of_agent(id, agent, now),
            None => vec![plain("it is not known any more")],
        },
        Key::Host(key) => match known.hosts.get(key) {
            Some(host) => {
                let info = &host.info;
                let word = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
                vec![
                    (format!("state     {}", info.state), tone(info.state)),
                    plain(format!("pid       {}", info.pid)),
                    plain(format!(
                        "address   {}",
                        word(info.address.map(|it| it.to_string()))
                    )),
                    plain(format!("version   {}", harmless_line(&info.version))),
                    plain(format!(
                        "system    {}",
                        word(info.system.as_ref().map(|it| it.to_string()))
                    )),
                ]
            }
            None => vec![plain("it is not known any more")],
        },
        Key::System(name) => match systems.iter().find(|it| it.name == *name) {
            Some(system) => vec![
                (format!("state         {}", system.state), system.tone),
                plain(format!("name servers  {}", system.nameservers)),
                plain(format!("file          {}", harmless_line(&system.file))),
            ],
            None => vec![plain("it is not there any more")],
        },
    }
}

fn plain(text: impl Into<String>) -> Line {
    (text.into(), Tone::Plain)
}

fn of_agent(id: &AgentId, agent: &AgentSeen, now: Now) -> Vec<Line> {
    let info = &agent.info;
    let mut lines = vec![standing(info, agent, now)];
    let or_dash = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
    let uptime = agent.uptime(now).map(age);
    lines.push(plain(format!(
        "host      {}   pid {}   up {}   restarts {}",
        or_dash(info.host.as_ref().map(|it| it.to_string())),
        or_dash(info.pid.map(|it| it.to_string())),
        or_dash(uptime),
        info.restarts,
    )));
    if let Some(why) = &agent.silent {
        lines.push((
            format!("it does not tell: {}", harmless_line(why)),
            Tone::Doubtful,
        ));
    }
    lines.extend(processes(agent));
    lines.extend(sockets(id, agent));
    for wire in &info.connections {
        let to = wire.to.as_ref().map(SocketId::to_string);
        let to = to.or_else(|| wire.address.clone()).unwrap_or_default();
        let (word, tone) = proof(wire.proof);
        lines.push((
            format!(
                "wire      {id}.{} to {}: {word}",
                wire.alias,
                harmless_line(&to)
            ),
            tone,
        ));
    }
    let end = info.exit.as_ref().or(info.last_end.as_ref());
    if let Some(end) = end.filter(|it| !it.log.is_empty()) {
        lines.push(plain("the last lines of its former life:"));
        lines.extend(
            end.log
                .iter()
                .map(|it| (harmless_line(it).into_owned(), Tone::Faint)),
        );
    }
    lines
}

fn standing(info: &AgentInfo, agent: &AgentSeen, now: Now) -> Line {
    let state = shown(info);
    let since = Duration::from_millis(info.state_ms) + now.saturating_sub(agent.at);
    let mut text = format!("state     {state} for {}", age(since));
    if let Some(exit) = &info.exit {
        text += &format!(": {}", harmless_line(&exit.to_string()));
    }
    if let Some(why) = &info.why {
        text += &format!(": {}", harmless_line(why));
    }
    match info.then {
        AfterEnd::Stays => {}
        AfterEnd::StaysDown => text += "; it stays down",
        AfterEnd::Again { wait } => text += &format!("; next try in {wait}"),
        AfterEnd::GivenUp { restarts, within } => {
            text += &format!("; given up after {restarts} restarts within {within}");
        }
    }
    (text, tone(state))
}

fn processes(agent: &AgentSeen) -> Vec<Line> {
    let rates = agent.rates.as_ref();
    let line = |what: &str, it: &ProcessUsage, share: Option<f64>| {
        let share = share.map_or_else(|| "-".to_owned(), percent);
        let others = match it.processes {
            1 => String::new(),
            many => format!("   {many} processes"),
        };
        plain(format!(
            "{what:9} {share}% of a processor   {}   pid {}{others}",
            bytes(it.memory),
            it.pid
        ))
    };
    let own = agent.process();
    let own = own.map(|it| line("agent", it, rates.and_then(|it| it.cpu)));
    let program = agent.program();
    let program = program.map(|it| line("program", it, rates.and_then(|it| it.program_cpu)));
    own.into_iter().chain(program).collect()
}

fn sockets(id: &AgentId, agent: &AgentSeen) -> Vec<Line> {
    let Some(status) = agent.status() else {
        return Vec::new();
    };
    let lines = status.sockets.iter().map(|(alias, stats)| {
        let rates = agent.rates.as_ref().and_then(|it| it.sockets.get(alias));
        let rates = rates
            .map(|(received, sent)| format!("   in {}/s out {}/s", rate(*received), rate(*sent)));
        let address = agent.info.addresses.get(alias);
        let address = address
            .map(|it| format!(" {} {}", it.kind, it.address))
            .unwrap_or_default();
        let lost = stats.dropped + stats.garbled;
        let queue = stats.waiting + status.queued.get(alias).copied().unwrap_or(0);
        let tone = match lost {
            0 => Tone::Plain,
            _ => Tone::Bad,
        };
        let text = format!(
            "socket    {id}.{alias}{}   in {} out {}   queue {queue}   lost {lost}{}",
            harmless_line(&address),
            stats.received,
            stats.sent,
            rates.unwrap_or_default(),
        );
        (text, tone)
    });
    lines.collect()
}
