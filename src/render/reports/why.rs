//! `osb why`: the causes, the surest first, each with what to do next.

use serde::Serialize;

use crate::model::{AfterEnd, State};
use crate::render::json::pretty;
use crate::render::{Paint, Report, Style};
use crate::why::{Cause, Ends};

/// What was asked about, and why it is as it is.
pub struct Why {
    pub asked: String,
    pub causes: Vec<Cause>,
}

impl Report for Why {
    fn table(&self, style: Style) -> String {
        let lines = self.causes.iter().enumerate().map(|(at, cause)| {
            let paint = match cause {
                cause if cause.is_well() => Paint::Good,
                _ if at == 0 => Paint::Bad,
                _ => Paint::Doubtful,
            };
            let sentence = style.paint(&sentence(cause), paint);
            match next(cause) {
                Some(next) => format!("{sentence}\n  {next}"),
                None => sentence,
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        let causes = self.causes.iter().map(|cause| Object {
            cause: cause.code(),
            sentence: sentence(cause),
            next: next(cause),
        });
        pretty(&Asked {
            asked: &self.asked,
            well: self.causes.iter().all(Cause::is_well),
            causes: causes.collect(),
        })
    }

    fn names(&self) -> Vec<String> {
        self.causes.iter().map(|it| it.code().to_owned()).collect()
    }
}

#[derive(Serialize)]
struct Asked<'a> {
    asked: &'a str,
    well: bool,
    causes: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    cause: &'static str,
    sentence: String,
    next: Option<String>,
}

impl Why {
    /// The surest cause that explains something, in words.
    pub fn first(&self) -> Option<String> {
        let cause = self.causes.iter().find(|it| !it.is_well())?;
        Some(format!("{}: {}", self.asked, sentence(cause)))
    }
}

/// What is wrong, and by which evidence.
fn sentence(cause: &Cause) -> String {
    match cause {
        Cause::HostGone { host, state } => {
            format!("host {host} is {state}, and its agents with it")
        }
        Cause::Ended {
            agent,
            state,
            exit,
            then,
        } => {
            let exit = exit
                .as_ref()
                .map(|it| format!(": {it}"))
                .unwrap_or_default();
            format!("{agent} {}{exit}{}", has(*state), after(then))
        }
        Cause::Silent {
            agent,
            state,
            since,
        } => format!("{agent} is {state}: it has said nothing, for {since} and longer"),
        Cause::Unwell { agent, state, why } => match why.is_empty() {
            true => format!("{agent} is {state}"),
            false => format!("{agent} is {state}: {why}"),
        },
        Cause::Busy { agent, since } => {
            format!("the program of {agent} has been busy with one thing for {since}")
        }
        Cause::Starting { agent, why } => match why {
            Some(why) => format!("{agent} has not begun yet: {why}"),
            None => format!("{agent} has not begun yet"),
        },
        Cause::Missing { wire } => format!("{}: the other socket is not there", shown(wire)),
        Cause::Mismatch {
            wire,
            what,
            here,
            there,
        } => format!(
            "{}: the ends have another {what}: the one that connects {here}, the other {there}",
            shown(wire)
        ),
        Cause::Refused { wire } => format!(
            "{}: the other end does not let it in: no wire leads there, or its key is not admitted",
            shown(wire)
        ),
        Cause::NotDialable {
            wire,
            address,
            failure,
        } => format!(
            "{}: {address} cannot be dialled from there: {failure}",
            shown(wire)
        ),
        Cause::Unconnected {
            wire,
            lost,
            since,
            address,
        } => {
            let how = if *lost { "is lost" } else { "is not connected" };
            format!(
                "{}: the connection to {address} {how}, for {since}",
                shown(wire)
            )
        }
        Cause::Unreadable { socket, garbled } => {
            format!("{socket} cannot read what comes: {garbled} messages were garbled")
        }
        Cause::Unsubscribed { socket } => format!("{socket} subscribes to nothing"),
        Cause::Topics {
            wire,
            subscribed,
            published,
        } => {
            let wants = list(subscribed);
            let comes = match published.as_deref() {
                Some([]) => "; no topic has passed within the look".to_owned(),
                Some(topics) => format!("; the topics that pass are {}", list(topics)),
                None => String::new(),
            };
            format!(
                "{}: no topic that is published begins with what is subscribed to, {wants}{comes}",
                shown(wire)
            )
        }
        Cause::TimerStopped { writer, timers } => format!(
            "{writer} sends nothing: a timer that sends by it does not run: {}",
            timers.join(", ")
        ),
        Cause::NothingSent { writer, sent } => match sent {
            0 => format!("{writer} has never sent anything"),
            sent => format!(
                "{writer} has sent nothing while it was looked at, for 0.4 s; {sent} messages before"
            ),
        },
        Cause::QueueFull {
            writer,
            waiting,
            slow,
        } => {
            let slow = slow.as_ref().map(|it| format!(": {it} does not take them"));
            format!(
                "{waiting} messages wait at {writer}{}",
                slow.unwrap_or_default()
            )
        }
        Cause::Dropped { writer, dropped } => format!(
            "{writer} has lost {dropped} messages: queues were full, or connections ended with messages in them"
        ),
        Cause::Discarded { reader, received } => {
            format!("{reader} has received {received} messages, and its handler discards them")
        }
        Cause::NoWire { socket } => format!("no wire leads to or from {socket}"),
        Cause::Untold { agent } => format!("{agent} does not tell of its sockets"),
        Cause::TakenByOthers { wire } => {
            format!("{}: what is sent goes to other readers", shown(wire))
        }
        Cause::Flows { wire, messages } => {
            format!(
                "{}: messages arrive, {messages} while it was looked at",
                shown(wire)
            )
        }
    }
}

/// What to do about it.
fn next(cause: &Cause) -> Option<String> {
    Some(match cause {
        Cause::HostGone { host, .. } => {
            format!("see to the machine of {host}; `osb up` with the same file brings back what is missing")
        }
        Cause::Ended { agent, then, .. } => match then {
            AfterEnd::Again { .. } => format!("`osb logs {agent}` shows why it has ended"),
            AfterEnd::Stays | AfterEnd::StaysDown | AfterEnd::GivenUp { .. } => {
                format!("`osb logs {agent}` shows its last words, `osb start {agent}` starts it again")
            }
        },
        Cause::Silent { agent, .. } => format!(
            "its process stands still or its machine is cut off: `osb ls hosts`, or `osb restart {agent}`"
        ),
        Cause::Unwell { agent, .. } | Cause::Busy { agent, .. } => {
            format!("`osb logs {agent}` shows what its program does; `osb restart {agent}` ends that")
        }
        Cause::Starting { agent, .. } | Cause::Untold { agent } => {
            format!("`osb logs {agent}` shows how far it has come")
        }
        Cause::Missing { wire } => {
            format!("`osb ls sockets` shows the sockets there are; {} is to bind it", end_of(wire))
        }
        Cause::Mismatch { what, .. } => format!("give both ends the same {what} in the topology, then `osb up`"),
        Cause::Refused { .. } => {
            "`osb ls sockets` shows whom each socket admits; a wire in the topology, or `accept`, admits an agent".to_owned()
        }
        Cause::NotDialable { .. } => {
            "`osb doctor FILE` tries all ways between the machines; look at addresses and firewalls".to_owned()
        }
        Cause::Unconnected { .. } => "`osb ls connections` shows how it goes on".to_owned(),
        Cause::Unreadable { socket, .. } => {
            format!("let both ends have the same serializer; `osb tap {socket}` shows the bytes")
        }
        Cause::Unsubscribed { socket } => {
            format!("`osb subscribe {} {} TOPIC`, or handlers by topic in the topology", socket.agent, socket.alias)
        }
        Cause::Topics { wire, published: None, .. } => {
            format!("`osb tap {}` shows the topics that pass", wire.writer)
        }
        Cause::Topics { .. } => "subscribe to one of these, or let it be published so".to_owned(),
        Cause::TimerStopped { writer, .. } => {
            format!("`osb every {} …` starts one again, as does `osb restart {}`", writer.agent, writer.agent)
        }
        Cause::NothingSent { writer, .. } => {
            format!("`osb timers {}` and `osb logs {}` show what it does", writer.agent, writer.agent)
        }
        Cause::QueueFull { slow: Some(slow), .. } => format!("`osb why {slow}`"),
        Cause::QueueFull { slow: None, .. } | Cause::Dropped { .. } => {
            "`osb rate` shows who is slow; another reader shares the work of a PUSH".to_owned()
        }
        Cause::Discarded { .. } => "give the socket another `handler` in the topology, then `osb up`".to_owned(),
        Cause::NoWire { socket } => {
            format!("add a connection to the topology, or `osb connect … {socket}`")
        }
        Cause::TakenByOthers { wire } => format!("`osb rate` shows where the messages of {} go", wire.writer),
        Cause::Flows { .. } => return None,
    })
}

fn has(state: State) -> String {
    match state {
        State::Stopped => "was stopped, or has ended as it should".to_owned(),
        State::Failed => "has failed".to_owned(),
        State::Restarting => "has ended, and is about to be started again".to_owned(),
        State::Ended => "has ended, and nobody has seen how".to_owned(),
        other @ (State::Starting
        | State::Running
        | State::Unhealthy
        | State::Suspect
        | State::Unreachable) => format!("is {other}"),
    }
}

fn after(then: &AfterEnd) -> String {
    match then {
        AfterEnd::Stays => String::new(),
        AfterEnd::Again { wait } => format!("; it is started again after {wait}"),
        AfterEnd::StaysDown => "; it stays down until it is started by hand".to_owned(),
        AfterEnd::GivenUp { restarts, within } => {
            format!("; it was started again {restarts} times within {within}, and is not any more")
        }
    }
}

fn shown(wire: &Ends) -> String {
    format!("{} → {}", wire.writer, wire.reader)
}

/// The agent whose socket is missing stands before the dot.
fn end_of(wire: &Ends) -> String {
    match wire.writer.rsplit_once('.') {
        Some((agent, _)) => agent.to_owned(),
        None => wire.writer.clone(),
    }
}

fn list(topics: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = topics
        .iter()
        .take(SHOWN)
        .map(|it| format!("{it:?}"))
        .collect();
    match topics.len() {
        0 => "nothing".to_owned(),
        many if many > SHOWN => format!("{} and {} more", shown.join(", "), many - SHOWN),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Millis, SocketId};

    fn socket(name: &str) -> SocketId {
        SocketId::readings(name).next().unwrap()
    }

    fn wire() -> Ends {
        Ends {
            writer: "Alice.news".to_owned(),
            reader: "Bob.news".to_owned(),
        }
    }

    #[test]
    fn every_cause_has_a_sentence_and_what_to_do() {
        let agent = || "Alice".parse().unwrap();
        let state = State::Failed;
        let causes = vec![
            Cause::HostGone {
                host: "lab1".parse().unwrap(),
                state: State::Unreachable,
            },
            Cause::Ended {
                agent: agent(),
                state,
                exit: Some("exit status 3".into()),
                then: AfterEnd::Again {
                    wait: Millis::from_secs(4),
                },
            },
            Cause::Silent {
                agent: agent(),
                state: State::Unreachable,
                since: Millis::from_secs(12),
            },
            Cause::Unwell {
                agent: agent(),
                state: State::Unhealthy,
                why: "port 80 is closed".into(),
            },
            Cause::Busy {
                agent: agent(),
                since: Millis::from_secs(12),
            },
            Cause::Starting {
                agent: agent(),
                why: None,
            },
            Cause::Missing { wire: wire() },
            Cause::Mismatch {
                wire: wire(),
                what: "serializer",
                here: "json".into(),
                there: "raw".into(),
            },
            Cause::Refused { wire: wire() },
            Cause::NotDialable {
                wire: wire(),
                address: "10.0.0.1:5000".into(),
                failure: "nobody answers".into(),
            },
            Cause::Unconnected {
                wire: wire(),
                lost: true,
                since: Millis::from_secs(3),
                address: "tcp://10.0.0.1:5000".into(),
            },
            Cause::Unreadable {
                socket: socket("Bob.news"),
                garbled: 7,
            },
            Cause::Unsubscribed {
                socket: socket("Bob.news"),
            },
            Cause::Topics {
                wire: wire(),
                subscribed: vec!["sport".into()],
                published: Some(vec!["news".into()]),
            },
            Cause::TimerStopped {
                writer: socket("Alice.news"),
                timers: vec!["every 1s".into()],
            },
            Cause::NothingSent {
                writer: socket("Alice.news"),
                sent: 0,
            },
            Cause::QueueFull {
                writer: socket("Alice.main"),
                waiting: 1000,
                slow: Some(agent()),
            },
            Cause::Dropped {
                writer: socket("Alice.news"),
                dropped: 12,
            },
            Cause::Discarded {
                reader: socket("Bob.news"),
                received: 40,
            },
            Cause::NoWire {
                socket: socket("Bob.news"),
            },
            Cause::Untold { agent: agent() },
            Cause::TakenByOthers { wire: wire() },
            Cause::Flows {
                wire: wire(),
                messages: 5,
            },
        ];
        let why = Why {
            asked: "Bob.news".to_owned(),
            causes,
        };
        let text = why.table(Style::default());
        insta::assert_snapshot!(format!("{text}\n---\n{}", why.json()));
        assert_eq!(why.names().len(), why.causes.len());
        assert!(
            why.first()
                .unwrap()
                .starts_with("Bob.news: host lab1 is unreachable")
        );
    }
}
