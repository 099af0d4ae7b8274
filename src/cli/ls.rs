//! `osb ls`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};

use super::remembered::{Remembered, remembered};
use super::session::{Group, is_running};
use super::timeout::TimeoutArgs;
use super::{CommandError, Context, ls_agents, ls_hosts, ls_recording, ls_runs};
use crate::model::SystemName;
use crate::render::{
    Addresses, Connections, Listed, NameServerRow, Sockets, SystemRow, SystemState, Systems,
};
use crate::state::{GroupRecord, Phase, StateError, SystemRecord};
use crate::wire::{AgentRequest, AgentStatus};

/// List agents, hosts, connections, addresses, sockets, systems, runs, or what is in a recording
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// What to list; FILE.mcap is a recording
    #[arg(value_parser = ListedParser, default_value = "agents")]
    pub what: Listing,
    #[command(flatten)]
    pub timeout: TimeoutArgs,
}

/// What can be listed: agents and their states, host daemons, who is connected to whom and whether
/// that is proven, where sockets can be reached, what went through them and what was lost, the
/// systems of this machine, and those of their runs that are over and whose logs are kept.
// The variants have no words of their own, so that `--help` stays short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    #[default]
    Agents,
    Hosts,
    Connections,
    Addresses,
    Sockets,
    Systems,
    Runs,
}

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Of systems.
    Of(What),
    /// What is in a recording.
    Recording(PathBuf),
}

/// Reads that: what ends in `.mcap`, or has a slash in it, is a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListedParser;

impl TypedValueParser for ListedParser {
    type Value = Listing;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Listing, clap::Error> {
        let text = value.to_string_lossy();
        if text.ends_with(".mcap") || text.contains('/') {
            return Ok(Listing::Recording(value.into()));
        }
        let known = EnumValueParser::<What>::new();
        known.parse_ref(command, argument, value).map(Listing::Of)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let all = What::value_variants().iter();
        Some(Box::new(all.filter_map(ValueEnum::to_possible_value)))
    }
}

pub(crate) fn run(args: LsArgs, context: &mut Context) -> Result<(), CommandError> {
    let agents = || {
        let session = context.session()?.until_the_end();
        session.warn(context);
        session.warn_of_keys(context);
        session.listed(context)
    };
    let what = match args.what {
        Listing::Of(what) => what,
        Listing::Recording(file) => return ls_recording::run(file, context),
    };
    match what {
        What::Agents => ls_agents::run(context),
        What::Connections => context.print(&Connections(agents()?)),
        What::Addresses => context.print(&Addresses(agents()?)),
        What::Hosts => ls_hosts::run(context),
        What::Sockets => sockets(context, &args.timeout),
        What::Systems => systems(context),
        What::Runs => ls_runs::run(context),
    }
}

/// Each agent is asked itself; one that does not answer is named, and the others are shown.
fn sockets(context: &Context, timeout: &TimeoutArgs) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    session.warn(context);
    session.warn_of_keys(context);
    let agents = session
        .listed(context)?
        .into_iter()
        .filter(|agent| !agent.info.state.ended());
    let asked: Vec<_> = agents
        .map(|listed| {
            let Listed {
                id, group, info, ..
            } = listed;
            let groups = session.groups();
            let there = |it: &&Group| group.as_ref().is_none_or(|name| *name == it.name);
            // It was just heard from.
            let group = groups.iter().find(there).unwrap_or(&groups[0]);
            let proxy = group.nameserver.proxy(info.name.as_str())?;
            let proxy = proxy.with_timeout(timeout.limit());
            let asked = proxy.ask::<AgentStatus>(&AgentRequest::Status {});
            Ok((id, proxy, asked))
        })
        .collect::<Result<_, CommandError>>()?;
    let mut sockets = Vec::new();
    for (agent, proxy, answer) in asked {
        match answer.wait().map_err(|error| proxy.standing(error)) {
            Ok(status) => sockets.push((agent, status)),
            Err(error) => context.note(&format!("{agent} does not tell: {error}")),
        }
    }
    context.print(&Sockets(sockets))
}

fn systems(context: &Context) -> Result<(), CommandError> {
    let systems = Systems(system_rows()?);
    context.print(&systems)?;
    for SystemRow { name, state, .. } in &systems.0 {
        match state {
            SystemState::Dead => context.note(&format!(
                "hint: {name} has died: clear it away with `osb down {name}`"
            )),
            SystemState::Damaged => context.note(&format!(
                "hint: `osb down {name}` ends what can be found of it, and clears it away"
            )),
            SystemState::Starting | SystemState::Running | SystemState::Down => {}
        }
    }
    Ok(())
}

/// The systems of this machine.
pub(super) fn system_rows() -> Result<Vec<SystemRow>, StateError> {
    let row_of = |it| match it {
        Remembered::System(record) => row(record),
        Remembered::Damaged(name, why) => damaged(name, &why),
    };
    Ok(remembered()?.into_iter().map(row_of).collect())
}

fn damaged(name: SystemName, why: &StateError) -> SystemRow {
    SystemRow {
        name,
        state: SystemState::Damaged,
        nameserver: String::new(),
        nameservers: Vec::new(),
        pid: None,
        file: String::new(),
        reason: Some(why.to_string()),
    }
}

/// A system runs as long as one of its name servers does.
fn row(record: SystemRecord) -> SystemRow {
    let nameservers: Vec<NameServerRow> = record.groups.iter().map(nameserver).collect();
    let any = |state| nameservers.iter().any(|it| it.state == state);
    let state = match () {
        () if any(SystemState::Starting) => SystemState::Starting,
        () if any(SystemState::Running) => SystemState::Running,
        () => SystemState::Dead,
    };
    let first = record.groups.into_iter().next();
    let (nameserver, process) = match first {
        Some(group) => (group.nameserver, group.launched_nameserver),
        None => (String::new(), None),
    };
    SystemRow {
        name: record.name,
        state,
        nameserver,
        nameservers,
        pid: process.map(|process| process.pid),
        file: record.file,
        reason: None,
    }
}

fn nameserver(group: &GroupRecord) -> NameServerRow {
    let state = match group.phase {
        Phase::Down => SystemState::Down,
        Phase::Starting | Phase::Up if !is_running(group) => SystemState::Dead,
        Phase::Starting => SystemState::Starting,
        Phase::Up => SystemState::Running,
    };
    NameServerRow {
        name: group.name.clone(),
        state,
        address: group.nameserver.clone(),
        pid: group.launched_nameserver.as_ref().map(|it| it.pid),
    }
}
