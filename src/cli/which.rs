//! Which system a command is about: one rule, for all commands. `--ns` goes before `OSB_NAMESERVER`, that before
//! `--system`, and without any of them it is the only system that runs. A name or a file that a command takes as its
//! argument goes over all that the environment says, and contradicts nothing that the command line says.

use std::path::Path;

use super::remembered::{Remembered, brought_up_from, records, remembered};
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context, ErrorKind, GlobalArgs};
use crate::model::SystemName;
use crate::render::did_you_mean;
use crate::state::{StateDir, StateError, SystemRecord};

/// What is said of the system that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// The system of the name server there, or just that name server.
    Address(String),
    Named(SystemName),
    /// Nothing: the only one.
    Only,
}

/// The variable that stands for `--ns`.
const NAMESERVER: &str = "OSB_NAMESERVER";

/// What the options say, and what the environment says if they do not.
pub(crate) fn meant(global: &GlobalArgs) -> Meant {
    match (address(global), &global.system) {
        (Some(address), _) => Meant::Address(address.to_owned()),
        (None, Some(system)) => Meant::Named(system.clone()),
        (None, None) => Meant::Only,
    }
}

fn address(global: &GlobalArgs) -> Option<&str> {
    global.ns.as_deref().filter(|address| !address.is_empty())
}

/// The same, where a name is given as argument.
pub(crate) fn meant_by(global: &GlobalArgs, argument: &SystemName) -> Result<Meant, CommandError> {
    let from_environment = std::env::var(NAMESERVER).ok();
    let option = address(global).filter(|it| from_environment.as_deref() != Some(it));
    let at_address = match option {
        None => None,
        Some(address) => Some(name_at(address)?.ok_or_else(|| {
            let why = format!("the name server at {address} is not this system's");
            contradicts(argument, &why)
        })?),
    };
    let mut said = at_address.into_iter().chain(global.system.clone());
    match said.find(|other| other != argument) {
        Some(other) => Err(contradicts(argument, &format!("so is {other}"))),
        None => Ok(Meant::Named(argument.clone())),
    }
}

fn contradicts(argument: &SystemName, why: &str) -> CommandError {
    let sentence = format!("{argument} is named, and {why}");
    CommandError::say(ErrorKind::Usage, sentence).with_hint("say which one is meant, once")
}

/// A system, by what is neither a file nor an address.
pub(crate) fn named(text: &str) -> Result<SystemName, CommandError> {
    text.parse().map_err(|error| {
        let sentence = format!("{text:?} is no file, and no name of a system: {error}");
        CommandError::say(ErrorKind::Usage, sentence)
    })
}

/// The system on this machine whose name server is at that address.
pub(crate) fn name_at(address: &str) -> Result<Option<SystemName>, StateError> {
    let found = records()?.into_iter().find(|record| is_at(record, address));
    Ok(found.map(|record| record.name))
}

/// Whether one of a system's name servers is at that address.
pub(crate) fn is_at(record: &SystemRecord, address: &str) -> bool {
    let plain = |address: &str| address.trim_start_matches("tcp://").to_owned();
    let mut groups = record.groups.iter();
    groups.any(|group| plain(&group.nameserver) == plain(address))
}

/// That no system of this machine has its name server there.
pub(crate) fn not_here(address: &str) -> CommandError {
    let address = address.trim_start_matches("tcp://");
    let sentence =
        format!("the system of the name server at {address} was not brought up on this machine");
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("unknown_system")
        .with_hint("`osb ls systems` shows those of this machine")
}

/// Whether an argument is a file: it exists, or it has `/` in it.
pub(crate) fn is_file(argument: &str) -> bool {
    argument.contains('/') || Path::new(argument).exists()
}

/// The system that a topology's file names: the one that was brought up from it, whatever it was called then,
/// or else the one that it would be.
pub(crate) fn system_of(file: &str, context: &Context) -> Result<SystemName, CommandError> {
    if let Some(record) = brought_up_from(Path::new(file))? {
        return Ok(record.name);
    }
    let topology = TopologyFile::read(&TopologyArgs::one(file))?;
    Ok(topology.load_or_complain(context)?.name)
}

/// A system that is named has to be known here: there is something of it, or there was not long ago.
pub(crate) fn known(name: &SystemName) -> Result<(), CommandError> {
    let state = StateDir::from_env()?;
    let runs = state.systems_with_runs()?;
    if state.system(name).path().exists() || runs.contains(name) {
        return Ok(());
    }
    let there = state.systems()?;
    let names = there.iter().chain(&runs).map(SystemName::as_str);
    let error = CommandError::say(ErrorKind::Failed, format!("no system is called {name}"));
    let hint = did_you_mean(name.as_str(), names)
        .unwrap_or_else(|| "`osb ls systems` shows those there are".to_owned());
    Err(error.with_code("unknown_system").with_hint(hint))
}

/// The damaged system that is meant: the one that is named, or the only one that there is. None if another one is.
pub(crate) fn damaged(global: &GlobalArgs) -> Result<Option<(SystemName, StateError)>, StateError> {
    let name = match meant(global) {
        Meant::Address(_) => return Ok(None),
        Meant::Named(name) => Some(name),
        Meant::Only => None,
    };
    let mut there = remembered()?;
    if let Some(name) = name {
        there.retain(|it| *it.name() == name);
    }
    Ok(match there.pop() {
        Some(Remembered::Damaged(name, why)) if there.is_empty() => Some((name, why)),
        _ => None,
    })
}
