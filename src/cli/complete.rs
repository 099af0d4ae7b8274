//! Candidates for completion: names as they are now. What cannot be found out in a moment is left
//! out; a shell is no place for errors.

use std::ffi::OsStr;

use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::{Cli, Context, GlobalArgs, Session, remembered};
use crate::model::timing::COMPLETION_TIMEOUT;
use crate::model::{Kind, Role, natural};
use crate::render::Listed;

/// Set by the shell's side of the completion, which `osb completions` prints.
pub(crate) const VARIABLE: &str = "OSB_COMPLETE";

/// Completes and tells so, if that is what this process was started for.
pub(crate) fn asked(arguments: &[std::ffi::OsString]) -> bool {
    let completing = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    completing.try_complete(arguments, None).unwrap_or(true)
}

/// Names of agents.
pub(crate) fn agents() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        matching(
            current,
            running().into_iter().map(|agent| agent.id.to_string()),
        )
    })
}

/// Names of agents, and of files.
pub(crate) fn files_and_agents() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut all = matching(
            current,
            running().into_iter().map(|agent| agent.id.to_string()),
        );
        all.extend(PathCompleter::file().complete(current));
        all
    })
}

/// Names of sockets, of the agents that are named on the command line or, if none is, of all.
pub(crate) fn aliases() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let aliases = named(running())
            .into_iter()
            .flat_map(|agent| agent.info.addresses.into_keys());
        matching(current, aliases.map(|alias| alias.to_string()))
    })
}

/// Sockets that can be connected to, as AGENT.ALIAS.
pub(crate) fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let sockets = running().into_iter().flat_map(|agent| {
            let bound = agent.info.addresses.into_iter();
            let bound = bound.filter(|(_, address)| address.role == Role::Server);
            bound.map(move |(alias, _)| format!("{}.{alias}", agent.id))
        });
        matching(current, sockets)
    })
}

/// Sockets of all agents, as AGENT.ALIAS, and agents.
pub(crate) fn sockets() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let agents = running();
        matching(current, agents.iter().flat_map(Listed::names))
    })
}

/// Kinds of sockets.
pub(crate) fn kinds() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        matching(current, Kind::ALL.into_iter().map(|kind| kind.to_string()))
    })
}

/// Names of timers, of the agents that are named on the command line or, if none is, of all.
pub(crate) fn timers() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| matching(current, timer_names().into_iter()))
}

fn timer_names() -> Vec<String> {
    let Ok(session) = Session::open(&global_options()) else {
        return Vec::new();
    };
    let agents = session.listed(&Context::new(quiet_options()));
    let agents = named(agents.unwrap_or_default()).into_iter();
    let timers = agents.filter_map(|agent| {
        let proxy = session
            .proxy(&agent.id.to_string(), COMPLETION_TIMEOUT)
            .ok()?;
        proxy.timers().ok()
    });
    timers
        .flatten()
        .map(|timer| timer.alias.to_string())
        .collect()
}

/// Names of systems that there is a record of, be it a damaged one.
pub(crate) fn systems() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let systems = remembered::remembered().unwrap_or_default();
        matching(current, systems.iter().map(|it| it.name().to_string()))
    })
}

fn matching(current: &OsStr, names: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let mut names: Vec<String> = names.filter(|name| name.starts_with(&*current)).collect();
    names.sort_by(|one, other| natural(one, other));
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn running() -> Vec<Listed> {
    let session = Session::open(&global_options());
    let agents = session.and_then(|session| session.listed(&Context::new(quiet_options())));
    agents.unwrap_or_default()
}

fn quiet_options() -> GlobalArgs {
    GlobalArgs {
        quiet: true,
        ..global_options()
    }
}

fn named(agents: Vec<Listed>) -> Vec<Listed> {
    let is_named = |agent: &Listed| words().any(|word| word == agent.id.to_string());
    match agents.iter().any(is_named) {
        true => agents.into_iter().filter(is_named).collect(),
        false => agents,
    }
}

/// The words of the command line that is being completed.
fn words() -> impl Iterator<Item = String> {
    std::env::args().skip_while(|word| word != "--").skip(1)
}

/// The global options that are on it already. A line that is being written is seldom complete, so
/// that it is looked at for them alone.
fn global_options() -> GlobalArgs {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        global: GlobalArgs,
    }
    let line: Vec<String> = words().collect();
    let pairs = line
        .windows(2)
        .filter(|pair| pair[0] == "--ns" || pair[0] == "--system");
    let options = std::iter::once("osb").chain(pairs.flatten().map(String::as_str));
    Options::try_parse_from(options)
        .map(|options| options.global)
        .unwrap_or_default()
}
