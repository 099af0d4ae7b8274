//! `osb agent`: one agent's process, started by hand or by a host daemon. One that is started by
//! hand registers itself and waits to be configured, by a topology that attaches it or by proxies.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::joining;
use super::session::nameserver_address;
use super::{CommandError, Context, ErrorKind};
use crate::agent::{AgentError, Folder, Log, SignalsAre, run_booted, run_with};
use crate::model::{AgentId, AgentSpec, Program, read_ip};
use crate::process::{drop_run, raise_descriptors};
use crate::proxy::agent_dial;
use crate::state::find_key;
use crate::wire::{AgentBoot, Incarnation, Works};

/// Run an agent in the foreground, which registers itself and waits to be configured
#[derive(Debug, clap::Args)]
pub struct AgentArgs {
    /// Its name; NAME@NAMESERVER if the system that it joins has several
    pub name: AgentId,
    /// Its program, which speaks JSON lines: a command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// What peers dial to reach this machine
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = read_ip)]
    pub advertise: IpAddr,
    /// Go at once, in a system that is up: its program is started and its timers run
    #[arg(long, conflicts_with = "boot")]
    pub go: bool,
    /// The join file for a closed name server, made by `osb keys join`
    #[arg(long, value_name = "FILE", conflicts_with = "boot")]
    pub join: Option<PathBuf>,
    /// What it is to be, its name too, comes by standard input
    #[arg(long, hide = true, conflicts_with = "command")]
    pub boot: bool,
}

pub(crate) fn run(args: AgentArgs, context: &mut Context) -> Result<(), CommandError> {
    let outcome = match args.boot {
        true => run_booted(),
        false => {
            drop_run()?;
            by_hand(args, context)?
        }
    };
    match outcome {
        Ok(0) => Ok(()),
        Ok(status) => Err(CommandError::ended_with(status)),
        Err(error) => Err(CommandError::new(ErrorKind::Failed, error)),
    }
}

fn by_hand(args: AgentArgs, context: &Context) -> Result<Result<u8, AgentError>, CommandError> {
    let nameserver = nameserver_address(&context.global, args.name.nameserver.as_ref())?;
    let incarnation = Incarnation::draw();
    let folder = Folder::make(incarnation)?;
    let file = find_key(
        &nameserver,
        args.join.as_deref().or(context.global.key.as_deref()),
    )?;
    let dial = || agent_dial(&nameserver, file.clone(), &args.name.name);
    let dial = joining::when_there(context, dial)?;
    let boot = AgentBoot {
        spec: Box::new(AgentSpec {
            program: program(args.command)?,
            ..AgentSpec::named(args.name.name)
        }),
        version: None,
        works: args.go.then_some(Works {
            launch: None,
            waits: false,
            strict: false,
        }),
        ports: BTreeMap::new(),
        incarnation,
        successor_of: None,
        within: None,
        host: None,
        advertise: args.advertise,
        nameserver,
        keys: dial.keys,
        ipc_dir: folder.path().to_owned(),
        log: None,
        dir: None,
        output: None,
        descriptors: None,
        former_lives: 0,
    };
    raise_descriptors(None);
    let mut log = Log::to_stderr();
    log.info(&format!("{} dials {}", boot.name(), boot.nameserver));
    Ok(run_with(boot, log, SignalsAre::Taken))
}

/// It runs where the agent does, in the same environment.
fn program(argv: Vec<String>) -> io::Result<Option<Program>> {
    match argv.is_empty() {
        true => Ok(None),
        false => Ok(Some(Program::of_words(argv, std::env::current_dir()?))),
    }
}
