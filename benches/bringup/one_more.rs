//! One agent more in a system that is up: asked for at its host, and waited for until it runs.

use std::time::Instant;

use osb::model::HostId;
use osb::proxy::NameServer;

use super::common::{Aim, System, Table, Way, paired};
use super::topology;

/// So many times in a system in the clear, and in a closed one, in turn.
pub(crate) fn measure(rounds: usize) {
    let systems = Way::BOTH.map(|way| System::up_of(&topology(way, 1)));
    let [plain, curve] = systems.each_ref().map(System::nameserver);
    let table = Table::of("One more agent", "milliseconds", ["in the clear", "CURVE"]);
    let (mut plains, mut curves) = (0, 0);
    let pair = paired(
        rounds,
        || start(&plain, &mut plains),
        || start(&curve, &mut curves),
    );
    table.row("from the request until it runs", pair, Aim::None);
}

fn start(nameserver: &NameServer, count: &mut usize) -> f64 {
    *count += 1;
    let host: HostId = "bench/local".parse().expect("a name");
    let began = Instant::now();
    let agent = nameserver.run_agent(&host, &format!("more-{count}"), None);
    agent.expect("it starts");
    began.elapsed().as_secs_f64() * 1e3
}
