//! What osb starts has nothing of its caller's.

mod common;

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Bench, Said};
use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use osb::wire::{DaemonOf, MachineRequest};

/// Where cargo puts the programs of the examples.
fn rust_agent() -> PathBuf {
    let osb = Path::new(env!("CARGO_BIN_EXE_osb"));
    let built = osb.parent().unwrap().join("examples").join("rust-agent");
    assert!(built.exists(), "it is not built: cargo build --examples");
    built
}

/// What the process that `command` starts has open besides its standard streams.
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
        assert_eq!(holders(what), Vec::<String>::new());
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
        let holders = holders(what);
        assert!(
            holders.len() == 1 && holders[0].contains("--by-ssh"),
            "{holders:?}"
        );
    }
    drop(ssh.stdin.take());
    ssh.wait().unwrap();
    // Whoever reads to the end comes to an end.
    drop(writer);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
