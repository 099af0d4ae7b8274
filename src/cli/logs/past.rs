//! The logs of runs that are over, of which this machine has kept some.

use super::kept::{self, Missing};
use super::{Follower, LogsArgs, history, in_order, known, printer, tail};
use crate::cli::runtime::block_on;
use crate::cli::which::{self, Meant};
use crate::cli::{CommandError, Context, ErrorKind};
use crate::model::{NameServerName, SystemName};
use crate::state::{RunNote, Runs, StateDir, SystemDir};

/// Which runs are meant.
pub(crate) enum Past {
    Last,
    Run(u64),
}

/// Prints what was logged then.
pub(crate) fn run(which: &Past, args: &LogsArgs, context: &Context) -> Result<(), CommandError> {
    let (system, dir) = run_meant(which, context)?;
    let note = dir.run_note();
    let mut there = tail::agents_with_logs(&dir.logs());
    let elsewhere = note.machines.iter().flat_map(|machine| &machine.agents);
    there.extend(elsewhere.cloned());
    let there = in_order(there);
    let agents = known(&there, &NameServerName::only(), &args.agents)?;
    let (fetched, missing) = block_on(kept::read(&system, &note, &agents, context))?;
    let mut follower = Follower::new(&dir, &agents)?
        .filtered(args.filter())
        .with(fetched);
    let mut printer = printer(args, context);
    history(&mut follower, &mut printer, args)?;
    missing.complain("not all logs of this run could be read")
}

/// The run that is meant, and its system.
pub(crate) fn run_meant(
    which: &Past,
    context: &Context,
) -> Result<(SystemName, SystemDir), CommandError> {
    let (system, runs) = meant(context)?;
    let numbers = runs.numbers();
    let number = match which {
        Past::Last => numbers.last(),
        Past::Run(number) => numbers.iter().find(|it| *it == number),
    };
    match number {
        Some(number) => Ok((system, runs.run(*number))),
        None => Err(no_run(&system, &numbers)),
    }
}

/// Forgets the runs of the system that is meant, or of all if none is named.
pub(crate) fn clear(context: &Context) -> Result<(), CommandError> {
    let all = StateDir::from_env()?;
    let systems = match &context.global.system {
        Some(system) => vec![system.clone()],
        None => all.systems_with_runs()?,
    };
    let mut missing = Missing::default();
    for system in systems {
        let runs = all.runs(&system);
        let notes = runs.numbers().into_iter().map(|it| runs.run(it).run_note());
        let notes: Vec<RunNote> = notes.collect();
        let mut count = 0;
        loop {
            // Those that were brought up here, and then those of parts for systems elsewhere.
            match all.runs(&system).clear()? {
                0 => break,
                some => count += some,
            }
        }
        let (elsewhere, not_asked) = block_on(kept::forget(&system, &notes))?;
        missing.add(not_asked);
        let elsewhere = match elsewhere {
            0 => String::new(),
            some => format!(", and those of {some} on other machines"),
        };
        context.print_text(&format!(
            "{system}: the logs of {count} runs are gone{elsewhere}"
        ))?;
    }
    missing.complain("not all logs on other machines are gone")
}

/// The system that is named, or the one that ended last.
fn meant(context: &Context) -> Result<(SystemName, Runs), CommandError> {
    let all = StateDir::from_env()?;
    let named = match which::meant(&context.global) {
        Meant::Named(name) => Some(name),
        Meant::Address(address) => match which::name_at(&address)? {
            None => return Err(which::not_here(&address)),
            name => name,
        },
        Meant::Only => None,
    };
    if let Some(system) = named {
        let runs = all.runs(&system);
        return Ok((system, runs));
    }
    let systems = all.systems_with_runs()?.into_iter();
    let runs = systems.map(|system| {
        let runs = all.runs(&system);
        (system, runs)
    });
    let last = runs.max_by_key(|(_, runs)| runs.ended());
    last.ok_or_else(|| {
        CommandError::say(ErrorKind::Failed, "no logs of former runs are kept here")
            .with_code("no_run")
    })
}

fn no_run(system: &SystemName, numbers: &[u64]) -> CommandError {
    let error = CommandError::say(
        ErrorKind::Failed,
        format!("no logs of such a run of {system} are kept here"),
    )
    .with_code("no_run");
    let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
    error.with_hints((!list.is_empty()).then(|| format!("there are runs {}", list.join(", "))))
}
