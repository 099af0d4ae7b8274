//! SIGSTOP of programs that answer pings, and of agents, until the name server tells so and until what their policies say is done.
//! The clock is that of a watcher at the name server.

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Aim, Options, System, Table};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use osb::model::{AgentInfo, State};
use osb::proxy::{Notice, Watch};
use osb::wire::Event;

const LIMIT: Duration = Duration::from_secs(60);
/// Between two stops, so that they fall anywhere between two pings and two heartbeats.
const GAP: Duration = Duration::from_millis(230);

/// When agents were stopped, or their programs, and what was told of them since.
struct Story {
    watch: Watch,
    told: Vec<(Instant, AgentInfo)>,
}

fn main() {
    let options = Options::from_env();
    let count = if options.quick { 2 } else { 10 };
    let system = System::up_of(&topology(count));
    for group in ["told", "anew"] {
        (0..count).for_each(|n| answers(&system, &format!("{group}-{n}")));
    }
    let nameserver = system.nameserver();
    let mut story = Story {
        watch: nameserver.watch(),
        told: Vec::new(),
    };
    let agents = story.snapshot();
    let mut stopped = Vec::new();
    for n in 0..count {
        for (group, is_program) in [("told", true), ("anew", true), ("agent", false)] {
            let name = format!("{group}-{n}");
            let agent = agents.iter().find(|it| it.name.as_str() == name);
            let pid = agent.and_then(|it| it.pid).expect("it runs");
            let pid = if is_program { child_of(pid) } else { pid };
            stopped.push((name, Instant::now()));
            stop(pid);
        }
        story.go_on(GAP, |_| false);
    }
    let all = 3 * count;
    let is_over = |told: &[(Instant, AgentInfo)]| {
        let over = stopped.iter().filter(|(name, _)| {
            let mut of = told.iter().filter(|(_, it)| it.name.as_str() == name);
            match name.starts_with("told") {
                true => of.any(|(_, it)| it.state == State::Suspect),
                false => of.any(|(_, it)| runs_again(it)),
            }
        });
        over.count() == all
    };
    story.go_on(LIMIT, is_over);
    assert!(is_over(&story.told), "not all came about");
    let after =
        |group: &str, reached: fn(&AgentInfo) -> bool| story.after(&stopped, group, reached);
    let table = Table::new("SIGSTOP of a program that answers pings", "seconds");
    show(
        &table,
        "suspect, where it is only told",
        after("told", is_suspect),
    );
    let ended = after("anew", |it| it.last_end.is_some());
    let runs = after("anew", runs_again);
    let between = ended.iter().zip(&runs);
    let between = between.map(|(ended, runs)| runs - ended).collect();
    show(&table, "killed, by its policy", ended);
    show(&table, "it runs again, by its policy", runs);
    show(&table, "of it: from its end on", between);
    let table = Table::new("SIGSTOP of an agent", "seconds");
    show(&table, "suspect", after("agent", is_suspect));
    show(
        &table,
        "unreachable",
        after("agent", |it| it.state == State::Unreachable),
    );
    show(
        &table,
        "it runs again, by its policy",
        after("agent", runs_again),
    );
}

/// One that has not begun to read does not answer pings either, and has not said that it does.
fn answers(system: &System, agent: &str) {
    let call = ["call", agent, "abs", "[-1]"];
    common::system::succeeded(system.osb().args(call).output());
}

fn topology(count: usize) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let library = format!("{root}/examples/lib");
    let program = "import osb_lines; agent = osb_lines.Agent(); agent.method(abs); agent.run()";
    let agents = (0..count).map(|n| {
        let command =
            format!("command: [python3, -c, '{program}'], env: {{ PYTHONPATH: '{library}' }}");
        format!(
            "  told-{n}: {{ {command} }}\n  anew-{n}: {{ {command}, restart: on-failure }}\n  agent-{n}: {{ restart: on-failure }}\n"
        )
    });
    let agents: String = agents.collect();
    format!("osb: 1\nname: bench\nagents:\n{agents}")
}

impl Story {
    fn snapshot(&mut self) -> Vec<AgentInfo> {
        let all = self
            .watch
            .wait_until("a snapshot", LIMIT, |notice| match notice {
                Notice::Snapshot(snapshot) => Some(snapshot.agents),
                Notice::Event(_) => None,
            });
        all.expect("the name server answers")
    }

    /// Listens until it is over, or for so long.
    fn go_on(&mut self, limit: Duration, is_over: impl Fn(&[(Instant, AgentInfo)]) -> bool) {
        let Self { watch, told } = self;
        // What is not reached in time, its caller sees.
        let _ = watch.wait_until("what is told", limit, |notice| {
            if let Notice::Event(Event::Agent { agent, .. }) = notice {
                told.push((Instant::now(), *agent));
            }
            is_over(told).then_some(())
        });
    }

    /// After how many seconds each of a group was told to be so.
    fn after(
        &self,
        stopped: &[(String, Instant)],
        group: &str,
        reached: fn(&AgentInfo) -> bool,
    ) -> Vec<f64> {
        let of_group = stopped.iter().filter(|(name, _)| name.starts_with(group));
        let first = of_group.map(|(name, at)| {
            let mut told = self.told.iter();
            let is_it = |(_, it): &&(Instant, AgentInfo)| it.name.as_str() == name && reached(it);
            let (when, _) = told.find(is_it).expect("it came about");
            when.duration_since(*at).as_secs_f64()
        });
        first.collect()
    }
}

fn is_suspect(agent: &AgentInfo) -> bool {
    agent.state == State::Suspect
}

fn runs_again(agent: &AgentInfo) -> bool {
    agent.state == State::Running && agent.restarts > 0
}

fn stop(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid"));
    kill(pid, Signal::SIGSTOP).expect("it lives");
}

/// The program of an agent.
fn child_of(agent: u32) -> u32 {
    let threads = Path::new("/proc").join(agent.to_string()).join("task");
    let threads = fs::read_dir(threads).expect("it lives");
    let children = threads.flatten().filter_map(|thread| {
        let children = fs::read_to_string(thread.path().join("children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    });
    let mut children: Vec<u32> = children.collect();
    children.pop().expect("it has a program")
}

fn show(table: &Table, what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let last = times.len() - 1;
    for (which, at) in [("first", 0), ("median", last / 2), ("last", last)] {
        table.figure(&format!("{what}: {which}"), None, times[at], Aim::None);
    }
}
