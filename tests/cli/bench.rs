//! Runs the real binary with a state directory of its own, and ends what it has started.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use osb::model::NameServerName;
use osb::process::ProcessId;
use osb::state::{GroupRecord, Phase, SystemDir, SystemRecord};

/// A machine with no systems on it.
pub(crate) struct Bench {
    state: tempfile::TempDir,
}

/// How a command ended.
pub(crate) struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            state: tempfile::tempdir().unwrap(),
        }
    }

    /// A command that has not been started.
    pub(crate) fn osb(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osb"));
        command
            .args(args)
            .env("OSB_STATE_DIR", self.state.path())
            .env_remove("OSB_NAMESERVER")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let output = self.osb(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run {
            status: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Writes the record of a system that is up, as `up` would.
    pub(crate) fn remember(
        &self,
        name: &str,
        nameserver: &str,
        process: Option<ProcessId>,
    ) -> SystemDir {
        self.record(name, Phase::Up, nameserver, process)
    }

    /// Writes the record of a system that is being brought up.
    pub(crate) fn begin(&self, name: &str, nameserver: &str) -> SystemDir {
        self.record(name, Phase::Starting, nameserver, None)
    }

    fn record(
        &self,
        name: &str,
        phase: Phase,
        nameserver: &str,
        process: Option<ProcessId>,
    ) -> SystemDir {
        let dir = SystemDir::at(self.state.path().join("osb").join(name));
        dir.create().unwrap();
        let record = SystemRecord {
            name: name.parse().unwrap(),
            groups: vec![GroupRecord {
                name: NameServerName::only(),
                phase,
                nameserver: nameserver.to_owned(),
                key: None,
                launched_nameserver: process,
                far_nameserver: None,
                hosts: vec![],
                machines: vec![],
                mending: vec![],
                attached: vec![],
            }],
            unprotected: false,
            sources: None,
            overrides: osb::model::Overrides::default(),
            changing: None,
            contents: Default::default(),
            topology: "{}".to_owned(),
            file: format!("{name}.yaml"),
        };
        dir.write_record(&record).unwrap();
        dir
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn expect(&self, status: i32, stdout: &str, stderr: &str) {
        assert_eq!(self.stderr, stderr);
        assert_eq!(self.stdout, stdout);
        assert_eq!(self.status, status);
    }
}

/// A name server on a port of its own.
pub(crate) struct Ns {
    child: Child,
    pub address: String,
}

impl Ns {
    pub(crate) fn start(bench: &Bench) -> Self {
        Self::launch(bench, &[])
    }

    pub(crate) fn launch(bench: &Bench, more: &[&str]) -> Self {
        let mut command = bench.osb(&[&["ns", "--bind", "127.0.0.1:0"], more].concat());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        let address = address.trim_end().to_owned();
        Self { child, address }
    }

    pub(crate) fn process(&self) -> ProcessId {
        ProcessId::of(self.child.id()).unwrap()
    }

    pub(crate) fn cut_tether(&mut self) {
        drop(self.child.stdin.take());
    }

    pub(crate) fn release_tether(&mut self) {
        writeln!(self.child.stdin.take().unwrap(), "release").unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        signal(&self.child, Signal::SIGTERM);
        self.wait()
    }
}

impl Drop for Ns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    signal(child, Signal::SIGINT);
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}
