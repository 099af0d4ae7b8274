//! Which system a command is about: every command, by every way to name one, wrong ones included.

use crate::common::{self, Bench, Said};

/// Two systems that run, each with an agent of its own name.
fn two() -> Bench {
    let bench = Bench::new();
    for name in ["one", "two"] {
        let topology = format!(
            "osb: 1\nname: {name}\nagents:\n  In-{name}: {{ bind: {{ out: PUB }}, attributes: {{ a: 1 }}, timers: [{{ every: 1h, alias: tick, set: {{ a: 2 }} }}] }}\n  Sub: {{}}\nconnections: [{{ agent: Sub, to: In-{name}.out, alias: in, handler: {{ x: log }} }}]\n"
        );
        let path = bench.file(&format!("{name}.yaml"), &topology);
        bench.ok(&["up", &path]);
    }
    bench
}

/// Commands about a running system, each with `In-two` where it wants an agent.
const COMMANDS: &[&[&str]] = &[
    &["ls", "agents"],
    &["ls", "hosts"],
    &["ls", "connections"],
    &["ls", "addresses"],
    &["ls", "sockets"],
    &["addr", "In-two", "out"],
    &["get", "In-two", "a"],
    &["set", "In-two", "a=3"],
    &["send", "In-two", "out", "1"],
    &["bind", "In-two", "more", "PUSH"],
    &["connect", "Sub", "again", "--to", "In-two.out"],
    &["close", "Sub", "again"],
    &["subscribe", "Sub", "in", "y"],
    &["unsubscribe", "Sub", "in", "y"],
    &["every", "In-two", "1h", "set", "a=1"],
    &["after", "In-two", "1h", "set", "a=1"],
    &["timers", "In-two"],
    &["stop-timer", "In-two", "tick"],
    &["log", "In-two", "hello"],
    &["logs", "In-two"],
    &["wait", "In-two"],
    &["shutdown", "In-two"],
];

struct Way {
    options: Vec<String>,
    environment: Option<String>,
}

fn run(bench: &Bench, way: &Way, command: &[&str]) -> Said {
    let mut osb = bench.command(&[]);
    osb.args(&way.options).args(command);
    if let Some(address) = &way.environment {
        osb.env("OSB_NAMESERVER", address);
    }
    Said::from(osb.output().unwrap())
}

fn option(name: &str, value: &str) -> Way {
    Way {
        options: vec![name.to_owned(), value.to_owned()],
        environment: None,
    }
}

fn address(bench: &Bench, name: &str) -> String {
    let systems = bench.json(&["ls", "systems"]);
    let mut systems = systems.as_array().unwrap().iter();
    let system = systems.find(|it| it["name"] == name).unwrap();
    system["nameserver"].as_str().unwrap().to_owned()
}

#[test]
fn every_command_finds_its_system_by_every_way() {
    for way in 0..4 {
        let bench = two();
        let (one, two) = (address(&bench, "one"), address(&bench, "two"));
        let way = match way {
            0 => option("--ns", &two),
            1 => option("--ns", two.trim_start_matches("tcp://")),
            2 => option("--system", "two"),
            _ => Way {
                options: Vec::new(),
                environment: Some(two.clone()),
            },
        };
        for command in COMMANDS {
            let said = run(&bench, &way, command);
            assert_eq!(said.code, 0, "{:?} {command:?}: {said}", way.options);
        }
        // The option goes over the environment.
        let over = Way {
            environment: Some(one),
            ..option("--ns", &two)
        };
        let said = run(&bench, &over, &["-o", "names", "ls", "agents"]);
        assert!(said.stdout.contains("Sub"), "{said}");
        let said = run(&bench, &way, &["down"]);
        assert_eq!(said.code, 0, "{said}");
        assert!(said.stdout.contains("two is down"), "{said}");
        assert_eq!(bench.ok(&["-o", "names", "ls", "systems"]).trim(), "one");
    }
}

#[test]
fn a_wrong_way_is_an_error_and_touches_nothing() {
    let bench = two();
    let nobody = format!("127.0.0.1:{}", common::free_port());
    let wrong = [
        (option("--ns", &nobody), [4, 1]),
        (option("--system", "tow"), [4, 1]),
        (
            Way {
                options: Vec::new(),
                environment: Some(nobody),
            },
            [4, 1],
        ),
        (
            Way {
                options: Vec::new(),
                environment: None,
            },
            [2, 2],
        ),
    ];
    for (way, codes) in &wrong {
        for command in COMMANDS.iter().chain([&["down"].as_slice()]) {
            let said = run(&bench, way, command);
            let expected: &[i32] = match command[0] {
                // It reads files of this machine.
                "down" | "logs" => codes,
                _ => &codes[..1],
            };
            assert!(
                expected.contains(&said.code),
                "{:?} {command:?}: {said}",
                way.options
            );
            assert!(said.stderr.contains("hint: "), "{command:?}: {said}");
        }
    }
    assert_eq!(bench.json(&["ls", "systems"]).as_array().unwrap().len(), 2);
    let said = bench.osb(&["--system", "tow", "ls"]);
    assert!(said.stderr.contains("did you mean two?"), "{said}");
}

#[test]
fn down_takes_a_name_or_a_file_and_contradicts_nothing() {
    let bench = two();
    let (one, two) = (address(&bench, "one"), address(&bench, "two"));
    for (arguments, words) in [
        (vec!["down", "tow"], "did you mean two?"),
        (vec!["down", "nosuch"], "no system is called nosuch"),
        (vec!["down", "a.yaml"], "no system is called a.yaml"),
        (vec!["down", "./a.yaml"], "there is no such file"),
    ] {
        let said = bench.osb(&arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said}");
        assert!(said.stderr.contains(words), "{said}");
    }
    let said = bench.osb(&["--ns", &one, "down", "two"]);
    assert_eq!(said.code, 2, "{said}");
    let said = bench.osb(&["--system", "one", "down", "two"]);
    assert_eq!(said.code, 2, "{said}");
    assert_eq!(bench.json(&["ls", "systems"]).as_array().unwrap().len(), 2);
    // A name goes over the environment, and a file is taken for the system that it names.
    let mut down = bench.command(&["down", "two"]);
    let said = Said::from(down.env("OSB_NAMESERVER", &one).output().unwrap());
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.contains("two is down"), "{said}");
    // It is known, and is down already.
    assert_eq!(bench.osb(&["down", "two"]).code, 0);
    let said = bench.osb(&["--ns", &two, "down"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(bench.ok(&["down", "one.yaml"]).contains("one is down"));
    bench.assert_nothing_left();
}

#[test]
fn files_of_a_usual_name_are_systems_of_their_folders() {
    let bench = Bench::new();
    let plain = "osb: 1\nagents: { A: {} }\n";
    for folder in ["lab", "my farm"] {
        std::fs::create_dir(bench.files().join(folder)).unwrap();
        bench.file(&format!("{folder}/topology.yaml"), plain);
        // Without a file, it is the one that is here.
        let mut up = bench.command(&["up"]);
        let said = Said::from(up.current_dir(bench.files().join(folder)).output().unwrap());
        assert_eq!(said.code, 0, "{said}");
    }
    assert_eq!(
        bench.ok(&["-o", "names", "ls", "systems"]),
        "lab\nmy-farm\n"
    );
    bench.ok(&["down", "my farm/topology.yaml"]);
    assert_eq!(bench.ok(&["-o", "names", "ls", "systems"]), "lab\n");
    let said = bench.osb(&["check"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stderr.contains("no topology.yaml"), "{said}");
    bench.ok(&["down"]);
}

#[test]
fn a_system_under_its_former_default_name_is_found_by_its_file() {
    let bench = Bench::new();
    let plain = "osb: 1\nagents: { A: {} }\n";
    let path = bench.file("topology.yaml", plain);
    // As it was called before.
    let named = bench.file("topology.yaml", &format!("name: topology\n{plain}"));
    bench.ok(&["up", &named]);
    bench.file("topology.yaml", plain);
    assert!(
        bench
            .ok(&["up", &path])
            .contains("topology is up already, unchanged")
    );
    assert!(bench.ok(&["down", &path]).contains("topology is down"));
}
