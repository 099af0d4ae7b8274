//! What of an agent is otherwise, line by line: what comes, what goes, what changes.

use std::collections::BTreeSet;

use crate::model::{
    AgentId, AgentSpec, BindSpec, Edit, Millis, Program, SocketId, TimerSpec, WireSpec,
    harmless_line, words,
};
use crate::plan::{Alteration, Reason, Setting};
use crate::render::{Paint, Style};

/// Whether something comes, goes, or is otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
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

pub(super) type Line = (Sign, String);

pub(super) fn listed(reasons: &[Reason]) -> String {
    let reasons: Vec<&str> = reasons.iter().map(|it| it.as_str()).collect();
    reasons.join(", ")
}

pub(super) fn block(
    style: Style,
    sign: Sign,
    agent: &AgentId,
    what: &str,
    lines: &[Line],
) -> String {
    let name = style.paint(&agent.to_string(), Paint::Strong);
    let mut text = format!("\n{} {name} {what}\n", sign.painted(style));
    for (sign, line) in lines {
        let line = harmless_line(line);
        text += &format!("    {} {line}\n", sign.painted(style));
    }
    text
}

/// What an agent has that starts.
pub(super) fn all_of(agent: &AgentSpec) -> Vec<Line> {
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

pub(super) fn details(it: &Alteration) -> Vec<Line> {
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
        Edit::Disconnect { alias, to } | Edit::Rest { alias, to } => {
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

pub(super) fn socket(socket: &BindSpec) -> String {
    let at = socket.endpoint.as_ref();
    let at = at.map_or("anywhere".to_owned(), ToString::to_string);
    format!("socket {} {} {at}", socket.alias, socket.kind)
}

pub(super) fn wire(wire: &WireSpec) -> String {
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
        Setting::OnFailed | Setting::Keep | Setting::With | Setting::Update => {
            setting.as_str().to_owned()
        }
    };
    (Sign::Otherwise, line)
}
