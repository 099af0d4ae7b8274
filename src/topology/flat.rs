//! A topology written out in format 1 again: every agent and every connection for itself, with
//! every default and every variable filled in. What is read from it is the same topology.

use std::net::SocketAddr;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::yaml::{self, escape};
use crate::model::{
    Action, AgentId, AgentSpec, BindSpec, ConnectionSpec, Endpoint, Handlers, HostSpec, LogLimits,
    NameServerEntry, NameServerName, NameServerSpec, Program, Reach, Ready, Replies, Security,
    Speaks, SyncSpec, Template, TimerAction, TimerSpec, Topology, When,
};

/// A topology as a file would say it. Serialized, its keys are in the order of the format.
#[derive(Debug, Clone, PartialEq)]
pub struct Flat(Part);

impl Flat {
    pub fn of(topology: &Topology) -> Self {
        let full = |id: &AgentId| full_id(id, &topology.nameservers);
        let agents = topology.agents.iter();
        let agents = agents
            .map(|it| (full(&it.name).to_string(), agent(it, &full)))
            .collect();
        let hosts = topology.hosts.iter();
        let hosts = hosts.map(|it| (it.name.to_string(), host(it))).collect();
        let connections = topology.connections.iter();
        let connections = connections
            .map(|it| {
                let to = format!("{}.{}", full(&it.to.agent), it.to.alias);
                connection(it, full(&it.agent).to_string(), to)
            })
            .collect();
        let mut top = Entries::default();
        top.add("osb", Part::Json(1.into()));
        top.text("name", &topology.name);
        match &topology.nameservers[..] {
            [only] if only.name == NameServerName::only() => {
                top.add("nameserver", nameserver(only));
            }
            several => {
                let several = several.iter();
                let several = several.map(|it| (it.name.to_string(), nameserver(it)));
                top.add("nameservers", Part::Map(several.collect()));
            }
        }
        match (topology.security, topology.reaches_out()) {
            (Security::None, true) => top.add("security", Part::Json("none".into())),
            (Security::Curve, false) => top.add("security", Part::Json("curve".into())),
            _ => {}
        }
        top.add("hosts", Part::Map(hosts));
        top.some("agents", Part::Map(agents));
        top.some("connections", Part::List(connections));
        Self(Part::Map(top.0))
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
#[derive(Default)]
struct Entries(Vec<(String, Part)>);

impl Entries {
    fn add(&mut self, key: &str, part: Part) {
        self.0.push((key.to_owned(), part));
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

/// Where there are several name servers, names say theirs: a bare one might be another's too.
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
    let (key, at) = match &nameserver.at {
        NameServerSpec::Launch(at) => ("launch", at),
        NameServerSpec::Attach(at) => ("attach", at),
    };
    let mut entries = Entries::default();
    entries.text(key, at);
    if let Some(host) = &nameserver.host {
        entries.text("host", host);
    }
    Part::Map(entries.0)
}

fn host(host: &HostSpec) -> Part {
    let mut entries = Entries::default();
    if let Some(address) = host.address {
        entries.text("address", address);
    }
    match &host.reach {
        Reach::Local => {}
        Reach::Attach => entries.add("attach", Part::Json(true.into())),
        Reach::Ssh(ssh) => {
            entries.text("ssh", &ssh.destination);
            if let Some(port) = ssh.port {
                entries.add("port", Part::Json(port.into()));
            }
            for (key, path) in [("identity", &ssh.identity), ("ssh_config", &ssh.config)] {
                if let Some(path) = path {
                    entries.text(key, path.display());
                }
            }
        }
    }
    let labels = host.labels.iter().map(Part::text).collect();
    entries.some("labels", Part::List(labels));
    Part::Map(entries.0)
}

fn agent(agent: &AgentSpec, full: &impl Fn(&AgentId) -> AgentId) -> Part {
    let mut entries = Entries::default();
    entries.text("host", &agent.host);
    if agent.attach {
        entries.add("attach", Part::Json(true.into()));
    }
    entries.text("start_timeout", agent.start_timeout);
    entries.text("settle", agent.settle);
    entries.text("restart", "never");
    if !agent.attach {
        let LogLimits {
            max_size,
            max_files,
        } = agent.logs;
        let mut logs = Entries::default();
        logs.text("max_size", max_size);
        logs.add("max_files", Part::Json(max_files.into()));
        entries.some("logs", Part::Map(logs.0));
    }
    let attributes = agent.attributes.iter();
    let attributes = attributes.map(|(key, value)| (key.clone(), json(value)));
    entries.some("attributes", Part::Map(attributes.collect()));
    if let Some(program) = &agent.program {
        add_program(&program.renamed(full), &mut entries);
    }
    let bind = agent.bind.iter();
    let bind = bind.map(|it| (it.alias.to_string(), socket(it))).collect();
    entries.some("bind", Part::Map(bind));
    entries.some(
        "timers",
        Part::List(agent.timers.iter().map(timer).collect()),
    );
    Part::Map(entries.0)
}

fn add_program(program: &Program, entries: &mut Entries) {
    let words = |words: &[Template]| Part::List(words.iter().map(template).collect());
    entries.add("command", words(&program.argv));
    let env = program.env.iter();
    let env = env.map(|(key, value)| (key.clone(), template(value)));
    entries.some("env", Part::Map(env.collect()));
    entries.text("cwd", program.cwd.display());
    if let Some(sync) = &program.sync {
        entries.add("sync", self::sync(sync));
    }
    if program.speaks != Speaks::default() {
        entries.text("speaks", program.speaks);
    }
    add_readiness(program, entries);
    let after = program.after.iter().map(Part::text).collect();
    entries.some("after", Part::List(after));
}

fn sync(sync: &SyncSpec) -> Part {
    let mut entries = Entries::default();
    entries.text("from", sync.from.display());
    let paths = sync.paths.iter().map(Part::text).collect();
    entries.add("paths", Part::List(paths));
    let except = sync.except.iter().map(|it| Part::text(it.as_str()));
    entries.some("except", Part::List(except.collect()));
    Part::Map(entries.0)
}

fn add_readiness(program: &Program, to: &mut Entries) {
    let mut entries = Entries::default();
    match &program.ready {
        Ready::Started | Ready::Done => {}
        Ready::Port(at) => entries.text("port", at),
        Ready::Line(pattern) => entries.text("line", pattern),
        Ready::Probe { argv, every } => {
            entries.add("command", Part::List(argv.iter().map(template).collect()));
            entries.text("every", every);
        }
    }
    if let Some(timeout) = program.timeout {
        entries.text("timeout", timeout);
    }
    match program.ready {
        Ready::Done if entries.0.is_empty() => to.add("job", Part::Json(true.into())),
        Ready::Done => to.add("job", Part::Map(entries.0)),
        _ => to.some("ready", Part::Map(entries.0)),
    }
}

/// It escapes its text itself, and not its references.
fn template(template: &Template) -> Part {
    Part::Text(template.to_string())
}

fn socket(bind: &BindSpec) -> Part {
    let mut entries = Entries::default();
    entries.text("kind", bind.kind);
    entries.text("transport", bind.endpoint.transport().as_str());
    match &bind.endpoint {
        Endpoint::Tcp { ip, port } => entries.text("addr", SocketAddr::new(*ip, *port)),
        Endpoint::Ipc { path: Some(path) } => entries.text("addr", path.display()),
        Endpoint::Ipc { path: None } => {}
    }
    entries.text("serializer", bind.serializer.as_str());
    entries.some("handler", handler(&bind.handlers));
    Part::Map(entries.0)
}

fn timer(timer: &TimerSpec) -> Part {
    let mut entries = Entries::default();
    match timer.when {
        When::Every(time) => entries.text("every", time),
        When::After(time) => entries.text("after", time),
    }
    if let Some(alias) = &timer.alias {
        entries.text("alias", alias);
    }
    match &timer.action {
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
    Part::Map(entries.0)
}

fn connection(connection: &ConnectionSpec, agent: String, to: String) -> Part {
    let mut entries = Entries::default();
    entries.text("agent", agent);
    entries.text("to", to);
    entries.text("alias", &connection.alias);
    entries.text("kind", connection.kind);
    entries.some("handler", handler(&connection.handlers));
    let Replies {
        on_reply,
        wait,
        on_error,
    } = &connection.replies;
    if let Some(actions) = on_reply {
        entries.add("on_reply", several(actions));
    }
    if let Some(wait) = wait {
        entries.text("wait", wait);
    }
    if let Some(actions) = on_error {
        entries.add("on_error", several(actions));
    }
    Part::Map(entries.0)
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
