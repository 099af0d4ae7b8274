//! A system on several machines becomes another while it is up.

use serde_json::{Value, json};

use crate::common::lab::{DESK, Lab, lab};
use crate::common::{kill, listen, wait_until};

/// Two machines by ssh. Alice feeds Bob; `agents` are the others.
fn topology(lab: &Lab, alice: &str, agents: &str, wires: &str) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: far
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
  lab2: {{ ssh: lab2, ssh_config: {config} }}
agents:
  Alice:
    host: {alice}
    bind: {{ main: PUSH }}
    timers: [{{ every: 20ms, send: main, message: hi }}]
  Bob: {{ host: lab2 }}
  Other: {{ host: lab1 }}
{agents}
connections:
  - {{ agent: Bob, to: Alice.main, alias: inbox, handler: collect }}
{wires}
"#
    )
}

impl Lab {
    fn one(&self, name: &str) -> Value {
        let agents = self.json(&["ls", "agents"]);
        let mut agents = agents.as_array().unwrap().iter();
        agents
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    fn up_json(&self, text: &str) -> Value {
        let said = self.up(text);
        assert_eq!(said.code, 0, "{said}");
        self.json(&["up", "topology.yaml"])
    }

    fn bob_hears(&self) {
        let heard = || {
            let all = self.json(&["get", "Bob", "received"]);
            all.as_array().map_or(0, Vec::len)
        };
        let before = heard();
        wait_until("Bob hears Alice", || heard() > before);
    }
}

#[test]
fn agents_of_other_machines_come_go_move_and_are_altered() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, "lab1", "", ""));
    assert_eq!(said.code, 0, "{said}");
    let (alice, bob) = (lab.one("Alice"), lab.one("Bob"));
    lab.bob_hears();
    // One comes, and Alice gets another socket for it.
    let carol = "  Carol: { host: lab2, attributes: { x: 1 } }";
    let wire = "  - { agent: Carol, to: Alice.main, alias: inbox, handler: discard }";
    let up = lab.up_json(&topology(&lab, "lab1", carol, wire));
    assert_eq!(up["unchanged"], json!(true), "{up}");
    assert_eq!(lab.one("Carol")["host"], "lab2");
    assert_eq!(lab.one("Alice")["pid"], alice["pid"]);
    assert_eq!(lab.one("Bob")["pid"], bob["pid"]);
    // Alice moves as a command says, and an `up` of the same file leaves her there.
    lab.ok(&["move", "Alice", "--to", "lab2"]);
    assert_eq!(lab.one("Alice")["host"], "lab2");
    lab.bob_hears();
    let up = lab.up_json(&topology(&lab, "lab1", carol, wire));
    assert_eq!(up["unchanged"], json!(true), "{up}");
    assert_eq!(lab.one("Alice")["host"], "lab2");
    lab.ok(&["move", "Alice", "--to-file"]);
    assert_eq!(lab.one("Alice")["host"], "lab1");
    // Alice moves to the desk; Bob's wire follows her.
    let up = lab.up_json(&topology(&lab, "local", carol, wire));
    assert_eq!(up["unchanged"], json!(true), "{up}");
    let moved = lab.one("Alice");
    assert_eq!(
        (&moved["host"], &moved["state"]),
        (&json!("local"), &json!("running"))
    );
    assert_eq!(lab.one("Bob")["pid"], bob["pid"]);
    lab.bob_hears();
    // Her former host knows nothing of her any more.
    let stop = lab.osb(&["stop", "Alice"]);
    assert_eq!(stop.code, 0, "{stop}");
    assert_eq!(
        lab.json(&["up", "topology.yaml"])["brought_back"]["agents"],
        json!(["Alice"])
    );
    lab.bob_hears();
    // One goes, and Bob is altered over there.
    let text = topology(&lab, "local", "", "").replace(
        "Bob: { host: lab2 }",
        "Bob: { host: lab2, attributes: { y: 2 } }",
    );
    lab.up_json(&text);
    assert_eq!(lab.one("Carol"), Value::Null);
    assert_eq!(lab.json(&["get", "Bob", "y"]), json!(2));
    assert_eq!(lab.one("Bob")["pid"], bob["pid"]);
    // A machine that was not there is refused, and nothing is touched.
    let new = text
        .replace(
            "  lab2: {",
            "  lab3: { ssh: lab2, ssh_config: x }\n  lab2: {",
        )
        .replace("Other: { host: lab1 }", "Other: { host: lab3 }");
    let said = lab.up(&new);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.stderr.contains("lab3 has no daemon"), "{said}");
    lab.up_json(&text);
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// Boss gives work to Worker, which passes it on to Sink and answers Asker.
fn working(lab: &Lab, bind: &str) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: moving
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
  lab2: {{ ssh: lab2, address: 10.77.0.12, ssh_config: {config} }}
agents:
  Boss:
    bind: {{ work: PUSH }}
    timers: [{{ alias: work, every: 2ms, send: work, message: work }}]
  Worker: {{ host: lab1, bind: {{ answers: {{ kind: REP, handler: echo }}{bind} }} }}
  Other: {{ host: lab2 }}
  Asker: {{ timers: [{{ alias: ask, every: 10ms, send: ask, message: how }}] }}
  Sink: {{ bind: {{ done: {{ kind: PULL, handler: discard }} }} }}
connections:
  - {{ agent: Worker, to: Boss.work, alias: inbox, handler: 'forward:out' }}
  - {{ agent: Worker, to: Sink.done, alias: out }}
  - {{ agent: Asker, to: Worker.answers, alias: ask, handler: discard }}
"#
    )
}

impl Lab {
    fn count(&self, agent: &str, alias: &str, count: &str) -> u64 {
        let sockets = self.json(&["ls", "sockets"]);
        let mut sockets = sockets.as_array().unwrap().iter();
        let of = sockets.find(|it| it["agent"] == agent);
        let count = of.and_then(|it| it["sockets"][alias][count].as_u64());
        count.unwrap_or_default()
    }

    fn work_goes_on(&self) {
        let counts = || {
            let answered = self.count("Asker", "ask", "received");
            (self.count("Sink", "done", "received"), answered)
        };
        let before = counts();
        wait_until("work goes on", || {
            let now = counts();
            now.0 > before.0 + 30 && now.1 > before.1 + 5
        });
    }
}

/// The new process is there, and has proven its wires, before the former one ends.
#[test]
fn an_agent_that_moves_is_there_before_it_ends_and_loses_nothing() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&working(&lab, ""));
    assert_eq!(said.code, 0, "{said}");
    lab.work_goes_on();
    for to in ["lab2", "lab1", "lab2"] {
        let before = lab.one("Worker");
        let up = lab.osb(&["move", "Worker", "--to", to]);
        assert_eq!(up.code, 0, "{up}");
        let worker = lab.one("Worker");
        assert_eq!(
            (&worker["host"], &worker["state"]),
            (&json!(to), &json!("running"))
        );
        assert_ne!(worker["pid"], before["pid"]);
        let log = lab.osb(&["logs", "Worker"]);
        assert!(log.stdout.contains("it has taken over"), "{log}");
        lab.work_goes_on();
    }
    lab.ok(&["stop-timer", "Boss", "work"]);
    lab.ok(&["stop-timer", "Asker", "ask"]);
    let sent = lab.count("Boss", "work", "sent");
    wait_until("all has come", || {
        lab.count("Sink", "done", "received") == sent
    });
    let asked = lab.count("Asker", "ask", "sent");
    wait_until("all is answered", || {
        lab.count("Asker", "ask", "received") == asked
    });
    assert_eq!(lab.count("Boss", "work", "dropped"), 0);
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// Worker as a program with the Python package: it hands on what it gets, and answers.
const WORKER: &str = r#"
import osb

agent = osb.Agent()

@agent.handler("inbox")
def work(message):
    agent.send("out", message)

@agent.handler("answers")
def answer(message):
    return message

agent.run()
"#;

#[test]
fn an_agent_in_python_that_moves_loses_nothing() {
    let Some(python) = crate::examples::python_with_packages() else {
        return;
    };
    let Some(lab) = lab(2) else { return };
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("worker.py");
    std::fs::write(&worker, WORKER).unwrap();
    let command = format!(
        "command: [{}, {}], speaks: osb, env: {{ PYTHONPATH: {} }}, ",
        python.join("python").display(),
        worker.display(),
        crate::common::repository()
            .join("python")
            .join("src")
            .display(),
    );
    let text = working(&lab, "")
        .replace(
            "Worker: { host: lab1, ",
            &format!("Worker: {{ host: lab1, {command}"),
        )
        .replace("handler: echo", "handler: command")
        .replace(", handler: 'forward:out'", "");
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    lab.work_goes_on();
    for to in ["lab2", "lab1"] {
        let before = lab.one("Worker");
        let moved = lab.osb(&["move", "Worker", "--to", to]);
        assert_eq!(moved.code, 0, "{moved}");
        let worker = lab.one("Worker");
        let stands = (&worker["host"], &worker["state"]);
        assert_eq!(stands, (&json!(to), &json!("running")));
        assert_ne!(worker["pid"], before["pid"]);
        lab.work_goes_on();
    }
    lab.ok(&["stop-timer", "Boss", "work"]);
    lab.ok(&["stop-timer", "Asker", "ask"]);
    wait_until("all has come", || {
        lab.count("Sink", "done", "received") == lab.count("Boss", "work", "sent")
    });
    wait_until("all is answered", || {
        lab.count("Asker", "ask", "received") == lab.count("Asker", "ask", "sent")
    });
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// The new one cannot bind its socket: the former one has not been touched.
#[test]
fn if_an_agent_that_moves_cannot_be_there_it_goes_on_where_it_was() {
    let Some(lab) = lab(2) else { return };
    let fixed = ", fixed: { kind: PULL, addr: '0.0.0.0:7500', handler: discard }";
    let said = lab.up(&working(&lab, fixed));
    assert_eq!(said.code, 0, "{said}");
    let mut taken = lab.command_on("lab2", &["ns", "--bind", "10.77.0.12:7500", "--insecure"]);
    let mut taken = taken.spawn().unwrap();
    wait_until("the port is taken", || {
        lab.osb(&["--ns", "10.77.0.12:7500", "ls", "hosts"]).code != 4
    });
    lab.work_goes_on();
    let before = lab.one("Worker");
    let refused = lab.osb(&["move", "Worker", "--to", "lab2"]);
    assert_eq!(refused.code, 1, "{refused}");
    let told = "at stage successors";
    assert!(refused.stderr.contains(told), "{refused}");
    assert!(refused.stderr.contains("7500"), "{refused}");
    let worker = lab.one("Worker");
    assert_eq!(
        (&worker["host"], &worker["pid"]),
        (&json!("lab1"), &before["pid"])
    );
    lab.work_goes_on();
    assert_eq!(lab.count("Boss", "work", "dropped"), 0);
    // When there is room, it goes.
    taken.kill().unwrap();
    taken.wait().unwrap();
    lab.ok(&["move", "Worker", "--to", "lab2"]);
    assert_eq!(lab.one("Worker")["host"], "lab2");
    lab.work_goes_on();
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// In the middle of a change a machine is cut off: what was is put back, or what could not be is told; and the next `up` sees
/// to it when the machine is there again.
#[test]
fn a_machine_that_is_cut_off_in_the_middle_is_seen_to_when_it_is_back() {
    let Some(lab) = lab(2) else { return };
    let said = lab.up(&topology(&lab, "lab1", "", ""));
    assert_eq!(said.code, 0, "{said}");
    let next = topology(&lab, "lab1", "", "").replace(
        "Bob: { host: lab2 }",
        "Bob: { host: lab2, attributes: { y: 2 } }",
    );
    lab.cut("lab2", false);
    let said = lab.up(&next);
    lab.cut("lab2", true);
    assert_ne!(said.code, 0, "{said}");
    wait_until("all is what the file says", || {
        let said = lab.osb(&["up", "topology.yaml"]);
        said.code == 0 && lab.osb(&["get", "Bob", "y"]).stdout.trim() == "2"
    });
    lab.bob_hears();
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

const PROGRAM: &str =
    "echo \"says WORD in $PWD\"; cat lib/note; echo mine >> own.txt; exec sleep 1000\n";

/// Prog and Other run in one copy on lab1, each files of its own; Still runs none.
fn with_files(lab: &Lab, more: &str) -> String {
    let config = lab.ssh_config().display().to_string();
    format!(
        r#"
osb: 1
name: far
nameserver: {DESK}:7400
hosts:
  local: {{ address: {DESK} }}
  lab1: {{ ssh: lab1, address: 10.77.0.11, ssh_config: {config} }}
defaults: {{ settle: 1ms }}
agents:
  Prog: {{ host: lab1, command: [sh, run.sh], speaks: nothing, sync: [run.sh, lib] }}
  Other: {{ host: lab1, command: [sh, other.sh], speaks: nothing, sync: [other.sh, lib/note] }}
  Still: {{ host: lab1 }}
{more}
"#
    )
}

impl Lab {
    fn says(&self, agent: &str, what: &str) {
        wait_until(what, || self.osb(&["logs", agent]).stdout.contains(what));
    }

    fn lives(&self) -> Vec<Value> {
        let pid = |name: &str| self.one(name)["pid"].clone();
        ["Prog", "Other", "Still"].map(pid).to_vec()
    }

    /// `up` begins anew just these, and `plan` has said so and why.
    fn begins_anew(&self, text: &str, agents: &[&str], reason: &str) {
        let path = self.bench.file("topology.yaml", text);
        let plan = self.ok(&["plan", &path]);
        assert!(plan.contains(reason), "{plan}");
        let up = self.json(&["up", &path]);
        assert_eq!(up["changed"]["anew"], json!(agents), "{up}");
        let up = self.json(&["up", &path]);
        assert_eq!(up["unchanged"], json!(true), "{up}");
    }
}

#[test]
fn files_that_change_go_to_machines_that_stand() {
    let Some(lab) = lab(1) else { return };
    let write = |name: &str, text: &str| drop(lab.bench.file(name, text));
    std::fs::create_dir_all(lab.bench.files().join("lib")).unwrap();
    let program = |word: &str| PROGRAM.replace("WORD", word);
    write("run.sh", &program("one"));
    write("other.sh", &program("other"));
    write("lib/note", "noted\n");
    write("lib/gone", "x");
    let text = with_files(&lab, "");
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    lab.says("Prog", "says one");
    lab.says("Other", "says other");
    let tree = lab.state("lab1").join("osb/.hosts/lab1/far/files/0");
    let before = lab.lives();

    // What has the same content is the same.
    write("run.sh", &program("one"));
    write("beside", "x");
    assert_eq!(lab.json(&["up", "topology.yaml"])["unchanged"], json!(true));
    write("run.sh", &program("two"));
    std::fs::remove_file(lab.bench.files().join("lib/gone")).unwrap();
    write("lib/new", "new");
    lab.begins_anew(&text, &["Prog"], "its files changed");
    lab.says("Prog", "says two");
    assert!(tree.join("lib/new").exists() && !tree.join("lib/gone").exists());
    // What programs have written there stays.
    let own = || std::fs::read_to_string(tree.join("own.txt")).unwrap();
    wait_until("both have written twice and once", || {
        own().lines().count() == 3
    });
    let now = lab.lives();
    assert_ne!(now[0], before[0]);
    assert_eq!(now[1..], before[1..]);
    // A file of both.
    write("lib/note", "noted anew\n");
    lab.begins_anew(&text, &["Prog", "Other"], "its files changed");
    lab.says("Other", "noted anew");
    let now = lab.lives();
    assert_eq!(now[2], before[2]);

    // One of which nothing comes up: the files are what they were, and so is all else.
    write("run.sh", "exit 3\n");
    let said = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    wait_until("it is put back", || {
        let text = std::fs::read_to_string(tree.join("run.sh"));
        text.is_ok_and(|it| it == program("two"))
    });
    wait_until("it runs again", || lab.one("Prog")["state"] == "running");
    assert_eq!(lab.lives()[1..], now[1..]);
    write("run.sh", &program("three"));
    lab.begins_anew(&text, &["Prog"], "its files changed");
    lab.says("Prog", "says three");

    // Files that are new there, of a folder that is, too.
    std::fs::create_dir(lab.bench.files().join("build")).unwrap();
    write("build/go.sh", "echo \"built in $PWD\"; exec sleep 1000\n");
    let more = "  New: { host: lab1, command: [sh, go.sh], cwd: build, speaks: nothing, sync: { from: build, paths: [.] } }";
    let text = with_files(&lab, more);
    let said = lab.up(&text);
    assert_eq!(said.code, 0, "{said}");
    lab.says("New", "built in ");
    let files = |lab: &Lab| lab.json(&["ls", "hosts"])[0]["machine"]["files"]["files"].clone();
    assert_eq!(files(&lab), json!(5));
    write(
        "build/go.sh",
        "echo \"built again in $PWD\"; exec sleep 1000\n",
    );
    lab.begins_anew(&text, &["New"], "its files changed");
    lab.says("New", "built again in ");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// The same as it is saved, and a machine that cannot be reached is told of, and tried again with the next.
#[test]
fn who_watches_sends_what_is_saved() {
    let Some(lab) = lab(1) else { return };
    let write = |name: &str, text: &str| drop(lab.bench.file(name, text));
    std::fs::create_dir_all(lab.bench.files().join("lib")).unwrap();
    let program = |word: &str| PROGRAM.replace("WORD", word);
    write("run.sh", &program("one"));
    write("other.sh", &program("other"));
    write("lib/note", "noted\n");
    let path = lab.bench.file("topology.yaml", &with_files(&lab, ""));
    let mut command = lab.command(&["up", "--watch", "--attach", &path]);
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut up = command.spawn().unwrap();
    let said = listen(up.stderr.take().unwrap());
    let logs = listen(up.stdout.take().unwrap());
    let heard = |what: &str| said.lock().unwrap().contains(what);
    wait_until("it watches", || heard("watching the topology's files"));
    let other = lab.one("Other")["pid"].clone();
    write("run.sh", &program("two"));
    wait_until("it is there", || logs.lock().unwrap().contains("says two"));
    assert_eq!(lab.one("Other")["pid"], other);
    kill(i32::try_from(up.id()).unwrap(), 2);
    assert!(up.wait().unwrap().success(), "{}", said.lock().unwrap());
    lab.assert_nothing_left();
}
