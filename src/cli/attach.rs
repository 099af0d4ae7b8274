//! What `osb up --attach` does after the system is up: follows the logs until Ctrl-C, then takes
//! the system down. A second Ctrl-C loses patience.

use std::io::IsTerminal;

use super::logs::{Elsewhere, Follower, LineWriter, LogPrinter, fetch, print_all};
use super::signals::Signals;
use super::{CommandError, Context};
use crate::down::{DownReport, down};
use crate::model::{Millis, SystemName};
use crate::render::{Down, Output};
use crate::state::StateDir;

/// How long agents may take to end, as with `osb down`.
const GRACE: Millis = Millis::from_secs(5);

pub async fn run(
    system: &SystemName,
    signals: &mut Signals,
    context: &Context,
) -> Result<(), CommandError> {
    let state = StateDir::from_env()?;
    let report = follow_and_take_down(&state, system, signals, context).await?;
    // Whoever took it down elsewhere has said so there.
    match report {
        Some(report) => context.print_aside(&Down {
            system: Some(system.clone()),
            report,
        }),
        None => Ok(()),
    }
}

async fn follow_and_take_down(
    state: &StateDir,
    system: &SystemName,
    signals: &mut Signals,
    context: &Context,
) -> Result<Option<DownReport>, CommandError> {
    let dir = state.system(system);
    let record = dir.record()?;
    let mut elsewhere = match record {
        Some(record) => fetch(&record, context).await,
        None => Elsewhere::default(),
    };
    let mut follower = Follower::new(&dir, &[])?
        .with(elsewhere.take_logs())
        .following(elsewhere.follow(&[]));
    tokio::select! {
        biased;
        () = signals.next() => {}
        ended = follow(&mut follower, context) => {
            ended?;
            return Ok(None);
        }
    }
    context.note("taking the system down; press Ctrl-C again to kill it");
    let taking_down = down(state, system, &[], GRACE);
    tokio::pin!(taking_down);
    let report = tokio::select! {
        report = &mut taking_down => report?,
        () = signals.next() => {
            crate::down::hurry(state, system)?;
            taking_down.await?
        }
    };
    Ok(Some(report))
}

/// Prints lines as they come, until the system is gone.
async fn follow(follower: &mut Follower, context: &Context) -> Result<(), CommandError> {
    let mut printer = match context.output() {
        Output::Json => LogPrinter::json(),
        Output::Table | Output::Names => {
            LogPrinter::text(context.style()).for_terminal(std::io::stdout().is_terminal())
        }
    };
    printer.expect(follower.agents());
    let mut so_far = String::new();
    follower.history(None, |line| {
        so_far += &printer.line(&line);
        so_far += "\n";
        Ok(())
    })?;
    let mut writer = LineWriter::new();
    writer.write(so_far).await?;
    print_all(follower, &mut printer, &mut writer, context).await?;
    Ok(writer.finish().await?)
}
