//! How long agents get to end by themselves before they are killed. specs/topology.md, "Ends".

use serde_json::Value;

use crate::common::{Bench, kill, wait_until};

/// Programs that take their time to end, and say in a file how far they have come. The first word is a name, the second
/// how many seconds it takes, or `ever`.
const PLAIN: &str = r#"
finish() { trap '' TERM; echo "told $1" >> ends; sleep $2; echo "done $1" >> ends; exit 0; }
case $2 in ever) trap 'echo "told $1" >> ends' TERM; esac
case $2 in ever) ;; *) trap "finish $1 $2" TERM; esac
echo "begun $1" >> ends
while :; do sleep 0.05; done
"#;
/// One that speaks lines ends at the end of its input. SIGTERM would kill it.
const SPEAKS: &str = r#"
echo '{"type":"ready"}'
while read -r line; do :; done
echo "told $1" >> ends; sleep $2; echo "done $1" >> ends
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("plain", PLAIN);
    bench.file("speaks", SPEAKS);
    bench
}

fn plain(name: &str, seconds: &str, more: &str) -> String {
    format!(
        "  {name}: {{ command: [sh, plain, {name}, '{seconds}'], speaks: nothing, settle: 10ms{more} }}\n"
    )
}

fn up(bench: &Bench, name: &str, agents: &[String]) {
    let agents = agents.concat();
    let up = bench.up(&format!("osb: 1\nname: {name}\nagents:\n{agents}"));
    assert_eq!(up.code, 0, "{up}");
}

/// What programs have said but that they began.
fn ends(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.files().join("ends")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with("begun"));
    lines.map(str::to_owned).collect()
}

fn stage(down: &Value, agent: &str) -> Value {
    let mut agents = down["agents"].as_array().unwrap().iter();
    let of_it = agents.find(|it| it["agent"] == agent);
    of_it.expect(agent)["stage"].clone()
}

/// One that takes longer than `stop` would wait for an agent that says nothing.
#[test]
fn stop_waits_for_the_most_patient_agent() {
    let bench = bench();
    up(
        &bench,
        "stops",
        &[
            plain("Slow", "12", ", stop_timeout: 1m"),
            plain("Deaf", "ever", ", stop_timeout: 100ms"),
        ],
    );
    let said = bench.json(&["stop", "Slow", "Deaf"]);
    assert_eq!(said["Slow"]["result"], Value::Null, "{said}");
    for name in ["Slow", "Deaf"] {
        assert_eq!(bench.agent(name)["state"], "stopped");
    }
    // It ended by itself, and the other had to be killed.
    assert_eq!(bench.agent("Slow")["exit_status"], 0);
    assert_ne!(bench.agent("Deaf")["exit_status"], 0);
    assert!(ends(&bench).contains(&"done Slow".to_owned()));
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// In turn: each has its time, whatever the others have taken.
#[test]
fn down_waits_for_each_in_its_turn() {
    let bench = bench();
    up(
        &bench,
        "turns",
        &[
            plain("First", "6", ", stop_timeout: 1m"),
            plain("Late", "12", ", stop_timeout: 1m, after: First"),
            plain("Deaf", "ever", ", stop_timeout: 100ms"),
            "  Speaks: { command: [sh, speaks, Speaks, '6'], stop_timeout: 1m }\n".to_owned(),
        ],
    );
    let down = bench.json(&["down"]);
    for name in ["First", "Late", "Speaks"] {
        assert_eq!(stage(&down, name), "asked", "{down}");
    }
    assert_eq!(stage(&down, "Deaf"), "killed", "{down}");
    let ends = ends(&bench);
    let place = |what: &str| ends.iter().position(|it| it == what).expect(what);
    assert!(place("done Late") < place("told First"), "{ends:?}");
    place("done First");
    place("done Speaks");
    bench.assert_nothing_left();
}

#[test]
fn what_the_command_line_says_goes_before() {
    let bench = bench();
    up(
        &bench,
        "given",
        &[
            plain("Deaf", "ever", ", stop_timeout: 1h"),
            plain("Slow", "1", ", stop_timeout: 1ms"),
            plain("Stuck", "ever", ", stop_timeout: 1h"),
        ],
    );
    bench.ok(&["stop", "Stuck", "--grace", "100ms"]);
    bench.ok(&["stop", "Slow", "--grace", "1m"]);
    assert!(ends(&bench).contains(&"done Slow".to_owned()));
    let down = bench.json(&["down", "--grace", "100ms"]);
    assert_eq!(stage(&down, "Deaf"), "killed", "{down}");
    bench.assert_nothing_left();
}

/// A program gets no time to do what it would do when it is told.
#[test]
fn no_time_at_all_kills_at_once() {
    let bench = bench();
    up(
        &bench,
        "now",
        &[plain("Deaf", "ever", ", stop_timeout: 0s")],
    );
    let down = bench.json(&["down"]);
    assert_eq!(stage(&down, "Deaf"), "killed", "{down}");
    bench.assert_nothing_left();
}

/// By `restart`, and when an agent that it goes with was.
#[test]
fn who_is_restarted_ends_in_its_own_time() {
    let bench = bench();
    up(
        &bench,
        "again",
        &[
            "  Alice: {}\n".to_owned(),
            plain("Slow", "6", ", stop_timeout: 1m, with: Alice"),
            plain("Deaf", "ever", ", stop_timeout: 100ms, with: Alice"),
        ],
    );
    bench.ok(&["restart", "Alice"]);
    wait_until("all are back", || {
        let is_back = |name: &&str| {
            let agent = bench.agent(name);
            agent["restarts"] == 1 && agent["state"] == "running"
        };
        ["Slow", "Deaf"].iter().all(is_back)
    });
    assert!(ends(&bench).contains(&"done Slow".to_owned()));
    bench.ok(&["down", "--grace", "1s"]);
    bench.assert_nothing_left();
}

#[test]
fn a_daemon_that_is_told_to_end_gives_its_agents_their_time() {
    let bench = bench();
    up(
        &bench,
        "told",
        &[
            plain("Slow", "6", ", stop_timeout: 1m"),
            "  Alice: {}\n".to_owned(),
        ],
    );
    let daemon = bench.pid_of(" host ").expect("the daemon");
    kill(daemon, 15);
    wait_until("its agents have ended", || {
        ends(&bench).contains(&"done Slow".to_owned())
    });
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

#[test]
fn an_up_that_fails_gives_what_it_takes_back_its_time() {
    let bench = bench();
    let slow = plain("Slow", "12", ", stop_timeout: 1m");
    let bad = "  Bad: { command: [sh, -c, 'exit 3'], speaks: nothing, after: Slow, job: true }\n";
    let up = bench.up(&format!("osb: 1\nname: fails\nagents:\n{slow}{bad}"));
    assert_ne!(up.code, 0, "{up}");
    assert_eq!(ends(&bench), ["told Slow", "done Slow"]);
    bench.assert_nothing_left();
}

/// An agent that lives has the time that the file says now; one that is gone from the file ends in its own.
#[test]
fn a_changed_file_gives_agents_another_time() {
    let bench = bench();
    let former = [
        plain("Deaf", "ever", ", stop_timeout: 1h"),
        plain("Slow", "12", ", stop_timeout: 1m"),
    ];
    up(&bench, "changed", &former);
    let pid = bench.pid("Deaf");
    let next = [plain("Deaf", "ever", ", stop_timeout: 100ms")];
    let text = format!("osb: 1\nname: changed\nagents:\n{}", next.concat());
    let plan = bench.ok(&["plan", &bench.file("topology.yaml", &text)]);
    assert!(plan.contains("stop_timeout 1h → 100ms"), "{plan}");
    up(&bench, "changed", &next);
    assert_eq!(ends(&bench), ["told Slow", "done Slow"]);
    assert_eq!(bench.pid("Deaf"), pid);
    let down = bench.json(&["down"]);
    assert_eq!(stage(&down, "Deaf"), "killed", "{down}");
    bench.assert_nothing_left();
}
