//! What `osb up --attach` does after the system is up: follows the logs until Ctrl-C, or until it is over, and
//! takes the system down. A second Ctrl-C loses patience.

mod attendance;

use std::io::IsTerminal;

use tokio::sync::mpsc;

use super::down::tell_of_logs;
use super::logs::{Elsewhere, Follower, LineWriter, LogPrinter, fetch, print_all};
use super::purpose::{Purpose, status_of};
use super::signals::Signals;
use super::topology_file::TopologyArgs;
use super::watch::{Brought, Watched, watch as watch_files};
use super::{CommandError, Context, ErrorKind};
use crate::down::{DownReport, ForOthers, down};
use crate::model::timing::LAST_LINES_TIMEOUT;
use crate::model::{AgentId, AgentInfo, Grace, SystemName};
use crate::plan::Plan;
use crate::proxy::{Link, Notice, ProxyError, Watch};
use crate::render::{Down, Output};
use crate::state::{GroupRecord, StateDir, SystemRecord};
use crate::up::UpReport;
use crate::wire::Event;
use attendance::{Attendance, Over};

/// The system that is up, and what for.
pub(crate) struct Attached<'a> {
    pub report: &'a UpReport,
    pub until: Until,
    /// What has been brought up, for whoever watches.
    pub up: Brought,
}

/// How long a system is attached to, if it is not taken down elsewhere.
pub(crate) enum Until {
    /// Until it is over, or a signal comes.
    Over(Purpose),
    /// Until a signal comes: meanwhile it becomes what its files say.
    Signal(TopologyArgs),
}

pub(crate) async fn run(
    attached: Attached<'_>,
    signals: &mut Signals,
    context: &Context,
) -> Result<(), CommandError> {
    let (state, system) = (StateDir::from_env()?, &attached.report.plan.system);
    let (end, report) = follow_and_take_down(&state, &attached, signals, context).await?;
    // The command that took it down elsewhere has said so there.
    if let Some(report) = report {
        let (run, named) = (report.run, Some(system.clone()));
        context.print_aside(&Down {
            system: named,
            report,
        })?;
        tell_of_logs(system, run, context);
    }
    match end {
        Some(End::Over(over)) => outcome(over),
        Some(End::Unwatched(error)) => Err(error),
        Some(End::Signal) | None => Ok(()),
    }
}

/// Why it is taken down.
enum End {
    Signal,
    Over(Over),
    /// Its files cannot be watched any more.
    Unwatched(CommandError),
}

/// What the command comes to, when the system is over.
fn outcome(over: Over) -> Result<(), CommandError> {
    match over {
        Over::AllEnded { failed } if failed.is_empty() => Ok(()),
        Over::AllEnded { failed } => {
            let names: Vec<String> = failed.iter().map(AgentId::to_string).collect();
            let sentence = format!(
                "all have ended, and these have failed: {}",
                names.join(", ")
            );
            Err(CommandError::say(ErrorKind::Failed, sentence).with_code("agent_failed"))
        }
        Over::Failed { agent, exit } => {
            let sentence = format!("{agent} has failed: {exit}");
            let error = CommandError::say(ErrorKind::Failed, sentence);
            Err(error.with_code("agent_failed").with_details(exit.log))
        }
        Over::Ended { exit, .. } => match status_of(&exit) {
            0 => Ok(()),
            status => Err(CommandError::ended_with(status)),
        },
    }
}

async fn follow_and_take_down(
    state: &StateDir,
    attached: &Attached<'_>,
    signals: &mut Signals,
    context: &Context,
) -> Result<(Option<End>, Option<DownReport>), CommandError> {
    let system = &attached.report.plan.system;
    let dir = state.system(system);
    let record = dir.record()?;
    let mut elsewhere = match &record {
        Some(record) => fetch(record, context).await,
        None => Elsewhere::default(),
    };
    let mut follower = Follower::new(&dir, &[])?
        .with(elsewhere.take_logs())
        .following(elsewhere.follow(&[]));
    let mut following = std::pin::pin!(follow(&mut follower, context));
    let end = tokio::select! {
        biased;
        ended = &mut following => {
            ended?;
            return Ok((None, None));
        }
        end = until(attached, record.as_ref(), signals, context) => end?,
    };
    context.note(match end {
        End::Signal => "taking the system down; press Ctrl-C again to kill it",
        End::Over(_) => "it is over: taking the system down",
        End::Unwatched(_) => "not watched any more: taking the system down",
    });
    let report = take_down(state, system, signals);
    let mut report = std::pin::pin!(report);
    // What agents say at their end is shown too.
    let report = tokio::select! {
        report = &mut report => report?,
        ended = &mut following => {
            ended?;
            return Ok((Some(end), Some(report.await?)));
        }
    };
    // A terminal that is gone has nothing to show them on.
    let _ = tokio::time::timeout(LAST_LINES_TIMEOUT, following).await;
    Ok((Some(end), Some(report)))
}

/// Goes on until the system is to be taken down.
async fn until(
    attached: &Attached<'_>,
    record: Option<&SystemRecord>,
    signals: &mut Signals,
    context: &Context,
) -> Result<End, CommandError> {
    match &attached.until {
        Until::Over(purpose) => tokio::select! {
            biased;
            () = signals.next() => Ok(End::Signal),
            over = until_over(&attached.report.plan, purpose, record) => Ok(End::Over(over?)),
        },
        Until::Signal(args) => {
            let watched = Watched {
                args,
                up: attached.up.clone(),
                goes_along: true,
            };
            match watch_files(watched, signals, context).await {
                Ok(()) => Ok(End::Signal),
                // In the middle of a change, which was taken back.
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(End::Signal),
                Err(error) => Ok(End::Unwatched(error)),
            }
        }
    }
}

/// Whoever has said beforehand that it is to go is not asked. Those that lose their name server are told of.
async fn take_down(
    state: &StateDir,
    system: &SystemName,
    signals: &mut Signals,
) -> Result<DownReport, CommandError> {
    let taking_down = down(state, system, &[], Grace::USUAL, ForOthers::Lose);
    tokio::pin!(taking_down);
    let report = tokio::select! {
        report = &mut taking_down => report?,
        () = signals.next() => {
            crate::down::hurry(state, system)?;
            taking_down.await?
        }
    };
    Ok(report)
}

/// Ends when the system is over: never, if nobody tells. An error if this user is not admitted any more.
async fn until_over(
    plan: &Plan,
    purpose: &Purpose,
    record: Option<&SystemRecord>,
) -> Result<Over, ProxyError> {
    let agents = plan.agents.iter().map(|agent| agent.name.clone());
    let mut attendance = Attendance::new(purpose.clone(), agents);
    let (tell, mut told) = mpsc::unbounded_channel();
    let groups = record.into_iter().flat_map(SystemRecord::present);
    // The links are kept: without them nothing is told.
    let _links: Vec<Link> = groups
        .filter_map(|group| watch(group, tell.clone()))
        .collect();
    drop(tell);
    while let Some((nameserver, agents)) = told.recv().await {
        for agent in agents? {
            attendance.take(&plan.id(&nameserver, agent.name.clone()), &agent);
        }
        if let Some(over) = attendance.verdict() {
            return Ok(over);
        }
    }
    std::future::pending().await
}

type Told = (
    crate::model::NameServerName,
    Result<Vec<AgentInfo>, ProxyError>,
);

/// Hands on what a name server tells of agents.
fn watch(group: &GroupRecord, tell: mpsc::UnboundedSender<Told>) -> Option<Link> {
    let (link, _no_requests) = Link::open(&group.dial().ok()?).ok()?;
    let (mut watch, name) = (Watch::begin(&link), group.name.clone());
    tokio::spawn(async move {
        while let Some(notice) = watch.next().await {
            let agents = match notice {
                Notice::Snapshot(snapshot) => snapshot.agents,
                Notice::Event(Event::Agent { agent, .. }) => vec![*agent],
                Notice::Event(_) => continue,
            };
            if tell.send((name.clone(), Ok(agents))).is_err() {
                return;
            }
        }
        if let shut @ ProxyError::NotLetIn { .. } = watch.end() {
            let _ = tell.send((name, Err(shut.clone())));
        }
    });
    Some(link)
}

/// Prints lines as they come, until the system is gone.
async fn follow(follower: &mut Follower, context: &Context) -> Result<(), CommandError> {
    let mut printer = match context.output() {
        Output::Json => LogPrinter::json(),
        Output::Table | Output::Wide | Output::Names | Output::Raw | Output::Drawing(_) => {
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
