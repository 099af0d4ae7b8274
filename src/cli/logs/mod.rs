//! `osb logs`: the logs of a system's agents, merged by time. Those of this machine are read from
//! their files, and nobody is asked, so that it works for a system that has died too; for those of other
//! machines, their host daemons are asked.

mod afar;
mod elsewhere;
mod filter;
mod follow;
mod followed;
mod kept;
mod line;
mod merge;
mod past;
mod print;
mod tail;
mod writer;

use std::io::{self, IsTerminal, Write};

use regex_lite::Regex;

use self::filter::{Filter, Wanted};
pub(crate) use self::filter::{LogLevel, Moment};
pub(crate) use self::line::Part;
pub(crate) use self::past::{Past, run_meant};
use super::explain::{ambiguous, hint_agent};
use super::runtime::block_on;
use super::session::selected_for_reading;
use super::which::damaged;
use super::{CommandError, Context, ErrorKind, complete};
use crate::model::{AgentId, NameServerName, SystemName};
use crate::render::Output;
use crate::state::{StateDir, StateError};
pub(crate) use elsewhere::{Elsewhere, fetch};
pub use follow::Follower;
pub(crate) use followed::News;
pub use line::LogLine;
pub use print::LogPrinter;
pub(crate) use writer::LineWriter;

/// Print the logs of agents, merged by time
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The agents; all, if none is given
    #[arg(value_name = "AGENT", add = complete::agents())]
    pub agents: Vec<AgentId>,
    /// Go on as lines are written, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
    /// Only entries that matter so much, or more; what programs print has no level
    #[arg(short, long)]
    pub level: Option<LogLevel>,
    /// Only what is not older: how long ago, such as 5m, or a time
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// Only what is older
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,
    /// Only lines with this in them: a regular expression
    #[arg(short, long, value_name = "PATTERN")]
    pub grep: Option<Regex>,
    /// Only the agents' own logs, or only what their programs print
    #[arg(long, value_name = "PART")]
    pub only: Option<Part>,
    /// Those of the last run, of a system that is down or did not come up
    #[arg(long, conflicts_with_all = ["follow", "run", "clear"])]
    pub last: bool,
    /// Those of the run of that number
    #[arg(long, value_name = "N", conflicts_with_all = ["follow", "clear"])]
    pub run: Option<u64>,
    /// Forget the logs of former runs, of all systems if none is named
    #[arg(long, conflicts_with_all = ["follow", "agents"])]
    pub clear: bool,
}

impl LogsArgs {
    fn filter(&self) -> Filter {
        Filter::new(Wanted {
            level: self.level,
            since: self.since,
            until: self.until,
            grep: self.grep.clone(),
            part: self.only,
        })
    }
}

pub(crate) fn run(args: LogsArgs, context: &mut Context) -> Result<(), CommandError> {
    match (args.clear, args.last, args.run) {
        (true, ..) => past::clear(context),
        (_, true, _) => past::run(&Past::Last, &args, context),
        (_, _, Some(number)) => past::run(&Past::Run(number), &args, context),
        _ => present(args, context),
    }
}

/// Those of a system that is there, dead or alive.
fn present(args: LogsArgs, context: &mut Context) -> Result<(), CommandError> {
    if let Some((system, why)) = damaged(&context.global)? {
        return of_damaged(&system, &why, &args, context);
    }
    let Some(system) = selected_for_reading(&context.global)? else {
        return from_afar(&args, context);
    };
    let dir = StateDir::from_env()?.system(&system.name);
    let record = dir.record()?;
    let mut elsewhere = match &record {
        Some(record) => block_on(fetch(record, context))?,
        None => Elsewhere::default(),
    };
    let mut there = tail::agents_with_logs(&dir.logs());
    there.extend(elsewhere.agents().cloned());
    let there = in_order(there);
    let agents = known(&there, &system.groups[0].name, &args.agents)?;
    let follower = Follower::new(&dir, &agents)?.with(elsewhere.take_logs());
    show(follower, elsewhere, &agents, &args, context)
}

/// Those of a system that was brought up on another machine.
fn from_afar(args: &LogsArgs, context: &Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    let mut elsewhere = block_on(afar::fetch(&session, context))??;
    let there = in_order(elsewhere.agents().cloned().collect());
    let agents = known(&there, &session.groups()[0].name, &args.agents)?;
    let follower = Follower::of_others(&agents).with(elsewhere.take_logs());
    show(follower, elsewhere, &agents, args, context)
}

/// The end of an agent's log, and what comes then.
pub(crate) struct Tailed {
    pub lines: Vec<LogLine>,
    pub follower: Follower,
}

/// The last lines of an agent's log, in an async runtime.
pub(crate) async fn tail_of(
    agent: &AgentId,
    last: usize,
    context: &Context,
) -> Result<Tailed, CommandError> {
    let asked = std::slice::from_ref(agent);
    let (follower, elsewhere, agents) = match selected_for_reading(&context.global)? {
        Some(system) => {
            let dir = StateDir::from_env()?.system(&system.name);
            let mut elsewhere = match &dir.record()? {
                Some(record) => fetch(record, context).await,
                None => Elsewhere::default(),
            };
            let mut there = tail::agents_with_logs(&dir.logs());
            there.extend(elsewhere.agents().cloned());
            let agents = known(&in_order(there), &system.groups[0].name, asked)?;
            let follower = Follower::new(&dir, &agents)?.with(elsewhere.take_logs());
            (follower, elsewhere, agents)
        }
        None => {
            let session = context.session()?;
            let mut elsewhere = afar::fetch(&session, context).await?;
            let there = in_order(elsewhere.agents().cloned().collect());
            let agents = known(&there, &session.groups()[0].name, asked)?;
            let follower = Follower::of_others(&agents).with(elsewhere.take_logs());
            (follower, elsewhere, agents)
        }
    };
    let mut follower = follower;
    let mut lines = Vec::new();
    follower.history(Some(last), |line| {
        lines.push(line);
        Ok(())
    })?;
    let follower = follower.following(elsewhere.follow(&agents));
    Ok(Tailed { lines, follower })
}

/// What there is, and what comes, if that is wanted.
fn show(
    follower: Follower,
    elsewhere: Elsewhere,
    agents: &[AgentId],
    args: &LogsArgs,
    context: &Context,
) -> Result<(), CommandError> {
    let mut follower = follower.filtered(args.filter());
    let mut printer = printer(args, context);
    history(&mut follower, &mut printer, args)?;
    match args.follow {
        true => follow(follower, elsewhere, agents, &mut printer, context),
        false => Ok(()),
    }
}

/// Those in the folder of a system whose record cannot be read, which tells of no other machines.
fn of_damaged(
    system: &SystemName,
    why: &StateError,
    args: &LogsArgs,
    context: &Context,
) -> Result<(), CommandError> {
    let dir = StateDir::from_env()?.system(system);
    context.note(&format!(
        "{why}: these are the logs in the folder of {system} on this machine, and no others; `osb down {system}` clears it away"
    ));
    let there = in_order(tail::agents_with_logs(&dir.logs()));
    let agents = known(&there, &NameServerName::only(), &args.agents)?;
    let follower = Follower::new(&dir, &agents)?;
    show(follower, Elsewhere::default(), &agents, args, context)
}

/// Each once, in order.
fn in_order(mut agents: Vec<AgentId>) -> Vec<AgentId> {
    agents.sort();
    agents.dedup();
    agents
}

/// Those that are meant, as their logs are called: by the name of the first name server there is
/// none in it, and a bare name may be the only one of that name.
fn known(
    there: &[AgentId],
    first: &NameServerName,
    asked: &[AgentId],
) -> Result<Vec<AgentId>, CommandError> {
    let meant = |asked: &AgentId| {
        let named = |it: &&AgentId| {
            let nameserver = it.nameserver.as_ref().unwrap_or(first);
            let asked_for = asked.nameserver.as_ref();
            it.name == asked.name && asked_for.is_none_or(|name| name == nameserver)
        };
        match there.iter().filter(named).collect::<Vec<_>>()[..] {
            [] => Err(unknown(asked, there)),
            [one] => Ok(one.clone()),
            ref several => {
                let full = several.iter().map(|it| AgentId {
                    nameserver: it.nameserver.clone().or(Some(first.clone())),
                    name: it.name.clone(),
                });
                Err(ambiguous(asked, full))
            }
        }
    };
    asked.iter().map(meant).collect()
}

fn unknown(agent: &AgentId, there: &[AgentId]) -> CommandError {
    let sentence = format!("there is no log of {agent}");
    CommandError::say(ErrorKind::Failed, sentence)
        .with_code("unknown_agent")
        .with_hint(hint_agent(agent, there))
}

fn printer(args: &LogsArgs, context: &Context) -> LogPrinter {
    let printer = match context.output() {
        Output::Json => LogPrinter::json(),
        Output::Table | Output::Wide | Output::Names | Output::Raw | Output::Drawing(_) => {
            LogPrinter::text(context.style()).for_terminal(io::stdout().is_terminal())
        }
    };
    match args.agents.len() {
        1 => printer.without_names(),
        _ => printer,
    }
}

/// What has been written so far.
fn history(
    follower: &mut Follower,
    printer: &mut LogPrinter,
    args: &LogsArgs,
) -> Result<(), CommandError> {
    printer.expect(follower.agents());
    let mut out = io::BufWriter::new(io::stdout().lock());
    follower.history(args.lines, |line| writeln!(out, "{}", printer.line(&line)))?;
    if !args.follow {
        for line in follower.unfinished() {
            writeln!(out, "{}", printer.line(&line))?;
        }
    }
    Ok(out.flush()?)
}

/// Until Ctrl-C, or until the system is brought down.
fn follow(
    follower: Follower,
    elsewhere: Elsewhere,
    agents: &[AgentId],
    printer: &mut LogPrinter,
    context: &Context,
) -> Result<(), CommandError> {
    block_on(async {
        let mut follower = follower.following(elsewhere.follow(agents));
        let mut writer = LineWriter::new();
        let outcome = tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(CommandError::from),
            ended = print_all(&mut follower, printer, &mut writer, context) => ended,
        };
        // What has come before is printed in any case.
        writer.finish().await?;
        outcome
    })?
}

/// Prints lines as they come, until the system is gone.
pub(crate) async fn print_all(
    follower: &mut Follower,
    printer: &mut LogPrinter,
    writer: &mut LineWriter,
    context: &Context,
) -> Result<(), CommandError> {
    while let Some(news) = follower.next().await? {
        match news {
            News::Lines(lines) => {
                let lines = lines.iter().map(|line| printer.line(line) + "\n");
                writer.write(lines.collect()).await?;
            }
            News::Note(note) => context.note(&note),
            News::Over(why) => return Err(why.into()),
        }
    }
    Ok(())
}
