//! Files that go with agents to other machines: what is read, and what is refused.

use super::bad::told;
use super::flat::again;
use super::read;
use crate::model::{SyncSpec, Topology};
use crate::topology::Flat;

const FRAME: &str = "osb: 1
security: none
nameserver: 10.0.0.5:0
hosts: { lab1: { ssh: lab1, labels: [x] }, lab2: { attach: true, labels: [x] } }
defaults: { sync: [lab] }
agents: { A: { host: lab1, command: [x], {} } }";

fn with(agent: &str) -> String {
    FRAME.replace("{} }", &format!("{agent} }}"))
}

/// What is copied for the agent A, and where it runs.
fn settled(topology: &Topology) -> (Option<SyncSpec>, String) {
    let program = topology.agents[0].program.clone().unwrap();
    (
        program.sync.map(|it| *it),
        program.cwd.display().to_string(),
    )
}

fn shown(text: &str) -> String {
    let topology = read(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert_eq!(
        again(&topology),
        topology,
        "{}",
        Flat::of(&topology).to_yaml()
    );
    let (sync, cwd) = settled(&topology);
    let sync = sync.map(|it| {
        let paths: Vec<&str> = it.paths.iter().map(|path| path.as_str()).collect();
        let except: Vec<&str> = it.except.iter().map(|it| it.as_str()).collect();
        format!("{} {paths:?} {except:?}", it.from.display())
    });
    format!("{} in {cwd}", sync.unwrap_or("nothing".into()))
}

#[test]
fn what_goes_along_is_the_agents_own_or_that_of_all() {
    for (agent, expected) in [
        ("", r#"/srv/agents ["lab"] [] in /srv/agents"#),
        (
            "sync: [./a/, b.py, a], cwd: a/deep",
            r#"/srv/agents ["a", "b.py"] [] in /srv/agents/a/deep"#,
        ),
        ("sync: [.]", r#"/srv/agents ["."] [] in /srv/agents"#),
        ("sync: [], cwd: /opt/x", "nothing in /opt/x"),
        (
            "sync: { from: /data, paths: [set1], except: ['*.tmp', .git/] }",
            r#"/data ["set1"] ["*.tmp", ".git"] in /data"#,
        ),
        (
            "sync: { from: build, paths: [.] }, cwd: build/bin",
            r#"/srv/agents/build ["."] [] in /srv/agents/build/bin"#,
        ),
    ] {
        assert_eq!(shown(&with(agent)), expected, "{agent}");
    }
    let here = with("sync: { from: build, paths: [.] }").replace("host: lab1", "host: local");
    assert_eq!(
        shown(&here),
        r#"/srv/agents/build ["."] [] in /srv/agents/build"#,
        "the folder itself, which is followed"
    );
    let elsewhere = "osb: 1\nagents: { A: { attach: true } }\ndefaults: { sync: [x] }";
    assert!(read(elsewhere).is_ok(), "of no use, and of no harm");
}

#[test]
fn what_cannot_go_along_is_said() {
    let said = told(
        [
            with("sync: lab"),
            with("sync: [/etc, ../x, '', [a], 1]"),
            with("sync: { path: [a] }"),
            with("sync: { from: ~/x, paths: [.], except: [''] }"),
            with("cwd: /opt/x"),
            with("cwd: other"),
            with("").replace("host: lab1", "host: lab2"),
            with("replicas: 3").replace("host: lab1", "on: { label: x }"),
            with("").replace("command: [x],", "sync: [a]"),
            with("").replace("command: [x],", "sync: [a], attach: true"),
        ]
        .iter()
        .map(String::as_str),
    );
    insta::assert_snapshot!(said);
}
