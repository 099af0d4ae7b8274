//! A topology written out in format 1 again: every agent and every connection for itself, with
//! every default and every variable filled in. What is read from it is the same topology.

use std::net::SocketAddr;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::keys::{self, Section};
use super::yaml::{self, escape};
use crate::model::{
    Action, Admits, AgentId, AgentSpec, BindSpec, Check, Endpoint, Handlers, Health, HostSpec,
    LogLimits, Millis, NameServerEntry, NameServerName, NameServerSpec, Program, Reach, Ready,
    Replies, Restart, Security, Speaks, SshSpec, SyncSpec, Template, TimerAction, TimerSpec,
    Topology, Update, When, WireSpec,
};

/// A topology as a file would say it. Serialized, its keys are in the order of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Flat(Part);

impl Flat {
    pub fn of(topology: &Topology) -> Self {
        let Topology {
            name,
            security,
            nameservers,
            hosts,
            agents,
        } = topology;
        let full = |id: &AgentId| full_id(id, nameservers);
        let connections = topology.wires().map(|(client, it)| {
            let to = format!("{}.{}", full(&it.to.agent), it.to.alias);
            connection(it, full(&client.name).to_string(), to)
        });
        let connections = connections.collect();
        let agents = agents.iter();
        let agents = agents
            .map(|it| (full(&it.name).to_string(), agent(it, &full)))
            .collect();
        let hosts = hosts.iter();
        let hosts = hosts.map(|it| (it.name.to_string(), host(it))).collect();
        let mut top = Entries::of(&keys::FILE);
        top.add("osb", Part::Json(1.into()));
        top.text("name", name);
        match &nameservers[..] {
            [only] if only.name == NameServerName::only() => {
                top.add("nameserver", nameserver(only));
            }
            several => {
                let several = several.iter();
                let several = several.map(|it| (it.name.to_string(), nameserver(it)));
                top.add("nameservers", Part::Map(several.collect()));
            }
        }
        match (security, topology.reaches_out()) {
            (Security::None, true) => top.add("security", Part::Json("none".into())),
            (Security::Curve, false) => top.add("security", Part::Json("curve".into())),
            // What holds if nothing is said.
            (Security::None, false) | (Security::Curve, true) => {}
        }
        top.add("hosts", Part::Map(hosts));
        top.some("agents", Part::Map(agents));
        top.some("connections", Part::List(connections));
        Self(top.part())
    }

    /// As a file.
    pub fn to_yaml(&self) -> String {
        yaml::write(self)
    }
}

impl Serialize for Flat {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// A value whose maps keep their order.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Json(Value),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

impl Part {
    fn text(text: impl ToString) -> Self {
        Part::Text(escape(&text.to_string()))
    }

    fn is_empty(&self) -> bool {
        match self {
            Part::List(items) => items.is_empty(),
            Part::Map(entries) => entries.is_empty(),
            Part::Text(_) | Part::Json(_) => false,
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Part::Text(text) => text.serialize(to),
            Part::Json(value) => value.serialize(to),
            Part::List(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Part::Map(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// The entries of a map, in order.
struct Entries {
    /// Which keys there are.
    section: &'static Section,
    entries: Vec<(String, Part)>,
}

impl Entries {
    fn of(section: &'static Section) -> Self {
        Self {
            section,
            entries: Vec::new(),
        }
    }

    fn add(&mut self, key: &str, part: Part) {
        self.section.must_have(key);
        self.entries.push((key.to_owned(), part));
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn part(self) -> Part {
        Part::Map(self.entries)
    }

    /// Adds what is not empty.
    fn some(&mut self, key: &str, part: Part) {
        if !part.is_empty() {
            self.add(key, part);
        }
    }

    fn text(&mut self, key: &str, text: impl ToString) {
        self.add(key, Part::text(text));
    }
}

/// Where there are several name servers, agents' names have theirs: a bare name might be another agent's too.
fn full_id(id: &AgentId, nameservers: &[NameServerEntry]) -> AgentId {
    match (&id.nameserver, nameservers) {
        (None, [first, _, ..]) => AgentId {
            nameserver: Some(first.name.clone()),
            ..id.clone()
        },
        _ => id.clone(),
    }
}

fn nameserver(nameserver: &NameServerEntry) -> Part {
    let NameServerEntry { name: _, at, host } = nameserver;
    let (key, at) = match at {
        NameServerSpec::Launch(at) => ("launch", at),
        NameServerSpec::Attach(at) => ("attach", at),
    };
    let mut entries = Entries::of(&keys::NAME_SERVER_FORM);
    entries.text(key, at);
    if let Some(host) = host {
        entries.text("host", host);
    }
    entries.part()
}

fn host(host: &HostSpec) -> Part {
    let HostSpec {
        name: _,
        address,
        reach,
        labels,
    } = host;
    let mut entries = Entries::of(&keys::HOST);
    if let Some(address) = address {
        entries.text("address", address);
    }
    match reach {
        Reach::Local => {}
        Reach::Attach => entries.add("attach", Part::Json(true.into())),
        Reach::Ssh(SshSpec {
            destination,
            port,
            identity,
            config,
        }) => {
            entries.text("ssh", destination);
            if let Some(port) = port {
                entries.add("port", Part::Json((*port).into()));
            }
            for (key, path) in [("identity", identity), ("ssh_config", config)] {
                if let Some(path) = path {
                    entries.text(key, path.display());
                }
            }
        }
    }
    let labels = labels.iter().map(Part::text).collect();
    entries.some("labels", Part::List(labels));
    entries.part()
}

fn agent(agent: &AgentSpec, full: &impl Fn(&AgentId) -> AgentId) -> Part {
    let AgentSpec {
        name: _,
        host,
        attach,
        program,
        attributes,
        bind,
        // They are listed by themselves.
        wires: _,
        timers,
        start_timeout,
        settle,
        stop_timeout,
        logs,
        restart,
        on_failed,
        keep,
        with,
        update,
        // No file says so.
        spawned: _,
    } = agent;
    let mut entries = Entries::of(&keys::AGENT);
    entries.text("host", host);
    if *attach {
        entries.add("attach", Part::Json(true.into()));
    }
    entries.text("start_timeout", start_timeout);
    entries.text("settle", settle);
    if !attach {
        if let Some(stop_timeout) = stop_timeout {
            entries.text("stop_timeout", stop_timeout);
        }
        add_restart(restart, &mut entries);
        entries.some("logs", self::logs(*logs));
        let on_failed = on_failed.iter().flat_map(|it| &it.argv).map(Part::text);
        entries.some("on_failed", Part::List(on_failed.collect()));
        let keep = keep.iter().map(Part::text);
        entries.some("keep", Part::List(keep.collect()));
        let with = with.keys().map(|it| Part::text(full(it)));
        entries.some("with", Part::List(with.collect()));
        if let Some(update) = update {
            entries.add("update", self::update(update));
        }
    }
    let attributes = attributes.iter();
    let attributes = attributes.map(|(key, value)| (key.clone(), json(value)));
    entries.some("attributes", Part::Map(attributes.collect()));
    if let Some(program) = program {
        add_program(&program.renamed(full), &mut entries);
    }
    let bind = bind.iter();
    let bind = bind.map(|it| (it.alias.to_string(), socket(it))).collect();
    entries.some("bind", Part::Map(bind));
    entries.some("timers", Part::List(timers.iter().map(timer).collect()));
    entries.part()
}

fn update(update: &Update) -> Part {
    let Update {
        group,
        parallel,
        order,
        wait,
        on_failure,
    } = update;
    let mut entries = Entries::of(&keys::UPDATE);
    entries.text("group", group);
    entries.add("parallel", Part::Json((*parallel).into()));
    entries.text("order", order.as_str());
    entries.text("wait", wait.as_str());
    entries.text("on_failure", on_failure.as_str());
    entries.part()
}

/// A policy alone, if the rest is as it is by default.
fn add_restart(restart: &Restart, to: &mut Entries) {
    let Restart {
        policy,
        delay,
        max_delay,
        factor,
        jitter,
        limit,
        within,
    } = restart;
    let by_default = Restart {
        policy: *policy,
        ..Restart::default()
    };
    if *restart == by_default {
        return to.text("restart", policy);
    }
    let mut entries = Entries::of(&keys::RESTART);
    entries.text("policy", policy);
    entries.text("delay", delay);
    entries.text("max_delay", max_delay);
    entries.add("factor", Part::Json(factor.as_f64().into()));
    entries.add("jitter", Part::Json(jitter.as_f64().into()));
    entries.add("limit", Part::Json((*limit).into()));
    entries.text("within", within);
    to.add("restart", entries.part());
}

fn logs(limits: LogLimits) -> Part {
    let LogLimits {
        max_size,
        max_files,
    } = limits;
    let mut entries = Entries::of(&keys::LOGS);
    entries.text("max_size", max_size);
    entries.add("max_files", Part::Json(max_files.into()));
    entries.part()
}

fn add_program(program: &Program, entries: &mut Entries) {
    let Program {
        argv,
        env,
        cwd,
        sync,
        speaks,
        ready,
        timeout,
        once,
        after,
        after_healthy,
        // Those that wait for it say so.
        ready_when_healthy: _,
        health,
    } = program;
    let words = |words: &[Template]| Part::List(words.iter().map(template).collect());
    entries.add("command", words(argv));
    let env = env.iter();
    let env = env.map(|(key, value)| (key.clone(), template(value)));
    entries.some("env", Part::Map(env.collect()));
    entries.text("cwd", cwd.display());
    if let Some(sync) = sync {
        entries.add("sync", self::sync(sync));
    }
    if *speaks != Speaks::default() {
        entries.text("speaks", speaks);
    }
    add_readiness(ready, *timeout, *once, entries);
    entries.some("after", self::after(after, after_healthy));
    if let Some(health) = health {
        entries.some("health", self::health(health));
    }
}

/// A list, if it is enough that they are ready.
fn after(after: &[AgentId], healthy: &[AgentId]) -> Part {
    if healthy.is_empty() {
        return Part::List(after.iter().map(Part::text).collect());
    }
    let condition = |agent: &AgentId| match healthy.contains(agent) {
        true => Part::text("healthy"),
        false => Part::text("ready"),
    };
    let after = after.iter();
    Part::Map(after.map(|it| (it.to_string(), condition(it))).collect())
}

fn health(health: &Health) -> Part {
    let Health {
        check,
        every,
        timeout,
        failures,
        grace,
        then,
        max_busy,
    } = health;
    let mut entries = Entries::of(&keys::HEALTH);
    match check {
        None => {}
        Some(Check::Call(method)) => entries.text("call", method),
        Some(Check::Command(argv)) => {
            entries.add("command", Part::List(argv.iter().map(template).collect()));
        }
        Some(Check::Port(at)) => entries.text("port", at),
        Some(Check::Http(url)) => entries.text("http", url),
    }
    if check.is_some() {
        entries.text("every", every);
        entries.text("timeout", timeout);
        entries.add("failures", Part::Json((*failures).into()));
        entries.text("grace", grace);
    }
    if let Some(then) = then {
        entries.text("then", then);
    }
    if let Some(max_busy) = max_busy {
        entries.text("max_busy", max_busy);
    }
    entries.part()
}

fn sync(sync: &SyncSpec) -> Part {
    let SyncSpec {
        from,
        paths,
        except,
    } = sync;
    let mut entries = Entries::of(&keys::SYNC);
    entries.text("from", from.display());
    let paths = paths.iter().map(Part::text).collect();
    entries.add("paths", Part::List(paths));
    let except = except.iter().map(|it| Part::text(it.as_str()));
    entries.some("except", Part::List(except.collect()));
    entries.part()
}

fn add_readiness(ready: &Ready, timeout: Option<Millis>, once: bool, to: &mut Entries) {
    let mut entries = Entries::of(match ready {
        Ready::Done => &keys::JOB,
        Ready::Started | Ready::Port(_) | Ready::Line(_) | Ready::Probe { .. } => &keys::READY,
    });
    match ready {
        Ready::Started | Ready::Done => {}
        Ready::Port(at) => entries.text("port", at),
        Ready::Line(pattern) => entries.text("line", pattern),
        Ready::Probe { argv, every } => {
            entries.add("command", Part::List(argv.iter().map(template).collect()));
            entries.text("every", every);
        }
    }
    if let Some(timeout) = timeout {
        entries.text("timeout", timeout);
    }
    if once {
        entries.add("once", Part::Json(true.into()));
    }
    match ready {
        Ready::Done if entries.is_empty() => to.add("job", Part::Json(true.into())),
        Ready::Done => to.add("job", entries.part()),
        Ready::Started | Ready::Port(_) | Ready::Line(_) | Ready::Probe { .. } => {
            to.some("ready", entries.part());
        }
    }
}

/// It escapes its text itself, and not its references.
fn template(template: &Template) -> Part {
    Part::Text(template.to_string())
}

fn socket(bind: &BindSpec) -> Part {
    let BindSpec {
        alias: _,
        kind,
        endpoint,
        serializer,
        handlers,
        admits,
    } = bind;
    let mut entries = Entries::of(&keys::BIND);
    entries.text("kind", kind);
    if let Some(endpoint) = endpoint {
        entries.text("transport", endpoint.transport().as_str());
    }
    match endpoint {
        Some(Endpoint::Tcp { ip, port }) => entries.text("addr", SocketAddr::new(*ip, *port)),
        Some(Endpoint::Ipc { path: Some(path) }) => entries.text("addr", path.display()),
        Some(Endpoint::Ipc { path: None }) | None => {}
    }
    entries.text("serializer", serializer.as_str());
    if let Some(handlers) = handlers {
        entries.some("handler", handler(handlers));
    }
    // The connections say it.
    let Admits {
        wires: _,
        accept,
        guests,
    } = admits;
    let accept = accept.iter().map(Part::text).collect();
    entries.some("accept", Part::List(accept));
    if *guests {
        entries.add("guests", Part::Json(true.into()));
    }
    entries.part()
}

fn timer(timer: &TimerSpec) -> Part {
    let TimerSpec {
        alias,
        when,
        action,
    } = timer;
    let mut entries = Entries::of(&keys::TIMER);
    match when {
        When::Every(time) => entries.text("every", time),
        When::After(time) => entries.text("after", time),
    }
    if let Some(alias) = alias {
        entries.text("alias", alias);
    }
    match action {
        TimerAction::Send {
            alias,
            message,
            topic,
        } => {
            entries.text("send", alias);
            if let Some(topic) = topic {
                entries.text("topic", topic);
            }
            entries.add("message", json(message));
        }
        TimerAction::Call { method, params } => {
            entries.text("call", method);
            entries.add("params", json(params));
        }
        TimerAction::Set { attributes } => {
            let attributes = attributes.iter();
            let attributes = attributes.map(|(key, value)| (key.clone(), json(value)));
            entries.add("set", Part::Map(attributes.collect()));
        }
    }
    entries.part()
}

fn connection(connection: &WireSpec, agent: String, to: String) -> Part {
    let WireSpec {
        to: _,
        alias,
        kind,
        // The other socket's.
        serializer: _,
        handlers,
        replies,
        // A state on the way of a change.
        resting: _,
    } = connection;
    let Replies {
        on_reply,
        wait,
        on_error,
    } = replies;
    let mut entries = Entries::of(&keys::CONNECTION);
    entries.text("agent", agent);
    entries.text("to", to);
    entries.text("alias", alias);
    entries.text("kind", kind);
    entries.some("handler", handler(handlers));
    if let Some(actions) = on_reply {
        entries.add("on_reply", several(actions));
    }
    if let Some(wait) = wait {
        entries.text("wait", wait);
    }
    if let Some(actions) = on_error {
        entries.add("on_error", several(actions));
    }
    entries.part()
}

/// An empty list for sockets at which nothing arrives.
fn handler(handlers: &Handlers) -> Part {
    match handlers {
        Handlers::All(actions) => several(actions),
        Handlers::ByTopic(topics) => {
            let topics = topics.iter();
            let topics = topics.map(|(topic, actions)| (topic.clone(), several(actions)));
            Part::Map(topics.collect())
        }
    }
}

fn several(actions: &[Action]) -> Part {
    match actions {
        [one] => Part::text(one),
        all => Part::List(all.iter().map(Part::text).collect()),
    }
}

fn json(value: &Value) -> Part {
    match value {
        Value::String(text) => Part::text(text),
        Value::Array(items) => Part::List(items.iter().map(json).collect()),
        Value::Object(entries) => {
            let entries = entries.iter();
            Part::Map(
                entries
                    .map(|(key, value)| (key.clone(), json(value)))
                    .collect(),
            )
        }
        plain => Part::Json(plain.clone()),
    }
}
