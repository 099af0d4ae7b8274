//! What `doctor` wants to know of a machine, and what is found there. Nothing of it changes anything.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{HostName, Template};

/// What to examine on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examination {
    pub host: HostName,
    /// What peers dial to reach it. None: the address from which it dials `nameserver`.
    pub address: Option<IpAddr>,
    /// What is dialled from there for control. Its port may be 0.
    pub nameserver: Option<SocketAddr>,
    pub programs: Vec<ProgramNeed>,
    /// Each is bound, and listened at until the examination ends. Port 0 is any free one.
    pub bind: Vec<SocketAddr>,
    /// What is said to those that dial one of those, so that no other machine is taken for this one.
    pub token: String,
}

/// A program that is to be found, and not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramNeed {
    /// The command's first word.
    pub name: Template,
    /// The PATH that it is given. None: that of the machine.
    pub path: Option<Template>,
    /// Where it runs: the folder has to be there.
    pub cwd: PathBuf,
}

/// A peer to dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub at: SocketAddr,
    /// What it says, if it is one that listens for this examination.
    pub token: Option<String>,
}

/// What was found on a machine. The lists answer those of the [`Examination`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examined {
    /// What peers dial to reach it, as far as it knows.
    pub address: Option<IpAddr>,
    pub programs: Vec<Found>,
    pub bound: Vec<Bound>,
}

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    At(PathBuf),
    /// Neither in the PATH nor at its path.
    Missing,
    /// It is there, and may not be run.
    Forbidden(PathBuf),
    /// The folder that it is to run in is not there.
    NoFolder(PathBuf),
    /// Its name is known only when the system comes up, or not at all.
    Unclear(String),
}

/// The outcome of binding a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Listening there.
    At(SocketAddr),
    /// Another process does.
    Taken,
    /// It is no address of that machine.
    Foreign,
    Failed(String),
}

/// The outcome of dialling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialled {
    /// How long the connection took, in microseconds.
    Reached {
        us: u64,
    },
    /// Another one answered than was meant.
    Other,
    /// No process answered in time.
    Silent,
    /// The connection was refused.
    Refused,
    Failed(String),
}
