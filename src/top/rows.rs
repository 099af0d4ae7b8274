//! What is known as rows of a table: filtered and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cell::{Cell, Tone, proof, state, tone};
use super::known::{AgentSeen, HostKey, HostSeen, Known, Now};
use super::view::View;
use super::words::percent;
use crate::model::{
    AfterEnd, AgentId, AgentInfo, Alias, ConnectionInfo, End, SocketId, State, SystemName,
    harmless_line, matches_name,
};

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    System(SystemName),
    Host(HostKey),
    Agent(AgentId),
    /// A wire, by the agent that has connected, its socket, and where it leads.
    Wire(AgentId, Alias, String),
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: Key,
    pub cells: Vec<Cell>,
    /// Agents that have to be asked for it.
    pub asks: Vec<AgentId>,
    /// What is known is old.
    pub is_stale: bool,
}

/// A system of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemSeen {
    pub name: SystemName,
    pub state: &'static str,
    pub tone: Tone,
    /// With their addresses, in words.
    pub nameservers: String,
    pub file: String,
}

/// How rows are sorted: by a column, and whether the other way round than is usual for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    pub column: usize,
    pub reversed: bool,
}

/// All rows of a view whose names match, in order.
pub fn rows(
    (known, systems): (&Known, &[SystemSeen]),
    view: View,
    filter: &str,
    order: Order,
    now: Now,
) -> Vec<Row> {
    let mut rows: Vec<Row> = match view {
        View::Systems => systems.iter().map(of_system).collect(),
        View::Hosts => known
            .hosts
            .iter()
            .map(|it| of_host(known, it, now))
            .collect(),
        View::Agents => known
            .agents
            .iter()
            .map(|it| of_agent(known, it, now))
            .collect(),
        View::Wires => known
            .agents
            .iter()
            .flat_map(|it| of_wires(known, it, now))
            .collect(),
    };
    rows.retain(|it| it.matches(filter));
    sort(&mut rows, view, order);
    rows
}

/// Those that are alike stay in the order of their names.
fn sort(rows: &mut [Row], view: View, order: Order) {
    let Order { column, reversed } = order;
    let Some(told) = view.columns().get(column) else {
        return;
    };
    // The first column is in order as it is.
    if column > 0 {
        rows.sort_by(|one, other| {
            let (one, other) = (&one.cells[column], &other.cells[column]);
            match told.is_number {
                true => {
                    let number = |it: &Cell| it.number.unwrap_or(f64::NEG_INFINITY);
                    number(other).total_cmp(&number(one))
                }
                false => one.text.cmp(&other.text),
            }
        });
    }
    if reversed {
        rows.reverse();
    }
}

impl Row {
    /// With a star the whole name is meant, without one any part of it.
    fn matches(&self, filter: &str) -> bool {
        if filter.is_empty() {
            return true;
        }
        let matches = |name: &str| match filter.contains('*') {
            true => matches_name(filter, name),
            false => name.contains(filter),
        };
        match &self.key {
            Key::System(name) => matches(name.as_str()),
            Key::Host((_, name, _)) => matches(name.as_str()),
            Key::Agent(id) => matches(&id.to_string()),
            Key::Wire(..) => self.cells[..2].iter().any(|it| matches(&it.text)),
        }
    }
}

fn of_system(system: &SystemSeen) -> Row {
    Row {
        key: Key::System(system.name.clone()),
        cells: vec![
            Cell::text(system.name.as_str()),
            Cell::toned(system.state, system.tone),
            Cell::text(&*system.nameservers),
            Cell::text(harmless_line(&system.file)),
        ],
        asks: Vec::new(),
        is_stale: false,
    }
}

fn of_host(known: &Known, (key, host): (&HostKey, &HostSeen), now: Now) -> Row {
    let (group, name, system) = key;
    let is_here = |id: &AgentId, it: &AgentSeen| {
        id.nameserver == *group && it.info.host.as_ref() == Some(name) && it.info.system == *system
    };
    let here = known.agents.iter().filter(|(id, it)| is_here(id, it));
    let living: Vec<_> = here.filter(|(_, it)| !it.info.state.ended()).collect();
    // Agents may live in one process.
    let mut pids = BTreeSet::new();
    let (mut cpu, mut memory) = (None, None);
    for (_, agent) in &living {
        let is_first = agent.process().is_some_and(|it| pids.insert(it.pid));
        if is_first {
            cpu = agent.cpu().map(|it| it + cpu.unwrap_or(0.0)).or(cpu);
            memory = agent.memory().map(|it| it + memory.unwrap_or(0)).or(memory);
        }
    }
    let info = &host.info;
    let is_stale = known.is_stale(group);
    let uptime = Duration::try_from_secs_f64(info.uptime_s.max(0.0)).unwrap_or_default();
    let uptime = (!info.state.ended()).then(|| uptime + now.saturating_sub(host.at));
    let address = info
        .address
        .map_or_else(|| "-".to_owned(), |it| it.to_string());
    Row {
        key: Key::Host(key.clone()),
        cells: vec![
            Cell::text(name_of(name.as_str(), group.as_ref().map(|it| it.as_str()))),
            state(info.state.as_str(), tone(info.state), is_stale),
            Cell::count(Some(living.len() as u64), Tone::Plain),
            Cell::number(cpu, percent),
            Cell::memory(memory),
            Cell::text(address),
            Cell::age(uptime),
            Cell::text(harmless_line(&info.version)),
        ],
        asks: living.into_iter().map(|(id, _)| id.clone()).collect(),
        is_stale,
    }
}

fn name_of(name: &str, group: Option<&str>) -> String {
    match group {
        Some(group) => format!("{name}@{group}"),
        None => name.to_owned(),
    }
}

fn of_agent(known: &Known, (id, agent): (&AgentId, &AgentSeen), now: Now) -> Row {
    let info = &agent.info;
    let is_stale = known.is_stale(&id.nameserver);
    let rates = agent.rates.as_ref();
    let host = info.host.as_ref().map_or("-", |it| it.as_str());
    let restarts = u64::from(info.restarts);
    let shown = shown(info);
    Row {
        key: Key::Agent(id.clone()),
        cells: vec![
            Cell::text(id.to_string()),
            state(shown.as_str(), tone(shown), is_stale),
            Cell::text(host),
            Cell::rate(rates.map(|it| it.received)),
            Cell::rate(rates.map(|it| it.sent)),
            Cell::count(agent.queued(), Tone::Doubtful),
            Cell::count(agent.lost(), Tone::Bad),
            Cell::number(agent.cpu(), percent),
            Cell::memory(agent.memory()),
            Cell::number(rates.and_then(|it| it.program_cpu), percent),
            Cell::memory(agent.program().map(|it| it.memory)),
            Cell::count(Some(restarts), Tone::Doubtful),
            Cell::age(agent.uptime(now)),
        ],
        asks: match info.state.ended() {
            true => Vec::new(),
            false => vec![id.clone()],
        },
        is_stale,
    }
}

fn of_wires<'a>(
    known: &'a Known,
    (id, agent): (&'a AgentId, &'a AgentSeen),
    now: Now,
) -> impl Iterator<Item = Row> + 'a {
    let wires = agent.info.connections.iter();
    wires.map(move |wire| of_wire(known, (id, agent), wire, now))
}

fn of_wire(
    known: &Known,
    (id, agent): (&AgentId, &AgentSeen),
    wire: &ConnectionInfo,
    now: Now,
) -> Row {
    // What is at home there has the name server's name here.
    let to = wire.to.as_ref().map(|to| SocketId {
        agent: at_home(&to.agent, id),
        alias: to.alias.clone(),
    });
    let to = to.as_ref().map(SocketId::to_string);
    let address = wire.address.clone().unwrap_or_else(|| "-".to_owned());
    let server = to.unwrap_or_else(|| address.clone());
    let client = format!("{id}.{}", wire.alias);
    let info = stood(known, (id, agent), wire, now);
    let is_stale = known.is_stale(&id.nameserver);
    let twin = wire.kind.twin();
    let (from, to, kinds) = match wire.kind.comes_first() {
        true => (client, server.clone(), format!("{}/{twin}", wire.kind)),
        false => (server.clone(), client, format!("{twin}/{}", wire.kind)),
    };
    let rates = agent.rates.as_ref();
    let rates = rates.and_then(|it| it.sockets.get(&wire.alias).copied());
    let since = Duration::from_millis(info.proof_ms) + now.saturating_sub(agent.at);
    let (word, proof_tone) = proof(info.proof);
    Row {
        key: Key::Wire(id.clone(), wire.alias.clone(), server),
        cells: vec![
            Cell::text(harmless_line(&from)),
            Cell::text(harmless_line(&to)),
            state(word, proof_tone, is_stale),
            Cell::rate(rates.map(|it| it.0)),
            Cell::rate(rates.map(|it| it.1)),
            Cell::text(kinds),
            Cell::age(Some(since)),
            Cell::count(Some(u64::from(wire.times)), Tone::Plain),
            Cell::text(harmless_line(address.trim_start_matches("tcp://"))),
        ],
        asks: match agent.info.state.ended() {
            true => Vec::new(),
            false => vec![id.clone()],
        },
        is_stale,
    }
}

/// How an agent is called that another one calls so.
fn at_home(agent: &AgentId, by: &AgentId) -> AgentId {
    let nameserver = agent.nameserver.clone();
    AgentId {
        name: agent.name.clone(),
        nameserver: nameserver.or_else(|| by.nameserver.clone()),
    }
}

/// How a wire stands, by the states of both its ends.
fn stood(
    known: &Known,
    (id, agent): (&AgentId, &AgentSeen),
    wire: &ConnectionInfo,
    now: Now,
) -> ConnectionInfo {
    let end = |it: &AgentSeen| End {
        state: it.info.state,
        ms: it.info.state_ms
            + u64::try_from(now.saturating_sub(it.at).as_millis()).unwrap_or(u64::MAX),
    };
    let server = wire.to.as_ref().and_then(|to| {
        let there = at_home(&to.agent, id);
        known.agents.get(&there)
    });
    wire.clone().seen_with(end(agent), server.map(end))
}

/// Of one that is whole and waits until its program is started anew, the word is the same as of one that waits to be started
/// again.
pub(super) fn shown(agent: &AgentInfo) -> State {
    match (agent.state, agent.then) {
        (State::Starting, AfterEnd::Again { .. }) => State::Restarting,
        (state, _) => state,
    }
}

/// How wide each column is, and which are shown, where so many characters have room: columns that may be left out are, and then
/// the widest are cut.
pub fn widths(view: View, rows: &[Row], room: usize) -> BTreeMap<usize, usize> {
    let columns = view.columns();
    let widest = |at: usize| {
        let cells = rows.iter().map(|it| it.cells[at].text.chars().count());
        cells.max().unwrap_or(0).max(columns[at].title.len())
    };
    let mut shown: BTreeMap<usize, usize> = (0..columns.len()).map(|at| (at, widest(at))).collect();
    let total =
        |it: &BTreeMap<usize, usize>| it.values().sum::<usize>() + GAP * it.len().saturating_sub(1);
    while total(&shown) > room {
        let spare = shown
            .keys()
            .filter_map(|at| Some((columns[*at].spare?, *at)));
        if let Some((_, at)) = spare.min() {
            shown.remove(&at);
            continue;
        }
        let Some(widest) = shown.values_mut().max().filter(|it| **it > NARROWEST) else {
            break;
        };
        *widest -= 1;
    }
    shown
}

/// Between two columns.
pub const GAP: usize = 2;
const NARROWEST: usize = 4;
