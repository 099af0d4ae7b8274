//! What happens, and what is to be done.

use std::fmt;
use std::time::Duration;

use super::cell::Tone;
use super::known::{Group, Known, Now};
use super::rows::SystemSeen;
use super::{Change, Mode, Top, View};
use crate::model::{AgentId, AgentInfo, Alias, HostInfo, SystemName};
use crate::wire::AgentStatus;

/// A key, or what a mouse does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    Tab,
    BackTab,
    /// The screen is drawn anew.
    Redraw,
    /// Another program has the terminal for a while.
    Suspend,
    Interrupt,
    /// At a column and a line, counted from 0.
    Click(u16, u16),
}

/// Which feed of a pane it is: what comes of a former one is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedId(pub u64);

/// What is shown in a pane as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    Logs(AgentId),
    /// All sockets of the agent, if none is given.
    Tap(AgentId, Option<Alias>),
}

/// What is done to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Restart,
    Stop,
}

/// What happens.
#[derive(Debug)]
pub enum Input {
    Pressed(Key),
    Resized(u16, u16),
    /// A second is over.
    Tick,
    /// All that a name server knows; hosts if it was asked for them.
    Snapshot {
        group: Group,
        agents: Vec<AgentInfo>,
        hosts: Option<Vec<HostInfo>>,
    },
    Agent {
        group: Group,
        agent: Box<AgentInfo>,
    },
    Host {
        group: Group,
        host: HostInfo,
    },
    /// An agent has answered, or why not.
    Status {
        agent: AgentId,
        told: Result<Box<AgentStatus>, String>,
    },
    /// A name server has answered, or why not.
    Answer {
        group: Group,
        told: Result<(), String>,
    },
    /// The systems of this machine.
    Systems(Vec<SystemSeen>),
    /// Another system is looked at, or the same at other name servers.
    Opened {
        title: String,
        groups: Vec<Group>,
    },
    /// Lines for a pane, and how many there are too many to be shown.
    Lines {
        feed: FeedId,
        lines: Vec<String>,
        lost: u64,
    },
    /// What was to be done is done, or why not.
    Done {
        deed: Deed,
        agent: AgentId,
        outcome: Result<(), String>,
    },
    /// Something for the user to know.
    Said(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// These agents are asked how they are.
    Ask(Vec<AgentId>),
    /// The systems of this machine are looked for.
    Systems,
    /// Lines are to come of this from now on, and of nothing else.
    Feed(FeedId, Feed),
    /// No lines are wanted any more.
    EndFeed,
    Do(Deed, AgentId),
    Open(SystemName),
    Redraw,
    Suspend,
    Quit,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Deed::Restart => "restart",
            Deed::Stop => "stop",
        })
    }
}

impl Deed {
    fn done(self) -> &'static str {
        match self {
            Deed::Restart => "was restarted",
            Deed::Stop => "was stopped, and stays down until it is started again",
        }
    }
}

impl Top {
    /// Takes note of what has happened, and says what is to be done.
    #[must_use]
    pub fn on(&mut self, input: Input, now: Now) -> Vec<Effect> {
        match input {
            Input::Pressed(key) => {
                self.change = Change::Now;
                self.prepare(now);
                return self.on_key(key, now);
            }
            Input::Resized(columns, lines) => {
                self.size = (columns, lines);
                self.news(Change::Now);
            }
            Input::Tick => return self.on_tick(now),
            Input::Snapshot {
                group,
                agents,
                hosts,
            } => {
                self.known.on_snapshot(&group, agents, hosts, now);
                self.news(Change::Now);
                self.prepare(now);
                return self.ask_for_the_unknown();
            }
            Input::Agent { group, agent } => {
                self.known.on_agent(&group, *agent, now);
                self.news(Change::Now);
            }
            Input::Host { group, host } => {
                self.known.on_host(&group, host, now);
                self.news(Change::Now);
            }
            Input::Status { agent, told } => {
                self.known.on_status(&agent, told.map(|it| *it), now);
                self.news(Change::Numbers);
            }
            Input::Answer { group, told } => {
                if self.known.on_answer(&group, told, now) {
                    self.news(Change::Now);
                }
            }
            Input::Systems(systems) => {
                self.systems = systems;
                self.news(Change::Now);
            }
            Input::Opened { title, groups } => return self.on_opened(title, groups, now),
            Input::Lines { feed, lines, lost } => {
                if let Some(pane) = self.pane.as_mut().filter(|it| it.is_fed_by(feed)) {
                    pane.add(lines, lost);
                    self.change = Change::Now;
                }
            }
            Input::Done {
                deed,
                agent,
                outcome,
            } => {
                self.busy.remove(&agent);
                match outcome {
                    Ok(()) => self.say(format!("{agent} {}", deed.done()), Tone::Good, now),
                    Err(why) => self.say(format!("cannot {deed} {agent}: {why}"), Tone::Bad, now),
                }
            }
            Input::Said(text) => self.say(text, Tone::Doubtful, now),
        }
        Vec::new()
    }

    fn news(&mut self, change: Change) {
        self.is_due = true;
        self.change = self.change.max(change);
    }

    fn on_tick(&mut self, now: Now) -> Vec<Effect> {
        // Times go on.
        self.news(Change::Numbers);
        self.prepare(now);
        let mut effects = Vec::new();
        if self.view == View::Systems {
            effects.push(Effect::Systems);
        }
        let asked = self.asked();
        if !asked.is_empty() {
            effects.push(Effect::Ask(asked));
        }
        effects
    }

    /// What has come to be seen is asked at once.
    pub(super) fn ask_for_the_unknown(&self) -> Vec<Effect> {
        let mut asked = self.asked();
        let is_new = |id: &AgentId| {
            let agent = self.known.agents.get(id);
            agent.is_some_and(|it| it.told.is_none() && it.silent.is_none())
        };
        asked.retain(is_new);
        match asked.is_empty() {
            true => Vec::new(),
            false => vec![Effect::Ask(asked)],
        }
    }

    fn on_opened(&mut self, title: String, groups: Vec<Group>, now: Now) -> Vec<Effect> {
        self.known = Known::of(groups);
        self.title = title;
        self.busy.clear();
        self.marks.retain(|view, _| *view == View::Systems);
        self.mode = Mode::Browse;
        if self.view == View::Systems {
            self.view = View::Agents;
        }
        self.news(Change::Now);
        self.prepare(now);
        match self.pane.take() {
            Some(_) => vec![Effect::EndFeed],
            None => Vec::new(),
        }
    }

    /// How often it is to be ticked.
    pub const TICK: Duration = Duration::from_secs(1);
}
