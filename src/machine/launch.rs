//! Starting a host daemon that hangs on the ssh connection until it is released.

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};

use super::hold::Held;
use super::{MachineError, folders, standing};
use crate::down::{ForOthers, down};
use crate::examine::own_address;
use crate::model::{Credentials, Dial, Grace, HostId, Listing, NameServerName, Overrides};
use crate::process::{ProcessId, of_its_own, own_osb};
use crate::state::{Daemon, Ending, GroupRecord, KeyFile, Lock, Phase, SystemDir, SystemRecord};
use crate::wire::{DaemonOf, MachineWord};

/// The file with the key of a daemon, in its folder.
pub(crate) const HOST_KEY: &str = "host.key";

/// What to start.
pub(super) struct Launch<'r> {
    pub daemon: &'r DaemonOf,
    pub nameserver: String,
    pub address: Option<IpAddr>,
    pub files: &'r [Listing],
    /// By which the daemon is admitted.
    pub keys: Option<Credentials>,
    /// The pid of the daemon in whose place it comes.
    pub succeeds: Option<u32>,
}

/// Starts the daemon, says so, and waits: for its release, for the end of the connection, or for
/// its own.
pub(super) async fn launch(
    launch: Launch<'_>,
    speak: &mut impl FnMut(MachineWord) -> std::io::Result<()>,
) -> Result<(), MachineError> {
    let Launch {
        daemon,
        nameserver,
        address,
        files,
        keys,
        succeeds,
    } = launch;
    let (all, dir) = folders(daemon)?;
    if let Some(process) = standing(&dir)? {
        return Err(MachineError::Standing {
            host: daemon.host.clone(),
            pid: process.pid,
        });
    }
    let agents = match succeeds {
        Some(_) => dir.former_agents(&nameserver),
        // What a daemon that has died left behind.
        None => {
            down(&all, &daemon.system, &[], Grace::SHORT, ForOthers::Lose).await?;
            Vec::new()
        }
    };
    let address = match address {
        Some(address) => address,
        None => own_address(&nameserver)?,
    };
    let lock = Lock::take(&dir, &daemon.system)?;
    let to = Dial {
        address: nameserver.clone(),
        keys,
    };
    let started = super::files::take_in(files, &dir, speak)
        .and_then(|()| start(daemon, &to, (address, succeeds), &dir, &lock));
    let (child, process) = match started {
        Ok(started) => started,
        Err(error) if succeeds.is_some() => return Err(error),
        Err(error) => {
            let _ = dir.remove(Ending::UpFailed);
            all.remove_if_empty();
            return Err(error);
        }
    };
    let record = record(daemon, nameserver, process.clone());
    let pid = process.pid;
    let started = MachineWord::Started { pid, agents };
    let held = Held {
        all,
        dir,
        lock,
        record,
        child,
        process,
        log: "host",
        again: succeeds.is_some(),
    };
    held.hold(started, speak).await
}

fn start(
    daemon: &DaemonOf,
    to: &Dial,
    (address, succeeds): (IpAddr, Option<u32>),
    dir: &SystemDir,
    lock: &Lock,
) -> Result<(Child, ProcessId), MachineError> {
    let log = dir.open_daemon_log("host")?;
    let mut command = Command::new(own_osb()?);
    command
        .args(["--ns", &to.address, "host", "--name", daemon.host.as_str()])
        .args(["--for-system", daemon.system.as_str()])
        .args(["--address", &address.to_string(), "--own-dir", "--tether"])
        .arg("--dir")
        .arg(dir.path())
        // The folder of the connection may be gone tomorrow.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log);
    of_its_own(&mut command);
    lock.share(&mut command);
    if let Some(group) = &daemon.group {
        command.args(["--group", group.as_str()]);
    }
    if let Some(former) = succeeds {
        command.args(["--succeeds", &former.to_string()]);
    }
    if let Some(keys) = &to.keys {
        let path = dir.path().join(HOST_KEY);
        let id = HostId::of(&daemon.system, &daemon.host);
        KeyFile::of_host(&id, keys).write(&path)?;
        command.arg("--key").arg(path);
    }
    let mut child = command.spawn()?;
    match ProcessId::of(child.id()) {
        Ok(process) => Ok((child, process)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error.into())
        }
    }
}

pub(super) fn record(daemon: &DaemonOf, nameserver: String, process: ProcessId) -> SystemRecord {
    let name = daemon.group.clone().unwrap_or_else(NameServerName::only);
    SystemRecord {
        name: daemon.system.clone(),
        groups: vec![GroupRecord {
            name,
            phase: Phase::Starting,
            nameserver,
            key: None,
            launched_nameserver: None,
            far_nameserver: None,
            hosts: vec![Daemon {
                host: daemon.host.clone(),
                process,
            }],
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
