//! Launching the name server and the host daemon, and what has to be taken back if `up` fails.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::net::unix::pipe::Receiver;
use tokio::sync::Mutex;

use super::undo::Undo;
use crate::host::last_words;
use crate::model::{
    AgentId, AgentName, Credentials, HostId, HostName, HostSpec, NameServerName, Security,
    SystemName,
};
use crate::process::{ProcessId, Tether, of_its_own, own_osb};
use crate::proxy::Link;
use crate::ssh::Session;
use crate::state::{
    Daemon, GroupRecord, KeyDir, KeyFile, Laid, Lock, Phase, SystemDir, SystemRecord,
};

/// What `up` has begun.
pub(crate) struct Launched {
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
    /// Machines that stand whose files are otherwise.
    pub(super) renewed: Vec<Renewed>,
    pub(super) new_folders: Vec<NewFolder>,
    /// The groups that are brought up.
    pub groups: Vec<Group>,
    /// What of the system stands already: nothing that lives of it is touched.
    pub standing: Option<SystemRecord>,
    /// Agents that were started where all else stands.
    pub(super) mended: Vec<Mended>,
    /// What takes back what was done to agents that stood.
    pub(super) undo: Vec<Undo>,
    /// Agents that have ended before they had taken in what was meant for them, and why.
    pub(super) undrained: Vec<(AgentId, String)>,
}

/// A connection that a daemon hangs on until all stands.
pub(super) struct Hanging {
    pub group: usize,
    pub host: HostName,
    pub session: Arc<Mutex<Session>>,
}

/// A machine that stands whose files are otherwise as long as nothing fails.
pub(super) struct Renewed {
    pub host: HostName,
    pub session: Session,
}

/// A folder of files that was not on a machine before.
pub(super) type NewFolder = (NameServerName, HostName, Laid);

/// An agent that was started where all else stands.
pub(super) struct Mended {
    pub link: Arc<Link>,
    pub host: HostId,
    pub agent: AgentName,
}

/// A name server, its daemons, and the connection to it.
pub(crate) struct Group {
    /// Its name, if it is not the system's first.
    pub suffix: Option<NameServerName>,
    pub record: GroupRecord,
    pub link: Option<Arc<Link>>,
}

impl Group {
    /// Nothing of it is there yet.
    pub(crate) fn new(name: NameServerName, suffix: Option<NameServerName>) -> Self {
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
                mending: Vec::new(),
            },
            link: None,
        }
    }
}

/// For which name server a daemon works.
struct HostPlace {
    /// The name server's name, if it is not the system's first.
    suffix: Option<NameServerName>,
    nameserver: String,
    /// The pid of the daemon before it.
    succeeds: Option<u32>,
}

/// What a daemon's log is called.
fn log_of(daemon: &str, suffix: Option<&NameServerName>) -> String {
    match suffix {
        Some(name) => format!("{daemon}@{name}"),
        None => daemon.to_owned(),
    }
}

impl Launched {
    pub(crate) fn new(
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
            renewed: Vec::new(),
            new_folders: Vec::new(),
            groups: Vec::new(),
            standing,
            mended: Vec::new(),
            undo: Vec::new(),
            undrained: Vec::new(),
        }
    }

    /// Starts `osb ns` for a group that is brought up. It will say on its standard output where it listens.
    pub(crate) fn launch_nameserver(
        &mut self,
        group: usize,
        at: SocketAddr,
    ) -> io::Result<Receiver> {
        let suffix = self.groups[group].suffix.clone();
        if self.security == Security::Curve {
            let keys = self.keys_of(suffix.as_ref());
            keys.ready().map_err(io::Error::other)?;
        }
        let (process, stdout) = self.start_nameserver(suffix.as_ref(), at)?;
        self.groups[group].record.launched_nameserver = Some(process);
        Ok(stdout)
    }

    /// The same for a system that is up, in the place of the name server that has ended. The new one admits the
    /// keys that the former one had admitted.
    pub(crate) fn launch_nameserver_again(
        &mut self,
        name: &NameServerName,
        at: SocketAddr,
    ) -> io::Result<Receiver> {
        let suffix = self.standing_suffix(name);
        let (process, stdout) = self.start_nameserver(suffix.as_ref(), at)?;
        if let Some(group) = self.standing_group_mut(name) {
            group.launched_nameserver = Some(process);
        }
        Ok(stdout)
    }

    fn start_nameserver(
        &mut self,
        suffix: Option<&NameServerName>,
        at: SocketAddr,
    ) -> io::Result<(ProcessId, Receiver)> {
        let mut command = self.daemon(&log_of("ns", suffix))?;
        command
            .args(["ns", "--bind", &at.to_string()])
            .stdout(Stdio::piped());
        match self.security {
            Security::Curve => {
                command.arg("--keys").arg(self.keys_of(suffix).path());
            }
            // The topology has said so.
            Security::None if !at.ip().is_loopback() => drop(command.arg("--insecure")),
            Security::None => {}
        }
        let mut child = self.start(command)?;
        let process = ProcessId::of(child.id())?;
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stdout = Receiver::from_owned_fd(stdout.ok_or(io::ErrorKind::BrokenPipe)?)?;
        Ok((process, stdout))
    }

    /// Where the keys of a group are.
    pub(crate) fn keys(&self, group: usize) -> KeyDir {
        self.keys_of(self.groups[group].suffix.as_ref())
    }

    pub(super) fn keys_of(&self, suffix: Option<&NameServerName>) -> KeyDir {
        self.dir.around().keys(&self.system, suffix)
    }

    /// Starts `osb host` for a group that is brought up, which is to be let in by `keys`. That it stands,
    /// the name server tells.
    pub(crate) fn launch_host(
        &mut self,
        group: usize,
        host: &HostSpec,
        keys: Option<&Credentials>,
    ) -> Result<(), String> {
        let own = &self.groups[group];
        let place = HostPlace {
            suffix: own.suffix.clone(),
            nameserver: own.record.nameserver.clone(),
            succeeds: None,
        };
        let daemon = self.start_host(host, keys, &place)?;
        self.groups[group].record.hosts.push(daemon);
        Ok(())
    }

    /// The same for one that stands, in the place of the daemon that has ended.
    pub(crate) fn launch_host_again(
        &mut self,
        name: &NameServerName,
        host: &HostSpec,
        keys: Option<&Credentials>,
    ) -> Result<(), String> {
        let Some(group) = self.standing_group(name) else {
            return Err(format!("there is no name server {name}"));
        };
        let mut former = group.hosts.iter().filter(|it| it.host == host.name);
        let place = HostPlace {
            suffix: self.standing_suffix(name),
            nameserver: group.nameserver.clone(),
            succeeds: former.next().map(|it| it.process.pid),
        };
        let daemon = self.start_host(host, keys, &place)?;
        if let Some(group) = self.standing_group_mut(name) {
            group.hosts.retain(|it| it.host != host.name);
            group.hosts.push(daemon);
        }
        Ok(())
    }

    fn start_host(
        &mut self,
        host: &HostSpec,
        keys: Option<&Credentials>,
        place: &HostPlace,
    ) -> Result<Daemon, String> {
        let (name, suffix) = (&host.name, place.suffix.as_ref());
        let mut command = self
            .daemon(&log_of(&format!("host-{name}"), suffix))
            .map_err(|error| error.to_string())?;
        command.args(["--ns", &place.nameserver]);
        command.args(["host", "--name", name.as_str()]);
        command.args(["--for-system", self.system.as_str()]);
        if let Some(keys) = keys {
            let file = KeyFile::of_host(&HostId::of(&self.system, name), keys);
            let written = self.keys_of(suffix).write_host(name, &file);
            let path = written.map_err(|error| error.to_string())?;
            command.arg("--key").arg(path);
        }
        let address = host.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
        command.args(["--address", &address.to_string()]);
        if let Some(group) = suffix {
            command.args(["--group", group.as_str()]);
        }
        if let Some(former) = place.succeeds {
            command.args(["--succeeds", &former.to_string()]);
        }
        let child = self.start(command).map_err(|error| error.to_string())?;
        let process = ProcessId::of(child.id()).map_err(|error| error.to_string())?;
        let host = name.clone();
        Ok(Daemon { host, process })
    }

    /// A group that stands.
    pub(super) fn standing_group(&self, name: &NameServerName) -> Option<&GroupRecord> {
        let mut groups = self.standing.iter().flat_map(|it| &it.groups);
        groups.find(|it| it.name == *name)
    }

    pub(super) fn standing_group_mut(&mut self, name: &NameServerName) -> Option<&mut GroupRecord> {
        let mut groups = self.standing.iter_mut().flat_map(|it| &mut it.groups);
        groups.find(|it| it.name == *name)
    }

    pub(super) fn standing_suffix(&self, name: &NameServerName) -> Option<NameServerName> {
        let record = self.standing.as_ref()?;
        record.suffix(self.standing_group(name)?).cloned()
    }

    /// What the name server wrote before it ended.
    pub(crate) fn nameserver_said(&self, group: usize) -> String {
        let suffix = self.groups[group].suffix.as_ref();
        last_words(&self.dir.daemon_log(&log_of("ns", suffix)))
    }

    /// What the name server of a group that stands wrote before it ended.
    pub(crate) fn standing_nameserver_said(&self, name: &NameServerName) -> String {
        let suffix = self.standing_suffix(name);
        last_words(&self.dir.daemon_log(&log_of("ns", suffix.as_ref())))
    }

    /// What the daemon of `host` wrote before it ended.
    pub(crate) fn host_said(&self, group: usize, host: &HostName) -> String {
        let suffix = self.groups[group].suffix.as_ref();
        last_words(
            &self
                .dir
                .daemon_log(&log_of(&format!("host-{host}"), suffix)),
        )
    }

    fn daemon(&self, log: &str) -> io::Result<Command> {
        let log = self.dir.open_daemon_log(log)?;
        let mut command = Command::new(own_osb()?);
        of_its_own(&mut command);
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    fn start(&mut self, mut command: Command) -> io::Result<std::process::Child> {
        command.arg("--tether");
        self.lock.share(&mut command);
        command.arg("--dir").arg(self.dir.path());
        let mut child = command.spawn()?;
        self.tethers.extend(child.stdin.take().map(Tether::new));
        Ok(child)
    }
}
