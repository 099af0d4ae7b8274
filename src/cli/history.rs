//! `osb history`: what a system was meant to be, one state after the other.

use super::{CommandError, Context, complete, down};
use crate::model::{SystemName, Topology};
use crate::plan::Change;
use crate::render::{History, PastRow};
use crate::state::{Past, StateDir};

/// Show what a running system was meant to be before: `osb up --rollback N` makes it that again
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// The system, or the topology's file that names it; needed if several are running
    #[arg(value_name = "SYSTEM|FILE", add = complete::systems())]
    pub name: Option<String>,
}

pub(crate) fn run(args: HistoryArgs, context: &mut Context) -> Result<(), CommandError> {
    let rows = match down::system(args.name.as_deref(), context)? {
        Some(system) => rows(&StateDir::from_env()?.system(&system).history()),
        None => Vec::new(),
    };
    context.print(&History(rows))
}

/// The last one first: it has the number 0.
fn rows(states: &[Past]) -> Vec<PastRow> {
    let agents = |past: &Past| {
        let topology = serde_json::from_str::<Topology>(&past.topology).ok();
        topology.map(|it| it.agents)
    };
    let mut rows = Vec::new();
    let mut before = None;
    for past in states {
        let now = agents(past);
        let change = before.as_ref().zip(now.as_ref());
        rows.push(PastRow {
            back: 0,
            at: past.at.clone(),
            by: past.by.clone(),
            file: past.file.clone(),
            agents: now.as_ref().map_or(0, Vec::len),
            change: change.map(|(from, to): (&Vec<_>, &Vec<_>)| Change::between(from, to)),
        });
        before = now;
    }
    rows.reverse();
    (0..).zip(&mut rows).for_each(|(back, row)| row.back = back);
    rows
}

/// A state so many before the one that is now.
pub(super) fn past(system: &SystemName, back: u32) -> Result<Past, CommandError> {
    let mut states = StateDir::from_env()?.system(system).history();
    let place = states
        .len()
        .checked_sub(1)
        .and_then(|last| last.checked_sub(usize::try_from(back).unwrap_or(usize::MAX)));
    match place {
        Some(place) => Ok(states.swap_remove(place)),
        None => {
            let sentence = match states.len() {
                0 => format!("of system {system} no state is kept"),
                many => format!("of system {system} {many} states are kept, this one included"),
            };
            Err(CommandError::say(super::ErrorKind::Usage, sentence)
                .with_hint("`osb history` shows them"))
        }
    }
}
