//! `osb plan` of a system that is up: what `up` would do, agent by agent, with the reason for each that begins anew.

use std::collections::BTreeSet;

use serde::Serialize;

use super::checked::count;
use crate::model::{
    AgentId, AgentSpec, BindSpec, Edit, HostName, Millis, NameServerName, Program, SocketId,
    SystemName, TimerSpec, WireSpec, harmless_line, words,
};
use crate::plan::{Alteration, Change, Reason, Setting};
use crate::render::{Paint, Report, Style, pretty};
use crate::up::Foreseen;

/// The number of this form of JSON.
const FORMAT: u32 = 1;

pub struct WouldChange {
    pub system: SystemName,
    pub foreseen: Foreseen,
}

/// Whether something comes, goes, or is otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Comes,
    Goes,
    Otherwise,
}

impl Sign {
    fn painted(self, style: Style) -> String {
        match self {
            Sign::Comes => style.paint("+", Paint::Good),
            Sign::Goes => style.paint("-", Paint::Bad),
            Sign::Otherwise => style.paint("~", Paint::Doubtful),
        }
    }
}

type Line = (Sign, String);

#[derive(Serialize)]
struct Object<'o> {
    format: u32,
    system: &'o SystemName,
    /// Nothing would be done.
    unchanged: bool,
    cut_off: bool,
    nameservers: &'o [NameServerName],
    hosts: &'o [HostName],
    missing: &'o [AgentId],
    touched: &'o [AgentId],
    #[serde(skip_serializing_if = "<[AgentId]>::is_empty")]
    spawned: &'o [AgentId],
    #[serde(flatten)]
    change: &'o Change,
}

impl Report for WouldChange {
    fn table(&self, style: Style) -> String {
        let name = style.paint(self.system.as_str(), Paint::Strong);
        if self.foreseen.is_empty() {
            let mut text = format!("{name} is up, and what the file says: nothing to do\n");
            text += &left_alone(&self.foreseen.spawned);
            return text;
        }
        let mut text = format!("{name} is up: {}\n", self.summary());
        let Foreseen { change, .. } = &self.foreseen;
        for agent in &change.added {
            text += &block(style, Sign::Comes, &agent.name, "starts", &all_of(agent));
        }
        for it in &change.altered {
            let what = match it.is_in_place() {
                true => "is altered in its process".to_owned(),
                false => format!("begins anew: {}", listed(&it.anew)),
            };
            text += &block(style, Sign::Otherwise, &it.to.name, &what, &details(it));
        }
        for agent in &change.removed {
            let what = match (agent.attach, agent.spawned) {
                (true, _) => "is released",
                (false, None) => "ends",
                (false, Some(_)) => "ends: it was spawned, and the file does not name it",
            };
            text += &block(style, Sign::Goes, &agent.name, what, &[]);
        }
        text + &self.others()
    }

    fn json(&self) -> String {
        let Foreseen {
            change,
            nameservers,
            hosts,
            missing,
            touched,
            cut_off,
            spawned,
        } = &self.foreseen;
        pretty(&Object {
            format: FORMAT,
            system: &self.system,
            unchanged: self.foreseen.is_empty(),
            cut_off: *cut_off,
            nameservers,
            hosts,
            missing,
            touched,
            spawned,
            change,
        })
    }

    fn names(&self) -> Vec<String> {
        let change = &self.foreseen.change;
        let altered = change.altered.iter().map(|it| &it.to);
        let all = change.added.iter().chain(altered).chain(&change.removed);
        all.map(|it| it.name.to_string()).collect()
    }
}

impl WouldChange {
    fn summary(&self) -> String {
        let change = &self.foreseen.change;
        let parts = [
            (change.added.len(), "starts", "start"),
            (change.anew().count(), "begins anew", "begin anew"),
            (change.in_place().count(), "is altered", "are altered"),
            (change.removed.len(), "goes", "go"),
            (
                self.foreseen.missing.len(),
                "is brought back",
                "are brought back",
            ),
        ];
        let parts = parts.into_iter().filter(|(many, ..)| *many > 0);
        let parts = parts.map(|(many, one, several)| {
            let verb = if many == 1 { one } else { several };
            format!("{} {verb}", count(many, "agent"))
        });
        let parts: Vec<String> = parts.collect();
        match parts.is_empty() {
            true => "no agent is otherwise".to_owned(),
            false => parts.join(", "),
        }
    }

    /// What is not as it is meant to be, and who is touched besides.
    fn others(&self) -> String {
        let Foreseen {
            nameservers,
            hosts,
            missing,
            touched,
            cut_off,
            spawned,
            change: _,
        } = &self.foreseen;
        let mut text = String::new();
        let mut say = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                text += &format!("\n{what}: {}\n", names.join(", "));
            }
        };
        say(
            "name servers that are not there, and are brought up with their agents",
            nameservers.iter().map(ToString::to_string).collect(),
        );
        say(
            "hosts whose daemons are started again",
            hosts.iter().map(ToString::to_string).collect(),
        );
        say(
            "agents that have ended, and are brought back",
            missing.iter().map(ToString::to_string).collect(),
        );
        say(
            "agents whose wires are proven again",
            touched.iter().map(ToString::to_string).collect(),
        );
        text += &left_alone(spawned);
        if *cut_off {
            text += "\nan `up` that was to change this system was cut off: this finishes or undoes it\n";
        }
        text
    }
}

/// In one line, if there are any.
fn left_alone(spawned: &[AgentId]) -> String {
    let names: Vec<String> = spawned.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(
            "\nagents that were spawned, and are left alone: {}\n",
            names.join(", ")
        ),
    }
}

fn listed(reasons: &[Reason]) -> String {
    let reasons: Vec<&str> = reasons.iter().map(|it| it.as_str()).collect();
    reasons.join(", ")
}

fn block(style: Style, sign: Sign, agent: &AgentId, what: &str, lines: &[Line]) -> String {
    let name = style.paint(&agent.to_string(), Paint::Strong);
    let mut text = format!("\n{} {name} {what}\n", sign.painted(style));
    for (sign, line) in lines {
        let line = harmless_line(line);
        text += &format!("    {} {line}\n", sign.painted(style));
    }
    text
}

/// What an agent has that starts.
fn all_of(agent: &AgentSpec) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |line: String| lines.push((Sign::Comes, line));
    if agent.attach {
        add("started elsewhere".to_owned());
    } else {
        add(format!("host {}", agent.host));
    }
    if let Some(program) = &agent.program {
        add(format!("command {}", words(&program.argv)));
    }
    agent.bind.iter().for_each(|it| add(socket(it)));
    agent.wires.iter().for_each(|it| add(wire(it)));
    agent.timers.iter().for_each(|it| add(timer(it)));
    lines
}

fn details(it: &Alteration) -> Vec<Line> {
    let Alteration {
        from,
        to,
        anew: _,
        edits,
        variables,
        settings,
    } = it;
    let mut lines = Vec::new();
    if from.host != to.host {
        lines.push((Sign::Otherwise, format!("host {} → {}", from.host, to.host)));
    }
    lines.extend(program(
        from.program.as_ref(),
        to.program.as_ref(),
        variables,
    ));
    for edit in edits {
        lines.extend(of_edit(edit, from));
    }
    lines.extend(settings.iter().map(|it| setting(*it, from, to)));
    lines
}

fn program(
    from: Option<&Program>,
    to: Option<&Program>,
    variables: &BTreeSet<String>,
) -> Vec<Line> {
    let command = |program: &Program| format!("command {}", words(&program.argv));
    let (from, to) = match (from, to) {
        (None, None) => return Vec::new(),
        (None, Some(to)) => return vec![(Sign::Comes, command(to))],
        (Some(from), None) => return vec![(Sign::Goes, command(from))],
        (Some(from), Some(to)) => (from, to),
    };
    let mut lines = Vec::new();
    if from.argv != to.argv {
        let line = format!("{} → {}", command(from), words(&to.argv));
        lines.push((Sign::Otherwise, line));
    }
    if from.cwd != to.cwd {
        let line = format!("cwd {} → {}", from.cwd.display(), to.cwd.display());
        lines.push((Sign::Otherwise, line));
    }
    let line = |name: &String| match (from.env.get(name), to.env.get(name)) {
        (None, None) => None,
        (Some(_), None) => Some((Sign::Goes, format!("env {name}"))),
        (None, Some(value)) => Some((Sign::Comes, format!("env {name}: {value}"))),
        // Hidden.
        (Some(value), Some(next)) if value == next => {
            Some((Sign::Otherwise, format!("env {name}")))
        }
        (Some(value), Some(next)) => {
            Some((Sign::Otherwise, format!("env {name}: {value} → {next}")))
        }
    };
    lines.extend(variables.iter().filter_map(line));
    lines
}

fn of_edit(edit: &Edit, from: &AgentSpec) -> Vec<Line> {
    match edit {
        Edit::Close { alias } => {
            let bound = from.bind.iter().find(|it| it.alias == *alias);
            let wires = from.wires.iter().filter(|it| it.alias == *alias);
            let wires = wires.map(|it| (Sign::Goes, wire(it)));
            bound
                .map(|it| (Sign::Goes, socket(it)))
                .into_iter()
                .chain(wires)
                .collect()
        }
        Edit::Disconnect { alias, to } => {
            let is_it = |it: &&WireSpec| it.alias == *alias && it.to == *to;
            let gone = from.wires.iter().filter(is_it);
            gone.map(|it| (Sign::Goes, wire(it))).collect()
        }
        Edit::Bind(it) => vec![(Sign::Comes, socket(it))],
        Edit::Connect(it) => {
            let same = |other: &WireSpec| other.alias == it.alias && other.to == it.to;
            let there = from.wires.iter().any(same);
            match there {
                true => vec![(Sign::Otherwise, format!("{}: its handlers", wire(it)))],
                false => vec![(Sign::Comes, wire(it))],
            }
        }
        Edit::Handle { alias, .. } => vec![(Sign::Otherwise, format!("{alias}: its handlers"))],
        Edit::Admit { alias, .. } => vec![(Sign::Otherwise, format!("{alias}: whom it admits"))],
        Edit::Set { attributes } => {
            let set = attributes.iter();
            set.map(|(name, value)| match from.attributes.get(name) {
                Some(former) => (
                    Sign::Otherwise,
                    format!("attribute {name}: {former} → {value}"),
                ),
                None => (Sign::Comes, format!("attribute {name}: {value}")),
            })
            .collect()
        }
        Edit::Unset { names } => names
            .iter()
            .map(|name| (Sign::Goes, format!("attribute {name}")))
            .collect(),
        Edit::StopTimer(it) => vec![(Sign::Goes, timer(it))],
        Edit::Timer(it) => vec![(Sign::Comes, timer(it))],
        Edit::Patience {
            start_timeout,
            settle,
        } => {
            let parts = [
                ("start_timeout", from.start_timeout, *start_timeout),
                ("settle", from.settle, *settle),
            ];
            let parts = parts.into_iter().filter(|(_, from, to)| from != to);
            let line = |(name, from, to)| (Sign::Otherwise, format!("{name} {from} → {to}"));
            parts.map(line).collect()
        }
    }
}

fn socket(socket: &BindSpec) -> String {
    let at = socket.endpoint.as_ref();
    let at = at.map_or("anywhere".to_owned(), ToString::to_string);
    format!("socket {} {} {at}", socket.alias, socket.kind)
}

fn wire(wire: &WireSpec) -> String {
    let server: &SocketId = &wire.to;
    match wire.kind.comes_first() {
        true => format!("wire {} → {server}", wire.alias),
        false => format!("wire {server} → {}", wire.alias),
    }
}

fn timer(timer: &TimerSpec) -> String {
    match &timer.alias {
        Some(alias) => format!("timer {alias}: {} {}", timer.when, timer.action),
        None => format!("timer {} {}", timer.when, timer.action),
    }
}

fn setting(setting: Setting, from: &AgentSpec, to: &AgentSpec) -> Line {
    let line = match setting {
        Setting::Restart => {
            let (from, to) = (from.restart, to.restart);
            match from.policy == to.policy {
                true => "restart: its limits".to_owned(),
                false => format!("restart {} → {}", from.policy, to.policy),
            }
        }
        Setting::StopTimeout => {
            let said = |own: Option<Millis>| own.map_or("as usual".to_owned(), |it| it.to_string());
            let (from, to) = (said(from.stop_timeout), said(to.stop_timeout));
            format!("stop_timeout {from} → {to}")
        }
        Setting::OnFailed | Setting::Keep | Setting::With => setting.as_str().to_owned(),
    };
    (Sign::Otherwise, line)
}
