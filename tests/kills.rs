//! Kills at seeded random moments, of agents, daemons, name server and keepers: at the end all is as it was.
//!
//! `OSB_KILLS=1000 OSB_SEED=7 cargo test --test main -- kills::` kills more often.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::seeded::Seeded;
use crate::common::{Bench, kept_by, kill, wait_until};

const AGENTS: usize = 30;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A ring: each agent dials the next one.
fn topology() -> String {
    let agents = (0..AGENTS).map(|n| {
        format!("  a{n}: {{ bind: {{ main: PUSH }}, restart: {{ policy: always, limit: 0, max_delay: 50ms }} }}\n")
    });
    let wires = (0..AGENTS).map(|n| {
        let next = (n + 1) % AGENTS;
        format!("  - {{ agent: a{n}, to: a{next}.main, alias: next, handler: discard }}\n")
    });
    let (agents, wires): (String, String) = (agents.collect(), wires.collect());
    format!("osb: 1\nname: kills\nagents:\n{agents}connections:\n{wires}")
}

impl Bench {
    /// Who is there, as far as that is known at this moment.
    fn living(&self) -> Vec<i32> {
        let said = self.osb(&["-o", "json", "ls", "agents"]);
        let agents: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        let agents = agents.as_array().cloned().unwrap_or_default();
        let pids = agents.iter().filter_map(|it| it["pid"].as_i64());
        pids.filter_map(|pid| i32::try_from(pid).ok()).collect()
    }

    fn kill_one(&self, seeded: &mut Seeded) {
        match seeded.below(100) {
            // Not both of them at once: then there is nothing left that could begin the other anew.
            0..2 => kill_if(self.pid_of("host --name local").filter(is_whole)),
            2..3 => kill_if(self.pid_of(" ns ").filter(is_whole)),
            3..8 => kill_if(self.pid_of("host --name local").and_then(kept_by)),
            8..11 => kill_if(self.pid_of(" ns ").and_then(kept_by)),
            _ => {
                let living = self.living();
                let which = seeded.below(living.len().max(1) as u64) as usize;
                kill_if(living.get(which).copied());
            }
        }
    }

    fn addresses(&self) -> BTreeSet<String> {
        let all = self.json(&["ls", "addresses"]);
        let all = all.as_array().unwrap().iter();
        all.map(|it| it["address"].as_str().unwrap().to_owned())
            .collect()
    }

    fn is_whole(&self) -> bool {
        let said = self.osb(&["-o", "json", "ls", "agents"]);
        let agents: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        let connections = self.osb(&["-o", "json", "ls", "connections"]);
        let connections: serde_json::Value =
            serde_json::from_str(&connections.stdout).unwrap_or_default();
        let all = |list: &serde_json::Value, key: &str, value: &str| {
            let list = list.as_array().cloned().unwrap_or_default();
            list.len() == AGENTS && list.iter().all(|it| it[key] == value)
        };
        all(&agents, "state", "running") && all(&connections, "proof", "proven")
    }
}

fn is_whole(keeper: &i32) -> bool {
    kept_by(*keeper).is_some()
}

fn kill_if(pid: Option<i32>) {
    if let Some(pid) = pid {
        kill(pid, 9);
    }
}

#[test]
fn whatever_is_killed_whenever_all_is_as_it_was() {
    let (kills, seed) = (
        from_environment("OSB_KILLS", 60),
        from_environment("OSB_SEED", 1),
    );
    let bench = Bench::new();
    let said = bench.up(&topology());
    assert_eq!(said.code, 0, "{said}");
    let addresses = bench.addresses();
    let mut seeded = Seeded::of(seed);
    for _ in 0..kills {
        bench.kill_one(&mut seeded);
        // The moment of the next one is part of the seed.
        std::thread::sleep(Duration::from_millis(seeded.below(30)));
    }
    wait_until(&format!("all is whole again after seed {seed}"), || {
        bench.is_whole()
    });
    wait_until(
        "there are agents, daemons and keepers, and no others",
        || bench.processes().len() == AGENTS + 4,
    );
    assert_eq!(
        bench.addresses().len(),
        addresses.len(),
        "no socket is left over"
    );
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}

/// The reader writes each message to its log, and is killed again and again; the writer lives. What has not come to the log is
/// no more than what the writer counts as lost, and a message that was confirmed has come.
#[test]
fn what_kills_lose_is_counted() {
    let seed = from_environment("OSB_SEED", 1);
    let bench = Bench::new();
    let said = bench.up(
        "osb: 1\nname: counted\nagents:\n  Writer: { bind: { out: { kind: PUSH, handler: null } }, timers: [{ alias: t, every: 1ms, send: out, message: m }] }\n  Reader: { restart: { policy: always, limit: 0, max_delay: 50ms } }\nconnections:\n  - { agent: Reader, to: Writer.out, alias: in, handler: log }\n",
    );
    assert_eq!(said.code, 0, "{said}");
    let mut seeded = Seeded::of(seed);
    let logged = || bench.log("counted", "Reader").matches("in: m").count() as u64;
    for _ in 0..from_environment("OSB_KILLS", 60) / 10 {
        let before = logged();
        wait_until("the reader reads", || logged() > before + 20);
        // Readers report once a second: some lives end before that, some after.
        std::thread::sleep(Duration::from_millis(seeded.below(2000)));
        kill_if(
            bench.agent("Reader")["pid"]
                .as_i64()
                .and_then(|it| i32::try_from(it).ok()),
        );
    }
    bench.ok(&["stop-timer", "Writer", "t"]);
    let out = || {
        let all = bench.json(&["ls", "sockets"]);
        let all = all.as_array().unwrap();
        let writer = all.iter().find(|it| it["agent"] == "Writer").unwrap();
        writer["sockets"]["out"].clone()
    };
    let number = |counts: &serde_json::Value, key: &str| counts[key].as_u64().unwrap();
    wait_until("all that was sent has come, or is counted as lost", || {
        let (counts, logged) = (out(), logged());
        let lost = number(&counts, "dropped") + number(&counts, "unconfirmed");
        let sent = number(&counts, "sent");
        assert!(logged <= sent, "seed {seed}: {counts}, {logged} logged");
        sent - logged <= lost
    });
    // It is counted, not guessed: what lives have reported is not among it.
    let counts = out();
    let lost = number(&counts, "dropped") + number(&counts, "unconfirmed");
    assert!(lost < number(&counts, "sent"), "seed {seed}: {counts}");
    bench.ok(&["down"]);
    bench.assert_nothing_left();
}
