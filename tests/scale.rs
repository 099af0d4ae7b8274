//! More and fewer replicas while the system works, and replicas that are replaced some at a time.

use serde_json::json;

use crate::common::{Bench, kill, listen, wait_until};

/// Work is shared out among the workers, each message goes on to Sink.
fn topology(replicas: u32, worker: &str) -> String {
    format!(
        "
osb: 1
name: scaled
agents:
  Boss:
    bind: {{ work: PUSH }}
    timers: [{{ alias: work, every: 1ms, send: work, message: work }}]
  Worker:
    replicas: {replicas}
    bind: {{ extra: {{ kind: PULL, handler: 'forward:out' }} }}
{worker}
  Sink: {{ bind: {{ done: {{ kind: PULL, handler: discard }} }} }}
connections:
  - {{ agent: \"Worker*\", to: Boss.work, alias: inbox, handler: 'forward:out' }}
  - {{ agent: \"Worker*\", to: Sink.done, alias: out }}
"
    )
}

impl Bench {
    fn workers(&self) -> Vec<String> {
        let names = self.ok(&["ls", "agents", "-o", "names"]);
        let names = names.lines().filter(|it| it.starts_with("Worker"));
        names.map(str::to_owned).collect()
    }

    fn work_goes_on(&self) {
        let done = || self.count("Sink", "done", "received");
        let before = done();
        wait_until("work goes on", || done() > before + 30);
    }

    fn nothing_was_lost(&self) {
        self.ok(&["stop-timer", "Boss", "work"]);
        let sent = self.count("Boss", "work", "sent");
        wait_until("all has come", || {
            self.count("Sink", "done", "received") == sent
        });
        assert_eq!(self.count("Boss", "work", "dropped"), 0);
        assert_eq!(self.count("Boss", "work", "unconfirmed"), 0);
    }
}

#[test]
fn a_system_is_scaled_while_it_works_and_nothing_is_lost() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &topology(2, ""));
    bench.ok(&["up", &path]);
    let pids = ["Boss", "Worker0", "Worker1"].map(|agent| bench.pid(agent));
    bench.work_goes_on();
    for count in [8, 2, 8, 1] {
        bench.ok(&["scale", &format!("Worker={count}")]);
        assert_eq!(bench.workers().len(), count);
        bench.work_goes_on();
    }
    assert_eq!(["Boss", "Worker0"].map(|agent| bench.pid(agent)), pids[..2]);
    // The file says two, and does not count: `plan` says so, and `up` of it changes nothing.
    let plan = bench.osb(&["plan", &path]);
    assert!(plan.stdout.contains("nothing to do"), "{plan}");
    let note = "Worker: 1 replicas, as `osb scale` has said; the file says 2";
    assert!(plan.stderr.contains(note), "{plan}");
    let up = bench.json(&["up", &path]);
    assert_eq!(up["unchanged"], json!(true), "{up}");
    // What else the file says counts.
    let path = bench.file("topology.yaml", &topology(2, "    attributes: { x: 1 }"));
    bench.ok(&["up", &path]);
    assert_eq!(bench.workers(), ["Worker0"]);
    assert_eq!(bench.json(&["get", "Worker0", "x"]), json!(1));
    // Also without the file.
    std::fs::remove_file(&path).unwrap();
    bench.ok(&["scale", "Worker=file"]);
    assert_eq!(bench.workers(), ["Worker0", "Worker1"]);
    bench.nothing_was_lost();
    let history = bench.json(&["history"]);
    let agents: Vec<u64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["agents"].as_u64().unwrap())
        .collect();
    assert_eq!(agents, [4, 3, 3, 10, 4, 10, 4]);
    bench.ok(&["up", "--rollback", "1"]);
    assert_eq!(bench.workers(), ["Worker0"]);
}

/// Those that go are let in until they have finished.
#[test]
fn in_a_closed_system_nothing_is_lost_either() {
    let bench = Bench::new();
    let closed = topology(6, "").replace("agents:", "security: curve\nagents:");
    bench.ok(&["up", &bench.file("topology.yaml", &closed)]);
    for count in [1, 6, 2] {
        bench.work_goes_on();
        bench.ok(&["scale", &format!("Worker={count}")]);
        assert_eq!(bench.workers().len(), count);
    }
    bench.nothing_was_lost();
}

#[test]
fn what_cannot_be_scaled_is_said() {
    let bench = Bench::new();
    let none = bench.osb(&["scale", "Worker=2"]);
    assert!(none.stderr.contains("no system is running"), "{none}");
    bench.ok(&["up", &bench.file("topology.yaml", &topology(2, ""))]);
    for (entry, said) in [
        ("Worke=3", "did you mean Worker?"),
        ("Boss=3", "the topology has no replicas of Boss"),
        ("Worker=0", "there are from 1 to 10000 replicas"),
        ("Worker", "expected NAME=N"),
    ] {
        let refused = bench.osb(&["scale", entry]);
        assert!(
            refused.code != 0 && refused.stderr.contains(said),
            "{refused}"
        );
    }
    assert_eq!(bench.workers().len(), 2);
}

/// What pushes to a worker by itself would go on doing so, and lose it.
#[test]
fn a_worker_that_a_stranger_feeds_is_not_taken_away_unless_loss_is_accepted() {
    let bench = Bench::new();
    bench.ok(&["up", &bench.file("topology.yaml", &topology(3, ""))]);
    let address = bench.json(&["addr", "Worker2", "extra"]);
    let context = zmq::Context::new();
    let stranger = context.socket(zmq::PUSH).unwrap();
    stranger
        .connect(address["address"].as_str().unwrap())
        .unwrap();
    stranger.send("\"work\"", 0).unwrap();
    wait_until("it is connected", || {
        bench.count("Worker2", "extra", "received") == 1
    });
    let pid = bench.pid("Worker2");
    let refused = bench.osb(&["scale", "Worker=1"]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stderr.contains("no wire of this system"),
        "{refused}"
    );
    assert!(refused.stderr.contains("--lossy"), "{refused}");
    // All is as it was.
    assert_eq!(bench.workers().len(), 3);
    assert_eq!(bench.pid("Worker2"), pid);
    wait_until("it gets work again", || {
        let before = bench.count("Worker2", "inbox", "received");
        bench.work_goes_on();
        bench.count("Worker2", "inbox", "received") > before
    });
    let lossy = bench.osb(&["scale", "Worker=1", "--lossy"]);
    assert_eq!(lossy.code, 0, "{lossy}");
    let told = "Worker2 has ended before it had taken in all that was meant for it";
    assert!(lossy.stderr.contains(told), "{lossy}");
    assert_eq!(bench.workers(), ["Worker0"]);
}

#[test]
fn who_watches_goes_by_what_scale_has_said() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &topology(2, ""));
    bench.ok(&["up", &path]);
    bench.ok(&["scale", "Worker=4"]);
    let mut up = bench.spawn(&["up", &path, "--watch"]);
    let said = listen(up.stderr.take().unwrap());
    let heard = |what: &str| said.lock().unwrap().contains(what);
    wait_until("it watches", || heard("watching the topology's files"));
    bench.file("topology.yaml", &topology(2, "    attributes: { x: 1 }"));
    wait_until("the file counts", || {
        bench.osb(&["get", "Worker0", "x"]).stdout.trim() == "1"
    });
    wait_until("all of it does", || {
        bench.osb(&["plan", &path]).stdout.contains("nothing to do")
    });
    assert_eq!(bench.workers().len(), 4);
    // It is still known what the system was read from.
    bench.ok(&["scale", "Worker=5"]);
    // What does not fit is told, and nothing is changed.
    let clash = "  Worker4: {}\n  Sink:";
    bench.file(
        "topology.yaml",
        &topology(2, "    attributes: { x: 2 }").replace("  Sink:", clash),
    );
    wait_until("it is told", || heard("the system stays as it was"));
    assert_eq!(bench.json(&["get", "Worker0", "x"]), json!(1));
    bench.file("topology.yaml", &topology(2, "    attributes: { x: 3 }"));
    wait_until("it goes on", || {
        bench.osb(&["get", "Worker0", "x"]).stdout.trim() == "3"
    });
    kill(i32::try_from(up.id()).unwrap(), 2);
    up.wait().unwrap();
    assert_eq!(bench.workers().len(), 5);
}

#[test]
fn a_replica_does_not_get_the_name_of_an_agent_that_was_spawned() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &topology(2, ""));
    bench.ok(&["up", &path]);
    for (agent, how) in [("Worker3", "--ephemeral"), ("Worker4", "--restart=never")] {
        bench.ok(&["spawn", agent, how]);
        let pid = bench.pid(agent);
        let count = &format!("Worker={}", &(agent[6..].parse::<u32>().unwrap() + 1));
        let refused = bench.osb(&["scale", count]);
        assert_eq!(refused.code, 1, "{refused}");
        let remedy = format!("`osb remove {agent}`");
        assert!(refused.stderr.contains(&remedy), "{refused}");
        assert_eq!((bench.workers().len(), bench.pid(agent)), (3, pid));
        bench.ok(&["remove", agent]);
        bench.ok(&["scale", count]);
        bench.ok(&["scale", "Worker=file"]);
    }
}

fn update(logs: u32, more: &str) -> String {
    topology(
        4,
        &format!("    logs: {{ max_size: {logs}MiB }}\n    update: {{ {more} }}"),
    )
}

#[test]
fn replicas_are_replaced_one_at_a_time_and_nothing_is_lost() {
    let bench = Bench::new();
    let path = bench.file("topology.yaml", &update(20, "parallel: 1"));
    bench.ok(&["up", &path]);
    let pids = |bench: &Bench| [0, 1, 2, 3].map(|n| bench.pid(&format!("Worker{n}")));
    let (before, boss) = (pids(&bench), bench.pid("Boss"));
    bench.work_goes_on();
    let path = bench.file("topology.yaml", &update(21, "parallel: 1"));
    let plan = bench.json(&["plan", &path]);
    assert_eq!(plan["turns"], json!(4), "{plan}");
    let up = bench.json(&["up", &path]);
    let anew = json!(["Worker0", "Worker1", "Worker2", "Worker3"]);
    assert_eq!(up["changed"]["anew"], anew, "{up}");
    let after = pids(&bench);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after)
    );
    assert_eq!(bench.pid("Boss"), boss);
    bench.work_goes_on();
    bench.nothing_was_lost();
    // It is one state of the system, not four.
    assert_eq!(bench.json(&["history"]).as_array().unwrap().len(), 2);
}

/// What has begun and what has ended, in its order.
#[test]
fn the_new_one_works_before_the_former_one_ends() {
    let bench = Bench::new();
    let script = "echo began $OSB_REPLICA $VERSION >> story; \
                  trap 'echo ended $OSB_REPLICA $VERSION >> story; exit 0' TERM; sleep 600 & wait";
    let write = |version: u32| {
        let text = format!(
            "
osb: 1
name: story
agents:
  Worker:
    replicas: 2
    command: [sh, -c, \"{}\"]
    env: {{ VERSION: '{version}' }}
    speaks: nothing
    update: {{ order: start-first }}
",
            script.replace('$', "$$")
        );
        bench.file("topology.yaml", &text)
    };
    bench.ok(&["up", &write(1)]);
    let story = bench.files().join("story");
    let lines = |count: usize| {
        wait_until("all is told", || {
            let told = std::fs::read_to_string(&story).unwrap_or_default();
            told.lines().count() == count
        });
        std::fs::read_to_string(&story).unwrap()
    };
    lines(2);
    std::fs::remove_file(&story).unwrap();
    bench.ok(&["up", &write(2)]);
    let expected = "began 2 2\nended 0 1\nbegan 0 2\nended 1 1\nbegan 1 2\nended 2 2\n";
    assert_eq!(lines(6), expected);
    // There is no room for one more.
    let path = bench.file(
        "topology.yaml",
        &std::fs::read_to_string(write(3))
            .unwrap()
            .replace("agents:", "agents:\n  Worker2: {}"),
    );
    let refused = bench.osb(&["up", &path]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("order: start-first"), "{refused}");
    assert_eq!(lines(6), expected);
}

fn failing(version: u32, on_failure: &str) -> String {
    let script = format!("[ $OSB_REPLICA = 2 ] && [ {version} = 2 ] && exit 7; exec sleep 1000");
    format!(
        "
osb: 1
name: failing
agents:
  Worker:
    replicas: 4
    command: [sh, -c, '{}']
    env: {{ VERSION: '{version}' }}
    speaks: nothing
    settle: 100ms
    update: {{ {on_failure} }}
",
        script.replace('$', "$$")
    )
}

/// The third of four does not come up.
#[test]
fn if_one_does_not_come_up_all_are_what_they_were_or_those_before_it_stay() {
    for (on_failure, stay) in [
        ("on_failure: rollback", 0),
        ("on_failure: stop", 2),
        ("on_failure: rollback, order: start-first", 0),
        ("on_failure: stop, order: start-first", 2),
    ] {
        let bench = Bench::new();
        bench.ok(&["up", &bench.file("topology.yaml", &failing(1, on_failure))]);
        let path = bench.file("topology.yaml", &failing(2, on_failure));
        let failed = bench.osb(&["up", &path]);
        assert_eq!(failed.code, 1, "{failed}");
        assert!(failed.stderr.contains("Worker2"), "{failed}");
        let plan = bench.json(&["plan", &path]);
        let otherwise = plan["altered"].as_array().unwrap().len();
        assert_eq!(otherwise, 4 - stay, "{on_failure}: {plan}");
        // Where it stays is a state to come back to.
        let states = bench.json(&["history"]).as_array().unwrap().len();
        assert_eq!(states, 1 + usize::from(stay > 0), "{on_failure}");
        assert_eq!(
            bench.workers(),
            ["Worker0", "Worker1", "Worker2", "Worker3"]
        );
        for n in 0..4 {
            assert_eq!(bench.agent(&format!("Worker{n}"))["state"], "running");
        }
    }
}

/// One more of the new ones is there before any of the former ones goes.
#[test]
fn more_come_before_any_goes_where_the_file_says_so_and_nothing_is_lost() {
    for security in ["none", "curve"] {
        let bench = Bench::new();
        let write = |logs: u32| {
            let text = update(logs, "order: start-first, parallel: 2");
            let text = text.replace("agents:", &format!("security: {security}\nagents:"));
            bench.file("topology.yaml", &text)
        };
        bench.ok(&["up", &write(20)]);
        bench.work_goes_on();
        let before = [0, 1, 2, 3].map(|n| bench.pid(&format!("Worker{n}")));
        let path = write(21);
        let plan = bench.json(&["plan", &path]);
        assert_eq!(plan["turns"], json!(4), "{plan}");
        let up = bench.json(&["up", &path]);
        let anew = json!(["Worker0", "Worker1", "Worker2", "Worker3"]);
        assert_eq!(up["changed"]["anew"], anew, "{up}");
        assert_eq!(
            bench.workers(),
            ["Worker0", "Worker1", "Worker2", "Worker3"]
        );
        let after = [0, 1, 2, 3].map(|n| bench.pid(&format!("Worker{n}")));
        assert!(before.iter().zip(&after).all(|(one, other)| one != other));
        bench.work_goes_on();
        bench.nothing_was_lost();
        assert_eq!(bench.json(&["history"]).as_array().unwrap().len(), 2);
        assert!(bench.osb(&["plan", &path]).stdout.contains("nothing to do"));
    }
}
