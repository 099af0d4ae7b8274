//! What was found: values that are shown, printed as JSON, and compared by tests.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;

use crate::model::{AgentId, HostName, SystemName};

/// All findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    pub system: SystemName,
    pub hosts: Vec<HostFinding>,
    pub programs: Vec<ProgramFinding>,
    pub ports: Vec<PortFinding>,
    pub ways: Vec<WayFinding>,
}

/// Whether something is as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    Well,
    /// It could not be found out.
    Unknown {
        reason: String,
    },
    Bad {
        reason: String,
        remedy: String,
    },
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostFinding {
    pub name: HostName,
    /// `local`, `ssh` or `attach`.
    pub reach: &'static str,
    /// What peers dial, as far as that is known.
    pub address: Option<IpAddr>,
    /// The version of osb that is there.
    pub osb: Option<String>,
    /// `up` will copy this one there.
    pub copy: bool,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// One program on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgramFinding {
    pub host: HostName,
    /// As the topology says it.
    pub program: String,
    pub agents: Vec<AgentId>,
    pub path: Option<PathBuf>,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// One port on one machine: a fixed one, or any free one where there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortFinding {
    pub host: HostName,
    pub address: SocketAddr,
    /// For which sockets.
    pub uses: Vec<String>,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// One machine that will dial, and what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WayFinding {
    pub from: HostName,
    /// None: a name server that is no part of the topology.
    pub to: Option<HostName>,
    /// What was dialled.
    pub address: Option<SocketAddr>,
    pub uses: Vec<String>,
    /// How long the connection took.
    pub ms: Option<f64>,
    /// For a cell of a table.
    #[serde(skip)]
    pub short: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Verdict {
    pub fn is_bad(&self) -> bool {
        matches!(self, Verdict::Bad { .. })
    }
}

impl Diagnosis {
    /// Everything that was found, each with what it is about.
    pub fn all(&self) -> impl Iterator<Item = (String, &Verdict)> {
        let hosts = self.hosts.iter();
        let hosts = hosts.map(|it| (format!("host {}", it.name), &it.verdict));
        let programs = self.programs.iter().map(|it| {
            let what = format!("program {} on {}", it.program, it.host);
            (what, &it.verdict)
        });
        let ports = self.ports.iter();
        let ports = ports.map(|it| (format!("port {} on {}", it.address, it.host), &it.verdict));
        let ways = self.ways.iter().map(|it| (it.called(), &it.verdict));
        hosts.chain(programs).chain(ports).chain(ways)
    }

    /// How many things are not as they have to be.
    pub fn bad(&self) -> usize {
        self.all().filter(|(_, verdict)| verdict.is_bad()).count()
    }

    /// Whether a machine could not be reached, or a name server that is to be there.
    pub fn unreached(&self) -> bool {
        let mut hosts = self.hosts.iter();
        let mut ways = self.ways.iter();
        hosts.any(|it| it.verdict.is_bad() && it.osb.is_none())
            || ways.any(|it| it.verdict.is_bad() && it.to.is_none())
    }
}

impl WayFinding {
    fn called(&self) -> String {
        let to = match (&self.to, self.address) {
            (Some(host), Some(at)) => format!("{host}, {at}"),
            (Some(host), None) => host.to_string(),
            (None, at) => format!(
                "the name server {}",
                at.map_or(String::new(), |it| it.to_string())
            ),
        };
        format!("way from {} to {to}", self.from)
    }
}
