//! `osb events`: what has happened in a system, and what happens.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::logs::{Moment, Past, run_meant};
use super::{CommandError, Context, ErrorKind, Session, complete};
use crate::journal::happened_behind;
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{NameServerName, matches_name};
use crate::proxy::{Events, NameServer, ProxyError};
use crate::render::{Happened, Listed, Standing, did_you_mean};
use crate::wire::{AgentRequest, EVENT_KINDS, EventRecord, Fault, Occurred};

/// Attributes are told of for twice as long, and asked for again.
const RENEWED: Duration = Duration::from_secs(60);

/// Show what has happened: agents and hosts that come, fail and go, wires, losses, what operators do
#[derive(Debug, clap::Args)]
pub struct EventsArgs {
    /// What is so now, and then what happens, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Only what is not older: how long ago, such as 5m, or a time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// Only what is older
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    pub until: Option<Moment>,
    /// Only what is about these agents, sockets, hosts or operators; * stands for anything
    #[arg(long = "of", value_name = "NAME", add = complete::sockets())]
    pub of: Vec<String>,
    /// Only these kinds, such as wire,agent
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<EventKind>,
    /// Only what operators have done, and who was let in or not
    #[arg(long, conflicts_with = "kinds")]
    pub audit: bool,
    /// Those of the last run, of a system that is down or did not come up
    #[arg(long, conflicts_with_all = ["follow", "run"])]
    pub last: bool,
    /// Those of the run of that number: `osb ls runs`
    #[arg(long, value_name = "NUMBER", conflicts_with = "follow")]
    pub run: Option<u64>,
    /// Only the last events
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "follow")]
    pub lines: Option<usize>,
}

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKind(&'static str);

impl FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = EVENT_KINDS.into_iter().find(|it| *it == text);
        known.map(Self).ok_or_else(|| {
            let all = EVENT_KINDS.join(", ");
            match did_you_mean(text, EVENT_KINDS.into_iter()) {
                Some(guess) => format!("{guess}; there are {all}"),
                None => format!("there are {all}"),
            }
        })
    }
}

pub(crate) fn run(args: EventsArgs, context: &mut Context) -> Result<(), CommandError> {
    if let Some(past) = args.past() {
        return show_past(&args, &past, context);
    }
    let session = context.session()?;
    session.warn(context);
    for missing in session.missing() {
        context.note(&missing);
    }
    match args.follow {
        true => follow(&args, &session, context),
        false => show(&args, &session, context),
    }
}

/// What has happened so far.
fn show(args: &EventsArgs, session: &Session, context: &Context) -> Result<(), CommandError> {
    let mut all = Vec::new();
    for group in session.groups() {
        let nameserver = session.told_apart(group);
        let mut events = group.nameserver.events_after(0);
        while let Some(event) = events.next_kept()? {
            if args.want(&event) {
                let nameserver = nameserver.clone();
                all.push(Happened { event, nameserver });
            }
        }
        args.may_know(&events, &group.nameserver)?;
    }
    print(all, session.groups().len() > 1, args, context)
}

/// What had happened in a run that is over.
fn show_past(args: &EventsArgs, past: &Past, context: &Context) -> Result<(), CommandError> {
    let (system, dir) = run_meant(past, context)?;
    let mut all = Vec::new();
    let folders = dir.all_events()?;
    if folders.is_empty() {
        let sentence = format!("no events of that run of {system} are kept on this machine");
        return Err(CommandError::say(ErrorKind::Failed, sentence).with_code("no_events"));
    }
    let several = folders.len() > 1;
    for (group, folder) in folders {
        let nameserver = several.then(|| group.unwrap_or_else(NameServerName::only));
        let mut after = 0;
        loop {
            let events = happened_behind(&folder, after)?;
            let Some(last) = events.last() else {
                break;
            };
            after = last.n;
            let wanted = events.into_iter().filter(|it| args.want(it));
            all.extend(wanted.map(|event| Happened {
                event,
                nameserver: nameserver.clone(),
            }));
        }
    }
    print(all, several, args, context)
}

/// Each name server has its own order; a sort that is stable leaves it.
fn print(
    mut all: Vec<Happened>,
    several: bool,
    args: &EventsArgs,
    context: &Context,
) -> Result<(), CommandError> {
    if several {
        all.sort_by(|one, other| one.event.at.cmp(&other.event.at));
    }
    let over = args.lines.map_or(0, |most| all.len().saturating_sub(most));
    all.iter().skip(over).try_for_each(|it| context.print(it))
}

/// What comes, and from which name server.
type Coming = (Option<NameServerName>, Result<EventRecord, ProxyError>);

fn follow(args: &EventsArgs, session: &Session, context: &Context) -> Result<(), CommandError> {
    let (sender, coming) = channel();
    for group in session.groups() {
        let nameserver = session.told_apart(group);
        let mut events = group.nameserver.events();
        let n = events.begin()?;
        args.may_know(&events, &group.nameserver)?;
        if args.since.is_some() {
            let mut before = group.nameserver.events_after(0);
            while let Some(event) = before.next_kept()?.filter(|it| it.n <= n) {
                if args.want(&event) {
                    let nameserver = nameserver.clone();
                    context.print(&Happened { event, nameserver })?;
                }
            }
        }
        let (agents, hosts) = (group.nameserver.agent_infos()?, group.nameserver.hosts()?);
        context.print(&Standing::new(n, nameserver.clone(), agents, hosts))?;
        let sender = sender.clone();
        thread::Builder::new()
            .name("events".into())
            .spawn(move || pass(events, nameserver, &sender))?;
    }
    drop(sender);
    loop {
        args.follow_attributes(session, context)?;
        let until = Instant::now() + RENEWED;
        if !show_coming(args, &coming, until, context)? {
            return Ok(());
        }
    }
}

/// Shows what comes until then. Tells whether there may be more.
fn show_coming(
    args: &EventsArgs,
    coming: &Receiver<Coming>,
    until: Instant,
    context: &Context,
) -> Result<bool, CommandError> {
    loop {
        match coming.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((nameserver, event)) => {
                let event = event?;
                if args.want(&event) {
                    context.print(&Happened { event, nameserver })?;
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}

/// Until there are none any more, or nobody wants them.
fn pass(mut events: Events, nameserver: Option<NameServerName>, to: &Sender<Coming>) {
    loop {
        let event = events.next();
        let is_last = event.is_err();
        if to.send((nameserver.clone(), event)).is_err() || is_last {
            return;
        }
    }
}

impl EventsArgs {
    /// The run that is over, if one is meant.
    fn past(&self) -> Option<Past> {
        match (self.last, self.run) {
            (true, _) => Some(Past::Last),
            (false, Some(number)) => Some(Past::Run(number)),
            (false, None) => None,
        }
    }

    /// Has the agents that are meant tell of their attributes, also those that have come, if that is wanted.
    fn follow_attributes(&self, session: &Session, context: &Context) -> Result<(), CommandError> {
        if !self.kinds.iter().any(|it| it.0 == "attribute") {
            return Ok(());
        }
        let is_meant = |it: &Listed| {
            let name = it.info.name.as_str();
            self.of.is_empty() || self.of.iter().any(|of| matches_name(of, name))
        };
        let for_ms = u32::try_from((2 * RENEWED).as_millis()).unwrap_or(u32::MAX);
        let mut asked = Vec::new();
        for agent in session.listed(context)? {
            if is_meant(&agent) && !agent.info.state.ended() {
                let proxy = session.proxy_of(&agent, CONTROL_TIMEOUT)?;
                let request = AgentRequest::FollowAttributes { for_ms };
                asked.push((agent.id, proxy.ask::<()>(&request)));
            }
        }
        for (agent, answer) in asked {
            match answer.wait() {
                Err(ProxyError::Fault(fault @ Fault::NotPermitted { .. })) => {
                    return Err(ProxyError::Fault(fault).into());
                }
                Err(error) => {
                    context.note(&format!("{agent} does not tell of its attributes: {error}"))
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Who asks for what it is not told is not to take that for nothing.
    fn may_know(&self, events: &Events, nameserver: &NameServer) -> Result<(), CommandError> {
        let asks = |it: &EventKind| matches!(it.0, "deed" | "member");
        if !self.audit && !self.kinds.iter().any(asks) {
            return Ok(());
        }
        if nameserver.link().server_key().is_none() {
            let sentence = "this system is open: nobody is known in it, so that no deeds are noted";
            return Err(CommandError::say(ErrorKind::Failed, sentence).with_code("open_system"));
        }
        if !events.is_whole() {
            let sentence = "what operators have done is told to those with the level admin";
            return Err(CommandError::say(ErrorKind::Failed, sentence).with_code("not_permitted"));
        }
        Ok(())
    }

    fn want(&self, event: &EventRecord) -> bool {
        let EventRecord { at, what, .. } = event;
        let kind = what.kind();
        let kinds: BTreeSet<&str> = self.kinds.iter().map(|it| it.0).collect();
        (kinds.is_empty() || kinds.contains(kind))
            && (!self.audit || matches!(kind, "deed" | "member"))
            && (self.of.is_empty() || self.of.iter().any(|name| is_about(what, name)))
            && self.since.is_none_or(|since| *at >= since.stamp())
            && self.until.is_none_or(|until| *at <= until.stamp())
    }
}

/// Whether it is about `name`: an agent or its sockets, a host, the one who did it.
fn is_about(what: &Occurred, name: &str) -> bool {
    let about = what.about();
    let bare = about.rsplit([' ', ':']).next().unwrap_or_default();
    let matches = |it: &str| matches_name(name, it);
    let other = match what {
        Occurred::Wire { to: Some(to), .. } => {
            matches(&to.to_string()) || matches(to.agent.name.as_str())
        }
        Occurred::Deed { who, .. } | Occurred::Member { who: Some(who), .. } => {
            matches(who) || who.rsplit(' ').next().is_some_and(matches)
        }
        _ => false,
    };
    other || matches(&about) || matches(bare) || what.agent().is_some_and(|it| matches(it.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(json: &str, name: &str) -> bool {
        is_about(&serde_json::from_str(json).unwrap(), name)
    }

    #[test]
    fn an_event_is_found_by_either_end_and_by_who_did_it() {
        let wire = r#"{"kind":"wire","of":"Bob.inbox","to":"Alice.main","what":"lost"}"#;
        for name in ["Bob", "B*", "Bob.inbox", "Bob.*", "Alice", "Alice.main"] {
            assert!(about(wire, name), "{name}");
        }
        for name in ["Bo", "inbox", "Carol", "*.news"] {
            assert!(!about(wire, name), "{name}");
        }
        let deed =
            r#"{"kind":"deed","verb":"call","who":"operator ana","key":"k","of":"host:lab1"}"#;
        for name in ["ana", "operator ana", "lab1", "host:lab1"] {
            assert!(about(deed, name), "{name}");
        }
        assert!("wires".parse::<EventKind>().unwrap_err().contains("wire"));
    }
}
