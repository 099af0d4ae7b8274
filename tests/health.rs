//! Programs are watched while they run: by checks, and by pings. specs/topology.md, "Health".

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{self, Bench, wait_until};

fn library() -> String {
    common::repository()
        .join("examples/lib")
        .display()
        .to_string()
}

fn state(bench: &Bench, name: &str) -> String {
    bench.agent(name)["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn is_in(bench: &Bench, name: &str, state: &str) {
    wait_until(&format!("{name} is {state}"), || {
        self::state(bench, name) == state
    });
}

fn restarts(bench: &Bench, name: &str) -> u64 {
    bench.agent(name)["restarts"].as_u64().unwrap_or_default()
}

/// The pid of an agent's program, by words of its command line.
fn program(bench: &Bench, words: &str) -> i32 {
    common::wait_for("the program runs", || bench.pid_of(words))
}

fn takes_down(bench: &Bench) {
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn a_check_by_a_command_fails_and_recovers() {
    let bench = Bench::new();
    let flag = bench.file("well", "");
    let up = bench.up("
osb: 1
name: checked
agents:
  A:
    command: [sleep, '1000']
    speaks: nothing
    settle: 50ms
    env: { FLAG: well }
    health: { command: [sh, -c, 'test -e $FLAG'], every: 20ms, timeout: 10s, failures: 2, grace: 0s }
");
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "A", "running");
    std::fs::remove_file(&flag).unwrap();
    is_in(&bench, "A", "unhealthy");
    let agent = bench.agent("A");
    let why = agent["why"].as_str().unwrap();
    assert_eq!(
        why,
        "command `sh -c test -e $$FLAG`: exit status 1, 2 times in a row"
    );
    let table = bench.ok(&["ls", "agents"]);
    assert!(
        table.contains("unhealthy (command `sh -c test -e"),
        "{table}"
    );
    std::fs::write(&flag, "").unwrap();
    is_in(&bench, "A", "running");
    assert_eq!(bench.agent("A")["why"], Value::Null);
    assert_eq!(restarts(&bench, "A"), 0, "it was only told");
    let log = bench.log("checked", "A");
    assert!(log.contains("healthy again"), "{log}");
    takes_down(&bench);
}

#[test]
fn who_fails_its_checks_is_started_again() {
    let bench = Bench::new();
    bench.file(
        "serve.py",
        r#"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists("ill") else 204)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#,
    );
    let port = common::free_port();
    let up = bench.up(&format!(
        "
osb: 1
name: served
defaults: {{ restart: on-failure }}
agents:
  Web:
    command: [python3, serve.py, '{port}']
    speaks: nothing
    ready: {{ port: {port} }}
    health: {{ http: 'http://127.0.0.1:{port}/health', every: 20ms, timeout: 10s, grace: 0s }}
  Port:
    command: [sleep, '1000']
    speaks: nothing
    health: {{ port: {port}, every: 20ms, timeout: 10s, failures: 1000 }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "Web", "running");
    let agent = bench.pid("Web");
    let ill = bench.file("ill", "");
    wait_until("it is started again", || restarts(&bench, "Web") > 0);
    std::fs::remove_file(ill).unwrap();
    wait_until("it is well again", || {
        let before = restarts(&bench, "Web");
        state(&bench, "Web") == "running" && restarts(&bench, "Web") == before
    });
    let cause = &bench.agent("Web")["last_end"]["cause"];
    let why = cause["unhealthy"].as_str().unwrap_or_default();
    assert!(
        why.ends_with("/health: HTTP status 500, 3 times in a row"),
        "{cause}"
    );
    assert_eq!(bench.pid("Web"), agent, "only its program was killed");
    takes_down(&bench);
}

#[test]
fn who_stays_unhealthy_has_failed_after_as_many_restarts_as_it_may_have() {
    let bench = Bench::new();
    let flag = bench.file("well", "");
    let up = bench.up("
osb: 1
name: ill
agents:
  A:
    command: [sleep, '1000']
    speaks: nothing
    settle: 50ms
    restart: { policy: on-failure, limit: 2, delay: 10ms }
    health: { command: [test, -e, well], every: 20ms, timeout: 10s, failures: 1, grace: 0s }
");
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "A", "running");
    std::fs::remove_file(&flag).unwrap();
    is_in(&bench, "A", "failed");
    let log = bench.log("ill", "A");
    assert_eq!(
        log.matches("the command is started anew").count(),
        2,
        "{log}"
    );
    assert_eq!(log.matches("ends its program: command").count(), 3, "{log}");
    assert_eq!(log.matches("the command is killed").count(), 3, "{log}");
    // Its host tells how, a moment later.
    wait_until("its end is told", || bench.agent("A")["exit_status"] == 137);
    let why = "unhealthy: command `test -e well`: exit status 1";
    let table = bench.ok(&["ls", "agents"]);
    let told = format!("failed (exit status 137; {why}; given up after 2 restarts");
    assert!(table.contains(&told), "{table}");
    takes_down(&bench);
}

#[test]
fn a_check_that_takes_too_long_is_ended_with_all_that_it_has_started() {
    let bench = Bench::new();
    let up = bench.up("
osb: 1
name: slow
agents:
  A:
    command: [sleep, '1000']
    speaks: nothing
    health: { command: [sh, -c, 'sleep 4321; true'], every: 1h, timeout: 100ms, failures: 1, grace: 0s }
");
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "A", "unhealthy");
    let why = bench.agent("A")["why"].to_string();
    assert!(why.contains("no answer within 100ms"), "{why}");
    wait_until("its child is gone", || bench.pid_of("sleep 4321").is_none());
    takes_down(&bench);
}

/// A program with the helper, which says how it stands and can be made to work for long, or to answer wrongly.
const HELPED: &str = r#"
import time, threading
import osb_lines

agent = osb_lines.Agent()
ill = False

@agent.method
def alive():
    if ill:
        raise osb_lines.Error("it is ill")
    return "yes"

@agent.method
def fall_ill():
    global ill
    ill = True

@agent.method
def work():
    yield "begun"
    event.wait()

@agent.method
def nothing():
    pass

event = threading.Event()
def watch():
    import os
    while not os.path.exists("done"):
        time.sleep(0.02)
    event.set()
threading.Thread(target=watch, daemon=True).start()
agent.run()
"#;

fn helped(bench: &Bench, restart: &str, health: &str) {
    bench.file("helped.py", HELPED);
    let library = library();
    let up = bench.up(&format!(
        "
osb: 1
name: helped
agents:
  A:
    command: [python3, helped.py]
    env: {{ PYTHONPATH: {library} }}
    restart: {restart}
    health: {health}
"
    ));
    assert_eq!(up.code, 0, "{up}");
    is_in(bench, "A", "running");
}

#[test]
fn a_call_that_is_answered_with_an_error_is_a_failure() {
    let bench = Bench::new();
    let health = "{ call: alive, every: 20ms, timeout: 10s, grace: 0s }";
    helped(&bench, "on-failure", health);
    bench.ok(&["call", "A", "fall_ill"]);
    wait_until("it is started again", || restarts(&bench, "A") == 1);
    is_in(&bench, "A", "running");
    let cause = &bench.agent("A")["last_end"]["cause"]["unhealthy"];
    assert_eq!(cause, "call alive: it is ill, 3 times in a row");
    takes_down(&bench);
}

#[test]
fn a_program_that_is_stopped_hangs_and_is_started_again() {
    let bench = Bench::new();
    helped(&bench, "on-failure", "{}");
    let agent = bench.pid("A");
    let before = program(&bench, "helped.py");
    common::kill(before, Signal::SIGSTOP as i32);
    wait_until("it is started again", || restarts(&bench, "A") == 1);
    is_in(&bench, "A", "running");
    assert_ne!(program(&bench, "helped.py"), before);
    assert_eq!(bench.pid("A"), agent, "only its program was killed");
    let end = &bench.agent("A")["last_end"];
    let why = "its program has not answered a ping for 10s";
    assert_eq!(end["cause"]["unhealthy"], why, "{end}");
    takes_down(&bench);
}

#[test]
fn a_program_that_hangs_is_suspect_where_it_is_only_told() {
    let bench = Bench::new();
    helped(&bench, "never", "{}");
    let pid = program(&bench, "helped.py");
    common::kill(pid, Signal::SIGSTOP as i32);
    is_in(&bench, "A", "suspect");
    let why = bench.agent("A")["why"].to_string();
    assert!(why.contains("has not answered a ping"), "{why}");
    common::kill(pid, Signal::SIGCONT as i32);
    is_in(&bench, "A", "running");
    assert_eq!(program(&bench, "helped.py"), pid);
    takes_down(&bench);
}

#[test]
fn a_busy_program_is_shown_and_not_ended() {
    let bench = Bench::new();
    let health = "{ call: alive, every: 100ms, timeout: 100ms, failures: 30, grace: 0s }";
    helped(&bench, "on-failure", health);
    let pid = program(&bench, "helped.py");
    bench.ok(&["call", "A", "work"]);
    // Longer than its failures would take, if they counted.
    wait_until("it is busy", || {
        bench.agent("A")["busy_ms"].as_u64() >= Some(9000)
    });
    assert_eq!(state(&bench, "A"), "running");
    let table = bench.ok(&["ls", "agents"]);
    assert!(table.contains("running (busy for "), "{table}");
    bench.file("done", "");
    wait_until("it has done its work", || {
        bench.agent("A")["busy_ms"].is_null()
    });
    assert_eq!(program(&bench, "helped.py"), pid);
    assert_eq!(restarts(&bench, "A"), 0);
    takes_down(&bench);
}

#[test]
fn a_program_that_is_busy_for_too_long_is_started_again() {
    let bench = Bench::new();
    helped(&bench, "on-failure", "{ max_busy: 3s }");
    bench.ok(&["call", "A", "work"]);
    wait_until("it is started again", || restarts(&bench, "A") == 1);
    let cause = &bench.agent("A")["last_end"]["cause"]["unhealthy"];
    let why = "its program is busy with one thing for longer than max_busy: 3s";
    assert_eq!(cause, why);
    takes_down(&bench);
}

/// With the helper for Node: its event loop does nothing else until it is told.
const IN_NODE: &str = r#"
const fs = require("node:fs");
const osb = require("LIBRARY/osb.cjs");
osb.run({
  call: ({ id }) => {
    osb.say({ type: "reply", id, message: "x".repeat(100000) });
    setTimeout(() => { while (!fs.existsSync("done")); }, 0);
  },
  stop: () => process.exit(0),
});
"#;

/// With the helper for shells: one command runs until it is told.
const IN_SHELL: &str = r#"
. LIBRARY/osb.sh
work() { until test -e done; do sleep 0.1; done; }
osb_ready pings
while osb_read; do
  case $osb_word in
    *'"type":"call"'*)
      id=${osb_word##*\"id\":}; id=${id%%[!0-9]*}
      osb_say '{"type":"reply","id":'"$id"'}'
      osb_busy work ;;
    *'"type":"stop"'*) exit 0 ;;
  esac
done
"#;

/// A program that answers pings with a helper is busy for longer than one may hang, and is let be; and then hangs.
fn is_told_apart(program: &str, text: &str, command: &str) {
    let bench = Bench::new();
    bench.file(program, &text.replace("LIBRARY", &library()));
    let up = bench.up(&format!(
        "
osb: 1
name: helped
agents:
  A: {{ command: [{command}, {program}], restart: on-failure }}
"
    ));
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "A", "running");
    let pid = self::program(&bench, program);
    bench.ok(&["call", "A", "work"]);
    wait_until("it is busy for long", || {
        bench.agent("A")["busy_ms"].as_u64() >= Some(11_000)
    });
    assert_eq!(state(&bench, "A"), "running");
    bench.file("done", "");
    wait_until("it has done its work", || {
        bench.agent("A")["busy_ms"].is_null()
    });
    assert_eq!(restarts(&bench, "A"), 0);
    assert_eq!(self::program(&bench, program), pid);
    common::kill(pid, Signal::SIGSTOP as i32);
    wait_until("it is started anew", || restarts(&bench, "A") == 1);
    let why = "its program has not answered a ping for 10s";
    assert_eq!(bench.agent("A")["last_end"]["cause"]["unhealthy"], why);
    is_in(&bench, "A", "running");
    takes_down(&bench);
}

#[test]
fn a_program_in_node_that_computes_is_told_from_one_that_hangs() {
    let node = std::process::Command::new("node").arg("--version").output();
    if node.is_err() {
        return common::skip("the helper for Node needs node, which is not installed");
    }
    is_told_apart("helped.js", IN_NODE, "node");
}

#[test]
fn a_program_in_shell_that_works_is_told_from_one_that_hangs() {
    is_told_apart("helped.sh", IN_SHELL, "sh");
}

/// A group of this process in which little memory is to be had; None where none can be made.
struct SmallGroup(std::path::PathBuf);

impl SmallGroup {
    fn make() -> Option<Self> {
        let name = format!("osb-test-memory-{}", std::process::id());
        let places = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ];
        places.into_iter().find_map(|(place, limit)| {
            let group = Self(std::path::Path::new(place).join(&name));
            std::fs::create_dir(&group.0).ok()?;
            // What is swapped out is not killed.
            let _ = std::fs::write(group.0.join("memory.swap.max"), "0");
            std::fs::write(group.0.join(limit), (64 << 20).to_string()).ok()?;
            Some(group)
        })
    }
}

impl Drop for SmallGroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn who_is_killed_for_want_of_memory_is_told_so() {
    let Some(group) = SmallGroup::make() else {
        return common::skip("no cgroup with a limit of memory can be made");
    };
    let bench = Bench::new();
    let procs = group.0.join("cgroup.procs").display().to_string();
    let up = bench.up(&format!(
        "
osb: 1
name: greedy
agents:
  A:
    command: [sh, -c, 'sleep 1; echo $$$$ > {procs}; exec python3 -c \"x = bytearray(1 << 30); input()\"']
    speaks: nothing
    settle: 10ms
"
    ));
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "A", "failed");
    // Its host tells how, a moment later.
    let cause = common::wait_for("its cause", || {
        let cause = bench.agent("A")["cause"].clone();
        (!cause.is_null()).then_some(cause)
    });
    let told = [
        ("out_of_memory", "failed (killed for want of memory)"),
        ("perhaps_out_of_memory", "perhaps for want of memory"),
    ];
    let table = bench.ok(&["ls", "agents"]);
    let is_told = |(word, text): &(&str, &str)| cause == *word && table.contains(text);
    assert!(told.iter().any(is_told), "{cause} {table}");
    takes_down(&bench);
}

/// All threads of a process stand still, and the name server hears nothing: its daemon looks, and kills it.
#[test]
fn an_agent_that_is_stopped_is_killed_and_started_again() {
    let bench = Bench::new();
    let up = bench.up("
osb: 1
name: stopped
agents:
  A: { restart: on-failure, bind: { x: PULL } }
  B: { restart: never }
");
    assert_eq!(up.code, 0, "{up}");
    let (a, b) = (bench.pid("A"), bench.pid("B"));
    for pid in [a, b] {
        common::kill(pid, Signal::SIGSTOP as i32);
    }
    wait_until("it is started again", || restarts(&bench, "A") == 1);
    is_in(&bench, "A", "running");
    let end = &bench.agent("A")["last_end"];
    assert_eq!(end["signal"], 9, "{end}");
    let why = "it was not heard for 10s, and stood still";
    assert_eq!(end["cause"]["unhealthy"], why, "{end}");
    // Who is not started again is left alone.
    assert_eq!(state(&bench, "B"), "unreachable");
    common::kill(b, Signal::SIGCONT as i32);
    is_in(&bench, "B", "running");
    assert_eq!(bench.pid("B"), b);
    takes_down(&bench);
}

/// A command that is healthy a while after it has begun, and one that cannot begin before that.
const AWAITED: &str = "
osb: 1
name: awaited
agents:
  Db:
    command: [sh, -c, 'sleep 0.5; touch WELL; sleep 1000']
    speaks: nothing
    settle: 10ms
    ready: { timeout: LIMIT, command: ['true'] }
    health: { command: [test, -e, well], every: 20ms, timeout: 10s, grace: 1h }
  Web:
    command: [sh, -c, 'test -e well || exit 1; sleep 1000']
    speaks: nothing
    settle: 10ms
    after: { Db: healthy }
";

#[test]
fn who_comes_after_a_healthy_one_waits_until_it_is() {
    let bench = Bench::new();
    let topology = AWAITED.replace("WELL", "well").replace("LIMIT", "60s");
    let up = bench.up(&topology);
    assert_eq!(up.code, 0, "{up}");
    is_in(&bench, "Web", "running");
    takes_down(&bench);
}

#[test]
fn who_is_never_healthy_is_not_waited_for_longer_than_for_ready() {
    let bench = Bench::new();
    let topology = AWAITED.replace("WELL", "ill").replace("LIMIT", "1s");
    let up = bench.up(&topology);
    assert_ne!(up.code, 0, "{up}");
    let said = &up.stderr;
    assert!(said.contains("waiting for its health check"), "{said}");
    assert!(said.contains("(the last time: exit status 1)"), "{said}");
    bench.assert_nothing_left();
}
