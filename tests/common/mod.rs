//! A place of its own for a test to run the real `osb` in: its own state directory, its own files,
//! and at the end nothing is left running.

pub(crate) mod closed_system;
pub(crate) mod lab;
pub(crate) mod relay;
pub(crate) mod seeded;
pub(crate) mod slow;
pub(crate) mod slurm;

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use osb::process::ProcessId;
use serde_json::Value;

/// How long a condition may take to come true. Generous: it is never waited for in vain.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("osb-test-")
            .tempdir()
            .unwrap();
        fs::create_dir(dir.path().join("files")).unwrap();
        Self { dir }
    }

    /// `osb` with these arguments, in the folder of the test's files.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_osb"));
        command
            .args(arguments)
            .env("OSB_STATE_DIR", self.state())
            .env_remove("OSB_NAMESERVER")
            .env_remove("OSB_KEY")
            .env("NO_COLOR", "1")
            .current_dir(self.files())
            .stdin(Stdio::null());
        command
    }

    /// Runs `osb` to its end.
    pub(crate) fn osb(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    /// Runs `osb`, which is to succeed, and gives what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.osb(arguments);
        assert_eq!(said.code, 0, "osb {arguments:?}: {said}");
        said.stdout
    }

    /// Runs `osb -o json`, which is to succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[&["-o", "json"], arguments].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The pid of the process of this bench that has `words` in its command line. Of a daemon and its keeper, the keeper's.
    pub(crate) fn pid_of(&self, words: &str) -> Option<i32> {
        let mut found = self.processes();
        found.retain(|pid| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.replace('\0', " ").contains(words)
        });
        let is_kept = |pid: &&i32| parent_of(**pid).is_some_and(|parent| found.contains(&parent));
        found.iter().find(|pid| !is_kept(pid)).copied()
    }

    /// Starts `osb` with its output in pipes.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// One of the counts of a socket, as `ls sockets` tells it.
    pub(crate) fn count(&self, agent: &str, alias: &str, what: &str) -> u64 {
        let all = self.json(&["ls", "sockets"]);
        let mut all = all.as_array().unwrap().iter();
        let of = all.find(|it| it["agent"] == agent);
        let of = of.unwrap_or_else(|| panic!("no {agent}"));
        of["sockets"][alias][what].as_u64().unwrap_or_default()
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.files().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Brings up a topology given as text.
    pub(crate) fn up(&self, topology: &str) -> Said {
        let path = self.file("topology.yaml", topology);
        self.osb(&["up", &path])
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The folder of one system.
    pub(crate) fn system(&self, name: &str) -> PathBuf {
        self.state().join("osb").join(name)
    }

    pub(crate) fn log(&self, system: &str, agent: &str) -> String {
        let path = self
            .system(system)
            .join("logs")
            .join(format!("{agent}.log"));
        fs::read_to_string(path).unwrap_or_default()
    }

    /// The facts of one agent.
    pub(crate) fn agent(&self, name: &str) -> Value {
        let agents = self.json(&["ls", "agents"]);
        let agents = agents.as_array().unwrap();
        agents
            .iter()
            .find(|agent| agent["name"] == name)
            .cloned()
            .unwrap_or(Value::Null)
    }

    pub(crate) fn pid(&self, name: &str) -> i32 {
        i32::try_from(self.agent(name)["pid"].as_i64().expect("a pid")).unwrap()
    }

    /// The pids of all processes that work for this test.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mark = format!("OSB_STATE_DIR={}", self.state().display()).into_bytes();
        let own = i32::try_from(std::process::id()).unwrap();
        let pids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let environment = fs::read(entry.path().join("environ")).ok()?;
                let ours = environment
                    .split(|byte| *byte == 0)
                    .any(|line| line == mark);
                (ours && pid != own).then_some(pid)
            });
        pids.collect()
    }

    /// Waits until nothing of this test runs and nothing is remembered.
    pub(crate) fn assert_nothing_left(&self) {
        wait_until("all processes have ended", || self.processes().is_empty());
        wait_until("nothing is remembered", || {
            remembered(&self.state().join("osb")).is_empty()
        });
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for system in remembered(&self.state().join("osb")) {
            let _ = self
                .command(&["down", &system, "--grace", "1s", "--force"])
                .output();
        }
        kill_all(|| self.processes());
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Says that this test, or a part of it, is not done here, and why. It is seen at once, for only what macros print is
/// kept back, and `tests/run` lists all of them at its end.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(format!("skipped: {line}").as_bytes());
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    let mut list = fs::File::options()
        .create(true)
        .append(true)
        .open(list)
        .unwrap();
    list.write_all(line.as_bytes()).unwrap();
}

/// What osb remembers in its folder, but for keys, former logs and what units have, which outlast systems.
pub(crate) fn remembered(dir: &Path) -> Vec<String> {
    let mut all = entries(dir);
    all.retain(|name| ![".boot", ".keys", ".joined", ".runs"].contains(&name.as_str()));
    all
}

/// The names in a folder; none if there is no folder.
pub(crate) fn entries(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Tries again until `reached` gives something. What is waited for is on the other side of a
/// process's output, where there is no event to wait for.
pub(crate) fn wait_for<T>(what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(result) = reached() {
            return result;
        }
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    wait_for(what, || reached().then_some(()));
}

/// What comes out of a process, as it comes.
pub(crate) fn listen(mut from: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let heard = Arc::new(Mutex::new(String::new()));
    let ours = heard.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            ours.lock().unwrap().push_str(&text);
        }
    });
    heard
}

/// Sends a signal to a process of the test's own.
pub(crate) fn kill(pid: i32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// Kills a process, and waits until all of it has ended. Its command line is gone before its sockets are.
pub(crate) fn kill_to_the_end(pid: i32) {
    let process = ProcessId::of(u32::try_from(pid).unwrap()).unwrap();
    let process = process.open().expect("it runs");
    kill(pid, 9);
    let mut ends = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    let ended = poll(&mut ends, PollTimeout::try_from(TIMEOUT).unwrap());
    assert_eq!(ended, Ok(1), "{pid} has not ended");
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.get(stat.rfind(')')? + 2..)?;
    fields.split(' ').nth(1)?.parse().ok()
}

/// The process that this one keeps, which starts it again when it is killed. None between two lives of it.
pub(crate) fn kept_by(keeper: i32) -> Option<i32> {
    let path = format!("/proc/{keeper}/task/{keeper}/children");
    let children = fs::read_to_string(&path).ok()?;
    let own = fs::read_to_string(format!("/proc/{keeper}/cmdline")).ok()?;
    let is_osb = |pid: &&str| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|name| name == own)
    };
    children.split_whitespace().find(is_osb)?.parse().ok()
}

/// The same of a keeper whose daemon lives.
pub(crate) fn daemon_of(keeper: i32) -> i32 {
    kept_by(keeper).expect("its daemon")
}

/// Kills a daemon and its keeper, so that neither can begin the other anew, and waits until they have ended.
pub(crate) fn kill_with_keeper(keeper: i32) {
    kill(keeper, 19);
    let daemon = daemon_of(keeper);
    kill_to_the_end(daemon);
    kill_to_the_end(keeper);
}

/// Kills what `find` finds, until it finds nothing more: some begin others anew.
pub(crate) fn kill_all(find: impl Fn() -> Vec<i32>) {
    wait_until("all are killed", || {
        let found = find();
        found.iter().for_each(|pid| kill(*pid, 9));
        found.is_empty()
    });
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A port that nobody uses, and that the system gives to nobody who asks for any: below those.
pub(crate) fn free_port() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 10_000).unwrap();
    let mut ports =
        std::iter::repeat_with(|| 20_000 + (begin + LAST.fetch_add(1, Ordering::Relaxed)) % 12_000);
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).unwrap()
}

/// What a process has in memory, in KiB.
pub(crate) fn memory(pid: i32) -> usize {
    in_status(pid, "VmRSS:")
}

/// The most that it has ever had there.
pub(crate) fn most_memory(pid: i32) -> usize {
    in_status(pid, "VmHWM:")
}

fn in_status(pid: i32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let rest = status.lines().find_map(|line| line.strip_prefix(field));
    let number = rest.and_then(|rest| rest.split_whitespace().next());
    number.unwrap().parse().unwrap()
}
