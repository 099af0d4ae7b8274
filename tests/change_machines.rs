//! A system on several machines becomes another while it is up.

use serde_json::{Value, json};

use crate::common::lab::{DESK, Lab, lab};
use crate::common::wait_until;

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
