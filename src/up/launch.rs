//! Launching the name server and the host daemon, and what has to be taken back if `up` fails.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::net::unix::pipe::Receiver;

use super::machines::Hanging;
use crate::host::last_words;
use crate::model::{Credentials, HostName, HostSpec, NameServerName, Security, SystemName};
use crate::process::{ProcessId, Tether};
use crate::proxy::Link;
use crate::state::{Daemon, GroupRecord, KeyDir, KeyFile, Lock, Phase, SystemDir, SystemRecord};

/// What `up` has begun.
pub struct Launched {
    pub system: SystemName,
    pub security: Security,
    pub dir: SystemDir,
    pub lock: Lock,
    pub tethers: Vec<Tether>,
    /// What hangs on connections to other machines.
    pub(super) hanging: Vec<Hanging>,
    /// And name servers that do.
    pub(super) far: Vec<Hanging>,
    /// Where the files are that have gone to the daemons of other machines.
    pub(super) folders: HashMap<(NameServerName, HostName), Vec<PathBuf>>,
    /// The groups that are brought up.
    pub groups: Vec<Group>,
    /// What of the system stands already: nothing of it is touched.
    pub standing: Option<SystemRecord>,
}

/// A name server, its daemons, and the connection to it.
pub struct Group {
    /// Its name, if it is not the system's first.
    pub suffix: Option<NameServerName>,
    pub record: GroupRecord,
    pub link: Option<Arc<Link>>,
}

impl Group {
    /// Nothing of it is there yet.
    pub fn new(name: NameServerName, suffix: Option<NameServerName>) -> Self {
        Self {
            suffix,
            record: GroupRecord {
                name,
                phase: Phase::Starting,
                nameserver: String::new(),
                key: None,
                launched_nameserver: None,
                far_nameserver: None,
                hosts: Vec::new(),
                machines: Vec::new(),
                attached: Vec::new(),
            },
            link: None,
        }
    }

    /// What its daemon's log is called.
    fn log(&self, daemon: &str) -> String {
        match &self.suffix {
            Some(name) => format!("{daemon}@{name}"),
            None => daemon.to_owned(),
        }
    }
}

impl Launched {
    pub fn new(
        (system, security): (SystemName, Security),
        dir: SystemDir,
        lock: Lock,
        standing: Option<SystemRecord>,
    ) -> Self {
        Self {
            system,
            security,
            dir,
            lock,
            tethers: Vec::new(),
            hanging: Vec::new(),
            far: Vec::new(),
            folders: HashMap::new(),
            groups: Vec::new(),
            standing,
        }
    }

    /// Starts `osb ns`. It will say on its standard output where it listens.
    pub fn launch_nameserver(&mut self, group: usize, at: SocketAddr) -> io::Result<Receiver> {
        let mut command = self.daemon(&self.groups[group].log("ns"))?;
        command
            .args(["ns", "--bind", &at.to_string()])
            .stdout(Stdio::piped());
        match self.security {
            Security::Curve => {
                let keys = self.keys(group);
                keys.ready().map_err(io::Error::other)?;
                command.arg("--keys").arg(keys.path());
            }
            // The topology has said so.
            Security::None if !at.ip().is_loopback() => drop(command.arg("--insecure")),
            Security::None => {}
        }
        let mut child = self.start(command)?;
        self.groups[group].record.launched_nameserver = ProcessId::of(child.id()).ok();
        let stdout = child.stdout.take().map(OwnedFd::from);
        Receiver::from_owned_fd(stdout.ok_or(io::ErrorKind::BrokenPipe)?)
    }

    /// Where the keys of a group are.
    pub fn keys(&self, group: usize) -> KeyDir {
        let suffix = self.groups[group].suffix.as_ref();
        self.dir.around().keys(&self.system, suffix)
    }

    /// Starts `osb host`, which is to be let in by `keys`. That it stands, the name server tells.
    pub fn launch_host(
        &mut self,
        group: usize,
        host: &HostSpec,
        keys: Option<&Credentials>,
    ) -> Result<(), String> {
        let (name, own) = (&host.name, &self.groups[group]);
        let mut command = self
            .daemon(&own.log(&format!("host-{name}")))
            .map_err(|error| error.to_string())?;
        command.args(["--ns", &own.record.nameserver]);
        command.args(["host", "--name", name.as_str()]);
        if let Some(keys) = keys {
            let file = KeyFile::of_host(name, keys);
            let path = self.keys(group).host_path(name);
            file.write(&path).map_err(|error| error.to_string())?;
            command.arg("--key").arg(path);
        }
        let address = host.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
        command.args(["--address", &address.to_string()]);
        if let Some(group) = &own.suffix {
            command.args(["--group", group.as_str()]);
        }
        let child = self.start(command).map_err(|error| error.to_string())?;
        let process = ProcessId::of(child.id()).map_err(|error| error.to_string())?;
        self.groups[group].record.hosts.push(Daemon {
            host: name.clone(),
            process,
        });
        Ok(())
    }

    /// What the name server wrote before it ended.
    pub fn nameserver_said(&self, group: usize) -> String {
        last_words(&self.dir.daemon_log(&self.groups[group].log("ns")))
    }

    /// What the daemon of `host` wrote before it ended.
    pub fn host_said(&self, group: usize, host: &HostName) -> String {
        let log = self.groups[group].log(&format!("host-{host}"));
        last_words(&self.dir.daemon_log(&log))
    }

    fn daemon(&self, log: &str) -> io::Result<Command> {
        let log = self.dir.open_daemon_log(log)?;
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
