//! What comes from elsewhere does nothing to a terminal: values, errors, outputs and names of programs and of other
//! machines, by every command, on a terminal of the test's own.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::pty::openpty;
use osb::model::{Dial, State};
use osb::proxy::{Incoming, Link, NameServer};
use osb::wire::{
    AgentRequest, Announcement, Fault, Incarnation, NameServerRequest, Peer, read_body,
};
use serde_json::{Value, json};

use crate::common::{Bench, repository};

/// It sets the title, rings, colours, clears by an escape of eight bits, turns the direction, and passes for a hint.
const EVIL: &str = "x\u{1b}]0;own\u{7}\u{1b}[38;5;201m\u{9b}2J\u{202e}y\r\nhint: run this\u{1b}[0m";
/// How that begins on a terminal, in JSON too.
const SHOWN: &str = "x\\u001b]0;own\\u0007";

const TIMEOUT: Duration = Duration::from_secs(10);

/// All that a command has shown on a terminal.
fn shown(bench: &Bench, arguments: &[&str]) -> String {
    let ends = openpty(None, None).unwrap();
    let mut command: Command = bench.command(arguments);
    command
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .stdout(ends.slave.try_clone().unwrap())
        .stderr(ends.slave);
    let mut child = command.spawn().unwrap();
    drop(command);
    let (mut bytes, mut terminal) = (Vec::new(), fs::File::from(ends.master));
    // It ends with an error, as terminals do.
    let _ = terminal.read_to_end(&mut bytes);
    child.wait().unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Nothing in it is done by what came from elsewhere.
fn assert_harmless(arguments: &[&str], shown: &str) {
    for harmful in ["\u{1b}]", "\u{7}", "\u{1b}[38;5;201m", "\u{9b}", "\u{202e}"] {
        assert!(
            !shown.contains(harmful),
            "osb {arguments:?} lets {harmful:?} pass: {shown:?}"
        );
    }
    let forged = shown.lines().any(|line| line.starts_with("hint: run this"));
    assert!(!forged, "osb {arguments:?} shows a hint of others: {shown}");
}

/// Every command shows it, in every form, and it does nothing.
fn is_shown_and_harmless(bench: &Bench, before: &[&str], arguments: &[&str]) {
    for form in ["table", "json"] {
        let arguments = [before, arguments, &["-o", form]].concat();
        let shown = shown(bench, &arguments);
        assert_harmless(&arguments, &shown);
        // Words of a topology are quoted as Rust quotes them.
        assert!(shown.contains("]0;own"), "osb {arguments:?}: {shown:?}");
    }
}

/// The commands that there are.
fn commands(bench: &Bench) -> Vec<String> {
    let help = bench.ok(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let words = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let words = words.filter(|word| !word.is_empty() && *word != "help");
    words.map(str::to_owned).collect()
}

#[test]
fn no_command_shows_its_arguments_raw() {
    let bench = Bench::new();
    let commands = commands(&bench);
    assert!(commands.len() > 30, "{commands:?}");
    let evil = EVIL.replace('\n', " ");
    for command in &commands {
        for form in ["table", "json", "names"] {
            let arguments = ["-o", form, command, &evil, &evil, &evil, &evil];
            assert_harmless(&arguments, &shown(&bench, &arguments));
        }
    }
    let said = shown(&bench, &["ls", &evil]);
    assert!(said.contains("\\u009b2J\\u202ey"), "{said:?}");
}

/// A member that answers everything by what does things to terminals.
struct Hostile {
    nameserver: String,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    fn register(nameserver: &str) -> Self {
        let (link, mut incoming) = Link::open(&Dial::plain(nameserver)).unwrap();
        let agent = NameServerRequest::Announce(Announcement::Agent {
            name: "Mallory".parse().unwrap(),
            incarnation: Incarnation(1),
            host: Some("lab".parse().unwrap()),
            pid: std::process::id(),
            state: State::Running,
            why: None,
            busy_ms: None,
            uptime_ms: 1500,
            addresses: [].into(),
            connections: Vec::new(),
            spec_version: None,
            reached: Default::default(),
            relaunches: Default::default(),
            successor_of: None,
            former_lives: 0,
            within: None,
            guards: osb::model::Guard::ALL.to_vec(),
        });
        let announced = link.ask::<()>(Peer::NameServer, &agent, TIMEOUT);
        announced.wait().unwrap();
        let thread = std::thread::spawn(move || {
            let link = Arc::new(link);
            while let Some(unasked) = incoming.blocking_recv() {
                let Incoming::Request { envelope, body } = unasked else {
                    continue;
                };
                let request: AgentRequest = read_body(&body).unwrap();
                let last = matches!(request, AgentRequest::Shutdown { .. });
                link.reply(&envelope, answer(&request));
                if last {
                    return;
                }
            }
        });
        Self {
            nameserver: nameserver.to_owned(),
            thread: Some(thread),
        }
    }
}

fn answer(request: &AgentRequest) -> Result<Value, Fault> {
    match request {
        AgentRequest::Attributes {} => Ok(json!({ EVIL: EVIL })),
        AgentRequest::GetAttr { .. } => Ok(json!(EVIL)),
        AgentRequest::Call { .. } => Ok(json!({ EVIL: [EVIL] })),
        AgentRequest::Shutdown { .. } => Ok(Value::Null),
        _ => Err(Fault::Refused {
            reason: EVIL.to_owned(),
        }),
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let ended = NameServer::connect(&self.nameserver)
            .and_then(|ns| ns.proxy("Mallory"))
            .and_then(|proxy| proxy.with_timeout(TIMEOUT).shutdown());
        if let (Ok(()), Some(thread)) = (ended, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// A daemon whose version does things to terminals.
fn hostile_host(nameserver: &str) -> NameServer {
    let ns = NameServer::connect(nameserver).unwrap();
    let host = NameServerRequest::Announce(Announcement::Host {
        name: "lab".parse().unwrap(),
        incarnation: Incarnation(2),
        pid: 1,
        version: EVIL.to_owned(),
        uptime_ms: 0,
        address: None,
        succeeds: None,
        former_pids: Vec::new(),
    });
    ns.ask::<()>(&host).wait().unwrap();
    ns
}

#[test]
fn no_command_shows_raw_what_members_say() {
    let bench = Bench::new();
    let up = bench.up("osb: 1\nname: one\nagents: { Alice: { bind: { main: PUSH } } }");
    assert_eq!(up.code, 0, "{up}");
    let address = bench.json(&["ls", "systems"])[0]["nameserver"].clone();
    let address = address.as_str().unwrap();
    let _host = hostile_host(address);
    let _mallory = Hostile::register(address);
    let ns = &["--ns", address][..];
    for arguments in [
        &["get", "Mallory"][..],
        &["get", "Mallory", "x"],
        &["get", "*", "x"],
        &["set", "Mallory", "x=1"],
        &["call", "Mallory", "x"],
        &["call", "*", "x"],
        &["send", "Mallory", "x", "1"],
        &["bind", "Mallory", "x", "PUSH"],
        &["connect", "Mallory", "x", "--to", "Alice.main"],
        &["close", "Mallory", "x"],
        &["subscribe", "Mallory", "x", "y"],
        &["unsubscribe", "Mallory", "x", "y"],
        &["every", "Mallory", "1s", "send", "x", "1"],
        &["after", "Mallory", "1s", "send", "x", "1"],
        &["timers", "Mallory"],
        &["stop-timer", "Mallory", "x"],
        &["log", "Mallory", "x"],
        &["ls", "hosts"],
        &["ls", "sockets"],
    ] {
        is_shown_and_harmless(&bench, ns, arguments);
    }
    for what in ["agents", "connections", "systems", "runs"] {
        let arguments = [ns, &["ls", what]].concat();
        assert_harmless(&arguments, &shown(&bench, &arguments));
    }
    // A terminal sees both lines of the text; a program is given what it is.
    let names = &["--ns", address, "get", "Mallory", "x", "-o", "names"];
    let on_terminal = shown(&bench, names);
    assert!(on_terminal.contains(SHOWN), "{on_terminal:?}");
    assert!(
        on_terminal.contains("\\u009b2J\\u202ey\\r"),
        "{on_terminal:?}"
    );
    assert!(!on_terminal.contains('\u{1b}'), "{on_terminal:?}");
    assert_eq!(bench.ok(names), format!("{EVIL}\n"));
}

/// The same characters, as YAML writes them.
const EVIL_IN_YAML: &str = r#""x\e]0;own\a\e[38;5;201m\x9b2J\u202ey\r\nhint: run this\e[0m""#;
/// And as Python does.
const PROGRAM: &str = r#"
import sys
evil = "x\x1b]0;own\x07\x1b[38;5;201m\x9b2J\u202ey\r"
for stream in (sys.stdout, sys.stderr):
    stream.buffer.write((evil + "\n").encode())
    stream.buffer.flush()
"#;

#[test]
fn no_command_shows_raw_what_topologies_and_programs_say() {
    let bench = Bench::new();
    bench.file("evil.py", PROGRAM);
    let topology = format!(
        "osb: 1\nname: two\nagents:\n  Alice:\n    attributes: {{ {EVIL_IN_YAML}: {EVIL_IN_YAML} }}\n    command: [sh, -c, \"python3 evil.py; exec sleep 1000\", {EVIL_IN_YAML}]\n    speaks: nothing\n    ready: {{ command: [sh, -c, 'true', {EVIL_IN_YAML}] }}\n    bind: {{ main: PUSH }}\n    timers: [{{ every: 1h, send: main, message: {EVIL_IN_YAML} }}]\n"
    );
    let good = bench.file("good.yaml", &topology);
    for command in ["check", "plan", "doctor", "up"] {
        let arguments = &[command, &good];
        let shown = shown(&bench, arguments);
        assert_harmless(arguments, &shown);
    }
    // Of what runs, and of what is to be otherwise.
    let other = topology.replace("true", "false").replace("x\\e", "xx\\e");
    let other = bench.file("other.yaml", &other.replace("every: 1h", "every: 2h"));
    for arguments in [
        &["plan", "--offline", &good][..],
        &["plan", &other],
        &["get", "Alice"],
        &["timers", "Alice"],
    ] {
        is_shown_and_harmless(&bench, &[], arguments);
    }
    let logged = || bench.ok(&["logs", "Alice"]).matches("]0;own").count() == 2;
    crate::common::wait_until("both lines are logged", logged);
    // Colours may pass there, and nothing else.
    let logs = shown(&bench, &["logs"]);
    assert!(logs.contains("\u{1b}[38;5;201m"), "{logs:?}");
    assert_harmless(&["logs"], &logs.replace("\u{1b}[38;5;201m", ""));
    assert!(logs.contains(SHOWN), "{logs:?}");
    let json = shown(&bench, &["logs", "-o", "json"]);
    assert_harmless(&["logs", "-o", "json"], &json);
    let down = shown(&bench, &["down"]);
    assert_harmless(&["down"], &down);

    let bad = format!(
        "osb: 1\nname: three\n{EVIL_IN_YAML}: {EVIL_IN_YAML}\nagents: {{ Alice: {{ {EVIL_IN_YAML}: 1, bind: {{ main: {EVIL_IN_YAML} }} }} }}\n"
    );
    let bad = bench.file("bad.yaml", &bad);
    for command in ["check", "up", "plan", "doctor"] {
        is_shown_and_harmless(&bench, &[], &[command, &bad]);
    }
    let failing = topology.replace("exec sleep 1000", "exit 3");
    let failing = failing
        .replace("name: two", "name: four")
        .replace("'true'", "'false'");
    let failing = bench.file("failing.yaml", &failing);
    let up = shown(&bench, &["up", &failing]);
    assert_harmless(&["up", &failing], &up);
    assert!(up.contains(SHOWN), "{up:?}");
}

/// Who writes to the standard streams sees to it that what he writes is harmless. Whoever is new on this list, does so.
#[test]
fn few_write_to_terminals() {
    let mut writers = Vec::new();
    find_writers(&repository().join("src"), &mut writers);
    writers.sort();
    assert_eq!(
        writers,
        [
            "agent/log.rs",
            "cli/args.rs",
            "cli/attach/mod.rs",
            "cli/context.rs",
            "cli/host.rs",
            "cli/logs/mod.rs",
            "cli/logs/writer.rs",
            "cli/ns.rs",
            "cli/record/mod.rs",
            "cli/tap/mod.rs",
            "cli/top/mod.rs",
            "cli/top/screen.rs",
            "host/attached.rs",
            "host/commands.rs",
            "host/mod.rs",
            "host/renewal.rs",
            "nameserver/audit.rs",
            "nameserver/events.rs",
            "nameserver/mod.rs",
            "proxy/driver.rs",
            "render/progress.rs",
        ]
    );
}

fn find_writers(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            find_writers(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap()
            .lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        let ways = ["io::stdout()", "io::stderr()", "print!(", "println!("];
        let writes = |line: &str| ways.iter().any(|way| line.contains(way));
        if code.filter(|line| writes(line)).count() > 0 {
            let path = path.strip_prefix(repository().join("src")).unwrap();
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}
