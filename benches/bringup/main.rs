//! `osb up` and `osb down` of many agents, each a process, all connected to one; their memory, and
//! what they cost when nothing happens.
//!
//! The limit starts bare programs: each makes a context, binds, registers with a ROUTER, looks the
//! first one up, connects, and says that it is ready. It does so in the clear; osb does it by CURVE, too.

#[path = "../common/mod.rs"]
mod common;
mod idle;
mod limit;
mod one_more;

use std::time::{Duration, Instant};

use common::pairs::{Pair, median};
use common::proc::mean_pss_mib;
use common::{Aim, Options, System, Table, Way, role, star};
use limit::Crowd;

fn main() {
    if let Some((_, arguments)) = role() {
        return limit::be_one(&arguments[0], arguments[1] == "0");
    }
    let options = Options::from_env();
    for &count in options.some(&[10, 100, 500], 1) {
        bring_up(options, count);
    }
    one_more::measure(options.rounds(40));
    for way in Way::BOTH {
        idle::measure(
            way,
            if options.quick { 10 } else { 100 },
            options.round(Duration::from_secs(10)),
        );
    }
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
    let mut limits = Vec::new();
    let mut ours = Way::BOTH.map(|way| (way, Vec::new()));
    for _ in 0..rounds {
        limits.push(limit_run(count));
        for (way, runs) in &mut ours {
            runs.push(osb_run(*way, count));
        }
    }
    let row = |what: &str, of: fn(&Run) -> f64, aim| {
        let limit: Vec<f64> = limits.iter().map(of).collect();
        for (way, runs) in &ours {
            let osb: Vec<f64> = runs.iter().map(of).collect();
            let ratios = osb.iter().zip(&limit).map(|(osb, limit)| osb / limit);
            let pair = Pair {
                ratio: median(ratios.collect()),
                limit: median(limit.clone()),
                osb: median(osb),
            };
            table.row(&format!("{what}, {way}"), pair, aim);
        }
    };
    row("up", |run| run.up, Aim::AtMost(2.0));
    row("down", |run| run.down, Aim::AtMost(2.0));
    row("PSS of an agent", |run| run.pss, Aim::None);
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

fn osb_run(way: Way, count: usize) -> Run {
    let system = System::of(&topology(way, count));
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

/// All on this machine.
fn topology(way: Way, count: usize) -> String {
    let security = way.security();
    let head = format!("osb: 1\nname: bench\nsecurity: {security}\n");
    star(&head, count, |_| String::new())
}
