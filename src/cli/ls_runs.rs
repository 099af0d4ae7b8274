//! `osb ls runs`: the runs that are over and whose logs this machine keeps.

use super::{CommandError, Context};
use crate::model::{HostName, SystemName};
use crate::render::{KeptRuns, RunRow};
use crate::state::{Runs, StateDir};

/// Of all systems, if none is named.
pub(crate) fn run(context: &Context) -> Result<(), CommandError> {
    let all = StateDir::from_env()?;
    let systems = match &context.global.system {
        Some(system) => vec![system.clone()],
        None => all.systems_with_runs()?,
    };
    let rows = systems.iter().flat_map(|system| {
        let runs = all.runs(system);
        let rows = runs.numbers().into_iter();
        rows.map(|number| row(system, &runs, number))
            .collect::<Vec<_>>()
    });
    context.print(&KeptRuns(rows.collect()))
}

fn row(system: &SystemName, runs: &Runs, run: u64) -> RunRow {
    let note = runs.run(run).run_note();
    let mut hosts: Vec<HostName> = note.machines.into_iter().map(|it| it.host).collect();
    hosts.extend(note.nameservers.into_iter().map(|it| it.host));
    hosts.sort();
    hosts.dedup();
    RunRow {
        system: system.clone(),
        run,
        ended: note.ended.unwrap_or_else(|| runs.ended_at(run)),
        why: note.why,
        hosts,
        read: format!("osb --system {system} logs --run {run}"),
    }
}
