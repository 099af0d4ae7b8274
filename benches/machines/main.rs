//! `osb up` and `osb down` of agents on several machines by ssh, beside the same agents on one; and what one
//! more host costs. The machines are those of the tests: network namespaces on a bridge, each with an sshd.
//! They share this one's cores, so that nothing gets faster by them: what is seen is what they cost.

#[path = "../common/mod.rs"]
mod bench;
#[path = "../../tests/common/mod.rs"]
#[allow(dead_code, reason = "the part of it that is needed here")]
mod common;

use std::fmt::Write;
use std::time::Instant;

use bench::pairs::{Pair, median};
use bench::{Aim, Options, Table, Way, star};
use common::lab::{DESK, Lab};

/// How many machines there are beside the operator's.
const MACHINES: usize = 4;
const AGENTS: usize = 100;

fn main() {
    let options = Options::from_env();
    let Some(lab) = common::lab::lab(MACHINES) else {
        return;
    };
    let rounds = options.rounds(5);
    for way in Way::BOTH {
        many_agents(&lab, way, if options.quick { 10 } else { AGENTS }, rounds);
    }
    for way in Way::BOTH {
        one_more_host(&lab, way, rounds);
    }
}

/// So many agents on the operator's machine, and spread over the others.
fn many_agents(lab: &Lab, way: Way, agents: usize, rounds: usize) {
    let columns = ["one machine", "4 by ssh"];
    let table = Table::of(&format!("{agents} agents, {way}"), "seconds", columns);
    let [here, there] = [0, MACHINES].map(|machines| topology(lab, way, machines, agents));
    let (mut local, mut far) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        local.push(run(lab, &here));
        far.push(run(lab, &there));
    }
    row(&table, "up", &local, &far, |run| run.up);
    row(&table, "down", &local, &far, |run| run.down);
}

/// One agent on each host.
fn one_more_host(lab: &Lab, way: Way, rounds: usize) {
    let title = format!("One host by ssh, and one more, {way}");
    let table = Table::of(&title, "seconds", ["one fewer", "so many"]);
    let topologies: Vec<String> = (1..=MACHINES)
        .map(|machines| topology(lab, way, machines, machines))
        .collect();
    let mut runs = vec![Vec::new(); MACHINES];
    for _ in 0..rounds {
        for (runs, topology) in runs.iter_mut().zip(&topologies) {
            runs.push(run(lab, topology));
        }
    }
    for machines in 1..MACHINES {
        let (fewer, so_many) = (&runs[machines - 1], &runs[machines]);
        let what = |verb| format!("{verb}, {} hosts", machines + 1);
        row(&table, &what("up"), fewer, so_many, |run| run.up);
        row(&table, &what("down"), fewer, so_many, |run| run.down);
    }
}

fn row(table: &Table, what: &str, one: &[Run], other: &[Run], of: fn(&Run) -> f64) {
    let one: Vec<f64> = one.iter().map(of).collect();
    let other: Vec<f64> = other.iter().map(of).collect();
    let ratios = other.iter().zip(&one).map(|(other, one)| other / one);
    let pair = Pair {
        ratio: median(ratios.collect()),
        limit: median(one),
        osb: median(other),
    };
    table.row(what, pair, Aim::None);
}

/// Seconds of one bring-up and take-down.
#[derive(Debug, Clone, Copy)]
struct Run {
    up: f64,
    down: f64,
}

fn run(lab: &Lab, topology: &str) -> Run {
    let path = lab.bench.file("bench.yaml", topology);
    let began = Instant::now();
    lab.ok(&["-q", "up", &path]);
    let up = began.elapsed().as_secs_f64();
    let began = Instant::now();
    lab.ok(&["-q", "down", "bench"]);
    let down = began.elapsed().as_secs_f64();
    Run { up, down }
}

/// Spread over so many machines. Without any: all on the operator's.
fn topology(lab: &Lab, way: Way, machines: usize, agents: usize) -> String {
    let security = way.security();
    let mut head = format!("osb: 1\nname: bench\nsecurity: {security}\n");
    if machines == 0 {
        return star(&head, agents, |_| String::new());
    }
    let _ = writeln!(head, "nameserver: {DESK}:7400\nhosts:");
    let _ = writeln!(head, "  local: {{ address: {DESK} }}");
    let config = lab.ssh_config();
    for n in 1..=machines {
        let config = config.display();
        let _ = writeln!(head, "  lab{n}: {{ ssh: lab{n}, ssh_config: {config} }}");
    }
    star(&head, agents, |n| {
        format!("host: lab{}, ", n % machines + 1)
    })
}
