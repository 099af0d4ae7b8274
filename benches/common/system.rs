//! A system in a folder of its own, brought up by the real `osb` and taken down in any case.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use osb::model::{AgentInfo, Dial};
use osb::proxy::NameServer;
use osb::state::{KeyFile, StateDir, SystemRecord};
use tempfile::TempDir;

use super::curve::as_agent;

/// The binary that is measured.
pub(crate) fn osb() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_osb"))
}

/// A system that goes when this is dropped, or when the bench is killed.
pub(crate) struct System {
    temp: TempDir,
    topology: PathBuf,
    caretaker: Child,
}

impl System {
    /// Writes the topology; nothing is started yet.
    pub(crate) fn of(topology: &str) -> Self {
        let temp = tempfile::tempdir().expect("a folder");
        let path = temp.path().join("bench.yaml");
        std::fs::write(&path, topology).expect("a file");
        Self {
            caretaker: caretaker(temp.path()),
            temp,
            topology: path,
        }
    }

    /// Writes the topology and brings it up.
    pub(crate) fn up_of(topology: &str) -> Self {
        let system = Self::of(topology);
        system.up();
        system
    }

    /// `osb` in this system's surroundings.
    pub(crate) fn osb(&self) -> Command {
        let mut command = Command::new(osb());
        command.env("OSB_STATE_DIR", self.temp.path());
        command.env_remove("OSB_NAMESERVER");
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn up(&self) {
        succeeded(self.osb().args(["-q", "up"]).arg(&self.topology).output());
    }

    pub(crate) fn down(&self) {
        succeeded(self.osb().args(["-q", "down", "bench"]).output());
    }

    /// What is remembered of it while it is up.
    pub(crate) fn record(&self) -> SystemRecord {
        let state = StateDir::at(self.temp.path().join("osb"));
        let dir = state.system(&"bench".parse().expect("a name"));
        dir.record().expect("it can be read").expect("it is up")
    }

    /// A connection to its name server, as its owner.
    pub(crate) fn nameserver(&self) -> NameServer {
        let group = &self.record().groups[0];
        let key = |path: &PathBuf| KeyFile::read_named(path).expect("it can be read");
        let to = Dial {
            address: group.nameserver.clone(),
            keys: group.key.as_ref().map(|path| key(path).credentials()),
        };
        NameServer::dial(&to).expect("it is there")
    }

    pub(crate) fn agents(&self) -> Vec<AgentInfo> {
        self.nameserver().agent_infos().expect("it answers")
    }

    /// How a socket is dialled: in a closed system, as an agent of it.
    pub(crate) fn dial(&self, agent: &str, alias: &str) -> Dial {
        let nameserver = self.nameserver();
        let bound = nameserver.addr(agent, alias).expect("it is bound");
        match bound.key {
            Some(key) => as_agent(&nameserver, "Feeder", &bound.address, key),
            None => Dial::plain(bound.address),
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.osb().args(["-q", "down", "bench"]).output();
        // Its input ends, and there is nothing left for it to do.
        let _ = self.caretaker.wait();
    }
}

/// A process that outlives this one if need be: when its input ends, which it does with the bench,
/// it takes down what is left. Ctrl-C does not reach it.
fn caretaker(state: &Path) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", "cat; \"$0\" -q down bench; rm -rf \"$OSB_STATE_DIR\""])
        .arg(osb())
        .env("OSB_STATE_DIR", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command.spawn().expect("there is a shell")
}

/// Panics with what a command said, if it failed.
pub(crate) fn succeeded(output: std::io::Result<Output>) -> Output {
    let output = output.expect("osb can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "osb failed: {said}");
    output
}
