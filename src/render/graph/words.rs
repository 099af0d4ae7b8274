//! What all forms of a graph call its parts.

use crate::graph::{Agent, Bundled, Edge, Graph, Node, Port, Presence, Rate, What, Wire};
use crate::model::{Kind, Proof, State, harmless_line};
use crate::render::Paint;

/// How much of topics is shown.
const TOPICS: usize = 24;

/// `1 agent`, `2 agents`.
pub(super) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// What the graph is of, and how much there is.
pub(super) fn summary(graph: &Graph) -> String {
    let parts = [
        count(graph.agents.len(), "agent"),
        count(graph.hosts.len(), "host"),
        count(graph.wires.len(), "wire"),
    ];
    parts.join(", ")
}

/// The name of the system.
pub(super) fn name(graph: &Graph) -> &str {
    graph.system.as_ref().map_or("what runs", |it| it.as_str())
}

/// What a box is called: of several agents, how many, and what their names have in common.
pub(super) fn title(node: &Node<'_>) -> String {
    match &node.what {
        What::Outside(Some(address)) => harmless_line(address).into_owned(),
        What::Outside(None) => "?".to_owned(),
        What::Agents(agents) => match agents.as_slice() {
            [one] => one.id.to_string(),
            several => format!("{} × {}", several.len(), stem(several)),
        },
    }
}

/// What the names of several agents have in common: a star stands for numbers that differ, and nothing for those at the end.
fn stem(agents: &[&Agent]) -> String {
    let Some(first) = agents.first() else {
        return String::new();
    };
    let all: Vec<Vec<&str>> = agents.iter().map(|it| parts(it.id.name.as_str())).collect();
    let same = |nth: usize, part: &str| all.iter().all(|it| it.get(nth) == Some(&part));
    let stem = all[0].iter().enumerate();
    let stem: String = stem
        .map(|(nth, part)| if same(nth, part) { part } else { "*" })
        .collect();
    let short = stem
        .strip_suffix('*')
        .map(|it| it.trim_end_matches(['-', '_', '.']));
    let short = short.filter(|it| !it.is_empty()).unwrap_or(&stem);
    match &first.id.nameserver {
        Some(nameserver) => format!("{short}@{nameserver}"),
        None => short.to_owned(),
    }
}

/// A name in parts: numbers, and what stands between them.
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let other = |c: char| c.is_ascii_digit() != first.is_ascii_digit();
        let (part, behind) = rest.split_at(rest.find(other).unwrap_or(rest.len()));
        parts.push(part);
        rest = behind;
    }
    parts
}

/// So many names are told one by one.
const TOLD: usize = 6;

/// The names that a box of several stands for: all, or the first and the last.
pub(super) fn range(node: &Node<'_>) -> Option<String> {
    let name = |agent: &&Agent| agent.id.to_string();
    match node.agents() {
        [] | [_] => None,
        few if few.len() <= TOLD => Some(few.iter().map(name).collect::<Vec<_>>().join(", ")),
        [first, .., last] => Some(format!("{} … {}", first.id, last.id)),
    }
}

/// How an agent stands, and what that means. None: nothing is known, or it is no agent.
pub(super) fn standing(node: &Node<'_>) -> Option<(String, Paint)> {
    let first = node.agents().first()?;
    match &first.presence {
        Presence::Declared => None,
        Presence::Missing => Some(("not there".to_owned(), Paint::Bad)),
        Presence::Known { state, why } => {
            let why = why.as_ref().map(|why| format!(" ({})", harmless_line(why)));
            let words = format!("{state}{}", why.unwrap_or_default());
            Some((words, Paint::of(*state)))
        }
    }
}

/// The same, if it is not as it should be.
pub(super) fn trouble(node: &Node<'_>) -> Option<(String, Paint)> {
    let is_well = |it: &&&Agent| it.presence.state() == Some(State::Running);
    match node.agents().first().filter(is_well) {
        Some(_) => None,
        None => standing(node),
    }
}

/// The topics of a port.
pub(super) fn topics(port: &Port<'_>) -> Option<String> {
    let socket = port.sockets.first()?;
    let told: Vec<&str> = socket.topics.iter().map(String::as_str).collect();
    match told.as_slice() {
        // Everything.
        [] | [""] => None,
        some => {
            let all = some.iter().map(|it| if it.is_empty() { "*" } else { it });
            let all: Vec<&str> = all.collect();
            let all = harmless_line(&all.join(", ")).into_owned();
            let short: String = match all.chars().count() > TOPICS {
                true => all.chars().take(TOPICS - 1).chain(['…']).collect(),
                false => all,
            };
            Some(format!("[{short}]"))
        }
    }
}

/// The alias of a port.
pub(super) fn alias(port: &Port<'_>) -> String {
    port.alias.map(|it| it.to_string()).unwrap_or_default()
}

/// What goes through a port in each second.
pub(super) fn port_rate(port: &Port<'_>) -> Option<String> {
    let rates: Vec<Rate> = port
        .sockets
        .iter()
        .filter_map(|it| it.traffic?.rate)
        .collect();
    let of = |it: &Rate| {
        if port.kind.comes_first() {
            it.sent
        } else {
            it.received
        }
    };
    (!rates.is_empty()).then(|| per_second(rates.iter().map(of).sum()))
}

/// `0/s`, `2.5/s`, `120/s`, `1.2k/s`.
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        rate if rate < 0.05 => "0/s".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}/s"),
        rate if rate < 999.5 => format!("{rate:.0}/s"),
        rate if rate < 999_500.0 => format!("{:.1}k/s", rate / 1e3),
        rate => format!("{:.1}M/s", rate / 1e6),
    }
}

/// What has gone by the wires of an edge: messages, and how many in each second, as far as that is known.
pub(super) fn flow(edge: &Edge<'_>) -> Option<String> {
    let flows: Vec<_> = edge.wires.iter().filter_map(|it| it.flow).collect();
    let rates: Vec<f64> = flows.iter().filter_map(|it| it.per_second).collect();
    match (flows.is_empty(), rates.is_empty()) {
        (true, _) => None,
        (false, false) => Some(per_second(rates.iter().sum())),
        (false, true) => {
            let messages: u64 = flows.iter().map(|it| it.messages).sum();
            Some(match messages {
                1 => "1 message".to_owned(),
                more => format!("{more} messages"),
            })
        }
    }
}

/// What is wrong with a wire.
pub(super) fn wrong(wire: &Wire) -> Option<(&'static str, Paint)> {
    match wire.proof? {
        Proof::Proven { .. } => None,
        Proof::Resolving => Some(("resolving", Paint::Doubtful)),
        Proof::Connecting => Some(("connecting", Paint::Doubtful)),
        Proof::Suspect => Some(("suspect", Paint::Doubtful)),
        Proof::Refused => Some(("refused", Paint::Bad)),
        Proof::Lost => Some(("lost", Paint::Bad)),
        Proof::Unreachable => Some(("unreachable", Paint::Bad)),
    }
}

/// The same of an edge, whose wires stand alike.
pub(super) fn wrong_with(edge: &Edge<'_>) -> Option<(&'static str, Paint)> {
    edge.wires.first().and_then(|it| wrong(it))
}

/// How many wires an edge is, unless its ends say so.
pub(super) fn wires(edge: &Edge<'_>, bundled: &Bundled<'_>) -> Option<String> {
    let [from, to] =
        [edge.from, edge.to].map(|(node, _)| bundled.nodes[node].agents().len().max(1));
    let told = from == 1 || to == 1;
    match edge.wires.len() {
        wires if told && wires == from * to => None,
        wires => Some(count(wires, "wire")),
    }
}

/// What kinds belong together: those that share a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Push,
    Pub,
    Req,
    Channel,
}

impl Family {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Push | Kind::Pull => Family::Push,
            Kind::Pub | Kind::Sub => Family::Pub,
            Kind::Req | Kind::Rep => Family::Req,
            Kind::AsyncReq | Kind::AsyncRep | Kind::SyncPub | Kind::SyncSub => Family::Channel,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Family::Push => "push",
            Family::Pub => "pub",
            Family::Req => "req",
            Family::Channel => "channel",
        }
    }

    pub(super) fn told(self) -> &'static str {
        match self {
            Family::Push => "PUSH → PULL",
            Family::Pub => "PUB → SUB",
            Family::Req => "REQ → REP",
            Family::Channel => "channels",
        }
    }
}

/// The frame of a box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FrameOf {
    Host(String),
    /// Agents that no host daemon has started.
    NoHost,
    /// What is no agent.
    Outside,
}

impl FrameOf {
    pub(super) fn node(node: &Node<'_>) -> Self {
        match (node.host(), node.agents()) {
            (Some(host), _) => FrameOf::Host(host.to_string()),
            (None, [_, ..]) => FrameOf::NoHost,
            (None, []) => FrameOf::Outside,
        }
    }

    /// What stands above it.
    pub(super) fn title(&self) -> &str {
        match self {
            FrameOf::Host(name) => name,
            FrameOf::NoHost => "on no host",
            FrameOf::Outside => "outside",
        }
    }
}

/// All frames that are there, in the order of their hosts.
pub(super) fn frames(graph: &Graph, bundled: &Bundled<'_>) -> Vec<FrameOf> {
    let there: Vec<FrameOf> = bundled.nodes.iter().map(FrameOf::node).collect();
    let hosts = graph
        .hosts
        .iter()
        .map(|it| FrameOf::Host(it.name.to_string()));
    let mut frames: Vec<FrameOf> = hosts.filter(|it| there.contains(it)).collect();
    for frame in there {
        if !frames.contains(&frame) {
            frames.push(frame);
        }
    }
    frames
}

/// What is wrong with a host.
pub(super) fn host_trouble(graph: &Graph, frame: &FrameOf) -> Option<(State, Paint)> {
    let host = graph
        .hosts
        .iter()
        .find(|it| *frame == FrameOf::Host(it.name.to_string()));
    let state = host?.state?;
    (state != State::Running).then(|| (state, Paint::of(state)))
}
