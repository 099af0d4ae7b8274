//! A system as a picture: of a file, of what runs, and when not all of that is well.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Bench, kill, skip, wait_for, wait_until};

const SYSTEM: &str = r#"
osb: 1
name: shop
agents:
  Feed:
    bind: { tasks: PUSH, news: PUB }
    timers:
      - { every: 5ms, send: tasks, message: 1 }
  Worker: { replicas: 3 }
  Sink: { bind: { results: { kind: PULL, handler: discard } } }
  Board: {}
connections:
  - { agent: Worker*, to: Feed.tasks, alias: tasks, handler: forward:results }
  - { agent: Worker*, to: Sink.results, alias: results }
  - { agent: Board, to: Feed.news, alias: news, handler: { daily: log } }
"#;

const TEXT: &str = "\
shop: 6 agents, 1 host, 7 wires

local
├─ Board
│    news SUB [daily] ← Feed.news
├─ Feed
│    news  PUB  → Board.news
│    tasks PUSH → 3 × Worker.tasks
├─ Sink
│    results PULL ← 3 × Worker.results
└─ 3 × Worker  (Worker0, Worker1, Worker2)
     tasks   PULL ← Feed.tasks
     results PUSH → Sink.results
";

/// The wires, each as `from → to proof`.
fn wires(graph: &Value) -> Vec<String> {
    let wires = graph["wires"].as_array().unwrap().iter();
    let text = |it: &Value| it.as_str().unwrap_or("?").to_owned();
    wires
        .map(|it| {
            format!(
                "{} → {} {}",
                text(&it["from"]),
                text(&it["to"]),
                text(&it["proof"])
            )
        })
        .collect()
}

fn state(graph: &Value, agent: &str) -> Value {
    let agents = graph["agents"].as_array().unwrap().iter();
    let mut found = agents.filter(|it| it["name"] == agent);
    found.next().unwrap()["state"].clone()
}

#[test]
fn a_file_is_drawn_in_every_form() {
    let bench = Bench::new();
    let path = bench.file("shop.yaml", SYSTEM);
    assert_eq!(bench.ok(&["graph", &path]), TEXT);
    assert_eq!(bench.ok(&["graph", "-f", "shop.yaml"]), TEXT);
    let ascii = bench.command(&["graph", &path]).env("LC_ALL", "C").output();
    assert!(ascii.unwrap().stdout.is_ascii());
    let names = bench.ok(&["graph", &path, "-o", "names"]);
    assert_eq!(names.lines().count(), 6);
    let graph = bench.json(&["graph", &path]);
    assert_eq!(graph["of"], "file");
    assert_eq!(state(&graph, "Board"), Value::Null);
    assert_eq!(wires(&graph)[0], "Feed.news → Board.news ?");
    let svg = bench.ok(&["graph", &path, "-o", "svg"]);
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert_eq!(
        svg,
        bench.ok(&["graph", &path, "-o", "svg"]),
        "each time the same"
    );
    assert!(
        bench
            .ok(&["graph", &path, "-o", "mermaid"])
            .starts_with("flowchart LR\n")
    );
    let expanded = bench.ok(&["graph", &path, "--expand"]);
    assert!(expanded.contains("└─ Worker2\n"), "{expanded}");
}

/// A folder of that name does not hide an agent.
#[test]
fn agents_narrow_it() {
    let bench = Bench::new();
    let path = bench.file("shop.yaml", SYSTEM);
    std::fs::create_dir(bench.files().join("Board")).unwrap();
    let board = "shop: 2 agents, 1 host, 1 wire\n\nlocal\n├─ Board\n│    news SUB [daily] ← Feed.news\n└─ Feed\n     news PUB → Board.news\n";
    assert_eq!(bench.ok(&["graph", &path, "Board"]), board);
    assert_eq!(bench.ok(&["graph", &path, "Boa*"]), board);
    let said = bench.osb(&["graph", &path, "Bord"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (
            1,
            "error: no agent is called Bord\nhint: did you mean Board?\n"
        )
    );
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let bench = Bench::new();
    let path = bench.file("shop.yaml", SYSTEM);
    for (arguments, why) in [
        (vec!["graph", &path, "--rate"], "--rate is for what runs"),
        (vec!["graph", "--set", "name=x"], "--set is for a file"),
        (
            vec!["check", &path, "-o", "svg"],
            "-o svg is for `osb graph`",
        ),
        (vec!["ls", "-o", "dot"], "-o dot is for `osb graph`"),
    ] {
        let said = bench.osb(&arguments);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.stderr.contains(why), "{said}");
        assert_eq!(said.stdout, "");
    }
    assert_eq!(bench.osb(&["graph"]).code, 4, "nothing runs");
    assert_eq!(bench.osb(&["graph", "shop"]).code, 4, "nothing runs");
}

/// Graphviz is not everywhere.
#[test]
fn graphviz_reads_what_is_meant_for_it() {
    let bench = Bench::new();
    let odd = SYSTEM.replace("daily:", r#""<b>\"\\{|}&":"#);
    let path = bench.file("shop.yaml", &odd);
    let text = bench.ok(&["graph", &path, "-o", "dot"]);
    let dot = Command::new("dot")
        .arg("-Tplain")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut dot) = dot else {
        return skip("there is no dot of Graphviz on this machine");
    };
    let mut stdin = dot.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = dot.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && errors.is_empty(),
        "{errors}{text}"
    );
    let plain = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        plain.lines().filter(|it| it.starts_with("edge ")).count(),
        3,
        "{plain}"
    );
}

/// Reads flowcharts as Mermaid does, which wants a page around it.
const READER: &str = "
import { JSDOM } from 'jsdom'; import fs from 'fs';
const dom = new JSDOM(''); globalThis.window = dom.window; globalThis.document = dom.window.document;
const { default: mermaid } = await import('mermaid');
for (const file of process.argv.slice(2)) console.log((await mermaid.parse(fs.readFileSync(file, 'utf8'))).diagramType);
";

/// A folder with Mermaid in it. None: it cannot be had here.
fn mermaid() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mermaid");
    std::fs::create_dir_all(&folder).unwrap();
    if !folder.join("node_modules/mermaid").is_dir() {
        let packages = [
            "install",
            "--silent",
            "--prefix",
            ".",
            "mermaid@11",
            "jsdom",
        ];
        let npm = Command::new("npm")
            .args(packages)
            .current_dir(&folder)
            .output();
        npm.ok().filter(|it| it.status.success())?;
    }
    std::fs::write(folder.join("reader.mjs"), READER).unwrap();
    Some(folder)
}

#[test]
fn mermaid_reads_what_is_meant_for_it() {
    let Some(folder) = mermaid() else {
        return skip("npm cannot have Mermaid here");
    };
    let bench = Bench::new();
    let odd = SYSTEM.replace("daily:", r##""<b>\"\\{|}&#;`]":"##);
    let path = bench.file("shop.yaml", &odd);
    let mut reader = Command::new("node");
    reader.arg("reader.mjs").current_dir(folder);
    for arguments in [vec!["graph", &path], vec!["graph", &path, "--expand"]] {
        let text = bench.ok(&[&arguments[..], &["-o", "mermaid"]].concat());
        reader.arg(bench.file(&format!("{}.mmd", arguments.len()), &text));
    }
    let output = reader.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"flowchart-v2\nflowchart-v2\n", "{errors}");
}

#[test]
fn what_runs_is_drawn_with_what_was_made_by_hand_and_what_has_died() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let graph = bench.json(&["graph"]);
    assert_eq!(graph["of"], "what_runs");
    assert_eq!(
        graph["hosts"],
        json!([{"name": "local", "state": "running"}])
    );
    assert_eq!(state(&graph, "Board"), "running");
    assert_eq!(wires(&graph).len(), 7);
    assert!(
        wires(&graph).iter().all(|it| it.ends_with(" proven")),
        "{graph}"
    );
    assert_eq!(graph["wires"][0]["topics"], json!(["daily"]));
    let text = bench.ok(&["graph"]);
    assert!(
        text.contains("└─ 3 × Worker  (Worker0, Worker1, Worker2)  running\n"),
        "{text}"
    );

    bench.ok(&["bind", "Board", "extra", "PUSH"]);
    bench.ok(&[
        "connect",
        "Sink",
        "extra",
        "--to",
        "Board.extra",
        "--handler",
        "discard",
    ]);
    let graph = bench.json(&["graph"]);
    let by_hand = "Board.extra → Sink.extra proven".to_owned();
    assert!(wires(&graph).contains(&by_hand), "{graph}");

    let pid = bench.agent("Worker1")["pid"].as_i64().unwrap();
    kill(i32::try_from(pid).unwrap(), 9);
    wait_until("its end is known", || {
        state(&bench.json(&["graph"]), "Worker1") == "failed"
    });
    let text = bench.ok(&["graph"]);
    assert!(
        text.contains("├─ 2 × Worker  (Worker0, Worker2)  running\n"),
        "{text}"
    );
    assert!(
        text.contains("└─ Worker1  failed\n     tasks   PULL ← Feed.tasks  lost\n"),
        "{text}"
    );
    let narrow = bench.ok(&["graph", "Worker1"]);
    assert!(
        narrow.starts_with("shop: 3 agents, 1 host, 2 wires\n"),
        "{narrow}"
    );
}

#[test]
fn a_rate_is_what_travels_between_two_looks() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let rate = wait_for("something travels", || {
        let graph = bench.json(&["graph", "--rate=100ms"]);
        let wires = graph["wires"].as_array().unwrap().iter();
        let of_tasks = wires.filter(|it| it["from"] == "Feed.tasks");
        let rate = of_tasks.filter_map(|it| it["per_s"].as_f64()).sum::<f64>();
        (rate > 0.0).then_some(rate)
    });
    // The timer is due 200 times in a second.
    assert!(rate < 1000.0, "{rate}");
    let counts = bench.json(&["graph"]);
    assert!(counts["wires"][0].get("per_s").is_none(), "{counts}");
    let text = bench.ok(&["graph", "--rate=100ms", "Feed"]);
    assert!(text.contains("/s\n"), "{text}");
}

/// What its name server knows is there all the same.
#[test]
fn an_agent_that_does_not_answer_is_named() {
    let bench = Bench::new();
    let said = bench.up(SYSTEM);
    assert_eq!(said.code, 0, "{said}");
    let pid = i32::try_from(bench.agent("Sink")["pid"].as_i64().unwrap()).unwrap();
    kill(pid, 19);
    let said = bench.osb(&["graph", "--timeout", "200ms", "-o", "json"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("Sink does not tell: "), "{said}");
    let graph: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(wires(&graph).len(), 7);
    kill(pid, 18);
}
