//! `osb host`: the host daemon. `up` launches it, here or by ssh on another machine, or a person
//! does by hand, by systemd or by a batch system, on a machine that is to be there for topologies.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;

use super::boot;
use super::joining;
use super::kept::{become_daemon, begin_anew};
use super::launched::{LaunchArgs, Launched};
use super::runtime::block_on;
use super::{CommandError, Context, ErrorKind};
use crate::examine::own_address;
use crate::host::{self, HostEnd, HostError, HostOptions};
use crate::keeper::Kept;
use crate::machine::{self, MachineError};
use crate::model::{Dial, Holder, HostId, HostName, NameServerName, SystemName, harmless, read_ip};
use crate::process::drop_run;
use crate::proxy::host_dial;
use crate::state::{Ending, KeyFile, Lock, Part, StateDir, SystemDir, find_key};
use crate::wire::DaemonOf;

/// Run a host daemon, so that topologies can start agents on this machine
#[derive(Debug, clap::Args)]
pub struct HostArgs {
    /// The name of this machine in topologies
    #[arg(long, default_value = "local")]
    pub name: HostName,
    /// The system that it is for; else for all
    #[arg(long, value_name = "NAME", hide = true)]
    pub for_system: Option<SystemName>,
    /// The name server's name within the system, if it is not the first
    #[arg(long, value_name = "NAME", hide = true)]
    pub group: Option<NameServerName>,
    /// What peers dial to reach this machine; else the address from which the name server is dialled
    #[arg(long, value_name = "IP", alias = "advertise", value_parser = read_ip)]
    pub address: Option<IpAddr>,
    /// The join file for a closed name server, made by `osb keys join`
    #[arg(long, value_name = "FILE")]
    pub join: Option<PathBuf>,
    /// Its folder is of no use after its end
    #[arg(long, hide = true)]
    pub own_dir: bool,
    /// Started with its machine, by a unit of `osb install`: starts the agents that the system has here, those excepted
    /// that were stopped
    #[arg(long, hide = true, conflicts_with_all = ["dir", "tether", "by_ssh", "join"])]
    pub boot: bool,
    /// Started by another machine's osb, which says by standard input what is to be done
    #[arg(long, hide = true)]
    pub by_ssh: bool,
    #[command(flatten)]
    pub launch: LaunchArgs,
}

impl HostArgs {
    fn id(&self) -> HostId {
        HostId {
            system: self.for_system.clone(),
            name: self.name.clone(),
        }
    }
}

pub(super) fn run(mut args: HostArgs, context: &mut Context) -> Result<(), CommandError> {
    drop_run()?;
    if args.by_ssh {
        return by_ssh(context);
    }
    if args.boot {
        return with_the_machine(args, context);
    }
    let dir = match &args.launch.dir {
        Some(dir) => SystemDir::at(dir.clone()),
        None => folder(&args, context)?.1,
    };
    let kept = become_daemon(&mut args.launch, &dir)?;
    match args.launch.dir.is_some() {
        true => launched(args, dir, kept, context),
        false => by_hand(args, dir, kept, context),
    }
}

/// Launched by `up`, or by one that `up` has reached by ssh.
fn launched(
    args: HostArgs,
    dir: SystemDir,
    kept: Kept,
    context: &Context,
) -> Result<(), CommandError> {
    let key = context.global.key.as_deref();
    // In the place of one that stood: its name server may be gone for a moment, too.
    let is_again = args.launch.succeeds.is_some() && !args.launch.tether;
    let options = options(&args, key, dir.clone(), is_again, context)?;
    let (system, own_dir) = (args.for_system, args.own_dir);
    let keeper = kept.keeper().clone();
    let launched = Launched::new(args.launch, Some(&kept))?;
    let outcome = block_on(serve(options, &launched, kept))?;
    if let Ok(HostEnd::KeeperGone) = outcome {
        return Err(begin_anew(&keeper, &[], context));
    }
    // Also after a failure: nobody else is left to do it.
    launched.clear_up()?;
    if own_dir {
        clear_away(&dir, system.as_ref(), &outcome)?;
    }
    outcome?;
    Ok(())
}

/// Removes the folder of a daemon that has ended, unless the machine's next start is to bring its agents back.
fn clear_away(
    dir: &SystemDir,
    system: Option<&SystemName>,
    outcome: &Result<HostEnd, HostError>,
) -> Result<(), CommandError> {
    let comes_back = match (outcome, system) {
        (Err(_) | Ok(HostEnd::KeeperGone), _) => true,
        (Ok(HostEnd::Told), Some(system)) => StateDir::from_env()?.boot(system).is_installed(),
        (Ok(HostEnd::Told), None) | (Ok(HostEnd::Asked), _) => false,
    };
    // Agents of a daemon before this one are known from there alone.
    if !comes_back && !dir.any_agent_lives() {
        dir.remove_if_unlocked(Ending::DaemonEnded)?;
        dir.around().remove_if_empty();
    }
    Ok(())
}

/// Started by the service manager: it comes in the place of the daemon that has ended with the machine, waits for the name
/// server, and starts what that daemon had started.
fn with_the_machine(mut args: HostArgs, context: &Context) -> Result<(), CommandError> {
    let system = boot::system(args.for_system.as_ref())?;
    let (state, group) = (StateDir::from_env()?, args.group.clone());
    let dir = match args.own_dir {
        true => machine::daemon_dir(&DaemonOf {
            system: system.clone(),
            host: args.name.clone(),
            group: group.clone(),
        })?,
        false => state.system(&system),
    };
    let place = boot::take_place(&dir, group.as_ref(), Part::Daemon(&args.name), context)?;
    let Some(former) = place else {
        return Ok(());
    };
    // It has ended with the machine; or else, said by itself, its keeper has.
    let is_first = args.launch.succeeds.is_none();
    args.launch.succeeds = Some(former.pid);
    let kept = become_daemon(&mut args.launch, &dir)?;
    let keeper = kept.keeper().clone();
    let keys = [
        state.boot(&system).host_key(&args.name, group.as_ref()),
        match args.own_dir {
            true => dir.path().join(machine::HOST_KEY),
            false => state.keys(&system, group.as_ref()).host_path(&args.name),
        },
    ];
    let key = keys.iter().find(|path| path.exists());
    let options = options(&args, key.map(PathBuf::as_path), dir.clone(), true, context)?;
    kept.stands()?();
    let options = HostOptions {
        // What a life of this daemon before this one has started is taken back.
        boot: is_first && kept.left()?.is_none(),
        ..options
    };
    let outcome = block_on(host::run(options, Some(kept)))?;
    if let Ok(HostEnd::KeeperGone) = outcome {
        return Err(begin_anew(&keeper, &[], context));
    }
    if args.own_dir {
        clear_away(&dir, Some(&system), &outcome)?;
    }
    outcome?;
    Ok(())
}

/// Where a daemon works that others have started: the name of its folder, and the folder.
fn folder(args: &HostArgs, context: &Context) -> Result<(SystemName, SystemDir), CommandError> {
    let name = folder_for(&nameserver(context)?)?;
    let dirs = StateDir::from_env()?.of_host(&args.name);
    let dir = dirs.system(&name);
    Ok((name, dir))
}

/// Started by others: it stays until it is told to end, whatever name servers and systems come and go.
fn by_hand(
    args: HostArgs,
    dir: SystemDir,
    kept: Kept,
    context: &Context,
) -> Result<(), CommandError> {
    let nameserver = nameserver(context)?;
    let (folder, _) = folder(&args, context)?;
    let keeper = kept.keeper().clone();
    let lock = Lock::take(&dir, &folder)?;
    let key = args.join.as_deref().or(context.global.key.as_deref());
    let options = options(&args, key, dir.clone(), true, context)?;
    if !kept.is_again() {
        context.note(&format!(
            "host {} at {}, for the name server at {nameserver}; Ctrl-C ends it",
            options.name, options.advertise
        ));
    }
    kept.stands()?();
    let outcome = block_on(host::run(options, Some(kept)))?;
    drop(lock);
    match outcome? {
        HostEnd::KeeperGone => Err(begin_anew(&keeper, &[], context)),
        HostEnd::Asked | HostEnd::Told => {
            dir.remove_if_unlocked(Ending::DaemonEnded)?;
            dir.around().remove_if_empty();
            Ok(())
        }
    }
}

/// A name server's address as the name of a folder.
fn folder_for(nameserver: &str) -> Result<SystemName, CommandError> {
    let address = nameserver.trim_start_matches("tcp://");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = address.chars().map(plain).take(55).collect();
    let parsed = format!("ns-{name}").parse();
    parsed.map_err(|error| CommandError::new(ErrorKind::Usage, error))
}

fn nameserver(context: &Context) -> Result<String, CommandError> {
    let given = context.global.ns.clone().filter(|ns| !ns.is_empty());
    given.ok_or_else(|| {
        CommandError::say(ErrorKind::Usage, "which name server? --ns is missing")
            .with_hint("such as `osb host --ns 10.0.0.5:7400 --name lab1`")
    })
}

fn options(
    args: &HostArgs,
    named: Option<&Path>,
    dir: SystemDir,
    patient: bool,
    context: &Context,
) -> Result<HostOptions, CommandError> {
    let nameserver = nameserver(context)?;
    let advertise = match args.address {
        Some(address) => address,
        None => own_address(&nameserver)?,
    };
    let key = find_key(&nameserver, named)?;
    Ok(HostOptions {
        key_file: own_key_file(key.as_ref(), named)?,
        dial: dial(&nameserver, key, args, patient, context)?,
        name: args.id(),
        group: args.group.clone(),
        dir,
        advertise,
        succeeds: args.launch.succeeds,
        patient,
        of_system: args.launch.dir.is_some() || args.boot,
        boot: false,
        on_registered: |at| {
            let _ = writeln!(std::io::stderr(), "registered at {}", harmless(at));
        },
    })
}

/// The file of the daemon's own key: the one that a join file was exchanged for, or the one that is named.
fn own_key_file(
    key: Option<&KeyFile>,
    named: Option<&Path>,
) -> Result<Option<PathBuf>, CommandError> {
    Ok(match key {
        Some(join) if join.expires.is_some() => {
            Some(StateDir::from_env()?.joined(&join.own.public))
        }
        Some(KeyFile {
            holder: Holder::Host(_),
            ..
        }) => named.map(Path::to_owned),
        Some(_) | None => None,
    })
}

/// The keys of the daemon. To join, the name server has to be there, and a patient daemon
/// waits for that.
fn dial(
    nameserver: &str,
    key: Option<KeyFile>,
    args: &HostArgs,
    patient: bool,
    context: &Context,
) -> Result<Dial, CommandError> {
    let dial = || host_dial(nameserver, key.clone(), &args.id());
    match patient {
        true => joining::when_there(context, dial),
        false => Ok(dial()?),
    }
}

/// The daemon takes care of SIGTERM from its first step on, so the tether is held only then.
async fn serve(
    options: HostOptions,
    launched: &Launched,
    kept: Kept,
) -> Result<HostEnd, HostError> {
    let stands = kept.stands()?;
    let mut running = pin!(host::run(options, Some(kept)));
    tokio::select! {
        biased;
        outcome = &mut running => return outcome,
        () = std::future::ready(()) => launched.hold_tether(stands),
    }
    running.await
}

fn by_ssh(context: &Context) -> Result<(), CommandError> {
    block_on(machine::serve(|line| {
        let text = context.print_text(line);
        text.map_err(|error| std::io::Error::other(error.message()))
    }))??;
    Ok(())
}

impl From<MachineError> for CommandError {
    fn from(error: MachineError) -> Self {
        Self::new(ErrorKind::Failed, error)
    }
}
