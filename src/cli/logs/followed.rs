//! Following logs on other machines: each is asked for whatever comes behind what is known, and answers when there is
//! something. One that goes away is noted, and asked again when it is back; the name server tells.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, watch};

use super::LogLine;
use super::elsewhere::{Elsewhere, Reading};
use crate::model::timing::LOG_WAIT_INTERVAL;
use crate::model::{AgentId, AgentInfo, AgentName, HostId, State};
use crate::proxy::{Link, Notice, ProxyError, Watch};
use crate::wire::{AgentLogs, Event};

/// How much may wait to be printed.
const AHEAD: usize = 16;

/// Something new.
#[derive(Debug)]
pub enum News {
    Lines(Vec<LogLine>),
    /// For the reader: about a machine.
    Note(String),
    /// There will be nothing more of other machines: the reader is not admitted any more, say.
    Over(ProxyError),
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

impl Elsewhere {
    /// Follows the logs of `wanted`, or of all if there are none. In an async runtime.
    pub(crate) fn follow(self, wanted: &[AgentId]) -> Followed {
        let mut machines = self.machines;
        for reading in &mut machines {
            let is_wanted = |id: &AgentId| wanted.is_empty() || wanted.contains(id);
            reading.agents.retain(|(id, _)| is_wanted(id));
            reading.all &= wanted.is_empty();
        }
        machines.retain(|reading| reading.all || !reading.agents.is_empty());
        follow(machines)
    }
}

/// Follows all of them. In an async runtime.
fn follow(machines: Vec<Reading>) -> Followed {
    let (sender, news) = mpsc::channel(AHEAD);
    for reading in machines {
        tokio::spawn(follow_one(reading, sender.clone()));
    }
    Followed(news)
}

/// Goes on until nobody wants to hear any more. A machine that goes away is noted, and followed again when it is back.
async fn follow_one(mut reading: Reading, news: mpsc::Sender<News>) {
    let mut there = presence(&reading.link, &reading.id);
    let mut away = false;
    loop {
        there.mark_unchanged();
        let told = match next_answer(&mut reading, &mut there).await {
            Ok(answer) => {
                let back = std::mem::replace(&mut away, false);
                let note = format!("logs of {} are followed again", reading.host);
                if back && news.send(News::Note(note)).await.is_err() {
                    return;
                }
                News::Lines(reading.take_lines(answer))
            }
            Err(Missed::Over(why)) => {
                let _ = news.send(News::Over(why)).await;
                return;
            }
            Err(Missed::Late(reason) | Missed::Away(reason)) if !away => {
                away = true;
                let host = &reading.host;
                News::Note(format!("logs of {host} are not followed for now: {reason}"))
            }
            Err(Missed::Late(_)) => continue,
            // Whatever has happened to it meanwhile is seen: it was marked before it was asked.
            Err(Missed::Away(_)) => match there.changed().await {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        if news.send(told).await.is_err() {
            return;
        }
    }
}

/// Why there was no answer.
enum Missed {
    /// It took its time: asking again at once is no haste.
    Late(String),
    Away(String),
    /// There will be none.
    Over(ProxyError),
}

/// What a machine says next, unless it goes away meanwhile.
async fn next_answer(
    reading: &mut Reading,
    there: &mut watch::Receiver<Standing>,
) -> Result<Vec<AgentLogs>, Missed> {
    let mut answer = reading.ask_on(LOG_WAIT_INTERVAL);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer.map_err(Missed::from),
            changed = there.changed() => {
                let standing = there.borrow().clone();
                if let Some(why) = standing.over {
                    return Err(Missed::Over(why));
                }
                if changed.is_err() || standing.state == Some(State::Unreachable) {
                    // Its return is what is waited for now.
                    return Err(Missed::Away("its host daemon is unreachable".to_owned()));
                }
                if reading.take_up(&standing.agents) {
                    answer = reading.ask_on(LOG_WAIT_INTERVAL);
                }
            }
        }
    }
}

impl From<ProxyError> for Missed {
    fn from(error: ProxyError) -> Self {
        match error {
            over @ ProxyError::NotLetIn { .. } => Missed::Over(over),
            late if late.is_late() => Missed::Late(late.to_string()),
            away => Missed::Away(away.to_string()),
        }
    }
}

/// What the name server knows of a host.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// None: nothing.
    state: Option<State>,
    /// All agents that it has been seen to have.
    agents: BTreeSet<AgentName>,
    /// Why nothing more is known.
    over: Option<ProxyError>,
}

fn presence(link: &Link, host: &HostId) -> watch::Receiver<Standing> {
    let mut notices = Watch::begin(link);
    let (sender, there) = watch::channel(Standing::default());
    let host = host.clone();
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            sender.send_if_modified(|standing| standing.note(&host, notice));
            if sender.is_closed() {
                return;
            }
        }
        sender.send_modify(|standing| standing.over = Some(notices.end().clone()));
    });
    there
}

impl Standing {
    /// Takes note of what is told. Tells whether it is about that host.
    fn note(&mut self, host: &HostId, notice: Notice) -> bool {
        let agent = match notice {
            Notice::Snapshot(snapshot) => {
                let mut hosts = snapshot.hosts.into_iter();
                self.state = hosts.find(|it| it.id() == *host).map(|it| it.state);
                let agents = snapshot.agents.into_iter();
                let agents = agents.filter(|it| is_on(it, host));
                self.agents.extend(agents.map(|it| it.name));
                return true;
            }
            Notice::Event(Event::Host { host: info, .. }) if info.id() == *host => {
                self.state = Some(info.state);
                return true;
            }
            Notice::Event(Event::Agent { agent, .. }) if is_on(&agent, host) => agent.name,
            Notice::Event(_) => return false,
        };
        self.agents.insert(agent)
    }
}

/// Whether a host has started an agent.
pub(super) fn is_on(agent: &AgentInfo, host: &HostId) -> bool {
    agent.host.as_ref() == Some(&host.name) && agent.system == host.system
}
