//! The ends of logs on other machines: their host daemons are asked, through the name server.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::LogLine;
use super::line::Part;
use super::merge::Source;
use crate::cli::Context;
use crate::model::AgentId;
use crate::proxy::{Link, Pending, ProxyError};
use crate::state::{GroupRecord, Machine, SystemRecord};
use crate::wire::{HostRequest, LARGEST_LOG_END, LogEnd, Peer};

/// How long a machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One log that was fetched.
pub struct Fetched(VecDeque<LogLine>);

impl Source for Fetched {
    fn next_line(&mut self) -> io::Result<Option<LogLine>> {
        Ok(self.0.pop_front())
    }
}

/// The logs of all agents of a system that run on other machines. A machine that does not answer is named, and
/// so is a log of which this is not all.
pub fn fetch(record: &SystemRecord, context: &Context) -> Vec<(AgentId, Fetched)> {
    let mut fetched = Vec::new();
    for group in record.present().filter(|it| !it.machines.is_empty()) {
        let answers = match ask(group) {
            Ok(answers) => answers,
            Err(error) => {
                context.note(&format!("no logs of other machines: {error}"));
                continue;
            }
        };
        for (machine, answer) in answers {
            match answer {
                Ok(ends) => {
                    for end in ends {
                        let id = record.id(group, end.agent.clone());
                        if end.cut {
                            let host = &machine.host;
                            context
                                .note(&format!("{id}'s log on {host} is longer: its end is shown"));
                        }
                        fetched.extend(lines(&id, end));
                    }
                }
                Err(error) => context.note(&format!("no logs of {}: {error}", machine.host)),
            }
        }
    }
    fetched
}

type Answer<'a> = (&'a Machine, Result<Vec<LogEnd>, ProxyError>);

/// Asks all machines at once.
fn ask(group: &GroupRecord) -> Result<Vec<Answer<'_>>, ProxyError> {
    let (link, _no_requests) = Link::open(&group.dial()?)?;
    let mut asked: Vec<(&Machine, Pending<_>)> = Vec::new();
    for machine in &group.machines {
        let request = HostRequest::Logs {
            agents: machine.agents.clone(),
            bytes: LARGEST_LOG_END,
        };
        let host = Peer::Host(machine.host.clone());
        asked.push((machine, link.ask(host, &request, PATIENCE)));
    }
    let answers = asked.into_iter();
    Ok(answers
        .map(|(machine, answer)| (machine, answer.wait()))
        .collect())
}

fn lines(id: &AgentId, end: LogEnd) -> [(AgentId, Fetched); 2] {
    [(Part::Log, end.log), (Part::Output, end.output)].map(|(part, texts)| {
        let line = |text| LogLine {
            agent: id.clone(),
            part,
            text,
        };
        (id.clone(), Fetched(texts.into_iter().map(line).collect()))
    })
}
