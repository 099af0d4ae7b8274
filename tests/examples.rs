//! Every example is brought up, does what its README says, and goes down.

use crate::common::{self, Bench, Said, entries, free_port, repository, wait_for, wait_until};
use serde_json::{Value, json};

fn up(bench: &Bench, example: &str) {
    let topology = repository()
        .join("examples")
        .join(example)
        .join("topology.yaml");
    let said: Said = bench.osb(&["up", topology.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said}");
}

fn down(bench: &Bench) {
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn every_example_is_described_and_tested() {
    let tests = include_str!("examples.rs");
    let list = repository().join("examples").join("README.md");
    let list = std::fs::read_to_string(list).unwrap();
    for example in entries(&repository().join("examples")) {
        let dir = repository().join("examples").join(&example);
        assert!(
            dir.join("README.md").exists() || !dir.is_dir(),
            "{example} has no README.md"
        );
        assert!(
            !dir.is_dir() || tests.contains(&format!("\"{example}\"")),
            "{example} is not tested"
        );
        assert!(
            !dir.is_dir() || list.contains(&format!("]({example})")),
            "{example} is not in examples/README.md"
        );
    }
}

#[test]
fn quickstart() {
    let bench = Bench::new();
    up(&bench, "quickstart");
    wait_until("Bob is greeted", || {
        bench.ok(&["logs", "Bob"]).contains("Hello, Bob!")
    });
    down(&bench);
}

#[test]
fn spawn() {
    let bench = Bench::new();
    for security in ["none", "curve"] {
        let file = repository()
            .join("examples")
            .join("spawn")
            .join("topology.yaml");
        let set = format!("security={security}");
        let up = bench.osb(&["up", file.to_str().unwrap(), "--set", &set]);
        assert_eq!(up.code, 0, "{up}");
        let numbers = r#"{"numbers": [1, 2, 3, 4, 5, 6, 7]}"#;
        let workers = bench.json(&["call", "Boss", "square", numbers]);
        assert_eq!(workers, json!(["W1", "W2"]));
        wait_until("all are squared", || {
            bench.json(&["get", "Boss", "squares"]) == json!([1, 4, 9, 16, 25, 36, 49])
        });
        wait_until("the workers are gone", || {
            bench.ok(&["ls", "agents", "-o", "names"]) == "Boss\n"
        });
        down(&bench);
    }
}

/// What the sensor has sent comes again to the filter when it is gone.
#[test]
fn record() {
    let bench = Bench::new();
    up(&bench, "record");
    let file = bench.files().join("run.mcap");
    let file = file.to_str().unwrap();
    let recorded = bench.json(&["record", "Sensor", "--file", file, "-n", "50"]);
    assert_eq!(
        (&recorded["messages"], &recorded["lost"]),
        (&50.into(), &0.into())
    );
    let names = bench.ok(&["ls", file, "-o", "names"]);
    assert_eq!(names, "Sensor.out\nSensor.state/battery\n");
    let contents = bench.json(&["ls", file]);
    let measured = contents["channels"][0]["messages"].as_u64().unwrap();
    bench.ok(&["stop", "Sensor"]);
    let before = bench.count("Filter", "measured", "received");
    bench.ok(&["replay", file, "--as", "Sensor"]);
    wait_for("all has come again", || {
        let now = bench.count("Filter", "measured", "received");
        (now == before + measured).then_some(())
    });
    down(&bench);
}

/// The dashboard asks for metrics that there are, with labels that they have.
#[test]
fn metrics() {
    let bench = Bench::new();
    up(&bench, "metrics");
    let folder = repository().join("examples").join("metrics");
    let page = wait_for("what was sent has arrived", || {
        let page = bench.ok(&["metrics", "--once"]);
        let ledger = "osb_socket_received_messages_total{agent=\"Ledger\",alias=\"results\",kind=\"PULL\"} 0";
        (page.contains("agent=\"Ledger\",alias") && !page.contains(ledger)).then_some(page)
    });
    let dashboard = std::fs::read_to_string(folder.join("dashboard.json")).unwrap();
    let _: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let name = regex_lite::Regex::new("osb_[a-z_]+").unwrap();
    let mut asked = 0;
    for found in name.find_iter(&dashboard) {
        let has = |line: &str| line.starts_with(&format!("{}{{", found.as_str()));
        assert!(page.lines().any(has), "{}: {page}", found.as_str());
        asked += 1;
    }
    assert!(asked > 10, "{asked}");
    for label in ["agent", "alias", "state"] {
        assert!(
            dashboard.contains(&format!("{{{{{label}}}}}"))
                && page.contains(&format!("{label}=\""))
        );
    }
    down(&bench);
}

/// What its README prints, but for rates, and with one of the workers dead.
#[test]
fn observe() {
    let bench = Bench::new();
    up(&bench, "observe");
    let readme = repository()
        .join("examples")
        .join("observe")
        .join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let has_all = |printed: &str, until: &str| {
        for line in printed.lines().filter(|line| !line.is_empty()) {
            let line = line.split(until).next().unwrap();
            assert!(readme.contains(line), "its README has not {line:?}");
        }
    };
    let printed = wait_for("something travels by each wire", || {
        let printed = bench.ok(&["graph", "--rate=600ms"]);
        (!printed.contains(" 0/s")).then_some(printed)
    });
    let rates = regex_lite::Regex::new("  [0-9.k]+/s").unwrap();
    has_all(&rates.replace_all(&printed, "|"), "|");
    assert!(
        printed.lines().filter(|it| it.ends_with("/s")).count() > 9,
        "{printed}"
    );
    crate::common::kill(bench.pid("Worker3"), 9);
    let printed = wait_for("its end is known", || {
        let printed = bench.ok(&["graph", "Worker3"]);
        (printed.contains("Worker3  failed") && printed.matches("lost").count() == 4)
            .then_some(printed)
    });
    has_all(&printed, "|");
    down(&bench);
}

/// Its README's steps, one after the other.
#[test]
fn grow() {
    let bench = Bench::new();
    let folder = repository().join("examples").join("grow");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    up(&bench, "grow");
    let pids = ["Alice", "Bob"].map(|name| bench.pid(name));
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let plan = bench.ok(&["plan", &file("news.yaml")]);
    for line in plan.lines().filter(|line| !line.is_empty()) {
        assert!(readme.contains(line), "its README has not {line:?}");
    }
    for step in ["news.yaml", "worker.yaml"] {
        let said = bench.ok(&["up", &file(step), "--replace"]);
        let changed = said.lines().nth(1).unwrap();
        assert!(readme.contains(changed), "its README has not {changed:?}");
    }
    wait_until("Bob hears the worker", || {
        bench.ok(&["logs", "Bob"]).contains("inbox: done")
    });
    bench.ok(&["up", &file("topology.yaml"), "--replace"]);
    assert_eq!(["Alice", "Bob"].map(|name| bench.pid(name)), pids);
    down(&bench);
}

/// Its script scales and replaces the workers, and counts.
#[test]
fn rolling() {
    let bench = Bench::new();
    up(&bench, "rolling");
    let mut script = script(&bench, "rolling", "roll.py", 0);
    let status = script.wait().unwrap();
    let said = std::fs::read_to_string(bench.files().join("roll.py.said")).unwrap();
    assert!(status.success(), "{said}");
    let readme = repository().join("examples/rolling/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    for line in said.lines().skip(4) {
        assert!(readme.contains(line), "its README has not {line:?}: {said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    down(&bench);
}

/// One thing after another is killed, as its script does.
#[test]
fn survives() {
    let bench = Bench::new();
    up(&bench, "survives");
    let mut script = script(&bench, "survives", "kill_things.py", 0);
    let status = script.wait().unwrap();
    let said = std::fs::read_to_string(bench.files().join("kill_things.py.said")).unwrap();
    assert!(status.success(), "{said}");
    let told: Vec<&str> = said
        .lines()
        .filter_map(|line| line.rsplit_once("new processes of: "))
        .map(|(_, agents)| agents)
        .collect();
    assert_eq!(
        told,
        [
            "Sensor",
            "Index, Reports",
            "no agent",
            "no agent",
            "no agent",
            "no agent"
        ],
        "{said}"
    );
    down(&bench);
}

#[test]
fn req_rep() {
    let bench = Bench::new();
    up(&bench, "req-rep");
    let answer = bench.json(&["send", "Bob", "ask", "\"And once by hand?\"", "--wait"]);
    assert_eq!(answer, "Received And once by hand?");
    wait_until("Bob's timer gets an answer", || {
        bench
            .osb(&["get", "Bob", "received"])
            .stdout
            .contains("Received This is my request!")
    });
    down(&bench);
}

#[test]
fn pub_sub() {
    let bench = Bench::new();
    up(&bench, "pub-sub");
    wait_until("the fan reads", || {
        bench.ok(&["logs", "Fan"]).contains("The visitors won")
    });
    wait_until("the farmer acts", || {
        bench.ok(&["logs", "Farmer"]).contains("bring in the hay")
    });
    assert!(
        !bench.ok(&["logs", "Fan"]).contains("Rain"),
        "the fan does not read about the weather"
    );
    wait_until("the archive has both", || {
        let said = bench.osb(&["get", "Archive", "received"]).stdout;
        said.contains("The visitors won") && said.contains("Rain")
    });
    down(&bench);
}

#[test]
fn async_req_rep() {
    let bench = Bench::new();
    up(&bench, "async-req-rep");
    wait_until("the answer is handled", || {
        bench.ok(&["logs", "Bob"]).contains("alice: Hello, Bob!")
    });
    let log = bench.ok(&["logs", "Bob"]);
    assert!(log.contains("WARN  hasty: no answer within 500ms"), "{log}");
    wait_until("the late answer is reported", || {
        let log = bench.ok(&["logs", "Bob"]);
        log.contains("hasty: an answer that came too late is dropped")
    });
    let received = json!([{ "$error": "no answer within 500ms" }, "Hello, Bob!"]);
    assert_eq!(bench.json(&["get", "Bob", "received"]), received);
    let ask = ["send", "Bob", "alice", "\"And now?\""];
    let own = ["--within", "1ms", "--on-error", "collect"];
    bench.ok(&[&ask[..], &own].concat());
    wait_until("the request's own handler runs", || {
        let received = bench.json(&["get", "Bob", "received"]);
        received[2] == json!({ "$error": "no answer within 1ms" })
    });
    assert_eq!(bench.json(&[&ask[..], &["--wait"]].concat()), "Hello, Bob!");
    down(&bench);
}

#[test]
fn sync_pub_sub() {
    let bench = Bench::new();
    up(&bench, "sync-pub-sub");
    let connections = bench.json(&["ls", "connections"]);
    let connections = connections.as_array().unwrap();
    assert_eq!(connections.len(), 2, "one for each client");
    for connection in connections {
        assert_eq!(connection["from"], "Publisher.publisher");
        assert_eq!(connection["kinds"], json!(["SYNC_PUB", "SYNC_SUB"]));
        assert_eq!(connection["proof"], "proven");
    }
    let answer = json!("Received Request from A!");
    let of_a = wait_for("the answer is there", || {
        let said = bench.osb(&["-o", "json", "get", "ClientA", "received"]);
        let items: Vec<Value> = serde_json::from_str(&said.stdout).ok()?;
        let done = items.contains(&json!("There was a request"));
        done.then_some(items)
    });
    let at = of_a.iter().position(|item| *item == answer).unwrap();
    assert_eq!(of_a[at + 1], "There was a request", "{of_a:?}");
    assert!(of_a.contains(&json!("Publication...")));
    let answer = bench.json(&["send", "ClientB", "publisher", "\"And B?\"", "--wait"]);
    assert_eq!(answer, "Received And B?");
    wait_until("B has its topic, twice", || {
        bench.json(&["get", "ClientB", "received"])
            == json!(["There was a request", "There was a request"])
    });
    let of_a = bench.json(&["get", "ClientA", "received"]);
    assert!(
        !of_a.as_array().unwrap().contains(&answer),
        "it is B's alone"
    );
    let address = bench.json(&["addr", "Publisher", "publisher"]);
    assert_ne!(address["requests"], address["address"]);
    down(&bench);
}

#[test]
fn ventilator() {
    let bench = Bench::new();
    up(&bench, "ventilator");
    wait_until("all results are there", || {
        bench.ok(&["call", "Sink", "count"]).trim() == "100"
    });
    let by_worker = bench.json(&["get", "Sink", "by_worker"]);
    assert_eq!(
        by_worker.as_object().unwrap().len(),
        5,
        "every worker has its share: {by_worker}"
    );
    down(&bench);
}

#[test]
fn dispatcher() {
    let bench = Bench::new();
    up(&bench, "dispatcher");
    bench.ok(&[
        "wait",
        "--ended",
        "Worker0",
        "Worker1",
        "Worker2",
        "--timeout",
        "60s",
    ]);
    assert_eq!(bench.json(&["get", "Dispatcher", "given"]), json!(20));
    wait_until("the workers have ended well", || {
        (0..3).all(|n| bench.agent(&format!("Worker{n}"))["state"] == "stopped")
    });
    down(&bench);
}

#[test]
fn timer_each() {
    let bench = Bench::new();
    up(&bench, "timer-each");
    wait_until("all three have annoyed", || {
        let log = bench.ok(&["logs", "Apple"]);
        let said = |text: &str| log.lines().any(|line| line.ends_with(text));
        said("annoy: Hey") && said("annoy: Apple") && said("annoy: Hey Apple!")
    });
    let timers = bench.json(&["timers"]);
    let failed = timers.as_array().unwrap().iter().map(|it| &it["failed"]);
    assert_eq!(failed.collect::<Vec<_>>(), [0, 0, 0]);
    down(&bench);
}

#[test]
fn timer_after() {
    let bench = Bench::new();
    up(&bench, "timer-after");
    wait_until("it is later", || {
        bench.ok(&["logs", "a0"]).contains("Logged later")
    });
    let log = bench.ok(&["logs", "a0"]);
    assert!(log.find("Logged now") < log.find("Logged later"), "{log}");
    assert_eq!(bench.json(&["timers", "a0"]), json!([]));
    down(&bench);
}

#[test]
fn timer_stop() {
    let bench = Bench::new();
    up(&bench, "timer-stop");
    wait_until("the one that is left has fired", || {
        bench.ok(&["logs", "a0"]).contains("Hello!")
    });
    // The others were due at the same time, and would have fired in the same turn.
    assert_eq!(bench.json(&["get", "a0", "left"]), json!(["timer-1"]));
    let log = bench.ok(&["logs", "a0"]);
    assert!(!log.contains("Never"), "{log}");
    assert_eq!(bench.json(&["timers", "a0"]), json!([]));
    down(&bench);
}

#[test]
fn pub_sub_filter() {
    let bench = Bench::new();
    up(&bench, "pub-sub-filter");
    let heard = |agent: &str, topic: &str| {
        let log = bench.ok(&["logs", agent]);
        log.contains(&format!("main [{topic}]: Hello, {topic}!"))
    };
    wait_until("all have heard", || {
        heard("Bob", "a") && heard("Bob", "b") && heard("Eve", "a") && heard("Dave", "b")
    });
    assert!(!heard("Eve", "b") && !heard("Dave", "a"));
    down(&bench);
}

#[test]
fn pub_sub_more_on_filter() {
    let bench = Bench::new();
    up(&bench, "pub-sub-more-on-filter");
    let received = || bench.osb(&["get", "Bob", "received"]).stdout;
    wait_until("apples come", || received().contains("Apple"));
    assert!(!received().contains("Banana"));
    bench.ok(&["unsubscribe", "Bob", "listener", "a"]);
    bench.ok(&["subscribe", "Bob", "listener", "b", "--handler", "collect"]);
    wait_until("bananas come", || received().contains("Banana"));
    let fruit = bench.json(&["get", "Bob", "received"]);
    let fruit: Vec<&str> = fruit
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it.as_str())
        .collect();
    let first = fruit.iter().position(|it| *it == "Banana").unwrap();
    assert!(fruit[first..].iter().all(|it| *it == "Banana"), "{fruit:?}");
    down(&bench);
}

#[test]
fn push_pull() {
    let bench = Bench::new();
    up(&bench, "push-pull");
    bench.ok(&["send", "Alice", "main", "\"Hello, Bob!\""]);
    wait_until("Bob is greeted", || {
        bench.ok(&["logs", "Bob"]).contains("inbox: Hello, Bob!")
    });
    bench.ok(&["bind", "Alice", "more", "PUSH"]);
    bench.ok(&[
        "connect",
        "Bob",
        "another",
        "--to",
        "Alice.more",
        "--handler",
        "collect",
    ]);
    bench.ok(&["close", "Bob", "another"]);
    bench.ok(&["close", "Alice", "more"]);
    assert_eq!(
        bench.json(&["ls", "connections"]).as_array().unwrap().len(),
        1
    );
    down(&bench);
}

#[test]
fn add_method() {
    let bench = Bench::new();
    up(&bench, "add-method");
    bench.ok(&["call", "Example", "set_x", "1"]);
    bench.ok(&["call", "Example", "set_y", r#"{"value": 2}"#]);
    assert_eq!(bench.json(&["call", "Example", "add"]), json!(3));
    let odd = bench.osb(&["call", "Example", "ad"]);
    assert!(odd.stderr.contains("Example has no method 'ad'"), "{odd}");
    down(&bench);
}

/// The helper of the Python examples, in all it does: its program is here.
#[test]
fn lib() {
    let bench = Bench::new();
    bench.file("all.py", include_str!("examples/all.py"));
    let lib = repository().join("examples").join("lib");
    let topology = include_str!("examples/all.yaml");
    let path = bench.file("topology.yaml", topology);
    let mut command = bench.command(&["up", &path]);
    command.env("LIB", lib);
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let done = common::wait_for("it has tried everything", || {
        let said = bench.osb(&["get", "All", "done", "-o", "json"]);
        serde_json::from_str::<serde_json::Value>(&said.stdout).ok()
    });
    assert_eq!(done, json!(true), "{}", bench.ok(&["logs", "All"]));
    wait_until("its handlers by topic and by name have run", || {
        bench.json(&["get", "All"])["heard"] == json!(["ab", "first"])
    });
    bench.ok(&["send", "Other", "out", "7"]);
    wait_until("the named handler has run", || {
        bench.json(&["get", "All"])["named"] == 7
    });
    let early = bench.json(&["send", "Other", "ask", "\"early\"", "--wait"]);
    assert_eq!(early, "at once");
    wait_until("what comes after the answer is done too", || {
        bench.osb(&["get", "All", "after_all"]).stdout == "true\n"
    });
    let odd = bench.osb(&["send", "Other", "ask", "\"fail\"", "--wait"]);
    assert!(odd.stderr.contains("ValueError: fail"), "{odd}");
    let odd = bench.osb(&["call", "All", "refuse"]);
    assert!(odd.stderr.contains("error: not today"), "{odd}");
    assert!(bench.ok(&["logs", "All"]).contains("Traceback"));
    wait_until("its timers tick", || {
        let said = bench.osb(&["get", "All", "ticks"]).stdout;
        said.trim().parse::<u64>().is_ok_and(|ticks| ticks >= 2)
    });
    bench.ok(&["call", "All", "end"]);
    bench.ok(&["wait", "--ended", "All", "--timeout", "60s"]);
    assert_eq!(bench.agent("All")["state"], "stopped");
    assert!(bench.ok(&["logs", "All"]).contains("farewell"));
    down(&bench);
}

#[test]
fn shell_and_node() {
    let node = std::process::Command::new("node").arg("--version").output();
    if node.is_err() {
        common::skip("shell-and-node needs node, which is not installed");
        return;
    }
    let bench = Bench::new();
    up(&bench, "shell-and-node");
    wait_until("all is counted", || {
        bench.osb(&["get", "Counter", "sum"]).stdout.trim() == "30"
    });
    wait_until("the timer has told", || {
        bench.osb(&["get", "Doubler", "asked"]).stdout.trim() == "5"
    });
    let odd = bench.osb(&["send", "Counter", "ask", "\"x\"", "--wait"]);
    assert!(odd.stderr.contains("\"x\" is no number"), "{odd}");
    down(&bench);
}

/// The folder of a Python that has these packages: that of the machine, or one that is made for the tests, once. None, and
/// the test is skipped, where neither can be had.
pub(crate) fn python_with_packages() -> Option<&'static std::path::Path> {
    static FOUND: std::sync::LazyLock<Option<std::path::PathBuf>> =
        std::sync::LazyLock::new(|| {
            let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
            let run = |program: &std::path::Path, arguments: &[&str]| {
                let done = std::process::Command::new(program).args(arguments).output();
                done.is_ok_and(|done| done.status.success())
            };
            let own = place.join("bin").join("python");
            let has_all =
                |program: &std::path::Path| run(program, &["-c", "import zmq, numpy, pytest"]);
            if !has_all(&own) {
                let made = run("python3".as_ref(), &["-m", "venv", place.to_str()?]);
                let pip = ["-m", "pip", "install", "-q", "pyzmq", "numpy", "pytest"];
                if !made || !run(&own, &pip) {
                    return None;
                }
            }
            has_all(&own).then(|| place.join("bin"))
        });
    if FOUND.is_none() {
        common::skip("agents in Python need pyzmq, numpy and pytest, which cannot be had here");
    }
    FOUND.as_deref()
}

/// A command that finds that Python first, and the package of this repository.
fn with_python(
    mut command: std::process::Command,
    python: &std::path::Path,
) -> std::process::Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", python.display()))
        .env("PYTHONPATH", repository().join("python").join("src"))
        .env("OSB_BIN", env!("CARGO_BIN_EXE_osb"));
    command
}

fn up_with_python(bench: &Bench, example: &str, python: &std::path::Path) {
    let folder = repository().join("examples").join(example);
    let topology = folder.join("topology.yaml");
    let command = bench.command(&["up", topology.to_str().unwrap()]);
    let said = Said::from(with_python(command, python).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
}

#[test]
fn python_agents() {
    let Some(python) = python_with_packages() else {
        return;
    };
    let bench = Bench::new();
    up_with_python(&bench, "python-agents", python);
    for cents in [100, 104, 150] {
        let price = format!("{{\"symbol\": \"OSB\", \"cents\": {cents}}}");
        bench.ok(&["send", "Market", "prices", &price, "--topic", "OSB"]);
    }
    wait_until("all are heard", || {
        bench.json(&["get", "Analyst"])["count"] == 3
    });
    let answer = bench.ok(&["send", "Broker", "ask", "\"OSB\"", "--wait"]);
    assert_eq!(answer, "118.0\n");
    assert_eq!(bench.ok(&["call", "Slow", "double", "21"]), "42\n");
    let odd = bench.osb(&["send", "Broker", "ask", "\"XYZ\"", "--wait"]);
    assert!(odd.stderr.contains("KeyError: 'XYZ'"), "{odd}");
    wait_until("it warns", || {
        bench.ok(&["logs", "Broker"]).contains("warnings: {")
    });
    let timers = bench.json(&["timers", "Analyst"]);
    assert_eq!(timers[0]["alias"], "heart", "{timers}");
    assert_eq!(bench.ok(&["call", "Analyst", "forget"]), "null\n");
    bench.ok(&["restart", "Analyst"]);
    wait_until("it has begun anew", || {
        bench.osb(&["call", "Analyst", "forget"]).code == 0
    });
    down(&bench);

    let mut script = std::process::Command::new(python.join("python"));
    script
        .arg(repository().join("examples/python-agents/drive.py"))
        .env("OSB_STATE_DIR", bench.state())
        .env_remove("OSB_NAMESERVER");
    let said = Said::from(with_python(script, python).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let expected = "average: 118.0\nerror: KeyError: 'XYZ'\n42 slept for 0.1 s\naudited: 118.0\n";
    assert_eq!(said.stdout, expected);
    bench.assert_nothing_left();
}

#[test]
fn numpy_pipeline() {
    let Some(python) = python_with_packages() else {
        return;
    };
    let bench = Bench::new();
    up_with_python(&bench, "numpy-pipeline", python);
    wait_until("all frames are there", || {
        bench.osb(&["get", "Sink", "frames"]).stdout == "50\n"
    });
    let corner = bench.json(&["call", "Sink", "corner"]);
    let bytes = json!({ "$base64": "yQQAAMkEAADJBAAAyQQAAA==" });
    assert_eq!(corner, json!({ "$ndarray": ["<u4", [2, 2], bytes] }));
    down(&bench);
}

#[test]
fn pytest_fixture() {
    let Some(python) = python_with_packages() else {
        return;
    };
    let bench = Bench::new();
    let folder = repository().join("examples").join("pytest-fixture");
    let mut pytest = std::process::Command::new(python.join("python"));
    pytest
        .args([
            "-m",
            "pytest",
            "-q",
            "-p",
            "osb.pytest_plugin",
            "-p",
            "no:cacheprovider",
        ])
        .arg(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("OSB_STATE_DIR", bench.state());
    let said = Said::from(with_python(pytest, python).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("4 passed"), "{said}");
}

#[test]
fn notebook() {
    let Some(python) = python_with_packages() else {
        return;
    };
    let bench = Bench::new();
    let mut cells = std::process::Command::new(python.join("python"));
    cells
        .arg(
            repository()
                .join("examples")
                .join("notebook")
                .join("run.py"),
        )
        .env("OSB_STATE_DIR", bench.state())
        .env_remove("OSB_NAMESERVER");
    let said = Said::from(with_python(cells, python).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let expected = "['Archive', 'Market']\n118.0\n\
        [('Archive', 'running'), ('Market', 'running'), ('Notebook', 'running')]\n42\n";
    assert_eq!(said.stdout, expected);
    wait_until("nothing is left", || bench.processes().is_empty());
}

/// A Python with osBrain, made for the tests, once. None, and the test is skipped, where it cannot be had.
fn python_with_osbrain() -> Option<std::path::PathBuf> {
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("osbrain");
    let own = place.join("bin").join("python");
    let run = |program: &std::path::Path, arguments: &[&str]| {
        let done = std::process::Command::new(program).args(arguments).output();
        done.is_ok_and(|done| done.status.success())
    };
    let is_there = || run(&own, &["-c", "import osbrain"]);
    if !is_there() {
        let pip = ["-m", "pip", "install", "-q", "osbrain==0.6.5"];
        let made = run("python3".as_ref(), &["-m", "venv", place.to_str()?]);
        if !made || !run(&own, &pip) || !is_there() {
            common::skip("osBrain itself cannot be had here");
            return None;
        }
    }
    Some(own)
}

#[test]
fn osbrain_gradually() {
    let (Some(python), Some(osbrain)) = (python_with_packages(), python_with_osbrain()) else {
        return;
    };
    let bench = Bench::new();
    let folder = repository().join("examples").join("osbrain-gradually");
    let mut old = std::process::Command::new(osbrain)
        .arg(folder.join("old.py"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(old.stdout.take().unwrap()));
    let addresses = lines.find_map(|line| {
        let line = line.unwrap();
        line.strip_prefix("listens at ").map(str::to_owned)
    });
    let mut new = std::process::Command::new(python.join("python"));
    new.arg(folder.join("new.py"))
        .args(addresses.expect("it listens").split(' '))
        .env("OSB_STATE_DIR", bench.state())
        .env_remove("OSB_NAMESERVER");
    let said = Said::from(with_python(new, python).output().unwrap());
    drop(old.stdin.take());
    old.wait().unwrap();
    assert_eq!(said.code, 0, "{said}");
    let last = "by PUSH and PUB: 42\nby REQ: {'total': 42}\n";
    assert!(said.stdout.ends_with(last), "{said}");
    wait_until("nothing is left", || bench.processes().is_empty());
}

#[test]
fn rust_agent() {
    let bench = Bench::new();
    let topology = repository()
        .join("examples")
        .join("rust-agent")
        .join("topology.yaml");
    let built = cargo_examples();
    assert!(
        built.join("rust-agent").exists(),
        "it is not built: cargo build --examples"
    );
    let mut command = bench.command(&["up", topology.to_str().unwrap()]);
    command.env("OSB_EXAMPLES", built);
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let pids = (bench.pid("Analyst"), bench.pid("Market"));
    assert!(pids.0 != pids.1, "it is a process of its own");
    for cents in ["100", "104", "150"] {
        let price = format!(r#"{{"symbol": "OSB", "cents": {cents}}}"#);
        bench.ok(&["send", "Market", "prices", &price, "--topic", "OSB"]);
    }
    wait_until("the stray price is a warning", || {
        bench
            .osb(&["get", "Broker", "received"])
            .stdout
            .contains("percent")
    });
    let answer = bench.json(&["send", "Broker", "ask", "\"OSB\"", "--wait"]);
    assert_eq!(answer, 118.0);
    bench.ok(&["call", "Analyst", "forget"]);
    let said = bench.osb(&["send", "Broker", "ask", "\"OSB\"", "--wait"]);
    assert!(said.stderr.contains("no price of OSB yet"), "{said}");
    bench.ok(&["call", "Analyst", "hire", "\"Auditor\""]);
    assert_eq!(bench.agent("Auditor")["state"], "running");
    down(&bench);
}

/// Where cargo puts the programs of the examples.
fn cargo_examples() -> std::path::PathBuf {
    let osb = std::path::Path::new(env!("CARGO_BIN_EXE_osb"));
    osb.parent().unwrap().join("examples")
}

/// A script of an example, with this `osb` in its path, and what it says in a file.
fn script(bench: &Bench, example: &str, name: &str, port: u16) -> std::process::Child {
    let osb = std::path::Path::new(env!("CARGO_BIN_EXE_osb"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(osb.parent().unwrap().to_owned());
    let path = std::env::join_paths(paths.chain(std::env::split_paths(&path))).unwrap();
    let said = std::fs::File::create(bench.files().join(format!("{name}.said"))).unwrap();
    std::process::Command::new(repository().join("examples").join(example).join(name))
        .env("PATH", path)
        .env("OSB_STATE_DIR", bench.state())
        .env_remove("OSB_NAMESERVER")
        .env("PORT", port.to_string())
        .stdin(std::process::Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap()
}

#[test]
fn distributed() {
    let bench = Bench::new();
    let port = free_port();
    let run = |name| script(&bench, "distributed", name, port);
    // In any order.
    let mut first = run("first.sh");
    let third = run("third.sh");
    let mut second = run("second.sh");
    let up = Said::from(third.wait_with_output().unwrap());
    assert_eq!(up.code, 0, "{up}");
    wait_until("Bob's program hears Alice", || {
        bench.osb(&["get", "Bob", "heard"]).stdout.trim() > "0"
    });
    wait_until("Carol hears Alice", || {
        let said = bench.osb(&["get", "Carol", "received"]).stdout;
        said.contains("and to the third!")
    });
    assert_eq!(
        bench.ok(&["down"]).trim(),
        "distributed is down: 1 agent ended; released, because others started them: Alice, Bob"
    );
    for script in [&mut first, &mut second] {
        assert!(script.try_wait().unwrap().is_none(), "it was not ended");
        common::kill(i32::try_from(script.id()).unwrap(), 15);
        assert!(script.wait().unwrap().success());
    }
    bench.assert_nothing_left();
}

#[test]
fn logger() {
    let bench = Bench::new();
    up(&bench, "logger");
    bench.ok(&["send", "Alice", "work", "12"]);
    wait_until("the overtime is noted", || {
        bench
            .osb(&["get", "Watcher", "received"])
            .stdout
            .contains("12 hours of work")
    });
    down(&bench);
}

/// Runs a program of the examples to its end, and gives what it printed.
fn program(name: &str, nameserver: &str) -> Said {
    let path = cargo_examples().join(name);
    assert!(path.exists(), "it is not built: cargo build --examples");
    let run = std::process::Command::new(path)
        .env("OSB_NAMESERVER", nameserver)
        .output();
    Said::from(run.unwrap())
}

/// A name server on a port of its own, as a user starts it by hand.
struct ByHand {
    ns: std::process::Child,
    address: String,
}

impl ByHand {
    fn start(bench: &Bench) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let ns = bench.spawn(&["ns", "--bind", &address]);
        wait_until("the name server answers", || {
            bench.osb(&["--ns", &address, "ls", "agents"]).code == 0
        });
        Self { ns, address }
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        common::kill(i32::try_from(self.ns.id()).unwrap(), 15);
        let _ = self.ns.wait();
    }
}

#[test]
fn hello_world() {
    let bench = Bench::new();
    up(&bench, "hello-world");
    bench.ok(&["log", "Example", "Hello world!"]);
    bench.ok(&["log", "Example", "Beware", "--level", "warning"]);
    let log = bench.ok(&["logs", "Example"]);
    assert!(
        log.contains("INFO  Hello world!") && log.contains("WARN  Beware"),
        "{log}"
    );
    down(&bench);
}

#[test]
fn name_server_agents() {
    let bench = Bench::new();
    up(&bench, "name-server-agents");
    assert_eq!(
        bench.ok(&["ls", "agents", "-o", "names"]),
        "Agent0\nAgent1\nAgent2\n"
    );
    down(&bench);
}

#[test]
fn name_server_proxy() {
    let bench = Bench::new();
    up(&bench, "name-server-proxy");
    let address = bench.agent("Watchman")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = program("name-server-proxy", &address);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "4 agents\n"),
        "{said}"
    );
    assert!(bench.ok(&["logs", "Agent1"]).contains("INFO  Hello world!"));
    assert_eq!(
        bench.ok(&["down"]).trim(),
        "name-server-proxy is down: 4 agents ended"
    );
    bench.assert_nothing_left();
}

#[test]
fn push_pull_inherit() {
    let bench = Bench::new();
    let ns = ByHand::start(&bench);
    let said = program("push-pull-inherit", &ns.address);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("Bob has heard 3 greetings"), "{said}");
    assert_eq!(
        said.stderr.matches("Received: Hello, Bob!").count(),
        3,
        "{said}"
    );
}

#[test]
fn req_rep_lambda() {
    let bench = Bench::new();
    let ns = ByHand::start(&bench);
    let said = program("req-rep-lambda", &ns.address);
    assert_eq!(said.code, 0, "{said}");
    let expected: String = (0..10).map(|n| format!("\"Received {n}\"\n")).collect();
    assert_eq!(said.stdout, expected);
}

#[test]
fn shutdown() {
    let bench = Bench::new();
    up(&bench, "shutdown");
    bench.ok(&["shutdown", "Agent0"]);
    assert_eq!(bench.agent("Agent0")["state"], "stopped");
    assert_eq!(bench.agent("Agent1")["state"], "running");
    let heard = || bench.ok(&["logs", "Hearer"]).matches("from1: tick").count();
    let before = heard();
    wait_until("the other one ticks", || heard() > before + 1);
    let said = bench.osb(&["shutdown", "Agent9"]);
    assert!(said.code == 1 && said.stderr.contains("Agent9"), "{said}");
    down(&bench);
}

#[test]
fn explicit_serialization() {
    let bench = Bench::new();
    up(&bench, "explicit-serialization");
    let serializer = |agent, alias| bench.json(&["addr", agent, alias])["serializer"].clone();
    assert_eq!(serializer("a1", "text"), "raw");
    assert_eq!(serializer("a1", "json"), "json");
    assert_eq!(serializer("a2", "packed"), "msgpack");
    bench.ok(&["send", "a0", "json", r#"{"x": [1, 2]}"#]);
    bench.ok(&["send", "a0", "packed", r#"{"x": [1, 2]}"#]);
    bench.ok(&["send", "a0", "text", "\"Hello world\""]);
    let said = bench.osb(&["send", "a0", "text", r#"{"x": [1, 2]}"#]);
    assert!(
        said.code == 1 && said.stderr.contains("cannot send"),
        "{said}"
    );
    wait_until("all has arrived", || {
        let received = |agent| bench.osb(&["get", agent, "received"]).stdout;
        received("a1").contains("Hello world")
            && received("a1").contains("\"x\"")
            && received("a2").contains("\"x\"")
    });
    down(&bench);
}

#[test]
fn various_nameservers() {
    let bench = Bench::new();
    up(&bench, "various-nameservers");
    let heard = |word: &str| {
        bench
            .osb(&["get", "Listener", "received"])
            .stdout
            .contains(word)
    };
    for word in ["Blah blah...", "apple", "grape"] {
        wait_until(word, || heard(word));
    }
    let said = bench.ok(&["down", "--only", "annoyers"]);
    assert_eq!(
        said.trim(),
        "annoyers of various-nameservers is down: 2 agents ended"
    );
    bench.ok(&["set", "Listener", "received=[]"]);
    wait_until("the speaker goes on", || heard("Blah blah..."));
    assert!(!heard("apple") && !heard("grape"));
    down(&bench);
}

#[test]
fn hub_and_labs() {
    let bench = Bench::new();
    up(&bench, "hub-and-labs");
    let heard = |agent: &str, reading: &str| {
        let received = bench.osb(&["get", agent, "received"]).stdout;
        received.contains(reading)
    };
    for (agent, reading) in [
        ("Keeper@lab1", "21.5"),
        ("Keeper@lab2", "19.0"),
        ("Archive", "21.5"),
        ("Archive", "19.0"),
    ] {
        wait_until(agent, || heard(agent, reading));
    }
    assert!(!heard("Keeper@lab1", "19.0"), "labs are apart");
    bench.ok(&["send", "Director", "orders", "\"calibrate\""]);
    wait_until("both labs have their orders", || {
        let logs = bench.ok(&["logs", "--grep", "calibrate"]);
        logs.contains("Keeper@lab1") && logs.contains("Keeper@lab2")
    });
    let said = bench.ok(&["down", "--only", "lab2"]);
    assert_eq!(said.trim(), "lab2 of hub-and-labs is down: 2 agents ended");
    bench.ok(&["set", "Archive", "received=[]"]);
    wait_until("the other lab goes on", || heard("Archive", "21.5"));
    assert!(!heard("Archive", "19.0"));
    up(&bench, "hub-and-labs");
    wait_until("it is back", || heard("Archive", "19.0"));
    down(&bench);
}

/// The files of an example, beside the way to the machines of a lab.
fn lay_out(example: &str, lab: &common::lab::Lab) {
    let example = repository().join("examples").join(example);
    for file in entries(&example) {
        std::fs::copy(example.join(&file), lab.bench.files().join(&file)).unwrap();
    }
    std::fs::copy(lab.ssh_config(), lab.bench.files().join("ssh_config")).unwrap();
}

#[test]
fn hub_and_labs_on_three_machines() {
    let Some(lab) = common::lab::lab(2) else {
        return;
    };
    lay_out("hub-and-labs", &lab);
    let files = ["topology.yaml", "machines.yaml"];
    let well = lab.ok(&[&["doctor"], &files[..]].concat());
    assert!(well.contains("TO lab1"), "{well}");
    lab.ok(&[&["up"], &files[..]].concat());
    let heard = |agent: &str, reading: &str| {
        let received = lab.osb(&["get", agent, "received"]).stdout;
        received.contains(reading)
    };
    for reading in ["21.5", "19.0"] {
        wait_until(reading, || heard("Archive", reading));
    }
    let systems = lab.ok(&["ls", "systems"]);
    for at in ["lab1 tcp://10.77.0.11:", "lab2 tcp://10.77.0.12:"] {
        assert!(systems.contains(at), "{at}: {systems}");
    }
    lab.ok(&["send", "Director", "orders", "\"calibrate\""]);
    wait_until("both labs have their orders", || {
        let logs = lab.ok(&["logs", "--grep", "calibrate"]);
        logs.contains("Keeper@lab1") && logs.contains("Keeper@lab2")
    });
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// On machines that are network namespaces with the addresses of the inventory.
#[test]
fn two_machines() {
    let Some(lab) = common::lab::lab(2) else {
        return;
    };
    lay_out("two-machines", &lab);
    lab.ok(&["up", "topology.yaml"]);
    wait_until("Bob is greeted", || {
        lab.ok(&["logs", "Bob"]).contains("Hello, Bob!")
    });
    assert!(
        lab.ok(&["addr", "Alice", "main"])
            .starts_with("tcp://10.77.0.11:")
    );
    lab.ok(&["down"]);
    lab.assert_nothing_left();

    let by_hand = |name: &str| {
        lab.ok(&["keys", "join", "host", name]);
        let join = lab.bench.files().join(format!("{name}.join"));
        let join = join.to_str().unwrap();
        let words = [
            "--ns",
            "10.77.0.1:7400",
            "host",
            "--name",
            name,
            "--join",
            join,
        ];
        let mut command = lab.command_on(name, &words);
        command.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    let daemons = ["lab1", "lab2"].map(by_hand);
    lab.ok(&["up", "by-hand.yaml"]);
    wait_until("Bob is greeted", || {
        lab.ok(&["logs", "Bob"]).contains("Hello, Bob!")
    });
    lab.ok(&["down"]);
    for mut daemon in daemons {
        common::kill(i32::try_from(daemon.id()).unwrap(), 15);
        assert!(daemon.wait().unwrap().success());
    }
    lab.assert_nothing_left();
}

#[test]
fn with_files() {
    let Some(lab) = common::lab::lab(1) else {
        return;
    };
    let example = repository().join("examples").join("with-files");
    let files = lab.bench.files();
    std::fs::create_dir(files.join("words")).unwrap();
    for folder in [".", "words"] {
        for file in entries(&example.join(folder)) {
            let (from, to) = (example.join(folder).join(&file), files.join(folder));
            if from.is_file() {
                std::fs::copy(from, to.join(&file)).unwrap();
            }
        }
    }
    std::fs::copy(lab.ssh_config(), files.join("ssh_config")).unwrap();
    let said = lab.osb(&["up", "topology.yaml"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stderr.contains("3/3  3 files, "), "{said}");
    wait_until("the lines are there", || {
        let log = lab.ok(&["logs", "Sink"]);
        ["one wire", "two ends", "three names"]
            .iter()
            .all(|line| log.contains(line))
    });
    lab.ok(&["down"]);
    let said = lab.osb(&["up", "topology.yaml"]);
    assert!(said.stderr.contains("0/0  0 files, "), "{said}");
    lab.ok(&["down"]);
    lab.assert_nothing_left();
}

/// The nodes of a real Slurm, each in a network namespace of its own.
#[test]
fn slurm_places_the_hosts() {
    let Some(lab) = common::lab::lab(2) else {
        return;
    };
    let nodes = [("lab1", "10.77.0.11"), ("lab2", "10.77.0.12")];
    let Some(slurm) = common::slurm::slurm(&lab, &nodes) else {
        return;
    };
    let example = repository().join("examples").join("slurm");
    for file in entries(&example) {
        std::fs::copy(example.join(&file), lab.bench.files().join(&file)).unwrap();
    }
    let osb = env!("CARGO_BIN_EXE_osb");
    let submit = |variables: &str| {
        let export = format!("--export=ALL,OSB={osb}{variables}");
        let words = ["sbatch", "--parsable", &export, "hosts.sbatch"];
        let mut command = slurm.command("desk", &words);
        let command = command.env("OSB_STATE_DIR", lab.bench.state());
        let said = Said::from(command.output().unwrap());
        assert_eq!(said.code, 0, "{said}");
        said.stdout.trim().to_owned()
    };
    let log = |job: &str| {
        let path = lab.bench.files().join(format!("osb-hosts-{job}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let ended = |job: &str| {
        wait_until("the job has ended", || {
            let queue = slurm.run("desk", &["squeue", "-h", "-j", job, "-o", "%T"]);
            queue.stdout.trim().is_empty()
        });
    };
    let nowhere = submit("");
    wait_until("it says what is missing", || {
        log(&nowhere).contains("where is the name server?")
    });
    ended(&nowhere);

    // The system is closed: each host gets in by a file of its own.
    lab.ok(&["keys", "init", "slurm"]);
    for node in ["node0", "node1"] {
        lab.ok(&["--system", "slurm", "keys", "join", "host", node]);
    }
    let here = lab.bench.files();
    let job = submit(&format!(
        ",NAMESERVER=10.77.0.1:7400,JOIN={}",
        here.display()
    ));
    lab.ok(&["up", "topology.yaml"]);
    wait_until("both nodes work", || {
        let log = lab.ok(&["logs", "Boss"]);
        ["lab1", "lab2"]
            .iter()
            .all(|node| log.contains(&format!(r#"{{"node":"{node}","result":144}}"#)))
    });
    let hosts = lab.json(&["ls", "hosts"]);
    let shown = |at: usize| (hosts[at]["name"].clone(), hosts[at]["agents"].clone());
    assert_eq!(shown(1), ("node0".into(), 2.into()));
    assert_eq!(shown(2), ("node1".into(), 2.into()));
    lab.ok(&["down"]);
    // The daemons are the job's, and serve the next system until it ends.
    lab.ok(&["up", "topology.yaml"]);
    lab.ok(&["down"]);
    let said = slurm.run("desk", &["scancel", &job]);
    assert_eq!(said.code, 0, "{said}");
    ended(&job);
    assert!(log(&job).contains("registered at tcp://10.77.0.1:7400"));
    drop(slurm);
    // Keys outlive the system that they are of.
    for keys in [".keys", ".joined"] {
        std::fs::remove_dir_all(lab.bench.state().join("osb").join(keys)).unwrap();
    }
    lab.assert_nothing_left();
}

/// A host daemon for the name server at `ns`, with what an engine adds to its environment, until it has
/// said that it is registered.
fn registered(bench: &Bench, words: &[String], env: &[(&str, &str)]) -> std::process::Child {
    use std::io::BufRead;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = bench.command(&words);
    command.envs(env.iter().copied());
    let mut daemon = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(daemon.stderr.take().unwrap()).lines();
    let said = lines
        .map(Result::unwrap)
        .find(|it| it.starts_with("registered at"));
    assert!(said.is_some(), "osb {words:?}");
    daemon
}

/// A name server by hand, and its address.
fn name_server(bench: &Bench) -> (std::process::Child, String) {
    use std::io::BufRead;
    let mut child = bench.spawn(&["ns", "--bind", "127.0.0.1:0"]);
    let mut line = String::new();
    let out = child.stdout.as_mut().unwrap();
    std::io::BufReader::new(out).read_line(&mut line).unwrap();
    (child, line.trim().trim_start_matches("tcp://").to_owned())
}

fn end(mut child: std::process::Child) {
    common::kill(i32::try_from(child.id()).unwrap(), 15);
    assert!(child.wait().unwrap().success());
}

#[test]
fn systemd_hears_that_a_host_is_ready_and_lives() {
    let unit = repository()
        .join("examples")
        .join("systemd")
        .join("osb-host.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    let bench = Bench::new();
    // It is verified with programs and users that are there.
    let there = text
        .replace("/usr/local/bin/osb", env!("CARGO_BIN_EXE_osb"))
        .replace("EnvironmentFile=/", "EnvironmentFile=-/")
        .replace("User=osb", "User=root");
    let copy = bench.file("osb-host.service", &there);
    let mut verify = std::process::Command::new("systemd-analyze");
    match verify.args(["verify", "--man=no", &copy]).output() {
        Ok(output) => {
            let said = Said::from(output);
            let ours = said.stderr.lines().filter(|line| line.contains("osb-host"));
            assert_eq!(ours.count(), 0, "{said}");
        }
        Err(_) => common::skip("there is no systemd-analyze"),
    }

    // What systemd would run, and hear.
    let (ns, address) = name_server(&bench);
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix("ExecStart="))
        .unwrap();
    let words = line.split(' ').skip(1);
    let fill = |word: &str| {
        word.replace("${NAMESERVER}", &address)
            .replace("${NAME}", "lab1")
    };
    let words: Vec<String> = words.map(fill).collect();
    let path = bench.files().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(common::TIMEOUT)).unwrap();
    assert!(text.contains("Type=notify") && text.contains("WatchdogSec="));
    let env = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "100000"),
    ];
    let daemon = registered(&bench, &words, &env);
    let heard = || {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    wait_for("READY=1", || (heard() == "READY=1").then_some(()));
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(heard(), "WATCHDOG=1", "again and again");
    // One that hangs is not heard any more, and is when it goes on.
    let pid = common::daemon_of(i32::try_from(daemon.id()).unwrap());
    common::kill(pid, 19);
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 64];
    while socket.recv(&mut bytes).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    let silence = std::time::Duration::from_millis(300);
    socket.set_read_timeout(Some(silence)).unwrap();
    assert!(socket.recv(&mut bytes).is_err(), "it stands still");
    socket.set_read_timeout(Some(common::TIMEOUT)).unwrap();
    common::kill(pid, 18);
    assert_eq!(heard(), "WATCHDOG=1");
    end(daemon);
    end(ns);
    bench.assert_nothing_left();
}

/// The container of the manifest does what its README says, as far as that can be seen without a cluster.
#[test]
fn kubernetes_starts_hosts_by_the_names_of_nodes() {
    let file = repository()
        .join("examples")
        .join("kubernetes")
        .join("hosts.yml");
    let text = std::fs::read_to_string(file).unwrap();
    let manifest: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(manifest["kind"], "DaemonSet");
    let spec = &manifest["spec"]["template"]["spec"];
    let labels = &manifest["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&manifest["spec"]["selector"]["matchLabels"], labels);
    let container = &spec["containers"][0];
    assert_eq!(container["command"], json!(["osb"]));
    let (bench, mut values) = (Bench::new(), std::collections::HashMap::new());
    let (ns, address) = name_server(&bench);
    for variable in container["env"].as_array().unwrap() {
        let path = &variable["valueFrom"]["fieldRef"]["fieldPath"];
        let value = match path.as_str() {
            Some("spec.nodeName") => "worker-1",
            Some("status.podIP") => "127.0.0.1",
            Some(other) => panic!("{other} is not known"),
            None if variable["name"] == "NAMESERVER" => &address,
            None => continue,
        };
        values.insert(format!("$({})", variable["name"].as_str().unwrap()), value);
    }
    let words = container["args"].as_array().unwrap().iter();
    let words = words.map(|word| word.as_str().unwrap());
    let words: Vec<String> = words
        .map(|word| values.get(word).copied().unwrap_or(word).to_owned())
        .collect();
    let daemon = registered(&bench, &words, &[]);
    let hosts = bench.json(&["--ns", &address, "ls", "hosts"]);
    assert_eq!(hosts[0]["name"], "worker-1");
    assert_eq!(hosts[0]["address"], "127.0.0.1");
    end(daemon);
    end(ns);
    bench.assert_nothing_left();
}

/// The topologies of the examples, with the text of each.
fn topologies() -> Vec<(String, String)> {
    let examples = repository().join("examples");
    let mut found = Vec::new();
    for example in entries(&examples) {
        let dir = examples.join(&example);
        for name in entries(&dir).into_iter().filter(|_| dir.is_dir()) {
            if name.ends_with(".yaml") {
                let text = std::fs::read_to_string(dir.join(&name)).unwrap();
                found.push((format!("{example}/{name}"), text));
            }
        }
    }
    found
}

#[test]
fn every_topology_fits_the_schema_and_tells_editors_so() {
    let schema = Bench::new().ok(&["schema"]);
    let file = repository().join("specs").join("topology.schema.json");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|it| it == "always") {
        std::fs::write(&file, &schema).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(
        kept == schema,
        "specs/topology.schema.json is not what `osb schema` prints"
    );
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, text) in topologies() {
        let line = "# yaml-language-server: $schema=../../specs/topology.schema.json\n";
        assert!(text.starts_with(line), "{name} does not begin with {line}");
        let topology: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&topology).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

/// The tests of a file, by what it is called in specs/osbrain.md and specs/reliability.md.
fn source_of(file: &str) -> String {
    let folder = repository();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    if file != "agent" {
        let file = file.replace("::", "/");
        return read(folder.join("tests").join(format!("{file}.rs")));
    }
    let tests = folder.join("src").join("agent").join("tests");
    let names = entries(&tests).into_iter().map(|name| tests.join(name));
    names.map(read).collect()
}

/// How many tests the tables of a page name in their last columns, of which there are `columns`. Each is there.
fn tests_named_by(page: &str, columns: usize) -> usize {
    let page = std::fs::read_to_string(repository().join("specs").join(page)).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("| shown by |"));
    let mut named = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), columns, "{row}");
        for test in cells[columns - 1].split('`').skip(1).step_by(2) {
            let (file, name) = test.rsplit_once("::").unwrap_or(("examples", test));
            if test == "proxies" {
                continue;
            }
            let there = source_of(file).contains(&format!("\nfn {name}() {{"));
            assert!(there, "there is no test {test}: {row}");
            named += 1;
        }
    }
    named
}

#[test]
fn the_page_for_users_of_osbrain_names_tests_that_there_are() {
    let named = tests_named_by("osbrain.md", 3);
    assert!(named > 80, "{named}");
}

#[test]
fn the_page_about_reliability_names_tests_that_there_are() {
    let named = tests_named_by("reliability.md", 5);
    assert!(named > 10, "{named}");
}

#[test]
fn plain_programs() {
    let bench = Bench::new();
    let port = free_port().to_string();
    let file = repository()
        .join("examples")
        .join("plain-programs")
        .join("topology.yaml");
    let mut up = bench.command(&["up", file.to_str().unwrap()]);
    let up = up.env("SHOP_PORT", port).env("TMPDIR", bench.files());
    assert!(up.status().unwrap().success());
    let bought = json!([
        { "fruit": "apple", "price": "2 EUR" }, { "fruit": "pear", "price": "3 EUR" }
    ]);
    wait_until("both were bought", || {
        let said = bench.osb(&["-o", "json", "get", "Till", "received"]);
        serde_json::from_str::<serde_json::Value>(&said.stdout).is_ok_and(|it| it == bought)
    });
    for (agent, state) in [
        ("Prices", "stopped"),
        ("Shop", "running"),
        ("Customer", "stopped"),
    ] {
        assert_eq!(bench.agent(agent)["state"], state, "{agent}");
    }
    assert!(
        bench
            .ok(&["logs", "Shop"])
            .contains("open, with apple, pear")
    );
    down(&bench);
}

#[test]
fn osbrain_unchanged() {
    let Some(python) = python_with_packages() else {
        return;
    };
    let bench = Bench::new();
    let script = repository().join("examples").join("osbrain-unchanged");
    let mut desk = std::process::Command::new(python.join("python"));
    desk.arg(script.join("desk.py"))
        .env("OSB_STATE_DIR", bench.state())
        .env_remove("OSB_NAMESERVER");
    let said = Said::from(with_python(desk, python).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    let last = "goods that are followed: ['apples']\n";
    assert!(said.stdout.ends_with(last), "{said}");
    for logged in ["(Clerk): apples cost ", "; pears are not followed"] {
        assert!(said.stdout.contains(logged), "{said}");
    }
    wait_until("nothing is left", || bench.processes().is_empty());
}
