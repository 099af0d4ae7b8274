//! Agents that go finish their work first: nothing that was meant for them is lost, and no request of others fails.

use crate::common::{Bench, wait_until};

/// Work is shared out by a socket that workers connect to, or goes to the one to which that connects; each message goes on to Sink.
fn pushed(workers: u32, bound: bool, version: u32) -> String {
    let (boss, worker, wire) = match bound {
        true => (
            "main: PUSH",
            "{}",
            "{ agent: \"Worker*\", to: Boss.main, alias: inbox, handler: command }",
        ),
        false => (
            "spare: PUSH",
            "{ inbox: { kind: PULL, handler: command } }",
            "{ agent: Boss, to: Worker0.inbox, alias: main }",
        ),
    };
    let lib = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lib");
    format!(
        "
osb: 1
name: pushed
agents:
  Boss:
    bind: {{ {boss} }}
    timers: [{{ alias: work, every: 1ms, send: main, message: work }}]
  Worker:
    replicas: {workers}
    command: [python3, worker.py]
    env: {{ PYTHONPATH: {lib}, VERSION: '{version}' }}
    bind: {worker}
  Sink: {{ bind: {{ done: {{ kind: PULL, handler: discard }} }} }}
connections:
  - {wire}
  - {{ agent: \"Worker*\", to: Sink.done, alias: out }}
"
    )
}

const WORKER: &str = "
from osb_lines import Agent

agent = Agent()

@agent.on('inbox')
def work(message):
    agent.send('out', message)

agent.run()
";

fn asked(workers: u32, bound: bool, version: u32) -> String {
    let (client, worker, wire) = match bound {
        true => (
            "bind: { ask: { kind: REQ, handler: discard } }",
            "{}",
            "{ agent: \"Worker*\", to: Client.ask, alias: serve, handler: echo }",
        ),
        false => (
            "bind: {}",
            "{ serve: { kind: REP, handler: echo } }",
            "{ agent: Client, to: Worker0.serve, alias: ask, handler: discard }",
        ),
    };
    format!(
        "
osb: 1
name: asked
agents:
  Client:
    {client}
    timers: [{{ alias: work, every: 1ms, send: ask, message: please }}]
  Worker:
    replicas: {workers}
    bind: {worker}
    logs: {{ max_size: {}MiB }}
connections:
  - {wire}
",
        20 + version
    )
}

impl Bench {
    /// Under load, the number of workers and their program change again and again.
    fn scales(&self, of: impl Fn(u32, u32) -> String, passes: impl Fn() -> u64) {
        for (workers, version) in [(4, 1), (1, 1), (4, 1), (4, 2), (2, 3)] {
            let before = passes();
            wait_until("messages pass", || passes() > before + 50);
            let up = self.up(&of(workers, version));
            assert_eq!(up.code, 0, "{up}");
            assert!(!up.stderr.contains("has ended before"), "{up}");
        }
        let before = passes();
        wait_until("messages pass still", || passes() > before + 50);
    }
}

fn no_message_is_lost(bound: bool) {
    let bench = Bench::new();
    bench.file("worker.py", WORKER);
    let up = bench.up(&pushed(if bound { 4 } else { 1 }, bound, 0));
    assert_eq!(up.code, 0, "{up}");
    bench.scales(
        |workers, version| pushed(if bound { workers } else { 1 }, bound, version),
        || bench.count("Sink", "done", "received"),
    );
    bench.ok(&["stop-timer", "Boss", "work"]);
    let sent = || bench.count("Boss", "main", "sent");
    let total = sent();
    wait_until("all have come", || {
        bench.count("Sink", "done", "received") == total
    });
    assert_eq!(sent(), total);
    assert_eq!(bench.count("Boss", "main", "dropped"), 0);
    assert_eq!(bench.count("Boss", "main", "unconfirmed"), 0);
}

#[test]
fn workers_that_connect_go_and_no_message_is_lost() {
    no_message_is_lost(true);
}

#[test]
fn workers_that_are_connected_to_go_and_no_message_is_lost() {
    no_message_is_lost(false);
}

fn no_request_fails(bound: bool) {
    let bench = Bench::new();
    let up = bench.up(&asked(if bound { 4 } else { 1 }, bound, 0));
    assert_eq!(up.code, 0, "{up}");
    bench.scales(
        |workers, version| asked(if bound { workers } else { 1 }, bound, version),
        || bench.count("Client", "ask", "received"),
    );
    bench.ok(&["stop-timer", "Client", "work"]);
    wait_until("all are answered", || {
        let [sent, received] = ["sent", "received"].map(|what| bench.count("Client", "ask", what));
        sent == received
    });
    let log = bench.ok(&["logs", "Client"]);
    assert!(!log.contains("answer"), "{log}");
}

#[test]
fn workers_that_connect_go_and_no_request_fails() {
    no_request_fails(true);
}

#[test]
fn workers_that_are_connected_to_go_and_no_request_fails() {
    no_request_fails(false);
}
