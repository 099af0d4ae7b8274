//! `osb down`.

use super::ask::{agrees, can_be_asked};
use super::remembered::remembered;
use super::runtime::block_on;
use super::which::{self, Meant};
use super::{CommandError, Context, ErrorKind, complete};
use crate::down::{DownError, DownReport, ForOthers, down};
use crate::model::{Grace, Millis, NameServerName, SystemName};
use crate::render::{Down, did_you_mean};
use crate::state::StateDir;

/// Bring down a system and leave nothing behind
#[derive(Debug, clap::Args)]
pub struct DownArgs {
    /// The system, or the topology's file that names it; needed if several are running
    #[arg(value_name = "SYSTEM|FILE", add = complete::systems())]
    pub name: Option<String>,
    /// Only this of its name servers, with the agents that are registered there
    #[arg(long, value_name = "NAMESERVER")]
    pub only: Vec<NameServerName>,
    /// How long agents may take to end before they are killed; else each as long as its `stop_timeout` says, or 5s
    #[arg(long, value_name = "DURATION")]
    pub grace: Option<Millis>,
    /// Do not ask, even if others hang on its name server: they lose it
    #[arg(long)]
    pub force: bool,
}

pub(crate) fn run(args: DownArgs, context: &mut Context) -> Result<(), CommandError> {
    let system = system(args.name.as_deref(), context)?;
    let report = match &system {
        Some(name) => match take_down(name, &args, context)? {
            Some(report) => report,
            None => {
                context.note("nothing was done");
                return Ok(());
            }
        },
        None => DownReport {
            nothing: true,
            ..DownReport::default()
        },
    };
    let run = report.run;
    context.print(&Down {
        system: system.clone(),
        report,
    })?;
    if let Some(system) = system {
        tell_of_logs(&system, run, context);
    }
    Ok(())
}

/// If others hang on its name server, whoever is at the terminal is asked first. None: they are not to lose it.
fn take_down(
    system: &SystemName,
    args: &DownArgs,
    context: &Context,
) -> Result<Option<DownReport>, CommandError> {
    let (state, grace) = (StateDir::from_env()?, Grace::given(args.grace));
    let go = |for_others| block_on(down(&state, system, &args.only, grace, for_others));
    match args.force {
        true => Ok(Some(go(ForOthers::Lose)??)),
        false => match go(ForOthers::Keep)? {
            Err(in_use @ DownError::InUse { .. }) if can_be_asked() => {
                let question =
                    format!("{in_use}\nthey would live on without it: take {system} down");
                match agrees(&question, context)? {
                    true => Ok(Some(go(ForOthers::Lose)??)),
                    false => Ok(None),
                }
            }
            Err(in_use @ DownError::InUse { .. }) => {
                let only = args.only.iter().map(|it| format!(" --only {it}"));
                let only: String = only.collect();
                let hint = format!(
                    "take those down first, or go on all the same with `osb down {system}{only} --force`: they live on without a name server"
                );
                Err(CommandError::from(in_use).with_hint(hint))
            }
            outcome => Ok(Some(outcome?)),
        },
    }
}

/// Says how the logs of a run that is over are read, if there are any.
pub(crate) fn tell_of_logs(system: &SystemName, run: Option<u64>, context: &Context) {
    if let Some(run) = run {
        context.note(&format!(
            "its logs are kept: `osb --system {system} logs --run {run}`"
        ));
    }
}

/// The system that is meant. None: there is none at all.
pub(super) fn system(
    argument: Option<&str>,
    context: &Context,
) -> Result<Option<SystemName>, CommandError> {
    let global = &context.global;
    let meant = match argument {
        None => which::meant(global),
        Some(file) if which::is_file(file) => {
            let system = which::system_of(file, context)?;
            which::meant_by(global, &system)?;
            // It is the file that says that there is such a system.
            return Ok(Some(system));
        }
        Some(name) => which::meant_by(global, &which::named(name)?)?,
    };
    match meant {
        Meant::Address(address) => match which::name_at(&address)? {
            Some(name) => Ok(Some(name)),
            None => Err(which::not_here(&address)),
        },
        Meant::Named(name) => which::known(&name).map(|()| Some(name)),
        Meant::Only => the_only_one(),
    }
}

/// Running or dead: what is dead is to be cleared away too.
fn the_only_one() -> Result<Option<SystemName>, CommandError> {
    let names = remembered()?;
    let mut names: Vec<SystemName> = names.iter().map(|it| it.name().clone()).collect();
    if names.len() < 2 {
        return Ok(names.pop());
    }
    let list: Vec<&str> = names.iter().map(SystemName::as_str).collect();
    let sentence = format!("there are several systems: {}", list.join(", "));
    let error = CommandError::say(ErrorKind::Usage, sentence).with_code("several_systems");
    Err(error.with_hint("say which one: `osb down SYSTEM`"))
}

impl From<DownError> for CommandError {
    fn from(error: DownError) -> Self {
        match error {
            DownError::State(error) => error.into(),
            in_use @ DownError::InUse { .. } => {
                CommandError::new(ErrorKind::Failed, in_use).with_code("in_use")
            }
            DownError::UnknownNameServer {
                ref name,
                ref known,
                ..
            } => {
                let names = known.iter().map(NameServerName::as_str);
                let hint = did_you_mean(name.as_str(), names);
                CommandError::new(ErrorKind::Usage, error)
                    .with_code("unknown_nameserver")
                    .with_hints(hint)
            }
            DownError::Machines { ref system, .. } => {
                let hint = format!(
                    "nothing else is left; when they are back, `osb down {system}` finishes"
                );
                CommandError::new(ErrorKind::Unreachable, error)
                    .with_code("machine")
                    .with_hint(hint)
            }
            left @ DownError::Left { .. } => CommandError::new(ErrorKind::Failed, left)
                .with_code("left")
                .with_hint("they may belong to another user, or be stuck in the kernel"),
        }
    }
}
