//! What a system costs when nothing happens in it.

use std::time::Duration;

use super::common::proc::{cpu_seconds, mean_pss_mib};
use super::common::{Aim, System, Table, Way};
use super::topology;

/// Lets so many agents be for a while. Name server and host daemon are counted in.
pub(crate) fn measure(way: Way, count: usize, time: Duration) {
    let system = System::up_of(&topology(way, count));
    let record = system.record();
    let agents: Vec<u32> = system
        .agents()
        .iter()
        .filter_map(|agent| agent.pid)
        .collect();
    let group = &record.groups[0];
    let nameserver: Vec<u32> = group.launched_nameserver.iter().map(|it| it.pid).collect();
    let hosts: Vec<u32> = group.hosts.iter().map(|it| it.process.pid).collect();
    // The end of the beginning.
    std::thread::sleep(Duration::from_secs(1));
    let of = |pids: &[u32]| pids.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>();
    let before = [&agents, &nameserver, &hosts].map(|pids| of(pids));
    std::thread::sleep(time);
    let after = [&agents, &nameserver, &hosts].map(|pids| of(pids));
    let percent = |at: usize| (after[at] - before[at]) / time.as_secs_f64() * 100.0;
    let table = Table::new(&format!("{count} idle agents, {way}"), "% of a core; MiB");
    let all = (0..3).map(percent).sum();
    table.figure("all processes", None, all, Aim::AtMost(1.0));
    table.figure("of it: the agents", None, percent(0), Aim::None);
    table.figure("of it: the name server", None, percent(1), Aim::None);
    table.figure("of it: the host daemon", None, percent(2), Aim::None);
    table.figure(
        "PSS of an agent",
        None,
        mean_pss_mib(&agents),
        Aim::AtMost(1.5),
    );
    table.figure(
        "PSS of the name server",
        None,
        mean_pss_mib(&nameserver),
        Aim::None,
    );
    table.figure(
        "PSS of the host daemon",
        None,
        mean_pss_mib(&hosts),
        Aim::None,
    );
}
