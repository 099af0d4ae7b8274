//! What osb starts has nothing of its caller's, and what agents' programs leave running ends with the agents.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::{
    self, Bench, Said, daemon_of, free_port, kill, kill_with_keeper, wait_for, wait_until,
};
use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use osb::process::{Cgroups, ProcessId};
use osb::wire::{DaemonOf, MachineRequest};

/// Where cargo puts the programs of the examples.
fn rust_agent() -> PathBuf {
    let osb = Path::new(env!("CARGO_BIN_EXE_osb"));
    let built = osb.parent().unwrap().join("examples").join("rust-agent");
    assert!(built.exists(), "it is not built: cargo build --examples");
    built
}

/// What the process that `command` starts has open besides its standard streams.
#[allow(unsafe_code, reason = "what runs between fork and exec")]
fn leave_open(command: &mut Command, fds: [i32; 2]) {
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(move || {
            for fd in fds {
                let fd = std::os::fd::BorrowedFd::borrow_raw(fd);
                fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            Ok(())
        })
    };
}

/// Who has that file or pipe open, besides this test.
fn holders(what: &OwnedFd) -> Vec<String> {
    let link = |path: String| fs::read_link(path).ok();
    let ours = link(format!("/proc/self/fd/{}", what.as_raw_fd())).unwrap();
    let own = std::process::id();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let fds = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        fds.flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|it| it == ours))
    };
    pids.filter(|pid| *pid != own)
        .filter(holds)
        .map(|pid| {
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.replace('\0', " ")
        })
        .collect()
}

/// What is started by ssh, with a daemon that it has started in its turn.
fn by_ssh(bench: &Bench, fds: [i32; 2]) -> Child {
    let request = MachineRequest::Launch {
        daemon: DaemonOf {
            system: "open".parse().unwrap(),
            host: "lab1".parse().unwrap(),
            group: None,
        },
        nameserver: bench.agent("Alice")["nameserver"]
            .as_str()
            .unwrap()
            .to_owned(),
        address: Some(Ipv4Addr::LOCALHOST.into()),
        files: Vec::new(),
        keys: None,
        succeeds: None,
    };
    let mut command = bench.command(&["host", "--by-ssh"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    leave_open(&mut command, fds);
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(&osb::wire::body(&request)).unwrap();
    stdin.write_all(b"\n").unwrap();
    child
}

#[test]
fn what_osb_starts_holds_nothing_of_its_callers() {
    let bench = Bench::new();
    let topology = format!(
        "osb: 1\nname: open\nagents:\n  \
         Alice: {{ bind: {{ main: PUSH }} }}\n  \
         Silent: {{ command: [sleep, \"600\"], speaks: nothing }}\n  \
         Lines: {{ command: [cat] }}\n  \
         Analyst: {{ command: [\"{}\"], speaks: osb }}\n",
        rust_agent().display()
    );
    let path = bench.file("topology.yaml", &topology);
    let lock = fs::File::create(bench.files().join("lock")).unwrap();
    let lock = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = bench.command(&["up", &path]);
    leave_open(&mut command, [lock.as_raw_fd(), writer.as_raw_fd()]);
    let said = Said::from(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let lock = OwnedFd::from(lock.try_clone().unwrap());
    let writer = OwnedFd::from(writer);
    for what in [&lock, &writer] {
        // A process that another test is about to start has all for a moment.
        wait_until("nothing holds it", || holders(what).is_empty());
    }
    // The same by ssh: what sshd has started may have it, and what that starts has not.
    let mut ssh = by_ssh(&bench, [lock.as_raw_fd(), writer.as_raw_fd()]);
    let mut said = String::new();
    let stdout = ssh.stdout.as_mut().unwrap();
    std::io::BufReader::new(stdout)
        .read_line(&mut said)
        .unwrap();
    assert!(said.contains("started"), "{said}");
    for what in [&lock, &writer] {
        wait_until("only what sshd has started holds it", || {
            let holders = holders(what);
            holders.len() == 1 && holders[0].contains("--by-ssh")
        });
    }
    drop(ssh.stdin.take());
    ssh.wait().unwrap();
    // A reader that reads to the end comes to an end.
    drop(writer);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// A shell that leaves a process in a session of its own, whose pid it writes to a file, and then does what is said.
fn leaver(file: &str, then: &str) -> String {
    let left = format!("echo $$$$ > {file}.new; mv {file}.new {file}; exec sleep 600");
    format!("[sh, -c, \"setsid sh -c '{left}' & {then}\"]")
}

fn left(bench: &Bench, file: &str) -> ProcessId {
    let text = wait_for("what is left has begun", || {
        fs::read_to_string(bench.files().join(file)).ok()
    });
    ProcessId::of(text.trim().parse().unwrap()).unwrap()
}

fn up(bench: &Bench, topology: &str) {
    let said = bench.up(topology);
    assert_eq!(said.code, 0, "{said}");
}

fn one(name: &str, file: &str) -> String {
    let command = leaver(file, "exec sleep 600");
    format!(
        "osb: 1\nname: {name}\nagents:\n  Bob: {{ command: {command}, speaks: nothing }}\n  Alice: {{}}\n"
    )
}

#[test]
fn what_a_program_left_in_a_session_of_its_own_ends_with_down_and_is_named() {
    let bench = Bench::new();
    up(&bench, &one("one", "left"));
    let left = left(&bench, "left");
    let down = bench.json(&["down"]);
    assert!(!left.is_alive());
    let agents = down["agents"].as_array().unwrap();
    let bob = agents.iter().find(|it| it["agent"] == "Bob").unwrap();
    assert_eq!(bob["killed"][0]["pid"], left.pid, "{down}");
    assert_eq!(bob["killed"][0]["command"], "sleep 600", "{down}");
    bench.assert_nothing_left();
}

#[test]
fn it_ends_when_the_agent_is_shut_down_and_nothing_of_another_system_does() {
    let bench = Bench::new();
    up(&bench, &one("one", "left"));
    up(&bench, &one("two", "other"));
    let (ours, theirs) = (left(&bench, "left"), left(&bench, "other"));
    bench.ok(&["--system", "one", "shutdown", "Bob"]);
    wait_until("what it left has ended", || !ours.is_alive());
    wait_until("it is named", || {
        bench.log("one", "Bob").contains(&format!(
            "killed what was left running: sleep 600 (pid {})",
            ours.pid
        ))
    });
    assert!(theirs.is_alive());
    bench.ok(&["down", "one"]);
    assert!(theirs.is_alive());
    bench.ok(&["down", "two"]);
    assert!(!theirs.is_alive());
    bench.assert_nothing_left();
}

#[test]
fn it_ends_when_the_agent_is_killed() {
    let bench = Bench::new();
    up(&bench, &one("one", "left"));
    let left = left(&bench, "left");
    kill(bench.pid("Bob"), 9);
    wait_until("what it left has ended", || !left.is_alive());
    wait_until("it is named", || {
        bench
            .log("one", "Bob")
            .contains(&format!("sleep 600 (pid {})", left.pid))
    });
    // Nobody is left as a zombie, either.
    let daemon = daemon_of(bench.pid_of("host --name local").unwrap());
    wait_until("all are waited for", || {
        let children = format!("/proc/{daemon}/task/{daemon}/children");
        fs::read_to_string(children)
            .unwrap()
            .split_whitespace()
            .count()
            == 1
    });
    let down = bench.ok(&["down"]);
    assert!(!down.contains("left running"), "{down}");
    bench.assert_nothing_left();
}

/// The kernel takes its time to give much memory back: as long as it does, the program is there, cannot be read any more, and is
/// still the parent of what it has left.
#[test]
fn what_a_program_left_that_takes_long_to_end_ends_too() {
    let bench = Bench::new();
    let script = "import os, subprocess, time\n\
                  much = b'x' * (300 << 20)\n\
                  left = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
                  open('left.new', 'w').write(str(left.pid))\n\
                  os.rename('left.new', 'left')\n\
                  time.sleep(600)";
    up(
        &bench,
        &format!(
            "osb: 1\nname: one\nagents:\n  Bob: {{ command: [python3, -c, {script:?}], speaks: nothing }}\n"
        ),
    );
    let left = left(&bench, "left");
    kill(bench.pid("Bob"), 9);
    wait_until("what it left has ended", || !left.is_alive());
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// A session of its own, no environment, no parents: only the group is left to tell whose it is.
#[test]
fn what_has_emptied_its_environment_is_found_by_its_cgroup() {
    if Cgroups::below_own().is_none() {
        return common::skip("no cgroups can be made here");
    }
    let bench = Bench::new();
    let script =
        "env -i setsid sh -c 'echo $$$$ > left.new && mv left.new left && exec sleep 600' & wait";
    let topology = format!(
        "osb: 1\nname: one\nagents:\n  Bob: {{ command: [sh, -c, {script:?}], speaks: nothing }}\n  Carol: {{}}\n"
    );
    up(&bench, &topology);
    let left = left(&bench, "left");
    let environ = fs::read(format!("/proc/{}/environ", left.pid)).unwrap();
    assert!(!String::from_utf8_lossy(&environ).contains("OSB_RUN"));
    kill(bench.pid("Bob"), 9);
    wait_until("what it left has ended", || !left.is_alive());
    assert_eq!(bench.agent("Carol")["state"], "running");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn what_a_program_of_the_library_left_ends_too() {
    let bench = Bench::new();
    let command = leaver("left", &format!("exec {}", rust_agent().display()));
    up(
        &bench,
        &format!("osb: 1\nname: one\nagents: {{ Bob: {{ command: {command}, speaks: osb }} }}\n"),
    );
    let left = left(&bench, "left");
    let down = bench.ok(&["down"]);
    assert!(!left.is_alive());
    let named = format!(
        "left running, and killed: Bob: sleep 600 (pid {})",
        left.pid
    );
    assert!(down.contains(&named), "{down}");
    bench.assert_nothing_left();
}

#[test]
fn it_ends_with_down_when_the_daemon_is_dead() {
    let bench = Bench::new();
    up(&bench, &one("one", "left"));
    let left = left(&bench, "left");
    kill_with_keeper(bench.pid_of("host --name local").unwrap());
    let down = bench.ok(&["down"]);
    assert!(!left.is_alive());
    assert!(
        down.contains(&format!("sleep 600 (pid {})", left.pid)),
        "{down}"
    );
    bench.assert_nothing_left();
}

#[test]
fn what_a_job_leaves_when_it_is_done_stays_as_long_as_the_system() {
    let bench = Bench::new();
    let job = |file: &str, then: &str| {
        format!(
            "{{ command: {}, speaks: nothing, job: true }}",
            leaver(file, then)
        )
    };
    let waits = "until test -e left; do sleep 0.01; done";
    up(
        &bench,
        &format!(
            "osb: 1\nname: one\nagents:\n  Job: {}\n  Alice: {{}}\n",
            job("left", waits)
        ),
    );
    let left = left(&bench, "left");
    wait_until("the job is done", || {
        bench.agent("Job")["state"] == "stopped"
    });
    assert!(left.is_alive());
    let expected = serde_json::json!([{ "pid": left.pid, "command": "sleep 600" }]);
    wait_until("it is told what is left", || {
        bench.agent("Job")["left"] == expected
    });
    assert!(bench.agent("Alice")["left"].is_null());
    let listed = bench.osb(&["ls"]);
    let told = format!("Job has left running: sleep 600 (pid {})", left.pid);
    assert!(listed.stderr.contains(&told), "{listed}");
    let down = bench.ok(&["down"]);
    assert!(!left.is_alive());
    let named = format!(
        "left running, and killed: Job: sleep 600 (pid {})",
        left.pid
    );
    assert!(down.contains(&named), "{down}");
    bench.assert_nothing_left();
}

#[test]
fn a_system_that_a_program_brings_up_is_not_the_programs() {
    let bench = Bench::new();
    let inner = bench.file("inner.yaml", "osb: 1\nname: inner\nagents: { Eve: {} }\n");
    let osb = env!("CARGO_BIN_EXE_osb");
    let port = free_port();
    let command = format!(
        "[sh, -c, \"setsid {osb} ns --bind 127.0.0.1:{port} & {osb} up {inner} && exec sleep 600\"]"
    );
    up(
        &bench,
        &format!(
            "osb: 1\nname: outer\nagents:\n  Bob: {{ command: {command}, speaks: nothing }}\n"
        ),
    );
    wait_until("the inner system is up", || {
        let said = bench.osb(&["--system", "inner", "-o", "json", "ls", "agents"]);
        said.code == 0 && said.stdout.contains("running")
    });
    let words = format!("{osb}\0ns\0--bind\0127.0.0.1:{port}\0");
    let by_hand = wait_for("the name server runs", || {
        let mut pids = bench.processes().into_iter();
        pids.find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|it| it == words)
        })
    });
    let by_hand = ProcessId::of(u32::try_from(by_hand).unwrap()).unwrap();
    let down = bench.ok(&["down", "outer"]);
    assert!(!down.contains("left running"), "{down}");
    let eve = bench.json(&["--system", "inner", "ls", "agents"]);
    assert_eq!(eve[0]["state"], "running");
    assert!(by_hand.is_alive());
    bench.ok(&["down", "inner"]);
    by_hand.terminate();
    bench.assert_nothing_left();
}
