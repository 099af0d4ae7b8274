//! Starting a name server that hangs on the ssh connection until it is released, and ending one.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;

use super::hold::Held;
use super::{MachineError, standing};
use crate::down::{ForOthers, down};
use crate::host::last_words;
use crate::model::timing::NAME_SERVER_TIMEOUT;
use crate::model::{Grace, NameServerName, Overrides};
use crate::process::{ProcessId, of_its_own, own_osb};
use crate::state::{
    Ending, GroupRecord, Lock, Phase, StateDir, StateError, SystemDir, SystemRecord,
};
use crate::wire::{MachineWord, NameServerKeys, NameServerOf};

/// The folder of all that name servers of that name have on this machine, and its own in it.
pub(super) fn folders(of: &NameServerOf) -> Result<(StateDir, SystemDir), StateError> {
    let all = StateDir::from_env()?.of_nameserver(of.group.as_ref());
    let own = all.system(&of.system);
    Ok((all, own))
}

/// Starts it, says where it listens, and waits: for its release, for the end of the connection, or
/// for its own.
pub(super) async fn launch(
    of: &NameServerOf,
    at: SocketAddr,
    (keys, again): (Option<NameServerKeys>, bool),
    speak: &mut impl FnMut(MachineWord) -> std::io::Result<()>,
) -> Result<(), MachineError> {
    let (all, dir) = folders(of)?;
    if let Some(process) = standing(&dir)? {
        return Err(MachineError::NameServerStanding(process.pid));
    }
    if !again {
        // What one that has died left behind.
        down(&all, &of.system, &[], Grace::SHORT, ForOthers::Lose).await?;
    }
    if let Some(keys) = &keys {
        install(of, keys, again)?;
    }
    let lock = Lock::take(&dir, &of.system)?;
    let (child, process, address) = match started(of, at, keys.is_some(), &dir, &lock).await {
        Ok(started) => started,
        Err(error) if again => return Err(error),
        Err(error) => {
            let _ = dir.remove(Ending::UpFailed);
            all.remove_if_empty();
            return Err(error);
        }
    };
    let record = record(of, address.clone(), process.clone());
    let pid = process.pid;
    let held = Held {
        all,
        dir,
        lock,
        record,
        child,
        process,
        log: "ns",
        again,
    };
    let word = MachineWord::Listens { pid, address };
    held.hold(word, speak).await
}

/// Ends a name server that can only be ended here, on its machine.
pub(super) async fn end(of: &NameServerOf) -> Result<(), MachineError> {
    let (all, _) = folders(of)?;
    down(&all, &of.system, &[], Grace::SHORT, ForOthers::Lose).await?;
    all.remove_if_empty();
    Ok(())
}

/// Puts its keys where it finds them. One that comes again finds them there, with the list of keys that it
/// has admitted.
fn install(of: &NameServerOf, keys: &NameServerKeys, again: bool) -> Result<(), StateError> {
    let here = StateDir::from_env()?.keys(&of.system, of.group.as_ref());
    match again && here.exists() && here.has_had(&keys.server.public)? {
        true => Ok(()),
        false => here.install(&keys.server, &keys.members),
    }
}

async fn started(
    of: &NameServerOf,
    at: SocketAddr,
    closed: bool,
    dir: &SystemDir,
    lock: &Lock,
) -> Result<(Child, ProcessId, String), MachineError> {
    let mut command = command(of, at, closed, dir, lock)?;
    let mut child = command.spawn()?;
    let process = ProcessId::of(child.id());
    let address = match child.stdout.take() {
        Some(stdout) => first_line(stdout, dir).await,
        None => Err("it has no standard output".to_owned()),
    };
    match (process, address) {
        (Ok(process), Ok(address)) => Ok((child, process, address)),
        (process, address) => {
            let _ = child.kill();
            let _ = child.wait();
            process?;
            Err(MachineError::NameServer(address.err().unwrap_or_default()))
        }
    }
}

fn command(
    of: &NameServerOf,
    at: SocketAddr,
    closed: bool,
    dir: &SystemDir,
    lock: &Lock,
) -> Result<Command, MachineError> {
    let log = dir.open_daemon_log("ns")?;
    let mut command = Command::new(own_osb()?);
    command
        .args(["ns", "--bind", &at.to_string(), "--own-dir", "--tether"])
        .args(["--for-system", of.system.as_str()])
        .arg("--dir")
        .arg(dir.path())
        // The folder of the connection may be gone tomorrow.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    of_its_own(&mut command);
    lock.share(&mut command);
    match closed {
        true => {
            let here = StateDir::from_env()?.keys(&of.system, of.group.as_ref());
            command.arg("--keys").arg(here.path());
        }
        // The topology has said so.
        false if !at.ip().is_loopback() => drop(command.arg("--insecure")),
        false => {}
    }
    Ok(command)
}

async fn first_line(stdout: ChildStdout, dir: &SystemDir) -> Result<String, String> {
    let stdout = Receiver::from_owned_fd(OwnedFd::from(stdout)).map_err(|it| it.to_string())?;
    let (mut line, mut stdout) = (String::new(), BufReader::new(stdout));
    match tokio::time::timeout(NAME_SERVER_TIMEOUT, stdout.read_line(&mut line)).await {
        Ok(Ok(0)) => Err(last_words(&dir.daemon_log("ns"))),
        Ok(Ok(_)) => Ok(line.trim_end().to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it does not say where it listens".to_owned()),
    }
}

fn record(of: &NameServerOf, address: String, process: ProcessId) -> SystemRecord {
    let name = of.group.clone().unwrap_or_else(NameServerName::only);
    SystemRecord {
        name: of.system.clone(),
        groups: vec![GroupRecord {
            name,
            phase: Phase::Starting,
            nameserver: address,
            key: None,
            launched_nameserver: Some(process),
            far_nameserver: None,
            hosts: Vec::new(),
            machines: Vec::new(),
            mending: Vec::new(),
            attached: Vec::new(),
        }],
        unprotected: false,
        sources: None,
        overrides: Overrides::default(),
        changing: None,
        contents: Default::default(),
        topology: String::new(),
        file: String::new(),
    }
}
