//! Machines for a test: network namespaces on a bridge, each with its own address, its own sshd with its own
//! keys, and its own home and state directory. They share this machine's files and processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{self, Bench, Said, kill_all, wait_until};

/// The machine that the operator sits at.
pub(crate) const DESK: &str = "10.77.0.1";

pub(crate) struct Lab {
    pub bench: Bench,
    /// Of this lab among all on this machine.
    mark: String,
    machines: Vec<Machine>,
}

pub(crate) struct Machine {
    pub name: String,
    pub address: String,
    sshd: Child,
}

/// A lab with machines `lab1` to `labN`, or None where it cannot be made: that is said.
pub(crate) fn lab(machines: usize) -> Option<Lab> {
    if let Some(missing) = missing() {
        common::skip(&format!("machines need {missing}"));
        return None;
    }
    Some(Lab::new(machines))
}

fn missing() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("root, for network namespaces");
    }
    let there = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        let silent = command
            .arg(argument)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        silent.stdin(Stdio::null()).status().is_ok()
    };
    if !there("ip", "-V") {
        return Some("ip (Debian package iproute2)");
    }
    if !there("ssh", "-V") || !there("/usr/sbin/sshd", "-V") {
        return Some("ssh and sshd (Debian packages openssh-client and openssh-server)");
    }
    // Several tests of one process may ask at once.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let probe = format!("osb-probe-{}-{number}", std::process::id());
    let may = Command::new("ip").args(["netns", "add", &probe]).output();
    let _ = Command::new("ip").args(["netns", "del", &probe]).output();
    match may {
        Ok(output) if output.status.success() => None,
        _ => Some("the right to make network namespaces"),
    }
}

impl Lab {
    fn new(count: usize) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut lab = Self {
            bench: Bench::new(),
            mark: format!("osb{}x{number}", std::process::id()),
            machines: Vec::new(),
        };
        ip(&["netns", "add", &lab.space("switch")]);
        lab.in_space("switch", &["ip", "link", "add", "bridge", "type", "bridge"]);
        lab.in_space("switch", &["ip", "link", "set", "bridge", "up"]);
        lab.plug("desk", DESK);
        fs::create_dir_all(lab.dir("desk")).unwrap();
        keygen(&lab.key());
        for number in 1..=count {
            lab.machine(&format!("lab{number}"), &format!("10.77.0.{}", 10 + number));
        }
        lab
    }

    /// The name of a namespace.
    pub(crate) fn space(&self, name: &str) -> String {
        format!("{}-{name}", self.mark)
    }

    /// Makes a namespace with an address on the bridge.
    fn plug(&self, name: &str, address: &str) {
        let (space, switch) = (self.space(name), self.space("switch"));
        ip(&["netns", "add", &space]);
        ip(&[
            "link", "add", "eth0", "netns", &space, "type", "veth", "peer", "name", name, "netns",
            &switch,
        ]);
        self.in_space(
            "switch",
            &["ip", "link", "set", name, "master", "bridge", "up"],
        );
        self.in_space(name, &["ip", "link", "set", "lo", "up"]);
        let with_mask = format!("{address}/24");
        self.in_space(name, &["ip", "address", "add", &with_mask, "dev", "eth0"]);
        self.in_space(name, &["ip", "link", "set", "eth0", "up"]);
        // Where there is no version 6, tests of it say so.
        let with_mask = format!("{}/64", v6(address));
        let mut ip = self.there(name);
        ip.args([
            "ip", "-6", "address", "add", &with_mask, "dev", "eth0", "nodad",
        ]);
        let _ = ip.output();
    }

    /// Runs a command in a namespace, which is to succeed.
    pub(crate) fn in_space(&self, name: &str, words: &[&str]) -> String {
        let output = self.there(name).args(words).output().unwrap();
        let said = Said::from(output);
        assert_eq!(said.code, 0, "{words:?} in {name}: {said}");
        said.stdout
    }

    /// What runs in a namespace whatever is added to it.
    fn there(&self, name: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(name)]);
        command.stdin(Stdio::null());
        command
    }

    /// The home of a machine.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.bench.files().join(name)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.dir(name).join("state")
    }

    /// What an agent has logged on a machine, whether that can be reached or not.
    pub(crate) fn log(&self, name: &str, agent: &str) -> String {
        find(&self.state(name), &format!("{agent}.log")).unwrap_or_default()
    }

    fn key(&self) -> PathBuf {
        self.dir("desk").join("key")
    }

    fn known_hosts(&self) -> PathBuf {
        self.dir("desk").join("known_hosts")
    }

    /// The operator's configuration of ssh, in which machines have their names.
    pub(crate) fn ssh_config(&self) -> PathBuf {
        self.dir("desk").join("ssh_config")
    }

    fn machine(&mut self, name: &str, address: &str) {
        self.plug(name, address);
        let dir = self.dir(name);
        fs::create_dir_all(dir.join("bin")).unwrap();
        keygen(&dir.join("host_key"));
        let of_host = fs::read_to_string(dir.join("host_key.pub")).unwrap();
        let v6 = v6(address);
        append(&self.known_hosts(), &format!("{address},{v6} {of_host}"));
        fs::copy(self.key().with_extension("pub"), dir.join("authorized")).unwrap();
        let config = format!(
            "Host {name}\n  HostName {address}\nHost {name}-v6\n  HostName {v6}\nHost {name} {name}-v6\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            self.key().display(),
            self.known_hosts().display()
        );
        append(&self.ssh_config(), &config);
        let sshd = self.sshd(name, address);
        self.machines.push(Machine {
            name: name.to_owned(),
            address: address.to_owned(),
            sshd,
        });
        self.install(name);
    }

    fn sshd(&self, name: &str, address: &str) -> Child {
        let _ = fs::create_dir_all("/run/sshd");
        let dir = self.dir(name);
        let here = dir.display();
        let listen_v6 = match self.has_v6() {
            true => format!("ListenAddress [{}]:22\n", v6(address)),
            false => String::new(),
        };
        let config = format!(
            "ListenAddress {address}:22\n{listen_v6}HostKey {here}/host_key\nAuthorizedKeysFile {here}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\nLoginGraceTime 60\nSetEnv HOME={here} XDG_CACHE_HOME={here}/cache OSB_STATE_DIR={here}/state PATH={here}/bin:/usr/bin:/bin\n"
        );
        fs::write(dir.join("sshd_config"), config).unwrap();
        let log = fs::File::create(dir.join("sshd.log")).unwrap();
        let mut command = self.there(name);
        command.args(["/usr/sbin/sshd", "-D", "-e", "-f"]);
        let child = command
            .arg(dir.join("sshd_config"))
            .stderr(log)
            .spawn()
            .unwrap();
        wait_until("sshd listens", || {
            let log = fs::read_to_string(dir.join("sshd.log")).unwrap();
            log.contains("Server listening")
        });
        child
    }

    /// Puts this osb in the PATH of a machine.
    pub(crate) fn install(&self, name: &str) {
        let path = self.dir(name).join("bin/osb");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_osb"), path).unwrap();
    }

    pub(crate) fn uninstall(&self, name: &str) {
        fs::remove_file(self.dir(name).join("bin/osb")).unwrap();
    }

    /// `osb` as the operator calls it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at("desk", &self.bench.state(), arguments)
    }

    /// `osb` as a user calls it on a machine.
    pub(crate) fn command_on(&self, name: &str, arguments: &[&str]) -> Command {
        self.command_at(name, &self.state(name), arguments)
    }

    fn command_at(&self, name: &str, state: &std::path::Path, arguments: &[&str]) -> Command {
        let mut command = self.there(name);
        command
            .arg(env!("CARGO_BIN_EXE_osb"))
            .args(arguments)
            .env("OSB_STATE_DIR", state)
            .env("HOME", self.dir(name))
            .env_remove("OSB_NAMESERVER")
            .env_remove("SSH_AUTH_SOCK")
            .env("NO_COLOR", "1")
            .current_dir(self.bench.files());
        command
    }

    pub(crate) fn osb(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    /// Runs `osb`, which is to succeed, and gives what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.osb(arguments);
        assert_eq!(said.code, 0, "osb {arguments:?}: {said}");
        said.stdout
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.ok(&[&["-o", "json"], arguments].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Brings up a topology given as text.
    pub(crate) fn up(&self, topology: &str) -> Said {
        let path = self.bench.file("topology.yaml", topology);
        self.osb(&["up", &path])
    }

    /// Takes a machine off the net, or puts it there again.
    pub(crate) fn cut(&self, name: &str, on: bool) {
        let state = if on { "up" } else { "down" };
        self.in_space("switch", &["ip", "link", "set", name, state]);
    }

    /// Whether machines have addresses of IP version 6, too.
    pub(crate) fn has_v6(&self) -> bool {
        let addresses = self.in_space("desk", &["ip", "-6", "address"]);
        addresses.contains(&v6(DESK))
    }

    /// What a machine sees instead of a folder of its home from here on: a small disk, with so much room.
    pub(crate) fn small_disk(&self, name: &str, folder: &str, size: &str) {
        let path = self.dir(name).join(folder);
        fs::create_dir_all(&path).unwrap();
        let (path, size) = (path.display().to_string(), format!("size={size},mode=700"));
        self.within(name, &["mount", "-t", "tmpfs", "-o", &size, "tmpfs", &path]);
    }

    /// Runs a command that sees what the logins of a machine see.
    pub(crate) fn within(&self, name: &str, words: &[&str]) -> String {
        let mut machines = self.machines.iter();
        let machine = machines.find(|it| it.name == name).unwrap();
        let pid = machine.sshd.id().to_string();
        let mut command = Command::new("nsenter");
        let output = command.args(["-t", &pid, "-m", "-n"]).args(words).output();
        let said = Said::from(output.unwrap());
        assert_eq!(said.code, 0, "{words:?} on {name}: {said}");
        said.stdout
    }

    /// On a machine, something that takes connections, says this, and no more.
    pub(crate) fn mute(&self, name: &str, port: u16, says: &str) -> Mute {
        let program = format!(
            "import socket\ns = socket.create_server(('', {port}))\nprint(flush=True)\nkept = []\nwhile True:\n  c = s.accept()[0]\n  c.sendall(b'{says}')\n  kept.append(c)"
        );
        let mut command = self.there(name);
        command
            .args(["python3", "-c", &program])
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        Mute(child)
    }

    /// From here on, what `from` sends to a port of `name` is dropped in silence: one way only.
    pub(crate) fn drop_between(&self, from: &str, name: &str, port: u16) {
        let rule = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            self.in_space(name, &[&["ip", "rule"], &words[..]].concat());
        };
        // What is meant for this machine comes first otherwise.
        rule("add pref 100 lookup local");
        rule("del pref 0 lookup local");
        let from = self.address(from);
        rule(&format!(
            "add pref 50 from {from}/32 ipproto tcp dport {port} blackhole"
        ));
    }

    /// What peers dial to reach a machine.
    pub(crate) fn address(&self, name: &str) -> &str {
        let mut machines = self.machines.iter();
        machines
            .find(|it| it.name == name)
            .map_or(DESK, |it| &it.address)
    }

    /// Puts a file system of 64 KiB at a folder of a machine. It goes with the machine.
    pub(crate) fn make_small(&self, name: &str, folder: &Path) {
        let words = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "small"];
        self.among_mounts(name, &words, folder);
    }

    /// A process that ends still holds its files when nothing else is to be seen of it any more.
    pub(crate) fn make_large(&self, name: &str, folder: &Path) {
        wait_until("nobody holds the small disk", || {
            let said = self.run_among_mounts(name, &["umount"], folder);
            assert!(said.code == 0 || said.stderr.contains("busy"), "{said}");
            said.code == 0
        });
    }

    fn among_mounts(&self, name: &str, words: &[&str], folder: &Path) {
        let said = self.run_among_mounts(name, words, folder);
        assert_eq!(said.code, 0, "{words:?} on {name}: {said}");
    }

    /// Runs a command on a folder as the machine's sshd sees it.
    fn run_among_mounts(&self, name: &str, words: &[&str], folder: &Path) -> Said {
        let machine = self.machines.iter().find(|it| it.name == name).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &machine.sshd.id().to_string()]);
        Said::from(command.args(words).arg(folder).output().unwrap())
    }

    /// The pids of all processes that osb has on a machine.
    pub(crate) fn processes(&self, name: &str) -> Vec<i32> {
        let mark = format!("OSB_STATE_DIR={}", self.state(name).display()).into_bytes();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ours = entries.filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let mut lines = environment.split(|byte| *byte == 0);
            lines.any(|line| line == mark).then_some(pid)
        });
        ours.collect()
    }

    /// Waits until nothing runs on a machine, and nothing is remembered there.
    pub(crate) fn assert_nothing_left_on(&self, name: &str) {
        wait_until("all processes have ended", || {
            self.processes(name).is_empty()
        });
        wait_until("nothing is remembered", || {
            common::remembered(&self.state(name).join("osb")).is_empty()
        });
    }

    pub(crate) fn assert_nothing_left(&self) {
        self.bench.assert_nothing_left();
        for machine in &self.machines {
            self.assert_nothing_left_on(&machine.name);
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for machine in &mut self.machines {
            let _ = machine.sshd.kill();
            let _ = machine.sshd.wait();
        }
        for name in self.machines.iter().map(|it| &it.name) {
            kill_all(|| self.processes(name));
        }
        kill_all(|| self.bench.processes());
        let machines = self.machines.iter().map(|it| it.name.as_str());
        for name in machines.chain(["desk", "switch"]) {
            let _ = Command::new("ip")
                .args(["netns", "del", &self.space(name)])
                .output();
        }
    }
}

/// What stands in the file of that name, somewhere below a folder.
fn find(dir: &Path, name: &str) -> Option<String> {
    let mut entries = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    entries.find_map(|path| match path.is_dir() {
        true => find(&path, name),
        false if path.file_name()? == name => fs::read_to_string(path).ok(),
        false => None,
    })
}

/// Ended when it is dropped.
pub(crate) struct Mute(Child);

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address of version 6 of the machine that has one of version 4.
pub(crate) fn v6(address: &str) -> String {
    let last = address.rsplit('.').next().unwrap();
    format!("fd77::{last}")
}

fn ip(words: &[&str]) {
    let said = Said::from(Command::new("ip").args(words).output().unwrap());
    assert_eq!(said.code, 0, "ip {words:?}: {said}");
}

fn keygen(path: &std::path::Path) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path);
    assert!(command.stdin(Stdio::null()).status().unwrap().success());
}

fn append(path: &std::path::Path, text: &str) {
    use std::io::Write;
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}
