//! `osb events`: what has happened, each event on a line.

use serde::Serialize;

use super::agents::after_end;
use crate::model::{AgentInfo, HostInfo, NameServerName, State};
use crate::render::style::Paint;
use crate::render::{Report, Style};
use crate::wire::{
    AgentEvent, EventRecord, HealthEvent, HostEvent, LossEvent, NameserverEvent, Occurred,
    SocketEvent, WireEvent,
};

/// An event of the name server of that name, if the system has several. As JSON one object on a line, as specs/events.md has
/// it; its name is what it is about.
#[derive(Serialize)]
pub struct Happened {
    #[serde(flatten)]
    pub event: EventRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nameserver: Option<NameServerName>,
}

/// What is so when events are followed from there on.
#[derive(Serialize)]
pub struct Standing {
    kind: &'static str,
    /// The number of the last event before that.
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nameserver: Option<NameServerName>,
    agents: Vec<AgentInfo>,
    hosts: Vec<HostInfo>,
}

impl Standing {
    pub fn new(
        n: u64,
        nameserver: Option<NameServerName>,
        agents: Vec<AgentInfo>,
        hosts: Vec<HostInfo>,
    ) -> Self {
        Self {
            kind: "snapshot",
            n,
            nameserver,
            agents,
            hosts,
        }
    }
}

impl Report for Standing {
    fn table(&self, style: Style) -> String {
        let running = self.agents.iter().filter(|it| it.state == State::Running);
        let line = format!(
            "{} of {} agents are running, on {} hosts",
            running.count(),
            self.agents.len(),
            self.hosts.len()
        );
        style.paint(&line, Paint::Faint)
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Report for Happened {
    fn table(&self, style: Style) -> String {
        let EventRecord { at, what, .. } = &self.event;
        let (text, paint) = said(what);
        let about = match (&self.nameserver, what.about()) {
            (Some(nameserver), about) if about.is_empty() => format!("@{nameserver}"),
            (Some(nameserver), about) => format!("{about}@{nameserver}"),
            (None, about) => about,
        };
        let text = match paint {
            Some(paint) => style.paint(&text, paint),
            None => text,
        };
        let at = style.paint(at, Paint::Faint);
        format!("{at}  {:<10}  {about:<16}  {text}", what.kind())
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        vec![self.event.what.about()]
    }
}

fn with(why: Option<&String>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn by(who: Option<&String>) -> String {
    who.map(|who| format!(" by {who}")).unwrap_or_default()
}

/// What has happened, in words, and what colour that has.
fn said(what: &Occurred) -> (String, Option<Paint>) {
    match what {
        Occurred::Agent { what, .. } => agent(what),
        Occurred::Host { what, .. } => match what {
            HostEvent::Came { pid, version } => {
                (format!("is there, pid {pid}, osb {version}"), None)
            }
            HostEvent::State { state } => (state.to_string(), Some(Paint::of(*state))),
            HostEvent::Left {} => ("has left".to_owned(), None),
        },
        Occurred::Wire {
            to, address, what, ..
        } => {
            let other = to.as_ref().map(ToString::to_string);
            let other = other.or_else(|| address.clone()).unwrap_or_default();
            wire(*what, &other)
        }
        Occurred::Socket { what, .. } => match what {
            SocketEvent::Bound { socket, address } => (format!("{socket} at {address}"), None),
            SocketEvent::Closed {} => ("closed".to_owned(), None),
        },
        Occurred::Health { what, .. } => match what {
            HealthEvent::Failing { why } => {
                (format!("unhealthy{}", with(why.as_ref())), Some(Paint::Bad))
            }
            HealthEvent::Well {} => ("well again".to_owned(), Some(Paint::Good)),
        },
        Occurred::Loss { what, count, .. } => {
            let how = match what {
                LossEvent::Dropped => "lost",
                LossEvent::Garbled => "could not be read",
            };
            (format!("{count} messages {how}"), Some(Paint::Bad))
        }
        Occurred::Attribute { name, value, .. } => match value {
            Some(value) => (format!("{name} = {value}"), None),
            None => (format!("{name} is gone"), None),
        },
        Occurred::Member {
            what, who, reason, ..
        } => {
            let paint = reason.as_ref().map(|_| Paint::Bad);
            let what = what.replace('_', " ");
            (
                format!("{what}{}{}", by(who.as_ref()), with(reason.as_ref())),
                paint,
            )
        }
        Occurred::Deed {
            verb, who, refused, ..
        } => match refused {
            Some(why) => (
                format!("{verb} by {who} was refused: {why}"),
                Some(Paint::Bad),
            ),
            None => (format!("{verb} by {who}"), None),
        },
        Occurred::Nameserver { what } => match what {
            NameserverEvent::Began { version } => (format!("serves, osb {version}"), None),
        },
        Occurred::Gap { count, .. } => (format!("{count} events are missing"), Some(Paint::Bad)),
        Occurred::Unknown => ("something that a later osb knows".to_owned(), None),
    }
}

fn agent(what: &AgentEvent) -> (String, Option<Paint>) {
    match what {
        AgentEvent::Started { pid, restarts: 0 } => (format!("started, pid {pid}"), None),
        AgentEvent::Started { pid, restarts } => (
            format!("started again, pid {pid}, restart {restarts}"),
            None,
        ),
        AgentEvent::State { state, why } => {
            let why = why.as_ref().map(|why| format!(": {why}"));
            let text = format!("{state}{}", why.unwrap_or_default());
            (text, Some(Paint::of(*state)))
        }
        AgentEvent::Ended {
            status,
            signal,
            asked,
            then,
            why,
        } => {
            let how = match (status, signal) {
                (Some(status), _) => format!("exit status {status}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "status unknown".to_owned(),
            };
            let asked_for = if *asked { ", as asked" } else { "" };
            let is_good = *asked || *status == Some(0);
            let why = with(why.as_ref());
            let text = format!("ended, {how}{asked_for}{}{why}", after_end(*then));
            (text, Some(if is_good { Paint::Faint } else { Paint::Bad }))
        }
        AgentEvent::Left { status } => {
            let status = status.map(|it| format!(", exit status {it}"));
            (format!("has left{}", status.unwrap_or_default()), None)
        }
    }
}

fn wire(what: WireEvent, other: &str) -> (String, Option<Paint>) {
    let (how, paint) = match what {
        WireEvent::Resolving => ("looks for", Some(Paint::Doubtful)),
        WireEvent::Connecting => ("connects to", Some(Paint::Doubtful)),
        WireEvent::Proven => ("proven with", Some(Paint::Good)),
        WireEvent::Refused => ("refused by", Some(Paint::Bad)),
        WireEvent::Lost => ("has lost", Some(Paint::Bad)),
        WireEvent::Removed => ("let go of", None),
    };
    (format!("{how} {other}"), paint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> String {
        let text = format!("{{\"n\":7,\"at\":\"2026-11-23T05:15:00.123Z\",{json}}}");
        let event: EventRecord = serde_json::from_str(&text).unwrap();
        let shown = Happened {
            event: event.clone(),
            nameserver: None,
        };
        // What is told is what was kept.
        let back: EventRecord = serde_json::from_str(&shown.json()).unwrap();
        assert_eq!(back, event);
        shown.table(Style::default())
    }

    #[test]
    fn each_kind_has_its_words() {
        let lines = [
            r#""owner":"host:local","life":"0000000000000007","own":1,"kind":"agent","of":"Alice","what":"started","pid":3,"restarts":2"#,
            r#""kind":"agent","of":"Alice","what":"state","state":"suspect","why":"not heard of for 3 s""#,
            r#""kind":"agent","of":"Alice","what":"ended","signal":9,"asked":false,"then":{"again":{"wait":1000}},"why":"oops""#,
            r#""kind":"agent","of":"Bob","what":"left","status":0"#,
            r#""kind":"host","of":"lab1","what":"came","pid":5,"version":"0.1.0""#,
            r#""kind":"wire","of":"Bob.inbox","to":"Alice.main","what":"lost""#,
            r#""kind":"wire","of":"Bob.inbox","address":"tcp://10.0.0.1:5","what":"proven""#,
            r#""kind":"socket","of":"Alice.main","what":"bound","socket":"PUSH","address":"tcp://127.0.0.1:5""#,
            r#""kind":"health","of":"Alice","what":"failing","why":"GET / gave 500""#,
            r#""kind":"loss","of":"Alice.main","what":"dropped","count":12"#,
            r#""kind":"attribute","of":"Alice","name":"n","value":"3""#,
            r#""kind":"member","what":"turned_away","key":"abc","reason":"the key is unknown""#,
            r#""kind":"deed","verb":"call","who":"operator ana","key":"abc","of":"Alice""#,
            r#""kind":"nameserver","what":"began","version":"0.1.0""#,
            r#""kind":"gap","of":"Alice","count":3"#,
            r#""kind":"later","of":"Alice""#,
        ]
        .map(|json| match json.contains("later") {
            false => line(json),
            true => said(&Occurred::Unknown).0,
        });
        insta::assert_snapshot!(lines.join("\n"));
    }
}
