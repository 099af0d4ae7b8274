//! Logs on other machines: their host daemons are asked, through the name server, for their ends. What comes behind
//! is `followed`'s.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::LogLine;
use super::line::Part;
use super::merge::Source;
use crate::cli::Context;
use crate::model::timing::LOG_ANSWER_TIMEOUT;
use crate::model::{AgentId, AgentName, HostId, HostName, Millis};
use crate::proxy::{Link, Pending, ProxyError};
use crate::state::{GroupRecord, Machine, SystemRecord};
use crate::wire::{AgentLogs, HostRequest, LARGEST_LOG_PIECE, LogPiece, LogsFrom, Peer};

/// One log that was fetched.
pub struct Fetched {
    lines: VecDeque<LogLine>,
    unfinished: Option<LogLine>,
}

impl Source for Fetched {
    fn next_line(&mut self) -> io::Result<Option<LogLine>> {
        Ok(self.lines.pop_front())
    }
}

impl Fetched {
    /// What there is of a line that is not ended.
    pub fn unfinished(&mut self) -> Option<LogLine> {
        self.unfinished.take()
    }
}

/// What was fetched, and where it goes on.
#[derive(Default)]
pub(crate) struct Elsewhere {
    logs: Vec<(AgentId, Fetched)>,
    pub(super) machines: Vec<Reading>,
}

/// A machine whose logs are read.
pub(super) struct Reading {
    pub link: Arc<Link>,
    pub host: HostName,
    pub id: HostId,
    /// Agents with their names within the system.
    pub agents: Vec<(AgentId, LogsFrom)>,
    /// Those that it starts later are read too.
    pub all: bool,
}

/// The logs of all agents of a system that run on other machines. A machine that does not answer is named, and
/// so is a log of which this is not all.
pub(crate) async fn fetch(record: &SystemRecord, context: &Context) -> Elsewhere {
    let mut elsewhere = Elsewhere::default();
    for group in record.present().filter(|it| !it.machines.is_empty()) {
        let opened = group.dial().map_err(ProxyError::from);
        let link = match opened.and_then(|to| Link::open(&to)) {
            Ok((link, _no_requests)) => Arc::new(link),
            Err(error) => {
                context.note(&format!("no logs of other machines: {error}"));
                continue;
            }
        };
        for (machine, answer) in ask_all(&link, group, record) {
            let mut reading = Reading::of(machine, group, record, link.clone());
            match answer.await {
                Ok(ends) => elsewhere.logs.extend(reading.take_ends(ends, context)),
                Err(error) => context.note(&format!("no logs of {}: {error}", machine.host)),
            }
            elsewhere.machines.push(reading);
        }
    }
    elsewhere
}

type Asked<'a> = (&'a Machine, Pending<Vec<AgentLogs>>);

/// Asks all machines at once.
fn ask_all<'a>(link: &Link, group: &'a GroupRecord, record: &SystemRecord) -> Vec<Asked<'a>> {
    let ends = |machine: &Machine| ask_ends(link, machine.id(&record.name), machine.agents.iter());
    let machines = group.machines.iter();
    machines.map(|machine| (machine, ends(machine))).collect()
}

/// Asks for the ends of what there is.
pub(super) fn ask_ends<'a>(
    link: &Link,
    host: HostId,
    agents: impl Iterator<Item = &'a AgentName>,
) -> Pending<Vec<AgentLogs>> {
    let end = agents.map(|agent| LogsFrom {
        agent: agent.clone(),
        log: None,
        output: None,
    });
    ask(link, host, end.collect(), Millis::new(0))
}

fn ask(link: &Link, host: HostId, from: Vec<LogsFrom>, wait: Millis) -> Pending<Vec<AgentLogs>> {
    let request = HostRequest::Logs {
        from,
        bytes: LARGEST_LOG_PIECE,
        wait,
    };
    link.ask(
        Peer::Host(host),
        &request,
        wait.duration() + LOG_ANSWER_TIMEOUT,
    )
}

impl Reading {
    /// Asks for whatever comes behind what is known; the machine waits so long until there is something.
    pub(crate) fn ask_on(&self, wait: Millis) -> Pending<Vec<AgentLogs>> {
        let from = self.agents.iter().map(|(_, from)| from.clone());
        ask(&self.link, self.id.clone(), from.collect(), wait)
    }

    fn of(machine: &Machine, group: &GroupRecord, record: &SystemRecord, link: Arc<Link>) -> Self {
        let agents = machine.agents.iter();
        let agents = agents.map(|agent| (record.id(group, agent.clone()), from_beginning(agent)));
        Self {
            link,
            host: machine.host.clone(),
            id: machine.id(&record.name),
            agents: agents.collect(),
            all: false,
        }
    }

    /// All agents of a host, and those that it starts later.
    pub(super) fn of_host(link: Arc<Link>, id: HostId, agents: &[AgentName]) -> Self {
        let agents = agents.iter();
        Self {
            link,
            host: id.name.clone(),
            id,
            agents: agents
                .map(|name| (name.clone().into(), from_beginning(name)))
                .collect(),
            all: true,
        }
    }

    /// Reads the logs of those agents too that it did not know of. Tells whether there are some.
    pub(super) fn take_up(&mut self, agents: &BTreeSet<AgentName>) -> bool {
        let known: BTreeSet<&AgentName> = self.agents.iter().map(|(id, _)| &id.name).collect();
        let new = agents
            .iter()
            .filter(|name| self.all && !known.contains(name));
        let new: Vec<_> = new
            .map(|name| (name.clone().into(), from_beginning(name)))
            .collect();
        let some = !new.is_empty();
        self.agents.extend(new);
        some
    }

    pub(super) fn take_ends(
        &mut self,
        ends: Vec<AgentLogs>,
        context: &Context,
    ) -> Vec<(AgentId, Fetched)> {
        let mut fetched = Vec::new();
        for end in ends {
            if let Some((id, pieces)) = self.take(end) {
                fetched.extend(fetched_of(&id, pieces, &self.host, context));
            }
        }
        fetched
    }

    /// Notes where an agent's logs go on. None for one that was not asked for.
    fn take(&mut self, logs: AgentLogs) -> Option<(AgentId, [(Part, LogPiece); 2])> {
        let mut agents = self.agents.iter_mut();
        let (id, from) = agents.find(|(_, from)| from.agent == logs.agent)?;
        from.log = Some(logs.log.end);
        from.output = Some(logs.output.end);
        let pieces = [(Part::Log, logs.log), (Part::Output, logs.output)];
        Some((id.clone(), pieces))
    }

    pub(crate) fn take_lines(&mut self, answer: Vec<AgentLogs>) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for logs in answer {
            let Some((id, pieces)) = self.take(logs) else {
                continue;
            };
            for (part, piece) in pieces {
                if piece.cut {
                    let text = "(osb: some of it was gone before it was read)".to_owned();
                    let agent = id.clone();
                    lines.push(LogLine { agent, part, text });
                }
                lines.extend(piece.lines.into_iter().map(|text| LogLine {
                    agent: id.clone(),
                    part,
                    text,
                }));
            }
        }
        lines
    }
}

fn from_beginning(agent: &AgentName) -> LogsFrom {
    LogsFrom {
        agent: agent.clone(),
        log: Some(0),
        output: Some(0),
    }
}

/// The ends of an agent's two logs on another machine. If this is not all of them, that is noted.
pub(super) fn fetched_of(
    id: &AgentId,
    pieces: [(Part, LogPiece); 2],
    host: &HostName,
    context: &Context,
) -> [(AgentId, Fetched); 2] {
    if pieces.iter().any(|(_, piece)| piece.cut) {
        context.note(&format!("{id}'s log on {host} is longer: its end is shown"));
    }
    pieces.map(|(part, piece)| {
        let line = |text| LogLine {
            agent: id.clone(),
            part,
            text,
        };
        let log = Fetched {
            lines: piece.lines.into_iter().map(line).collect(),
            unfinished: piece.unfinished.map(line),
        };
        (id.clone(), log)
    })
}

impl Elsewhere {
    /// Adds a machine, and what was fetched of it.
    pub(super) fn add(&mut self, reading: Reading, logs: Vec<(AgentId, Fetched)>) {
        self.machines.push(reading);
        self.logs.extend(logs);
    }

    /// Those whose logs there are, or will be.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &AgentId> {
        let machines = self.machines.iter();
        machines.flat_map(|machine| machine.agents.iter().map(|(id, _)| id))
    }

    /// What was fetched: once.
    pub(crate) fn take_logs(&mut self) -> Vec<(AgentId, Fetched)> {
        std::mem::take(&mut self.logs)
    }
}
