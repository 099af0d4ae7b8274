//! The real binary, as a user runs it: what it prints, and with what status it ends.

mod bench;
mod fake_agent;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use bench::{Bench, Ns};
use fake_agent::FakeAgent;
use osb::model::ExitReport;
use osb::process::ProcessId;

#[test]
fn a_name_server_lists_nothing_at_first_and_ends_at_sigterm() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    assert!(ns.address.starts_with("tcp://127.0.0.1:"), "{}", ns.address);
    let listed = bench.run(&["ls", "agents", "-o", "json", "--ns", &ns.address]);
    listed.expect(0, "[]\n", "");
    let hosts = bench.run(&["ls", "hosts", "-o", "json", "--ns", &ns.address]);
    hosts.expect(0, "[]\n", "");
    assert!(ns.terminate().success());
}

#[test]
fn a_port_in_use_is_said_so() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let port = ns.address.strip_prefix("tcp://").unwrap();
    let second = bench.run(&["ns", "--bind", port]);
    assert_eq!(second.status, 1);
    assert_eq!(second.stdout, "");
    let told = format!("error: cannot listen at {port}: another process listens there\nhint: ");
    assert!(second.stderr.starts_with(&told), "{}", second.stderr);
}

#[test]
fn a_name_server_does_not_listen_to_the_world_unasked() {
    let bench = Bench::new();
    let refused = bench.run(&["ns", "--bind", "0.0.0.0:0"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--insecure"), "{}", refused.stderr);
}

#[test]
fn nobody_there_is_status_4() {
    let bench = Bench::new();
    // A port that was free a moment ago, and that nobody else is given so soon.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let text = bench.run(&["ls", "--ns", &address]);
    assert_eq!(text.status, 4);
    assert!(
        text.stderr
            .starts_with("error: cannot reach the name server at"),
        "{}",
        text.stderr
    );
    let json = bench.run(&["ls", "-o", "json", "--ns", &address]);
    assert_eq!(json.status, 4);
    assert_eq!(json.stdout, "");
    let error: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["code"], "unreachable");
    assert!(error["error"]["hint"].is_string());
}

#[test]
fn no_system_is_status_4_with_what_to_do() {
    let bench = Bench::new();
    let ls = bench.run(&["ls"]);
    assert_eq!(ls.status, 4);
    assert!(
        ls.stderr.starts_with("error: no system is running\nhint: "),
        "{}",
        ls.stderr
    );
    bench
        .run(&["ls", "systems", "-o", "json"])
        .expect(0, "[]\n", "");
    bench
        .run(&["ls", "systems", "-o", "names"])
        .expect(0, "", "");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let bench = Bench::new();
    for line in [
        &["frobnicate"][..],
        &["wait"],
        &["addr", "Alice", "a/b"],
        &[],
    ] {
        let run = bench.run(line);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{line:?}");
        assert!(run.stderr.contains("help"), "{}", run.stderr);
    }
    let run = bench.run(&["-o", "json", "lss"]);
    assert_eq!(run.status, 2);
    let error: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["error"]["code"], "usage");
    let run = bench.run(&["send", "Alice", "main", "hi"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.ends_with("hint: for text, write '\"hi\"'\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_agent_is_listed_asked_for_addresses_and_called() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let alice = FakeAgent::register(&ns.address, "Alice");
    let run = |args: &[&str]| bench.run(&[args, &["--ns", &ns.address]].concat());
    run(&["ls", "-o", "names"]).expect(0, "Alice\n", "");
    run(&["addr", "Alice", "main"]).expect(0, "tcp://127.0.0.1:40123\n", "");
    run(&["addr", "Alice.main"]).expect(0, "tcp://127.0.0.1:40123\n", "");
    run(&["get", "Alice", "greeting"]).expect(0, "\"Hello\"\n", "");
    run(&["set", "Alice", "greeting=\"Hi\"", "n=1"]).expect(0, "", "");
    run(&["get", "Alice", "-o", "json"]).expect(
        0,
        "{\n  \"greeting\": \"Hi\",\n  \"n\": 1\n}\n",
        "",
    );
    run(&["call", "Alice", "twice", "-21"]).expect(0, "-42\n", "");
    run(&["send", "Alice", "main", "\"x\""]).expect(0, "", "");
    run(&["send", "Alice", "main", "\"x\"", "--wait"]).expect(0, "\"x\"\n", "");
    let listed: serde_json::Value =
        serde_json::from_str(&run(&["ls", "-o", "json"]).stdout).unwrap();
    let mut keys: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    keys.sort();
    let wanted = [
        "addresses",
        "exit_status",
        "host",
        "incarnation",
        "name",
        "nameserver",
        "pid",
        "restarts",
        "signal",
        "state",
        "uptime_s",
    ];
    assert_eq!(keys, wanted);
    let addr: serde_json::Value =
        serde_json::from_str(&run(&["addr", "Alice", "main", "-o", "json"]).stdout).unwrap();
    assert_eq!(addr, listed[0]["addresses"]["main"]);
    let connections = run(&["ls", "connections"]);
    assert!(
        connections
            .stdout
            .contains("Bob.inbox → Alice.back  PUSH/PULL"),
        "{}",
        connections.stdout
    );
    drop(alice);
}

#[test]
fn a_wrong_name_is_status_1_with_the_right_one() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let _alice = FakeAgent::register(&ns.address, "Alice");
    let run = |args: &[&str]| bench.run(&[args, &["--ns", &ns.address]].concat());
    let told = "error: no agent is called Alcie\nhint: did you mean Alice?\n";
    run(&["addr", "Alcie", "main"]).expect(1, "", told);
    run(&["addr", "Alcie"]).expect(1, "", told);
    run(&["addr", "Alcie.main"]).expect(1, "", told);
    run(&["get", "Alcie"]).expect(1, "", told);
    let told = "error: Alice has no socket mian\nhint: did you mean main?\n";
    run(&["addr", "Alice", "mian"]).expect(1, "", told);
    let told = "error: Alice has no attribute \"greting\"\nhint: did you mean greeting?\n";
    run(&["get", "Alice", "greting"]).expect(1, "", told);
    let json = run(&["addr", "Alcie", "main", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["code"], "unknown_agent");
    assert_eq!(error["error"]["hint"], "did you mean Alice?");
}

#[test]
fn waiting_ends_when_the_agent_comes_or_the_time_is_over() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let late = bench.run(&["wait", "Alice", "--timeout", "50ms", "--ns", &ns.address]);
    assert_eq!(late.status, 5);
    let told = "error: not ready within 50ms: Alice (not registered)\n";
    assert!(late.stderr.starts_with(told), "{}", late.stderr);
    let waiting = bench
        .osb(&[
            "wait",
            "Alice",
            "Alice.main",
            "-o",
            "names",
            "--ns",
            &ns.address,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let alice = FakeAgent::register(&ns.address, "Alice");
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"Alice\nAlice.main\n");
    drop(alice);
}

#[test]
fn waiting_for_what_has_failed_is_an_error_at_once() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let alice = FakeAgent::register(&ns.address, "Alice");
    alice.report_exit(ExitReport {
        status: Some(3),
        signal: None,
        log: vec!["no such file".into()],
        cause: None,
    });
    let told = "error: Alice has failed: exit status 3\n  | no such file\nhint: `osb logs Alice` shows its whole log\n";
    bench
        .run(&["wait", "Alice", "--ns", &ns.address])
        .expect(1, "", told);
}

#[test]
fn the_system_is_found_by_its_record() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    bench.remember("one", &ns.address, Some(ns.process()));
    bench.run(&["ls", "-o", "json"]).expect(0, "[]\n", "");
    bench
        .run(&["--system", "one", "ls", "-o", "json"])
        .expect(0, "[]\n", "");
    let gone = ProcessId {
        start: 1,
        ..ns.process()
    };
    bench.remember("dead", "tcp://127.0.0.1:1", Some(gone));
    bench.run(&["ls", "-o", "json"]).expect(0, "[]\n", "");
    let systems = bench.run(&["ls", "systems"]);
    assert!(
        systems.stderr.contains("osb down dead"),
        "{}",
        systems.stderr
    );
    let systems = bench.run(&["ls", "systems", "-o", "json"]);
    let systems: serde_json::Value = serde_json::from_str(&systems.stdout).unwrap();
    assert_eq!(
        (&systems[0]["state"], &systems[1]["state"]),
        (&"dead".into(), &"running".into())
    );
    assert_eq!(systems[1]["nameserver"], ns.address);
    let dead = bench.run(&["ls", "--system", "dead"]);
    assert_eq!(dead.status, 4);
    assert!(dead.stderr.contains("osb down dead"), "{}", dead.stderr);
    bench.remember("two", &ns.address, None);
    let told =
        "error: several systems are running: one, two\nhint: say which one with --system NAME\n";
    bench.run(&["ls"]).expect(2, "", told);
    let told = "error: no system is called ona\nhint: did you mean one?\n";
    bench.run(&["ls", "--system", "ona"]).expect(4, "", told);
}

#[test]
fn logs_are_merged_and_followed() {
    let bench = Bench::new();
    let dir = bench.remember("one", "tcp://127.0.0.1:1", None);
    let alice = dir.log_of(&"Alice".parse().unwrap());
    let first = "2026-11-23T05:15:00.001Z INFO  first";
    let second = "2026-11-23T05:15:00.002Z INFO  second";
    fs::write(&alice, format!("{second}\n")).unwrap();
    fs::write(
        dir.log_of(&"Bob".parse().unwrap()),
        format!("{first}\n  more\n"),
    )
    .unwrap();
    let all = format!("Bob   | {first}\nBob   |   more\nAlice | {second}\n");
    bench.run(&["logs"]).expect(0, &all, "");
    bench
        .run(&["logs", "-n", "1"])
        .expect(0, &format!("Alice | {second}\n"), "");
    bench
        .run(&["logs", "Bob"])
        .expect(0, &format!("{first}\n  more\n"), "");
    let told = "error: there is no log of Bbo\nhint: did you mean Bob?\n";
    bench.run(&["logs", "Bbo"]).expect(1, "", told);

    let mut following = bench.osb(&["logs", "-f", "-n", "0", "Alice"]);
    let mut following = following.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    // Written until it is seen: how far the follower has come cannot be known from outside.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = fs::OpenOptions::new().append(true).open(&alice).unwrap();
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                writeln!(log, "third").unwrap();
                std::thread::yield_now();
            }
        });
        let line = lines.next();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(line.unwrap().unwrap(), "third");
    });
    bench::interrupt(&following);
    assert!(following.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let bench = Bench::new();
    let dir = bench.remember("one", "tcp://127.0.0.1:1", None);
    fs::write(dir.log_of(&"Alice".parse().unwrap()), "x\n".repeat(200_000)).unwrap();
    let mut command = bench.osb(&["logs"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
}

#[test]
fn a_tether_that_is_cut_ends_the_name_server_and_removes_the_folder() {
    let bench = Bench::new();
    let dir = bench.begin("one", "tcp://127.0.0.1:1");
    let path = dir.path().to_str().unwrap();
    let mut ns = Ns::launch(&bench, &["--tether", "--dir", path]);
    ns.cut_tether();
    assert!(ns.wait().success());
    assert!(!dir.path().exists());
}

#[test]
fn a_tether_that_is_cut_when_all_stands_already_is_as_good_as_released() {
    let bench = Bench::new();
    let dir = bench.begin("one", "tcp://127.0.0.1:1");
    let mut ns = Ns::launch(&bench, &["--tether", "--dir", dir.path().to_str().unwrap()]);
    bench.remember("one", &ns.address, Some(ns.process()));
    ns.cut_tether();
    bench
        .run(&["ls", "-o", "json", "--ns", &ns.address])
        .expect(0, "[]\n", "");
    assert!(ns.terminate().success());
    assert!(dir.path().exists());
}

#[test]
fn a_tether_that_is_released_lets_the_name_server_live() {
    let bench = Bench::new();
    let dir = bench.remember("one", "tcp://127.0.0.1:1", None);
    let mut ns = Ns::launch(&bench, &["--tether", "--dir", dir.path().to_str().unwrap()]);
    ns.release_tether();
    bench
        .run(&["ls", "-o", "json", "--ns", &ns.address])
        .expect(0, "[]\n", "");
    assert!(ns.terminate().success());
    assert!(dir.path().exists());
}

#[test]
fn a_host_whose_tether_is_cut_removes_the_folder() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let dir = bench.begin("one", &ns.address);
    let mut command = bench.osb(&["host", "--tether", "--ns", &ns.address]);
    command.arg("--dir").arg(dir.path()).stdin(Stdio::piped());
    let mut host = command.spawn().unwrap();
    drop(host.stdin.take());
    assert!(host.wait().unwrap().success());
    assert!(!dir.path().exists());
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let bench = Bench::new();
    let ns = Ns::start(&bench);
    let _alice = FakeAgent::register(&ns.address, "Alice");
    let plain = bench.run(&["ls", "--ns", &ns.address]);
    assert!(!plain.stdout.contains('\u{1b}'));
    let coloured = bench.run(&["ls", "--color", "always", "--ns", &ns.address]);
    assert!(coloured.stdout.contains('\u{1b}'));
}

#[test]
fn the_version_says_what_is_linked_in() {
    let version = Bench::new().run(&["version", "-o", "json"]);
    let version: serde_json::Value = serde_json::from_str(&version.stdout).unwrap();
    assert_eq!(version["curve"], true);
    assert_eq!(version["osb"], env!("CARGO_PKG_VERSION"));
}
