//! Logs on other machines: their host daemons are asked, through the name server; first for their ends,
//! and then, to follow them, for whatever comes behind. The daemon answers when there is something.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::LogLine;
use super::line::Part;
use super::merge::Source;
use crate::cli::Context;
use crate::model::{AgentId, HostName, Millis, State};
use crate::proxy::{Link, Notice, Pending, ProxyError, Watch};
use crate::state::{GroupRecord, Machine, SystemRecord};
use crate::wire::{
    AgentLogs, Event, Fault, HostRequest, LARGEST_LOG_PIECE, LogPiece, LogsFrom, Peer,
};

/// How long a machine may take to answer, beyond the time that it is to wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a machine waits until there is something, before it is asked again.
const WAIT: Millis = Millis::from_secs(20);
/// How much may wait to be printed.
const AHEAD: usize = 16;

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
pub struct Elsewhere {
    logs: Vec<(AgentId, Fetched)>,
    machines: Vec<Reading>,
}

/// A machine whose logs are read.
struct Reading {
    link: Arc<Link>,
    host: HostName,
    /// Agents with their names within the system.
    agents: Vec<(AgentId, LogsFrom)>,
}

/// Something new.
#[derive(Debug)]
pub enum News {
    Lines(Vec<LogLine>),
    /// For whoever reads: about a machine.
    Note(String),
}

/// What comes of machines that are followed.
pub struct Followed(mpsc::Receiver<News>);

impl Followed {
    /// Never ends.
    pub async fn next(&mut self) -> News {
        match self.0.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

/// The logs of all agents of a system that run on other machines. A machine that does not answer is named, and
/// so is a log of which this is not all.
pub async fn fetch(record: &SystemRecord, context: &Context) -> Elsewhere {
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
        for (machine, answer) in ask_all(&link, group) {
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
fn ask_all<'a>(link: &Link, group: &'a GroupRecord) -> Vec<Asked<'a>> {
    let ends = |machine: &Machine| {
        let agents = machine.agents.iter();
        let end = agents.map(|agent| LogsFrom {
            agent: agent.clone(),
            log: None,
            output: None,
        });
        ask(link, &machine.host, end.collect(), Millis::new(0))
    };
    let machines = group.machines.iter();
    machines.map(|machine| (machine, ends(machine))).collect()
}

fn ask(link: &Link, host: &HostName, from: Vec<LogsFrom>, wait: Millis) -> Pending<Vec<AgentLogs>> {
    let request = HostRequest::Logs {
        from,
        bytes: LARGEST_LOG_PIECE,
        wait,
    };
    link.ask(
        Peer::Host(host.clone()),
        &request,
        wait.duration() + PATIENCE,
    )
}

impl Reading {
    fn of(machine: &Machine, group: &GroupRecord, record: &SystemRecord, link: Arc<Link>) -> Self {
        let agents = machine.agents.iter().map(|agent| {
            let from = LogsFrom {
                agent: agent.clone(),
                log: Some(0),
                output: Some(0),
            };
            (record.id(group, agent.clone()), from)
        });
        Self {
            link,
            host: machine.host.clone(),
            agents: agents.collect(),
        }
    }

    fn take_ends(&mut self, ends: Vec<AgentLogs>, context: &Context) -> Vec<(AgentId, Fetched)> {
        let mut fetched = Vec::new();
        for end in ends {
            let cut = end.log.cut || end.output.cut;
            let Some((id, pieces)) = self.take(end) else {
                continue;
            };
            if cut {
                let host = &self.host;
                context.note(&format!("{id}'s log on {host} is longer: its end is shown"));
            }
            for (part, piece) in pieces {
                let line = |text| LogLine {
                    agent: id.clone(),
                    part,
                    text,
                };
                let log = Fetched {
                    lines: piece.lines.into_iter().map(line).collect(),
                    unfinished: piece.unfinished.map(line),
                };
                fetched.push((id.clone(), log));
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

    fn take_lines(&mut self, answer: Vec<AgentLogs>) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for logs in answer {
            let Some((id, pieces)) = self.take(logs) else {
                continue;
            };
            for (part, piece) in pieces {
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

impl Elsewhere {
    /// Those whose logs there are, or will be.
    pub fn agents(&self) -> impl Iterator<Item = &AgentId> {
        let machines = self.machines.iter();
        machines.flat_map(|machine| machine.agents.iter().map(|(id, _)| id))
    }

    /// What was fetched: once.
    pub fn take_logs(&mut self) -> Vec<(AgentId, Fetched)> {
        std::mem::take(&mut self.logs)
    }

    /// Follows the logs of `wanted`, or of all if there are none. In an async runtime.
    pub fn follow(self, wanted: &[AgentId]) -> Followed {
        let (sender, news) = mpsc::channel(AHEAD);
        for mut reading in self.machines {
            let is_wanted = |id: &AgentId| wanted.is_empty() || wanted.contains(id);
            reading.agents.retain(|(id, _)| is_wanted(id));
            if !reading.agents.is_empty() {
                tokio::spawn(follow_one(reading, sender.clone()));
            }
        }
        Followed(news)
    }
}

/// Goes on until nobody wants to hear any more. A machine that goes away is noted, and followed again when it is back.
async fn follow_one(mut reading: Reading, news: mpsc::Sender<News>) {
    let mut there = presence(&reading.link, &reading.host);
    let mut away = false;
    loop {
        there.mark_unchanged();
        match next_answer(&reading, &mut there).await {
            Ok(answer) => {
                let back = std::mem::replace(&mut away, false);
                let note = format!("logs of {} are followed again", reading.host);
                if back && news.send(News::Note(note)).await.is_err() {
                    return;
                }
                let lines = reading.take_lines(answer);
                if news.send(News::Lines(lines)).await.is_err() {
                    return;
                }
            }
            Err(missed) => {
                let known = std::mem::replace(&mut away, true);
                let (host, reason) = (&reading.host, missed.reason);
                let note = format!("logs of {host} are not followed for now: {reason}");
                if !known && news.send(News::Note(note)).await.is_err() {
                    return;
                }
                // Whatever has happened to it meanwhile is seen: it was marked before it was asked.
                if !missed.timed_out && there.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Why there was no answer.
struct Missed {
    reason: String,
    /// It took its time: asking again at once is no haste.
    timed_out: bool,
}

/// What a machine says next, unless it goes away meanwhile.
async fn next_answer(
    reading: &Reading,
    there: &mut watch::Receiver<Option<State>>,
) -> Result<Vec<AgentLogs>, Missed> {
    let from = reading.agents.iter().map(|(_, from)| from.clone());
    let mut answer = ask(&reading.link, &reading.host, from.collect(), WAIT);
    loop {
        tokio::select! {
            answer = &mut answer => return answer.map_err(Missed::from),
            changed = there.changed() => {
                let state = *there.borrow();
                if changed.is_err() || matches!(state, Some(State::Unreachable)) {
                    // Its return is what is waited for now.
                    let reason = "its host daemon is unreachable".to_owned();
                    return Err(Missed { reason, timed_out: false });
                }
            }
        }
    }
}

impl From<ProxyError> for Missed {
    fn from(error: ProxyError) -> Self {
        let timed_out = matches!(
            error,
            ProxyError::Timeout { .. } | ProxyError::Fault(Fault::Deadline { .. })
        );
        Self {
            reason: error.to_string(),
            timed_out,
        }
    }
}

/// What the name server knows of a host; None: nothing.
fn presence(link: &Link, host: &HostName) -> watch::Receiver<Option<State>> {
    let mut notices = Watch::begin(link);
    let (sender, there) = watch::channel(None);
    let host = host.clone();
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            let state = match notice {
                Notice::Snapshot(snapshot) => {
                    let mut hosts = snapshot.hosts.into_iter();
                    Some(hosts.find(|it| it.name == host).map(|it| it.state))
                }
                Notice::Event(Event::Host { host: info, .. }) if info.name == host => {
                    Some(Some(info.state))
                }
                Notice::Event(_) => None,
            };
            let Some(state) = state else {
                continue;
            };
            if sender.send(state).is_err() {
                return;
            }
        }
    });
    there
}
