//! `osb ns`: the name server, in the foreground or launched by `up`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::boot;
use super::kept::{become_daemon, begin_anew};
use super::launched::{LaunchArgs, Launched};
use super::{CommandError, Context, ErrorKind};
use crate::host::notify;
use crate::keeper::Kept;
use crate::logfile::LogCaps;
use crate::machine;
use crate::model::{BadIp, NameServerName, Size, SystemName, read_ip_and_port};
use crate::nameserver::{NameServer, NameServerEnd};
use crate::process::{drop_run, raise_descriptors};
use crate::state::{Ending, KeyDir, Part, StateDir, SystemDir};
use crate::wire::NameServerOf;

/// How often a name server that is there again tries to take its address, in milliseconds.
const BIND_INTERVAL_MS: u16 = 500;

/// Run a name server in the foreground
#[derive(Debug, clap::Args)]
pub struct NsArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7400", value_parser = ip_and_port)]
    pub bind: SocketAddr,
    /// Listen on other than the loopback interface, where anyone who can reach the port can
    /// command the agents
    #[arg(long)]
    pub insecure: bool,
    /// Admit by key: the keys in this folder, made by `osb keys init`
    #[arg(long, value_name = "DIR", conflicts_with = "insecure")]
    pub keys: Option<PathBuf>,
    /// Keep what happens in this folder; without, and without a system, it is in memory only
    #[arg(long, value_name = "DIR")]
    pub events: Option<PathBuf>,
    /// How large the files of what happens become
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "20MiB",
        env = "OSB_EVENTS_SIZE"
    )]
    pub events_size: Size,
    /// Its folder is of no use after its end
    #[arg(long, hide = true)]
    pub own_dir: bool,
    /// Started with its machine, by a unit of `osb install`: comes back where it was, with the keys that it had
    #[arg(long, hide = true, conflicts_with_all = ["dir", "tether", "keys"])]
    pub boot: bool,
    /// The system that it is for
    #[arg(long, value_name = "NAME", hide = true)]
    pub for_system: Option<SystemName>,
    /// Its name within the system, if it is not the first
    #[arg(long, value_name = "NAME", hide = true)]
    pub group: Option<NameServerName>,
    #[command(flatten)]
    pub launch: LaunchArgs,
}

fn ip_and_port(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected IP:PORT, such as 127.0.0.1:7400 or [::1]:0";
    read_ip_and_port(text).map_err(|bad| match bad {
        zone @ BadIp::Zone { .. } => zone.to_string(),
        BadIp::NoIp(_) | BadIp::NoPort(_) => expected.to_owned(),
    })
}

pub(crate) fn run(args: NsArgs, context: &mut Context) -> Result<(), CommandError> {
    drop_run()?;
    if args.boot {
        return with_the_machine(args, context);
    }
    refuse_the_open_network(&args)?;
    serve(args, context)
}

/// Started by the service manager: it comes in the place of the name server that has ended with the machine. In a closed system
/// it has its keys where `up` has put them.
fn with_the_machine(mut args: NsArgs, context: &mut Context) -> Result<(), CommandError> {
    let system = boot::system(args.for_system.as_ref())?;
    let (state, group) = (StateDir::from_env()?, args.group.clone());
    let dir = match args.own_dir {
        true => machine::nameserver_dir(&NameServerOf {
            system: system.clone(),
            group: group.clone(),
        })?,
        false => state.system(&system),
    };
    if boot::take_place(&dir, group.as_ref(), Part::NameServer, context)?.is_none() {
        return Ok(());
    }
    if !args.insecure {
        args.keys = Some(state.keys(&system, group.as_ref()).path().to_owned());
    }
    args.launch.dir = Some(dir.path().to_owned());
    serve(args, context)
}

fn serve(mut args: NsArgs, context: &mut Context) -> Result<(), CommandError> {
    let dir = args.launch.dir.clone().map(SystemDir::at);
    // One that a person has started ends when that kills it.
    let kept = match &dir {
        Some(dir) => Some(become_daemon(&mut args.launch, dir)?),
        None => None,
    };
    if let Some(kept) = &kept
        && let Some(at) = kept.left()?.and_then(|at| at.parse().ok())
    {
        args.bind = at;
    }
    raise_descriptors(None);
    // Before there is any other thread: all inherit the mask.
    let end = end_signals()?;
    if let Some(dir) = &args.launch.dir {
        // Where there are no more watches, its log grows.
        let _ = LogCaps::begin().and_then(|caps| caps.keep_own(dir));
    }
    let launched = Launched::new(args.launch.clone(), kept.as_ref())?;
    let keys = args.keys.map(KeyDir::at);
    let is_again = kept.as_ref().is_some_and(Kept::has_stood);
    let mut nameserver = loop {
        let bound = match &keys {
            Some(keys) => NameServer::bind_closed(args.bind, keys),
            None => NameServer::bind(args.bind),
        };
        match bound {
            // Its own address: who has it now has taken it by chance, and has to let it go.
            Err(error) if is_again && error.is_in_use() && !is_told(end.as_fd())? => {
                context.note(&format!("{error}: it is tried again"));
            }
            bound => break bound?,
        }
    };
    let events = match (args.events, &dir) {
        (Some(path), _) => Some(path),
        (None, Some(dir)) => Some(dir.events_path(args.group.as_ref())),
        (None, None) => None,
    };
    if let Some(path) = events {
        nameserver.keep_events(&path, args.events_size.bytes())?;
    }
    let at = nameserver.address().trim_start_matches("tcp://").to_owned();
    if !kept.as_ref().is_some_and(Kept::is_again) {
        announce(nameserver.address());
    }
    let stands = kept.as_ref().map(Kept::stands).transpose()?;
    if let Some(kept) = &kept {
        kept.leave(&at)?;
    }
    launched.hold_tether(move || {
        if let Some(stands) = stands {
            stands();
        }
    });
    notify("READY=1");
    let served = nameserver.run(end.as_fd(), kept.as_ref().map(AsFd::as_fd))?;
    if let Some(kept) = kept.filter(|it| served.end == NameServerEnd::KeeperGone && it.has_stood())
    {
        return Err(begin_anew(kept.keeper(), &[("--bind", at)], context));
    }
    if served.foreign > 0 {
        let count = served.foreign;
        context.note(&format!("{count} messages were not osb's"));
    }
    if served.turned_away > 0 {
        let count = served.turned_away;
        context.note(&format!(
            "{count} times a peer was refused whose key is unknown"
        ));
    }
    launched.clear_up()?;
    let is_installed = |system| StateDir::from_env().is_ok_and(|it| it.boot(system).is_installed());
    let comes_back =
        served.end != NameServerEnd::Asked && args.for_system.as_ref().is_some_and(is_installed);
    if let Some(dir) = args.launch.dir.filter(|_| args.own_dir && !comes_back) {
        let dir = SystemDir::at(dir);
        dir.remove_if_unlocked(Ending::DaemonEnded)?;
        dir.around().remove_if_empty();
    }
    Ok(())
}

fn refuse_the_open_network(args: &NsArgs) -> Result<(), CommandError> {
    if args.bind.ip().is_loopback() || args.insecure || args.keys.is_some() {
        return Ok(());
    }
    let sentence = format!(
        "{} can be reached from other machines, and anyone who reaches a name server commands its agents",
        args.bind
    );
    Err(CommandError::say(ErrorKind::Usage, sentence)
        .with_code("insecure")
        .with_hint("make keys with `osb keys init`, and admit by them with --keys; or, on a network where you trust everyone, say --insecure"))
}

/// Readable when this process is told to end.
fn end_signals() -> Result<SignalFd, CommandError> {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(io::Error::from)?;
    let fd = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
    Ok(fd.map_err(io::Error::from)?)
}

/// Whether this process is told to end, while it waits for a moment.
fn is_told(end: BorrowedFd<'_>) -> Result<bool, CommandError> {
    let mut fds = [PollFd::new(end, PollFlags::POLLIN)];
    match poll(&mut fds, BIND_INTERVAL_MS) {
        Ok(count) => Ok(count > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// The first line on stdout is where to dial. A launcher that has gone is the tether's business.
fn announce(address: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
}
