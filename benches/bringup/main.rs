//! `osb up` and `osb down` of many agents, each a process, all connected to one; their memory, and
//! what they cost when nothing happens.
//!
//! The limit starts bare programs: each makes a context, binds, registers with a ROUTER, looks the
//! first one up, connects, and says that it is ready.

#[path = "../common/mod.rs"]
mod common;
mod idle;
mod limit;

use std::fmt::Write;
use std::time::{Duration, Instant};

use common::pairs::median;
use common::proc::mean_pss_mib;
use common::{Aim, Options, System, Table, role};
use limit::Crowd;

fn main() {
    if let Some((_, arguments)) = role() {
        return limit::be_one(&arguments[0], arguments[1] == "0");
    }
    let options = Options::from_env();
    for &count in options.some(&[10, 100, 500], 1) {
        bring_up(options, count);
    }
    idle::measure(
        if options.quick { 10 } else { 100 },
        options.round(Duration::from_secs(10)),
    );
}

/// What one bring-up gives: seconds up and down, MiB per agent.
#[derive(Clone, Copy)]
struct Run {
    up: f64,
    down: f64,
    pss: f64,
}

fn bring_up(options: Options, count: usize) {
    let table = Table::new(&format!("{count} agents"), "seconds; MiB");
    let rounds = options.rounds(if count > 100 { 3 } else { 5 });
    let (mut limits, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        limits.push(limit_run(count));
        ours.push(osb_run(count));
    }
    let row = |what: &str, of: fn(&Run) -> f64, aim| {
        let limit: Vec<f64> = limits.iter().map(of).collect();
        let osb: Vec<f64> = ours.iter().map(of).collect();
        let ratios = osb.iter().zip(&limit).map(|(osb, limit)| osb / limit);
        let ratio = median(ratios.collect());
        let pair = common::pairs::Pair {
            limit: median(limit),
            osb: median(osb),
            ratio,
        };
        table.row(what, pair, aim);
    };
    row("up", |run| run.up, Aim::AtMost(2.0));
    row("down", |run| run.down, Aim::AtMost(2.0));
    row("PSS of an agent (aim: 1.5 MiB)", |run| run.pss, Aim::None);
}

fn limit_run(count: usize) -> Run {
    let began = Instant::now();
    let crowd = Crowd::start(count);
    let up = began.elapsed().as_secs_f64();
    let pss = mean_pss_mib(&crowd.pids());
    let began = Instant::now();
    crowd.end();
    Run {
        up,
        down: began.elapsed().as_secs_f64(),
        pss,
    }
}

fn osb_run(count: usize) -> Run {
    let system = System::of(&topology(count));
    let began = Instant::now();
    system.up();
    let up = began.elapsed().as_secs_f64();
    let pids: Vec<u32> = system
        .agents()
        .iter()
        .filter_map(|agent| agent.pid)
        .collect();
    assert_eq!(pids.len(), count);
    let pss = mean_pss_mib(&pids);
    let began = Instant::now();
    system.down();
    Run {
        up,
        down: began.elapsed().as_secs_f64(),
        pss,
    }
}

/// All bind, and all but the first connect to the first.
fn topology(count: usize) -> String {
    let mut agents = String::from("osb: 1\nname: bench\nagents:\n");
    let mut connections = String::from("connections:\n");
    for n in 0..count {
        let _ = writeln!(agents, "  agent-{n}: {{ bind: {{ main: PUSH }} }}");
        if n > 0 {
            let _ = writeln!(
                connections,
                "  - {{ agent: agent-{n}, to: agent-0.main, alias: inbox, handler: discard }}"
            );
        }
    }
    if count > 1 {
        agents + &connections
    } else {
        agents
    }
}
