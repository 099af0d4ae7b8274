//! `osb up`.

use std::path::{Path, PathBuf};

use super::ask::{agrees, can_be_asked};
use super::attach::{Attached, Until};
use super::bring_up::bring_up;
use super::mended::not_all_back;
use super::purpose::Purpose;
use super::request::{request, topology_request};
use super::runtime::block_on;
use super::saved_plan::SavedPlan;
use super::session::UNPROTECTED;
use super::signals::Signals;
use super::topology_file::TopologyArgs;
use super::watch::{Brought, Watched, look, watch};
use super::{CommandError, Context, ErrorKind, down, history};
use crate::model::AgentId;
use crate::plan::Plan;
use crate::render::{Up, WouldChange, did_you_mean};
use crate::up::{UpError, UpReport, UpRequest, foresee};

/// Bring up a system from its topology
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
    /// Follow the logs until Ctrl-C, or until nothing is left to run, then bring the system down again
    #[arg(long)]
    pub attach: bool,
    /// With --attach, which it implies: bring the system down as soon as an agent fails
    #[arg(long)]
    pub abort_on_failure: bool,
    /// With --attach, which it implies: bring the system down when this agent has ended, or another has
    /// failed, and end with its exit status
    #[arg(long, value_name = "AGENT")]
    pub exit_code_from: Option<AgentId>,
    /// The system of that name may be up from another file: make of it what this file says
    #[arg(long)]
    pub replace: bool,
    /// Do just what `osb plan --out PLAN` has shown, or nothing if something is otherwise by now
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["files", "more", "set", "replace"])]
    pub plan: Option<PathBuf>,
    /// Make the running system what it was N states before, as `osb history` shows them [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["files", "more", "set", "replace", "plan"])]
    pub rollback: Option<u32>,
    /// Show what would be done, and ask
    #[arg(long)]
    pub confirm: bool,
    /// Go on: whenever the topology's files change, make of the system what they say, until Ctrl-C. With
    /// --attach, Ctrl-C takes the system down too, and the end of all agents does not
    #[arg(long, conflicts_with_all = ["abort_on_failure", "exit_code_from", "plan", "rollback", "confirm"])]
    pub watch: bool,
}

pub(crate) fn run(args: UpArgs, context: &mut Context) -> Result<(), CommandError> {
    let mut request = match (&args.plan, args.rollback) {
        (Some(path), _) => planned(path, context)?,
        (None, Some(back)) => rolled_back(back, context)?,
        (None, None) => topology_request(&args.topology, context)?.1,
    };
    request.replace = args.replace || args.plan.is_some() || args.rollback.is_some();
    if let Some(agent) = &args.exit_code_from {
        refuse_unknown_agent(agent, &request.plan)?;
    }
    let purpose = Purpose {
        abort_on_failure: args.abort_on_failure,
        exit_code_from: args.exit_code_from,
    };
    let attach = args.attach || purpose != Purpose::default();
    let then = match (attach, args.watch) {
        (true, false) => Then::Attach(Until::Over(purpose)),
        (true, true) => Then::Attach(Until::Signal(args.topology)),
        (false, true) => Then::Watch(args.topology),
        (false, false) => Then::End,
    };
    if args.confirm && !block_on(confirmed(&request, context))?? {
        context.note("nothing was done");
        return Ok(());
    }
    block_on(bring_up_and_follow(request, then, context))?
}

/// What comes when the system is up.
enum Then {
    End,
    Attach(Until),
    Watch(TopologyArgs),
}

/// Shows what would be done, and asks.
async fn confirmed(request: &UpRequest, context: &Context) -> Result<bool, CommandError> {
    if !can_be_asked() {
        let sentence = "--confirm asks, and there is no terminal";
        return Err(CommandError::say(ErrorKind::Usage, sentence));
    }
    let what = match foresee(request).await? {
        Some(foreseen) => {
            let mut foreseen = foreseen;
            foreseen.change.hide_secrets();
            let system = request.plan.system.clone();
            context.print_aside(&WouldChange { system, foreseen })?;
            "do that".to_owned()
        }
        None => format!("bring up {}", request.plan.system),
    };
    Ok(agrees(&what, context)?)
}

/// What was planned, if that still holds.
fn planned(path: &Path, context: &Context) -> Result<UpRequest, CommandError> {
    let saved = SavedPlan::read(path)?;
    let mut request = request(saved.topology.clone(), saved.file.clone(), context)?;
    (request.sources, request.overrides) = (saved.sources.clone(), saved.overrides.clone());
    saved.still_holds(block_on(foresee(&request))??.as_ref())?;
    Ok(request)
}

/// What the system was meant to be before.
fn rolled_back(back: u32, context: &Context) -> Result<UpRequest, CommandError> {
    let system = down::system(None, context)?.ok_or_else(|| {
        CommandError::say(ErrorKind::Unreachable, "no system is running")
            .with_hint("bring one up with `osb up FILE`")
    })?;
    let past = history::past(&system, back)?;
    let topology = serde_json::from_str(&past.topology).map_err(|error| {
        let sentence = format!("that state of system {system} cannot be read: {error}");
        CommandError::say(ErrorKind::Failed, sentence)
    })?;
    let mut request = request(topology, past.file, context)?;
    (request.sources, request.overrides) = (past.sources, past.overrides);
    Ok(request)
}

fn refuse_unknown_agent(agent: &AgentId, plan: &Plan) -> Result<(), CommandError> {
    let mut names = plan.agents.iter().map(|it| &it.name);
    if names.any(|it| it == agent) {
        return Ok(());
    }
    let known: Vec<String> = plan.agents.iter().map(|it| it.name.to_string()).collect();
    let hint = did_you_mean(&agent.to_string(), known.iter().map(String::as_str));
    let error = CommandError::say(ErrorKind::Usage, format!("no agent is called {agent}"));
    Err(error.with_hints(hint))
}

/// What is no part of the system goes on.
fn tell_of_spawned(report: &UpReport, context: &Context) {
    let spawned: Vec<String> = report.spawned().iter().map(ToString::to_string).collect();
    if !spawned.is_empty() {
        let names = spawned.join(", ");
        context.note(&format!(
            "spawned, and left alone: {names}; `osb remove` ends such agents"
        ));
    }
}

async fn bring_up_and_follow(
    request: UpRequest,
    then: Then,
    context: &Context,
) -> Result<(), CommandError> {
    let mut signals = Signals::new()?;
    let unprotected = request.plan.is_unprotected();
    let mut request = request;
    if let Then::Watch(_) | Then::Attach(Until::Signal(_)) = then {
        // Before anything begins: what changes from here on is seen.
        tokio::select! {
            () = signals.next() => return Err(CommandError::from(UpError::Interrupted)),
            () = look(&mut request) => {}
        }
    }
    let up = Brought::of(&request);
    let purpose = match &then {
        Then::Attach(Until::Over(purpose)) => Some(purpose),
        Then::Attach(Until::Signal(_)) | Then::End | Then::Watch(_) => None,
    };
    let report = Up(bring_up(request, purpose, &mut signals, context).await?);
    context.print(&report)?;
    if unprotected {
        context.note(UNPROTECTED);
    }
    tell_of_spawned(&report.0, context);
    if let Some(error) = not_all_back(&report.0) {
        return Err(error);
    }
    match then {
        Then::End => Ok(()),
        Then::Watch(args) => {
            let system = report.0.plan.system.clone();
            let watched = Watched {
                args: &args,
                up,
                goes_along: false,
            };
            watch(watched, &mut signals, context).await?;
            context.note(&format!(
                "not watched any more: {system} goes on; `osb down {system}` takes it down"
            ));
            Ok(())
        }
        Then::Attach(until) => {
            let attached = Attached {
                report: &report.0,
                until,
                up,
            };
            super::attach::run(attached, &mut signals, context).await
        }
    }
}
