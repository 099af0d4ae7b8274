//! `osb wait`: blocks until everything that is named is there, by the name server's events.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use super::explain::{MUTE, ambiguous, hint_agent};
use super::runtime::block_on;
use super::session::Group;
use super::target::{Named, may_mean, named};
use super::why::reasons;
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::model::timing::LAST_LOOK_TIMEOUT;
use crate::model::{AgentId, AgentInfo, Millis, NameServerName, SocketId, State};
use crate::proxy::{Notice, ProxyError};
use crate::render::{Waited, WaitedRow};
use crate::wire::{Event, NameServerRequest};

/// Wait until agents are running, or have ended well, or sockets are there
#[derive(Debug, clap::Args)]
pub struct WaitArgs {
    /// What to wait for: AGENT, or AGENT.ALIAS for a socket
    #[arg(required = true, value_name = "AGENT", add = complete::agents())]
    pub names: Vec<String>,
    /// Wait until the agents have ended, and ended well
    #[arg(long)]
    pub ended: bool,
    /// How long that may take
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub timeout: Millis,
}

/// What an agent is waited for to be. A socket is waited for to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// Running, or ended well already.
    There,
    Ended,
}

impl WaitArgs {
    fn goal(&self) -> Goal {
        match self.ended {
            true => Goal::Ended,
            false => Goal::There,
        }
    }
}

/// By their full names.
type Agents = BTreeMap<AgentId, AgentInfo>;

/// How it stands with one thing that is waited for.
#[derive(Debug, Clone, PartialEq)]
enum Standing {
    Reached {
        state: State,
        address: Option<String>,
    },
    /// Waiting longer is in vain.
    Failed { agent: Box<AgentInfo>, what: String },
    /// Several name servers have an agent of that name.
    Ambiguous { id: AgentId, full: Vec<AgentId> },
    /// What it is instead.
    Pending(String),
}

pub(crate) fn run(args: WaitArgs, context: &mut Context) -> Result<(), CommandError> {
    if let Some(bad) = args
        .names
        .iter()
        .find(|name| named(name, |_| false).is_none())
    {
        let sentence = format!("{bad:?} is not a name");
        return Err(CommandError::say(ErrorKind::Usage, sentence));
    }
    let session = context.session()?;
    session.missing().for_each(|missing| context.note(&missing));
    let declared = session.declared();
    let mut agents = Agents::new();
    let reached = block_on(async {
        let mut notices = watch(&session);
        let reached = async {
            let mut silent: BTreeSet<NameServerName> =
                session.groups().iter().map(|it| it.name.clone()).collect();
            while let Some((nameserver, notice)) = notices.recv().await {
                let notice = match notice {
                    Ok(notice) => notice,
                    Err(over) => return session.tell(Err(over)),
                };
                take_note(&mut agents, &nameserver, notice);
                silent.remove(&nameserver);
                // What a name means is known when all have told.
                if !silent.is_empty() {
                    continue;
                }
                if let Some(declared) = &declared
                    && let Some(error) = nobody(&args.names, &agents, declared)
                {
                    return Err(error);
                }
                if let Some(outcome) = all_reached(&args.names, args.goal(), &agents) {
                    return outcome;
                }
            }
            session.tell(Err(ProxyError::Closed))
        };
        tokio::time::timeout(args.timeout.duration(), reached).await
    })?;
    match reached {
        Ok(outcome) => context.print(&outcome?),
        Err(_) => match silent(&session).as_slice() {
            [] => {
                let pending = pending(&args, &agents);
                let reasons = reasons(&session, &pending, context);
                Err(too_late(&args, &agents).with_hints(reasons))
            }
            silent => Err(nothing_is_known(&args, &agents, silent)),
        },
    }
}

/// The addresses of the name servers that do not answer.
fn silent(session: &Session) -> Vec<String> {
    let ask = |group: &Group| {
        let answer = group
            .nameserver
            .ask_within(&NameServerRequest::Ping {}, LAST_LOOK_TIMEOUT);
        (group.nameserver.link().address().to_owned(), answer)
    };
    let asked: Vec<_> = session.groups().iter().map(ask).collect();
    let silent = asked.into_iter().filter_map(|(address, answer)| {
        let answer: Result<String, _> = answer.wait();
        answer.is_err().then_some(address)
    });
    silent.collect()
}

/// An error if something is waited for that nobody has, nor is to have by the topology.
fn nobody(names: &[String], agents: &Agents, declared: &[AgentId]) -> Option<CommandError> {
    let known = || agents.keys().chain(declared);
    let is_known = |asked: &AgentId| {
        known().any(|id| {
            let nameserver = id.nameserver.as_ref();
            nameserver.is_some_and(|nameserver| may_mean(asked, &id.name, nameserver))
        })
    };
    let id = names.iter().find_map(|text| match named(text, is_known)? {
        Named::Agent(id) | Named::Socket(SocketId { agent: id, .. }) => {
            (!is_known(&id)).then_some(id)
        }
    })?;
    let names: BTreeSet<AgentId> = known().map(|id| id.name.clone().into()).collect();
    let names: Vec<AgentId> = names.into_iter().collect();
    let sentence = format!("no agent is called {id}, and the topology has none that will be");
    let error = CommandError::say(ErrorKind::Failed, sentence).with_code("unknown_agent");
    Some(error.with_hint(hint_agent(&id, &names)))
}

/// What is still waited for.
fn pending<'a>(args: &'a WaitArgs, agents: &Agents) -> Vec<&'a String> {
    let is_pending =
        |name: &&String| matches!(standing(name, args.goal(), agents), Standing::Pending(_));
    args.names.iter().filter(is_pending).collect()
}

fn nothing_is_known(args: &WaitArgs, agents: &Agents, silent: &[String]) -> CommandError {
    let missing: Vec<&str> = pending(args, agents)
        .into_iter()
        .map(String::as_str)
        .collect();
    let (servers, verb) = match silent {
        [_] => ("server", "does"),
        _ => ("servers", "do"),
    };
    let addresses: Vec<&str> = silent
        .iter()
        .map(|it| it.trim_start_matches("tcp://"))
        .collect();
    let sentence = format!(
        "the name {servers} at {} {verb} not answer: how it is with {} was not to be learnt within {}",
        addresses.join(" and "),
        missing.join(", "),
        args.timeout
    );
    CommandError::say(ErrorKind::Unreachable, sentence).with_hint(MUTE)
}

/// What a name server tells, or why it tells nothing more.
type Told = (NameServerName, Result<Notice, ProxyError>);

/// What all name servers tell, each with its name.
fn watch(session: &Session) -> mpsc::UnboundedReceiver<Told> {
    let (sender, notices) = mpsc::unbounded_channel();
    for group in session.groups() {
        let (mut watch, sender) = (group.nameserver.watch(), sender.clone());
        let name = group.name.clone();
        tokio::spawn(async move {
            while let Some(notice) = watch.next().await {
                if sender.send((name.clone(), Ok(notice))).is_err() {
                    return;
                }
            }
            let _ = sender.send((name, Err(watch.end().clone())));
        });
    }
    notices
}

fn take_note(agents: &mut Agents, nameserver: &NameServerName, notice: Notice) {
    let full = |agent: AgentInfo| {
        let id = AgentId {
            name: agent.name.clone(),
            nameserver: Some(nameserver.clone()),
        };
        (id, agent)
    };
    match notice {
        Notice::Snapshot(snapshot) => {
            agents.retain(|id, _| id.nameserver.as_ref() != Some(nameserver));
            agents.extend(snapshot.agents.into_iter().map(full));
        }
        Notice::Event(Event::Agent { agent, .. }) => agents.extend([full(*agent)]),
        Notice::Event(_) => {}
    }
}

/// The agents that `asked` may mean: several, if several name servers have one of that name.
fn meant<'a>(agents: &'a Agents, asked: &AgentId) -> Vec<(&'a AgentId, &'a AgentInfo)> {
    let mut agents: Vec<_> = agents.iter().collect();
    agents.retain(|(id, _)| {
        let nameserver = id.nameserver.as_ref();
        nameserver.is_some_and(|nameserver| may_mean(asked, &id.name, nameserver))
    });
    agents
}

/// What a text names, by the agents that there are.
fn read(text: &str, agents: &Agents) -> Option<Named> {
    named(text, |id| !meant(agents, id).is_empty())
}

/// Something as soon as all are reached, or one never will be.
fn all_reached(
    names: &[String],
    goal: Goal,
    agents: &Agents,
) -> Option<Result<Waited, CommandError>> {
    let mut rows = Vec::new();
    for name in names {
        match standing(name, goal, agents) {
            Standing::Ambiguous { id, full } => {
                return Some(Err(ambiguous(&id, full.into_iter())));
            }
            Standing::Reached { state, address } => {
                let name = name.clone();
                rows.push(WaitedRow {
                    name,
                    state,
                    address,
                });
            }
            Standing::Failed { agent, what } => return Some(Err(failed(&agent, what))),
            Standing::Pending(_) => {}
        }
    }
    (rows.len() == names.len()).then_some(Ok(Waited(rows)))
}

fn standing(text: &str, goal: Goal, agents: &Agents) -> Standing {
    let (id, socket) = match read(text, agents) {
        Some(Named::Agent(id)) => (id, None),
        Some(Named::Socket(socket)) => (socket.agent.clone(), Some(socket)),
        None => return Standing::Pending("not a name".to_owned()),
    };
    match (&meant(agents, &id)[..], socket) {
        ([], None) => Standing::Pending("not registered".to_owned()),
        ([], Some(_)) => Standing::Pending(format!("{id} is not registered")),
        ([(_, agent)], None) => standing_of_agent(agent, goal),
        ([(_, agent)], Some(socket)) => standing_of_socket(agent, &socket),
        (several, _) => Standing::Ambiguous {
            full: several.iter().map(|(id, _)| (*id).clone()).collect(),
            id,
        },
    }
}

fn standing_of_agent(agent: &AgentInfo, goal: Goal) -> Standing {
    match agent.state {
        State::Running if goal == Goal::Ended => Standing::Pending(agent.state.to_string()),
        State::Running | State::Stopped => Standing::Reached {
            state: agent.state,
            address: None,
        },
        _ if agent.is_about_to_be_told() => Standing::Pending(agent.state.to_string()),
        State::Failed => Standing::Failed {
            what: format!("{} has failed", agent.name),
            agent: Box::new(agent.clone()),
        },
        State::Ended => Standing::Failed {
            what: format!("{} has ended, and nobody saw how", agent.name),
            agent: Box::new(agent.clone()),
        },
        state => Standing::Pending(state.to_string()),
    }
}

fn standing_of_socket(agent: &AgentInfo, target: &SocketId) -> Standing {
    if agent.state.is_over() {
        return Standing::Failed {
            what: format!(
                "there will be no {target}: {} has {}",
                agent.name, agent.state
            ),
            agent: Box::new(agent.clone()),
        };
    }
    match agent.addresses.get(&target.alias) {
        Some(address) => Standing::Reached {
            state: agent.state,
            address: Some(address.address.clone()),
        },
        None => Standing::Pending(format!("{} is {}, without it", agent.name, agent.state)),
    }
}

fn failed(agent: &AgentInfo, what: String) -> CommandError {
    let name = &agent.name;
    let (how, log) = match &agent.exit {
        Some(exit) => (format!(": {exit}"), exit.log.clone()),
        None => (String::new(), Vec::new()),
    };
    CommandError::say(ErrorKind::Failed, format!("{what}{how}"))
        .with_code("agent_failed")
        .with_details(log)
        .with_hint(format!("`osb logs {name}` shows its whole log"))
}

fn too_late(args: &WaitArgs, agents: &Agents) -> CommandError {
    let mut missing = Vec::new();
    let mut hints = Vec::new();
    let known: Vec<AgentId> = agents.keys().map(|id| id.name.clone().into()).collect();
    for text in &args.names {
        let Standing::Pending(why) = standing(text, args.goal(), agents) else {
            continue;
        };
        missing.push(format!("{text} ({why})"));
        let agent = match read(text, agents) {
            Some(Named::Agent(agent)) => agent,
            Some(Named::Socket(target)) => target.agent,
            None => continue,
        };
        hints.push(match meant(agents, &agent).is_empty() {
            false => format!("`osb logs {agent}` may show why"),
            true => hint_agent(&agent, &known),
        });
    }
    hints.dedup();
    let sentence = format!("not ready within {}: {}", args.timeout, missing.join(", "));
    CommandError::say(ErrorKind::NotReady, sentence).with_hints(hints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ExitReport;
    use crate::render::samples;
    use crate::wire::{Change, Reached};

    fn agents(of: impl IntoIterator<Item = AgentInfo>) -> Agents {
        let mut agents = Agents::new();
        for agent in of {
            let event = Event::Agent {
                change: Change::State,
                agent: Box::new(agent),
                reached: Reached::default(),
            };
            take_note(&mut agents, &NameServerName::only(), Notice::Event(event));
        }
        agents
    }

    fn in_state(state: State) -> Agents {
        agents([AgentInfo {
            state,
            ..samples::alice()
        }])
    }

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_end_is_waited_for_if_that_is_the_goal() {
        let reached = |state| all_reached(&names(&["Alice"]), Goal::Ended, &in_state(state));
        assert!(reached(State::Running).is_none());
        assert!(matches!(reached(State::Stopped), Some(Ok(_))));
        assert!(matches!(reached(State::Ended), Some(Err(_))));
        // Its host is about to tell how.
        assert!(reached(State::Failed).is_none());
        let told = agents([AgentInfo {
            state: State::Failed,
            exit: Some(ExitReport {
                status: Some(7),
                signal: None,
                log: vec![],
                cause: None,
            }),
            ..samples::alice()
        }]);
        let failed = all_reached(&names(&["Alice"]), Goal::Ended, &told);
        assert!(matches!(failed, Some(Err(_))));
    }

    #[test]
    fn what_runs_or_has_ended_well_is_reached() {
        for state in [State::Running, State::Stopped] {
            let reached = all_reached(&names(&["Alice"]), Goal::There, &in_state(state));
            assert_eq!(reached.unwrap().unwrap().0.len(), 1, "{state}");
        }
        for state in [State::Starting, State::Suspect, State::Unreachable] {
            assert!(all_reached(&names(&["Alice"]), Goal::There, &in_state(state)).is_none());
        }
        assert!(
            all_reached(
                &names(&["Alice", "Zoe"]),
                Goal::There,
                &in_state(State::Running)
            )
            .is_none()
        );
    }

    #[test]
    fn a_socket_is_waited_for_by_its_agents_alias() {
        let running = in_state(State::Running);
        let rows = all_reached(&names(&["Alice.main"]), Goal::There, &running)
            .unwrap()
            .unwrap();
        assert_eq!(rows.0[0].address.as_deref(), Some("tcp://127.0.0.1:40123"));
        assert!(all_reached(&names(&["Alice.other"]), Goal::There, &running).is_none());
        let stopped = in_state(State::Stopped);
        assert!(
            all_reached(&names(&["Alice.main"]), Goal::There, &stopped)
                .unwrap()
                .is_err()
        );
    }

    #[test]
    fn what_has_failed_ends_the_waiting_with_its_log() {
        let exit = ExitReport {
            status: Some(3),
            signal: None,
            log: names(&["no such file"]),
            cause: None,
        };
        let alice = AgentInfo {
            state: State::Failed,
            exit: Some(exit),
            ..samples::alice()
        };
        let reached = all_reached(&names(&["Zoe", "Alice"]), Goal::There, &agents([alice]));
        let error = reached.unwrap().err().unwrap();
        assert_eq!(error.message(), "Alice has failed: exit status 3");
        assert_eq!(error.details(), ["no such file"]);
        assert_eq!(error.kind(), ErrorKind::Failed);
    }

    #[test]
    fn who_is_neither_there_nor_to_come_is_not_waited_for() {
        let there = in_state(State::Running);
        let declared = ["Bob@main", "a.b@main"].map(|id| id.parse().unwrap());
        let error = |name: &str| nobody(&names(&["Alice", name]), &there, &declared);
        for known in ["Bob", "Bob.x", "Alice.other", "a.b", "a.b.c"] {
            assert!(error(known).is_none(), "{known}");
        }
        for (unknown, hint) in [
            ("Bobb", "did you mean Bob?"),
            ("Alise.main", "did you mean Alice?"),
        ] {
            let error = error(unknown).unwrap();
            assert_eq!(error.code(), "unknown_agent");
            assert_eq!(error.hints(), [hint]);
        }
    }

    #[test]
    fn who_comes_too_late_is_named() {
        let args = WaitArgs {
            ended: false,
            names: names(&["Alice", "Alise", "Alice.x"]),
            timeout: Millis::from_secs(1),
        };
        let error = too_late(&args, &in_state(State::Running));
        assert_eq!(
            error.message(),
            "not ready within 1s: Alise (not registered), Alice.x (Alice is running, without it)"
        );
        assert_eq!(error.hints()[0], "did you mean Alice?");
        assert_eq!(error.kind().exit_code(), 5);
    }
}
