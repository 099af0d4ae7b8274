//! `osb top` on a terminal: what it shows when something happens, what keys do, and how it leaves the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use nix::libc::{SIGKILL, SIGTERM};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use vt100::Parser;

use crate::common::closed_system::ClosedSystem;
use crate::common::lab::{DESK, lab};
use crate::common::{Bench, kill, wait_for, wait_until};

const SYSTEM: &str = r#"
osb: 1
name: top
agents:
  Alice:
    bind: { main: PUSH }
    timers: [{ every: 20ms, send: main, message: "a tick" }]
  Bob:
    command: [sh, -c, "echo Bob begins; exec sleep 1000"]
    speaks: nothing
  Carol: { replicas: 3 }
  Worker: { restart: never }
connections:
  - { agent: Bob, to: Alice.main, alias: inbox, handler: discard }
"#;

fn system() -> Bench {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    bench
}

fn end(bench: &Bench) {
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// A terminal, and what runs in it.
struct Terminal {
    screen: Arc<Mutex<Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    keys: File,
    /// Its other side, so that it stays when a program ends.
    other: OwnedFd,
    child: Child,
}

impl Terminal {
    fn of(bench: &Bench, arguments: &[&str]) -> Self {
        Self::with(bench, "C.UTF-8", |osb| {
            [&["exec", osb], arguments].concat().join(" ")
        })
    }

    /// Runs a line of the shell, in which `osb` has this path.
    fn with(bench: &Bench, locale: &str, line: impl FnOnce(&str) -> String) -> Self {
        let osb: Command = bench.command(&[]);
        let line = line(osb.get_program().to_str().unwrap());
        Self::run("sh", &["-c", &line], &osb, locale)
    }

    /// Runs a command as it is.
    fn of_command(command: &Command) -> Self {
        let arguments: Vec<&str> = command.get_args().map(|it| it.to_str().unwrap()).collect();
        let program = command.get_program().to_str().unwrap();
        Self::run(program, &arguments, command, "C.UTF-8")
    }

    /// In the surroundings of another one.
    fn run(program: &str, arguments: &[&str], like: &Command, locale: &str) -> Self {
        let window = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let ends = openpty(&window, None).unwrap();
        let mut command = Command::new("setsid");
        command.args(["-c", program]).args(arguments);
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = like.get_current_dir() {
            command.current_dir(folder);
        }
        command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", locale)
            .stdin(ends.slave.try_clone().unwrap())
            .stdout(ends.slave.try_clone().unwrap())
            .stderr(ends.slave.try_clone().unwrap());
        let child = command.spawn().unwrap();
        let keys = File::from(ends.master);
        let screen = Arc::new(Mutex::new(Parser::new(size(24), size(80), 0)));
        let raw = Arc::default();
        read_on(
            keys.try_clone().unwrap(),
            Arc::clone(&screen),
            Arc::clone(&raw),
        );
        Self {
            screen,
            raw,
            keys,
            other: ends.slave,
            child,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn wait_for_text(&self, text: &str) {
        self.wait_for_screen(text, |screen| screen.contains(text));
    }

    fn wait_for_screen(&self, what: &str, reached: impl Fn(&str) -> bool) {
        let mut last = String::new();
        let wait = || {
            wait_until(what, || {
                last = self.text();
                reached(&last)
            });
        };
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait));
        assert!(waited.is_ok(), "{what}: {last}");
    }

    /// Until a line has all of these in it.
    fn wait_for_line(&self, parts: &[&str]) {
        let has_all = |line: &str| parts.iter().all(|it| line.contains(it));
        self.wait_for_screen(&format!("{parts:?}"), |screen| screen.lines().any(has_all));
    }

    fn resize(&self, columns: u16, lines: u16) {
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(size(lines), size(columns));
        let window = rustix::termios::Winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&self.keys, window).unwrap();
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.other).unwrap()
    }

    fn is_raw(&self) -> bool {
        !self.modes().local_flags.contains(LocalFlags::ICANON)
    }

    fn has_shown(&self, text: &str) -> bool {
        let raw = self.raw.lock().unwrap();
        String::from_utf8_lossy(&raw).contains(text)
    }

    fn has_left(&self) -> bool {
        let raw = self.raw.lock().unwrap();
        let raw = String::from_utf8_lossy(&raw);
        let (entered, left) = (raw.rfind("\x1b[?1049h"), raw.rfind("\x1b[?1049l"));
        left > entered && raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l")
    }

    /// It has ended, and the terminal is as it was.
    fn assert_restored(&mut self, before: &Termios) {
        let child = &mut self.child;
        let status = wait_for("it ends", || child.try_wait().unwrap());
        assert!(status.success(), "{status}");
        assert_eq!(self.modes(), *before);
        wait_until("the screen is left", || self.has_left());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn read_on(mut from: File, screen: Arc<Mutex<Parser>>, raw: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            raw.lock().unwrap().extend(&buffer[..read]);
            screen.lock().unwrap().process(&buffer[..read]);
        }
    });
}

#[test]
fn what_happens_is_on_the_screen_and_keys_do_what_they_say() {
    let bench = system();
    let mut terminal = Terminal::of(&bench, &["top"]);
    let before = terminal.modes();
    terminal.wait_for_text("6 agents: 6 running");
    terminal.wait_for_line(&["Alice", "running", "local"]);
    assert!(terminal.is_raw());
    // Numbers come from the agents themselves.
    terminal.wait_for_screen("some fifty in a second", |screen| {
        let line = screen
            .lines()
            .find(|it| it.contains("Alice"))
            .unwrap_or_default();
        let mut rates = line
            .split_whitespace()
            .filter_map(|it| it.parse::<f64>().ok());
        rates.any(|it| (40.0..60.0).contains(&it))
    });

    kill(bench.pid("Worker"), SIGKILL);
    terminal.wait_for_line(&["Worker", "failed"]);
    terminal.wait_for_text("1 not well");
    // By NO_COLOR.
    assert!(!terminal.has_shown("\x1b[38;5"));

    terminal.press("/Car");
    terminal.wait_for_screen("the others are left out", |screen| {
        screen.contains("Carol1") && !screen.contains("Alice")
    });
    terminal.press("\r?");
    terminal.wait_for_text("restart the selected agent");
    terminal.press(" \x1b");
    terminal.wait_for_line(&["Alice", "running"]);

    // The selected one is Carol0: Worker is the last.
    terminal.press("Gr");
    terminal.wait_for_text("restart Worker? y/n");
    terminal.press("y");
    terminal.wait_for_text("Worker was restarted");
    terminal.wait_for_line(&["Worker", "running"]);
    terminal.press("xn");
    terminal.wait_for_text("Worker is left as it is");

    terminal.press("4");
    terminal.wait_for_line(&["Alice.main", "Bob.inbox", "proven", "PUSH/PULL"]);
    terminal.press("t");
    terminal.wait_for_line(&["Bob.inbox", "a tick"]);
    terminal.press("\x1b");
    terminal.press("3gj");
    terminal.press("l");
    terminal.wait_for_text("log of Bob");
    terminal.wait_for_text("Bob begins");
    terminal.press("\r");
    terminal.wait_for_text("program   ");
    terminal.press("2");
    terminal.wait_for_line(&["local", "running", "127.0.0.1"]);
    terminal.press("1");
    terminal.wait_for_line(&["top", "running", "topology.yaml"]);

    terminal.press("\x1b");
    terminal.wait_for_screen("the pane is closed", |screen| !screen.contains("──"));
    terminal.press("3");
    terminal.wait_for_text("[3 agents]");
    terminal.resize(50, 12);
    terminal.wait_for_screen("less has room", |screen| {
        screen.lines().count() == 12 && screen.contains("Alice") && !screen.contains("HOST")
    });
    terminal.resize(100, 30);
    terminal.wait_for_text("HOST");
    terminal.press("q");
    terminal.assert_restored(&before);
    end(&bench);
}

#[test]
fn the_terminal_is_given_back_by_signals_and_for_a_while() {
    let bench = system();
    for signal in [SIGTERM, nix::libc::SIGINT, nix::libc::SIGHUP] {
        let mut terminal = Terminal::of(&bench, &["top"]);
        let before = terminal.modes();
        terminal.wait_for_text("6 running");
        let top = wait_for("top runs", || bench.pid_of("osb top"));
        kill(top, signal);
        terminal.assert_restored(&before);
    }
    // A shell that has jobs.
    let mut terminal = Terminal::with(&bench, "C.UTF-8", |osb| {
        format!(
            "exec bash --norc --noprofile -ic 'PS1=; {osb} top; echo left; fg >/dev/null; echo over'"
        )
    });
    terminal.wait_for_text("6 running");
    terminal.press("\x1a");
    wait_until("the shell has it", || terminal.has_shown("left"));
    terminal.wait_for_text("6 running");
    terminal.press("q");
    terminal.wait_for_text("over");
    wait_until("the screen is left", || terminal.has_left());
    end(&bench);
}

#[test]
fn a_name_server_that_is_away_is_told_of_and_back_by_itself() {
    let bench = system();
    let mut terminal = Terminal::with(&bench, "C", |osb| format!("{osb} top"));
    terminal.wait_for_text("6 running");
    // Signs beyond ASCII are written otherwise.
    assert!(terminal.text().is_ascii(), "{}", terminal.text());
    let keeper = bench.pid_of("osb ns").unwrap();
    let nameserver = crate::common::daemon_of(keeper);
    kill(nameserver, nix::libc::SIGSTOP);
    terminal.wait_for_text("does not answer");
    terminal.wait_for_line(&["Alice", "running?"]);
    kill(nameserver, nix::libc::SIGCONT);
    terminal.wait_for_line(&["Alice", "running "]);
    // Another life of it tells all anew.
    let worker = bench.pid("Worker");
    kill(nameserver, SIGKILL);
    kill(worker, SIGKILL);
    terminal.wait_for_line(&["Worker", "failed "]);
    terminal.press("q");
    end(&bench);
}

#[test]
fn of_several_systems_one_is_chosen_on_the_screen() {
    let bench = system();
    let other = bench.file("other.yaml", "osb: 1\nname: other\nagents: { Zoe: {} }");
    bench.ok(&["up", &other]);
    let mut terminal = Terminal::of(&bench, &["top"]);
    terminal.wait_for_line(&["other", "running", "other.yaml"]);
    terminal.wait_for_line(&["top", "running", "topology.yaml"]);
    terminal.press("\r");
    terminal.wait_for_line(&["Zoe", "running"]);
    terminal.press("1");
    terminal.wait_for_line(&["top", "running", "topology.yaml"]);
    terminal.press("j\r");
    terminal.wait_for_line(&["Alice", "running"]);
    // It is there again at another address.
    terminal.press("l");
    terminal.wait_for_text("log of Alice");
    bench.ok(&["--system", "top", "down"]);
    terminal.wait_for_text("name server is gone");
    assert_eq!(bench.up(SYSTEM).code, 0);
    terminal.wait_for_line(&["Alice", "running "]);
    terminal.press("q");
    bench.ok(&["--system", "other", "down"]);
    end(&bench);
}

#[test]
fn several_name_servers_are_told_apart() {
    let bench = Bench::new();
    let up = bench.up("osb: 1\nname: two\nnameservers: { main: 127.0.0.1:0, lab: 127.0.0.1:0 }\nagents:\n  Alice: { bind: { main: PUSH } }\n  Alice@lab: { bind: { main: PUSH } }\n  Bob: {}\nconnections:\n  - { agent: Bob, to: Alice@lab.main, alias: far, handler: discard }\n  - { agent: Bob, to: Alice@main.main, alias: near, handler: discard }\n");
    assert_eq!(up.code, 0, "{up}");
    let mut terminal = Terminal::of(&bench, &["top"]);
    terminal.wait_for_line(&["Alice@lab", "running"]);
    terminal.wait_for_line(&["Alice@main", "running"]);
    terminal.press("4");
    terminal.wait_for_line(&["Alice@lab.main", "Bob@main.far", "proven"]);
    terminal.wait_for_line(&["Alice@main.main", "Bob@main.near", "proven"]);
    terminal.press("3/@lab\rl");
    terminal.wait_for_text("log of Alice@lab");
    bench.ok(&["log", "Alice@lab", "a word"]);
    terminal.wait_for_text("a word");
    terminal.press("\x1b");
    terminal.wait_for_screen("the pane is closed", |screen| !screen.contains("──"));
    bench.ok(&["down", "--only", "lab"]);
    terminal.wait_for_text("name server lab is gone");
    terminal.wait_for_line(&["Alice@lab", "?"]);
    terminal.press("\x1b");
    terminal.wait_for_line(&["Alice@main", "running "]);
    terminal.press("q");
    end(&bench);
}

#[test]
fn machines_are_seen_with_their_logs() {
    let Some(lab) = lab(2) else { return };
    let config = lab.ssh_config();
    let said = lab.up(&format!(
        "osb: 1\nname: far\nnameserver: {DESK}:7400\nhosts:\n  lab1: {{ ssh: lab1, ssh_config: {0} }}\n  lab2: {{ ssh: lab2, ssh_config: {0} }}\nagents:\n  Alice:\n    host: lab1\n    bind: {{ main: PUSH }}\n    timers: [{{ every: 20ms, send: main, message: afar }}]\n  Bob: {{ host: lab2 }}\nconnections:\n  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: log }}\n",
        config.display()
    ));
    assert_eq!(said.code, 0, "{said}");
    let mut terminal = Terminal::of_command(&lab.command(&["top"]));
    terminal.wait_for_line(&["Alice", "running", "lab1"]);
    terminal.wait_for_line(&["Bob", "running", "lab2"]);
    terminal.press("Gl");
    terminal.wait_for_text("log of Bob");
    terminal.wait_for_line(&["INFO", "afar"]);
    terminal.press("t");
    terminal.wait_for_line(&["Bob.inbox", "afar"]);
    terminal.press("2");
    terminal.wait_for_line(&["lab1", "running", "10.77.0.11"]);
    terminal.wait_for_line(&["lab2", "running", "10.77.0.12"]);
    terminal.press("q");
    lab.ok(&["down"]);
}

#[test]
fn once_is_for_pipes() {
    let bench = system();
    let said = bench.osb(&["top"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("osb top --once"), "{said}");
    let table = bench.ok(&["top", "--once", "--sort", "out/s"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("AGENT") && lines[1].starts_with("Alice"),
        "{table}"
    );
    let all = bench.json(&["top", "--once", "--view", "wires"]);
    let agent = |name: &str| {
        let mut agents = all["agents"].as_array().unwrap().iter();
        agents.find(|it| it["agent"] == name).unwrap().clone()
    };
    let (alice, bob) = (agent("Alice"), agent("Bob"));
    let sent = alice["sent_per_s"].as_f64().unwrap();
    assert!((40.0..60.0).contains(&sent), "{alice}");
    assert_eq!(alice["lost"], 0);
    assert!(
        alice["program_memory"].is_null() && bob["program_memory"].as_u64().unwrap() > 100_000,
        "{bob}"
    );
    assert!(
        bob["memory"].as_u64() > bob["program_memory"].as_u64(),
        "{bob}"
    );
    assert_eq!(all["wires"][0]["from"], "Alice.main");
    assert_eq!(all["hosts"][0]["agents"], 6);
    assert_eq!(
        bench.ok(&["top", "--once", "-o", "names", "Car*"]),
        "Carol0\nCarol1\nCarol2\n"
    );
    end(&bench);
}

/// Who may only read is told so when he wants more.
#[test]
fn what_the_level_does_not_permit_is_said() {
    let system = ClosedSystem::up(
        "osb: 1\nname: system\nsecurity: curve\nagents:\n  Alice:\n    bind: { main: PUSH }\n",
    );
    let machine = Bench::new();
    let key = machine.files().join("ana.key");
    let key = key.to_str().unwrap();
    system
        .bench
        .ok(&["keys", "new", "ana", "--level", "read", "--to", key]);
    let mut terminal = Terminal::of(&machine, &["--ns", &system.address, "--key", key, "top"]);
    terminal.wait_for_line(&["Alice", "running"]);
    terminal.press("xy");
    terminal.wait_for_text("cannot stop Alice: ");
    terminal.wait_for_text("level read");
    terminal.press("t");
    terminal.wait_for_text("tap is not for the level read");
    terminal.press("q");
    drop(terminal);
    system.down();
}
