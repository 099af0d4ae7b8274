//! Following logs on other machines: each is asked for whatever comes behind what is known, and answers when there is
//! something. One that goes away is noted, and asked again when it is back; the name server tells.

use tokio::sync::{mpsc, watch};

use super::LogLine;
use super::elsewhere::{Elsewhere, Reading};
use crate::model::timing::LOG_WAIT_INTERVAL;
use crate::model::{AgentId, HostId, State};
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
        }
        machines.retain(|reading| !reading.agents.is_empty());
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
    let mut answer = reading.ask_on(LOG_WAIT_INTERVAL);
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
        Self {
            reason: error.to_string(),
            timed_out: error.is_late(),
        }
    }
}

/// What the name server knows of a host; None: nothing.
fn presence(link: &Link, host: &HostId) -> watch::Receiver<Option<State>> {
    let mut notices = Watch::begin(link);
    let (sender, there) = watch::channel(None);
    let host = host.clone();
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            let state = match notice {
                Notice::Snapshot(snapshot) => {
                    let mut hosts = snapshot.hosts.into_iter();
                    Some(hosts.find(|it| it.id() == host).map(|it| it.state))
                }
                Notice::Event(Event::Host { host: info, .. }) if info.id() == host => {
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
