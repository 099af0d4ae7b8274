//! `osb spawn`: one agent more, in a system that is up. It becomes a part of what the system is meant to be, as by `up` of a file
//! with it; or it is ephemeral, and its host alone knows of it.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::agent_file::AgentFile;
use super::bring_up::bring_up;
use super::mended::not_all_back;
use super::request::request;
use super::runtime::block_on;
use super::session::Group;
use super::signals::Signals;
use super::surroundings::surroundings;
use super::value::assignment;
use super::{CommandError, Context, ErrorKind, Session, complete, down};
use crate::model::{
    AgentId, AgentInfo, AgentSpec, HostId, HostInfo, HostName, Millis, Spawned, Topology,
};
use crate::render::Started;
use crate::state::{StateDir, SystemRecord};
use crate::topology::Flat;
use crate::wire::NameServerRequest;

/// Start one agent more in a running system, which keeps it until `remove`, or `up` without it
#[derive(Debug, clap::Args)]
pub struct SpawnArgs {
    /// Its name, with @NAMESERVER if the system has several
    pub agent: AgentId,
    /// The machine it runs on [default: local]
    #[arg(long)]
    pub host: Option<HostName>,
    /// A file with what stands behind an agent's name in a topology
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// A variable for its command
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Where its command runs [default: this folder, or that of the file]
    #[arg(long, value_name = "FOLDER")]
    pub cwd: Option<String>,
    /// An attribute, in JSON
    #[arg(long, value_name = "NAME=JSON")]
    pub attribute: Vec<String>,
    /// A socket that it binds
    #[arg(long, value_name = "ALIAS=KIND")]
    pub bind: Vec<String>,
    /// A socket of another agent that it connects to, with the alias of its own
    #[arg(long, value_name = "AGENT.ALIAS=ALIAS", add = complete::targets())]
    pub connect: Vec<String>,
    /// Whether it is started again when it has ended: never, on-failure or always
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Any other key of an agent, as in a topology, such as settle=2s
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// It ends with the system and is no part of it: `plan` and `up` leave it alone, and it does not come back after a reboot
    #[arg(long)]
    pub ephemeral: bool,
    /// With --ephemeral: how long its start may take [default: twice its start_timeout, and what its command may take]
    #[arg(short, long, value_name = "DURATION", requires = "ephemeral")]
    pub timeout: Option<Millis>,
    /// Its command
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

pub(crate) fn run(args: SpawnArgs, context: &mut Context) -> Result<(), CommandError> {
    let host = match args.ephemeral {
        true => ephemeral(&args, context)?,
        false => kept(&args, context)?,
    };
    context.print(&Started {
        agent: args.agent.clone(),
        host,
        ephemeral: args.ephemeral,
    })
}

/// `up` of what the system is meant to be, with it.
fn kept(args: &SpawnArgs, context: &Context) -> Result<HostName, CommandError> {
    let (record, former) = meant(context).map_err(|error| {
        error.with_hints([
            "where a system was not brought up, an agent can be had with --ephemeral".to_owned(),
        ])
    })?;
    if former.agents.iter().any(|it| it.name == args.agent) {
        return Err(taken(&args.agent));
    }
    let file = AgentFile {
        base: Flat::of(&former).to_yaml(),
        agent: &args.agent,
        spec: args.spec.as_deref(),
        said: said(args, true)?,
        set: &args.set,
    };
    let mut topology = file.read()?.load_or_complain(context)?;
    for agent in &mut topology.agents {
        let before = former.agents.iter().find(|it| it.name == agent.name);
        agent.spawned = before.map_or(Some(Spawned::Kept), |it| it.spawned);
    }
    let host = spec_of(&topology, &args.agent)?.host.clone();
    change(topology, record, context).map_err(of_one_agent)?;
    Ok(host)
}

/// What `up` says then is of a whole system.
fn of_one_agent(error: CommandError) -> CommandError {
    match error.code() {
        "ended" | "agent" | "not_ready" | "unproven" => {
            error.with_only_hint("the system is as it was before: mend it, and spawn it again")
        }
        _ => error,
    }
}

/// The system that is meant, and what it is meant to be.
pub(super) fn meant(context: &Context) -> Result<(SystemRecord, Topology), CommandError> {
    let none = || {
        CommandError::say(ErrorKind::Unreachable, "no system is running")
            .with_code("no_system")
            .with_hint("bring one up with `osb up FILE`")
    };
    let system = down::system(None, context)?.ok_or_else(none)?;
    let dir = StateDir::from_env()?.system(&system);
    let record = dir.record()?.ok_or_else(none)?;
    if !record.groups.iter().any(|group| group.lives(&dir)) {
        return Err(none());
    }
    let topology = serde_json::from_str(&record.topology).map_err(|error| {
        let sentence = format!("what system {system} is meant to be cannot be read: {error}");
        CommandError::say(ErrorKind::Failed, sentence).with_code("changed")
    })?;
    Ok((record, topology))
}

/// Makes of the system what it is to be now.
pub(super) fn change(
    topology: Topology,
    record: SystemRecord,
    context: &Context,
) -> Result<(), CommandError> {
    let mut request = request(topology, record.file, context)?;
    (request.sources, request.overrides) = (record.sources, record.overrides);
    let report = block_on(async {
        let mut signals = Signals::new()?;
        bring_up(request, None, &mut signals, context).await
    })??;
    match not_all_back(&report) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn taken(agent: &AgentId) -> CommandError {
    let sentence = format!("the system has an agent {agent} already");
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("name_taken")
        .with_hint(format!(
            "choose another name, or end that one for good: `osb remove {agent}`"
        ))
}

fn spec_of<'t>(topology: &'t Topology, agent: &AgentId) -> Result<&'t AgentSpec, CommandError> {
    let found = topology.agents.iter().find(|it| it.name == *agent);
    found.ok_or_else(|| {
        CommandError::say(
            ErrorKind::Usage,
            format!("{agent} is several agents, or none"),
        )
    })
}

/// Asked of its host.
fn ephemeral(args: &SpawnArgs, context: &Context) -> Result<HostName, CommandError> {
    let session = context.session()?;
    let group = group_of(&session, &args.agent)?;
    let ask = |request| session.tell(group.nameserver.ask::<Value>(&request).wait());
    let hosts = ask(NameServerRequest::Hosts {})?;
    let hosts: Vec<HostInfo> = serde_json::from_value(hosts).map_err(unreadable)?;
    let agents = ask(NameServerRequest::Agents { name: None })?;
    let agents: Vec<AgentInfo> = serde_json::from_value(agents).map_err(unreadable)?;
    let host = host_of(&hosts, &session, args.host.as_ref())?;
    let agent: AgentId = args.agent.name.clone().into();
    let file = AgentFile {
        base: surroundings(group, &hosts, &agents).to_string(),
        agent: &agent,
        spec: args.spec.as_deref(),
        said: said(args, false)?,
        set: &args.set,
    };
    let mut topology = file.read()?.load_or_complain(context)?;
    let at = topology.agents.iter().position(|it| it.name == agent);
    let Some(at) = at else {
        return spec_of(&topology, &agent).map(|it| it.host.clone());
    };
    let spec = topology.agents.swap_remove(at);
    let spawned = match args.timeout.map(Millis::duration) {
        Some(limit) => group.nameserver.spawn_within(&host, spec, limit),
        None => group.nameserver.spawn(&host, spec),
    };
    session.tell(spawned)?;
    Ok(host.name)
}

fn unreadable(error: serde_json::Error) -> CommandError {
    CommandError::say(
        ErrorKind::Failed,
        format!("the answer of the name server could not be read: {error}"),
    )
}

fn group_of<'s>(session: &'s Session, agent: &AgentId) -> Result<&'s Group, CommandError> {
    match &agent.nameserver {
        Some(name) => session.group(name),
        None => Ok(session.first()),
    }
}

/// The host that is meant: of this system, before those of others.
fn host_of(
    hosts: &[HostInfo],
    session: &Session,
    named: Option<&HostName>,
) -> Result<HostId, CommandError> {
    let local = HostName::local();
    let name = named.unwrap_or(&local);
    let ids: Vec<HostId> = hosts.iter().map(HostInfo::id).collect();
    let called: Vec<&HostId> = ids.iter().filter(|it| it.name == *name).collect();
    let ours = called
        .iter()
        .find(|it| it.system.is_some() && it.system == session.system);
    let found = match (ours, &called[..], named, &ids[..]) {
        (Some(ours), ..) => Some((*ours).clone()),
        (None, [only], ..) => Some((*only).clone()),
        // The only host that there is need not be named.
        (None, [], None, [only]) => Some(only.clone()),
        (None, ..) => None,
    };
    found.ok_or_else(|| {
        let known: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let sentence = format!(
            "which host? {name} is none, or not the only one, of {}",
            known.join(", ")
        );
        CommandError::say(ErrorKind::Usage, sentence).with_hint("name one with --host")
    })
}

/// What the options say.
fn said(args: &SpawnArgs, with_nameserver: bool) -> Result<Value, CommandError> {
    let mut agent = Map::new();
    let mut add = |key: &str, value: Value| drop(agent.insert(key.to_owned(), value));
    if !args.command.is_empty() {
        add("command", json!(args.command));
    }
    if let Some(cwd) = &args.cwd {
        add("cwd", json!(cwd));
    }
    if let Some(host) = &args.host {
        add("host", json!(host));
    }
    if let Some(restart) = &args.restart {
        add("restart", json!(restart));
    }
    let texts = |all: &[String]| pairs(all).map(|all| all.into_iter().collect::<Map<_, _>>());
    let attributes: Result<Map<String, Value>, _> =
        args.attribute.iter().map(|it| assignment(it)).collect();
    for (key, map) in [
        ("env", texts(&args.env)?),
        ("bind", texts(&args.bind)?),
        ("attributes", attributes?),
    ] {
        if !map.is_empty() {
            add(key, Value::Object(map));
        }
    }
    let name = match with_nameserver {
        true => args.agent.to_string(),
        false => args.agent.name.to_string(),
    };
    let connections = pairs(&args.connect)?.into_iter();
    let connections =
        connections.map(|(to, alias)| json!({ "agent": name, "to": to, "alias": alias }));
    let connections: Vec<Value> = connections.collect();
    let mut whole = json!({ "agents": { &name: agent } });
    if !connections.is_empty() {
        whole["connections"] = Value::Array(connections);
    }
    Ok(whole)
}

/// `NAME=TEXT`, each.
fn pairs(all: &[String]) -> Result<Vec<(String, Value)>, CommandError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), json!(value))),
        _ => Err(CommandError::say(
            ErrorKind::Usage,
            format!("{text:?} is not NAME=VALUE"),
        )),
    };
    all.iter().map(pair).collect()
}
