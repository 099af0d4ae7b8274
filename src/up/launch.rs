//! Launching the name server and the host daemon, and what has to be taken back if `up` fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::net::unix::pipe::Receiver;

use crate::model::{AgentName, HostName, SystemName};
use crate::process::{ProcessId, Tether};
use crate::proxy::Link;
use crate::state::{Daemon, Lock, SystemDir};

/// What `up` has begun.
pub struct Launched {
    pub system: SystemName,
    pub dir: SystemDir,
    pub lock: Lock,
    pub tethers: Vec<Tether>,
    pub nameserver: Option<ProcessId>,
    pub hosts: Vec<Daemon>,
    /// Agents that others have started, and that may have been given something.
    pub attached: Vec<AgentName>,
    pub link: Option<Arc<Link>>,
}

impl Launched {
    pub fn new(system: SystemName, dir: SystemDir, lock: Lock) -> Self {
        Self {
            system,
            dir,
            lock,
            tethers: Vec::new(),
            nameserver: None,
            hosts: Vec::new(),
            attached: Vec::new(),
            link: None,
        }
    }

    /// Starts `osb ns`. It will say on its standard output where it listens.
    pub fn launch_nameserver(&mut self, at: SocketAddr) -> io::Result<Receiver> {
        let mut command = self.daemon("ns")?;
        command
            .args(["ns", "--bind", &at.to_string()])
            .stdout(Stdio::piped());
        if !at.ip().is_loopback() {
            // The topology has said so, or it would not have been valid.
            command.arg("--insecure");
        }
        let mut child = self.start(command)?;
        self.nameserver = ProcessId::of(child.id()).ok();
        let stdout = child.stdout.take().map(OwnedFd::from);
        Receiver::from_owned_fd(stdout.ok_or(io::ErrorKind::BrokenPipe)?)
    }

    /// Starts `osb host`. That it stands, the name server tells.
    pub fn launch_host(
        &mut self,
        host: &HostName,
        nameserver: &str,
        advertise: IpAddr,
    ) -> Result<(), String> {
        let mut command = self
            .daemon(&format!("host-{host}"))
            .map_err(|error| error.to_string())?;
        command.args(["--ns", nameserver, "host", "--name", host.as_str()]);
        command.args(["--advertise", &advertise.to_string()]);
        let child = self.start(command).map_err(|error| error.to_string())?;
        let process = ProcessId::of(child.id()).map_err(|error| error.to_string())?;
        self.hosts.push(Daemon {
            host: host.clone(),
            process,
        });
        Ok(())
    }

    /// What the name server wrote before it ended.
    pub fn nameserver_said(&self) -> String {
        said(&self.dir.daemon_log("ns"))
    }

    /// What the daemon of `host` wrote before it ended.
    pub fn host_said(&self, host: &HostName) -> String {
        said(&self.dir.daemon_log(&format!("host-{host}")))
    }

    fn daemon(&self, log: &str) -> io::Result<Command> {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.dir.daemon_log(log))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    fn start(&mut self, mut command: Command) -> io::Result<std::process::Child> {
        let lock = self.lock.share()?;
        command.args(["--tether", "--lock-fd", &lock.to_string()]);
        command.arg("--dir").arg(self.dir.path());
        let mut child = command.spawn()?;
        self.tethers.extend(child.stdin.take().map(Tether::new));
        Ok(child)
    }
}

/// The last thing that a daemon wrote to its log, without the word that it is an error.
fn said(log: &Path) -> String {
    let last = crate::host::log_tail(log, 5);
    let line = last
        .iter()
        .rev()
        .find(|line| line.starts_with("error"))
        .or(last.last());
    match line {
        Some(line) => line.trim_start_matches("error: ").to_owned(),
        None => "it ended without a word".to_owned(),
    }
}
