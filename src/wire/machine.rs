//! What `up` and `down` say to an osb that they have started on another machine by ssh, and what it
//! says to them: one line of JSON each, on its standard input and output.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{AgentLogs, Dialled, Examination, Examined, Stopped, Target};
use crate::model::{
    AgentName, Credentials, Digest, Grace, HostName, KeyEntry, KeyPair, Listing, NameServerName,
    SystemName, Unit,
};

/// The first line: what to do there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MachineRequest {
    /// Start a host daemon. Says [`MachineWord::Started`], and waits for the line `release`. Without
    /// it, the daemon ends with the connection.
    Launch {
        daemon: DaemonOf,
        /// What the daemon dials: `tcp://…`.
        nameserver: String,
        /// What peers dial to reach that machine. None: the address from which it dials.
        address: Option<IpAddr>,
        /// Folders of files that are to be there first. If there are any, says [`MachineWord::Lacks`],
        /// takes the bytes of what it lacks one after the other, and says [`MachineWord::Laid`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<Listing>,
        /// By which the daemon is admitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<Credentials>,
        /// The pid of the daemon in whose place it comes, which has ended: its agents, and all else that it has
        /// left, stay as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        succeeds: Option<u32>,
    },
    /// Bring the files of a daemon that runs up to date. Says [`MachineWord::Lacks`], takes the bytes, says [`MachineWord::Laid`],
    /// and waits for the line `release`. Without it, all is put back.
    Renew {
        daemon: DaemonOf,
        files: Vec<Renewal>,
    },
    /// End a daemon, and whatever is left of what it has started. Says [`MachineWord::Down`].
    End { daemon: DaemonOf, grace: Grace },
    /// Start a name server. Says [`MachineWord::Listens`], and waits as for a daemon.
    LaunchNameServer {
        nameserver: NameServerOf,
        at: SocketAddr,
        /// None: every peer is admitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<NameServerKeys>,
        /// It comes in the place of one that has ended: it admits the keys that that one has admitted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// End a name server. Says [`MachineWord::Down`].
    EndNameServer { nameserver: NameServerOf },
    /// Look around, and change nothing. Says [`MachineWord::Examined`]. What was bound is listened at, and further
    /// lines may say [`MachineRequest::Dial`], until the connection ends or three minutes have passed.
    Examine(Examination),
    /// Dial them all. Says [`MachineWord::Dialled`].
    Dial { targets: Vec<Target> },
    /// Read what agents have logged in runs that are over, of the daemons that had these pids. Says
    /// [`MachineWord::KeptLogs`].
    KeptLogs {
        daemon: DaemonOf,
        pids: Vec<u32>,
        agents: Vec<AgentName>,
    },
    /// Forget the runs of a daemon. Says [`MachineWord::Forgotten`].
    ForgetRuns { daemon: DaemonOf },
    /// Write units of systemd, so that the machine's start brings these back. Says [`MachineWord::Units`].
    Install {
        units: Vec<Installation>,
        /// They are to be of the user that ssh logs in as, and not of the machine.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_user: bool,
        /// Only say what would be written.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dry: bool,
    },
    /// Take back all that was written for a system. Says [`MachineWord::Uninstalled`].
    Uninstall {
        system: SystemName,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_user: bool,
    },
    /// Forget the runs of a name server. Says [`MachineWord::Forgotten`].
    ForgetNameServerRuns { nameserver: NameServerOf },
}

/// What a folder of files is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    pub listing: Listing,
    /// Where it is there. None: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// A unit, and by which key its process is admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    pub unit: Unit,
    /// That of a host daemon in a closed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Credentials>,
}

/// The file of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitFile {
    pub path: PathBuf,
    pub text: String,
}

/// What was done with the units of a system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsGone {
    pub removed: Vec<PathBuf>,
    /// They were changed by others, and stay.
    pub left: Vec<PathBuf>,
}

/// Which daemon: a machine may have one for each system, and each of its name servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonOf {
    pub system: SystemName,
    pub host: HostName,
    /// The name server's name within the system, if it is not the first.
    pub group: Option<NameServerName>,
}

/// Which name server: a machine may have several for each system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServerOf {
    pub system: SystemName,
    /// Its name within the system, if it is not the first.
    pub group: Option<NameServerName>,
}

/// The keys of a name server that is to run on another machine than they were made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServerKeys {
    pub server: KeyPair,
    /// Which keys are admitted.
    pub members: Vec<KeyEntry>,
}

/// An agent whose daemon has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerAgent {
    pub agent: AgentName,
    /// Whether its process lives.
    pub alive: bool,
    /// Its exit status, if it has ended, and that was written down.
    pub status: Option<i32>,
}

/// What is said by the osb on the other machine. Each line begins with [`MachineWord::MARK`]: whatever else
/// comes is of the machine's own shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MachineWord {
    /// Which contents of files are not there yet: each once. They are awaited in this order.
    Lacks { sums: Vec<Digest> },
    /// The folders of files are there, in the order in which they were listed.
    Laid { folders: Vec<PathBuf> },
    /// The daemon's process is there. That it has dialled the name server, the name server tells.
    Started {
        pid: u32,
        /// The agents of the daemon in whose place it comes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        agents: Vec<FormerAgent>,
    },
    /// The name server is there, and where: `tcp://…`.
    Listens { pid: u32, address: String },
    /// The daemon could not be started, or has ended.
    Ended { reason: String },
    /// Nothing is left.
    Down { stopped: Vec<Stopped> },
    /// What was found.
    Examined(Examined),
    /// The outcome of each target, in their order.
    Dialled { outcomes: Vec<Dialled> },
    /// The ends of logs, of those agents that have written.
    KeptLogs { logs: Vec<AgentLogs> },
    /// The units that are written, or would be.
    Units { files: Vec<UnitFile> },
    /// The units that were there.
    Uninstalled(UnitsGone),
    /// So many runs are forgotten.
    Forgotten { runs: usize },
}

impl FormerAgent {
    /// One that lives.
    pub fn alive(agent: AgentName) -> Self {
        Self {
            agent,
            alive: true,
            status: None,
        }
    }
}

impl MachineWord {
    pub const MARK: &str = "osb-word ";
    /// What lets the daemon live on without the connection.
    pub const RELEASE: &str = "release";
}
