//! `osb install` and `osb uninstall`: units of systemd on every machine of a system.

use super::runtime::block_on;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::which::{self, named};
use super::{CommandError, Context, ErrorKind, complete};
use crate::install::{InstallError, Wanted, Written};
use crate::model::{HostName, Reach};
use crate::plan::Plan;
use crate::render::{Installed, Uninstalled, UnitsPrinted};
use crate::state::StateDir;

/// Have the start of its machines bring back a system that is up, by units of systemd
#[derive(Debug, clap::Args)]
pub struct InstallArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
    /// Write units of the user on each machine, who has to linger there, instead of the machine's
    #[arg(long)]
    pub user: bool,
    /// Only print what would be written
    #[arg(long)]
    pub print: bool,
}

/// Take back what install has written
#[derive(Debug, clap::Args)]
pub struct UninstallArgs {
    /// The system, or the topology's file that names it
    #[arg(value_name = "SYSTEM|FILE", add = complete::systems())]
    pub name: String,
}

pub(crate) fn run(args: InstallArgs, context: &mut Context) -> Result<(), CommandError> {
    let topology = TopologyFile::read(&args.topology)?.load_or_complain(context)?;
    let (plan, state) = (Plan::new(topology), StateDir::from_env()?);
    let key = context.global.key.clone();
    let wanted = Wanted {
        plan: &plan,
        state: &state,
        key: key.as_deref(),
        of_user: args.user,
    };
    if args.print {
        let files = block_on(wanted.look())??;
        context.print(&UnitsPrinted(files))?;
    } else {
        let admitted = wanted.admit()?;
        let (machines, former) = block_on(wanted.write(admitted))??;
        wanted.revoke(former)?;
        let system = plan.system.clone();
        context.print(&Installed { system, machines })?;
    }
    tell_of_others(&plan, context);
    Ok(())
}

/// Daemons that others start come back as those see to it.
fn tell_of_others(plan: &Plan, context: &Context) {
    let others = plan.hosts.iter().filter(|it| it.reach == Reach::Attach);
    let others: Vec<&str> = others.map(|it| HostName::as_str(&it.name)).collect();
    if !others.is_empty() {
        context.note(&format!(
            "not installed, for others start their daemons: {}",
            others.join(", ")
        ));
    }
}

pub(crate) fn take_back(args: UninstallArgs, context: &mut Context) -> Result<(), CommandError> {
    let system = match which::is_file(&args.name) {
        true => which::system_of(&args.name, context)?,
        false => named(&args.name)?,
    };
    let state = StateDir::from_env()?;
    let written = Written::read(&state, &system)?;
    let taken = block_on(written.take_back())??;
    let machines = written.forget(taken)?;
    let report = Uninstalled { system, machines };
    for path in report.left() {
        context.note(&format!("it was changed by hand, and stays: {path}"));
    }
    context.print(&report)
}

impl From<InstallError> for CommandError {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Keys(error) => error.into(),
            InstallError::Proxy(error) => error.into(),
            InstallError::State(error) => error.into(),
            InstallError::Here(_) => Self::new(ErrorKind::Failed, error).with_code("install"),
            InstallError::AnyPort(_) => Self::new(ErrorKind::Failed, error)
                .with_code("install")
                .with_hint("give it a port in the topology, such as nameserver: IP:7400"),
            InstallError::NoKeys(_) => Self::new(ErrorKind::Failed, error)
                .with_code("keys")
                .with_hint("bring the system up first: `osb up FILE` makes its keys"),
            InstallError::NotInstalled(_) => Self::new(ErrorKind::Failed, error)
                .with_code("install")
                .with_hint("say it where `osb install` was said, by the same user"),
            InstallError::Machines(ref failed) => {
                let remedy = |(host, error): &(_, crate::ssh::SshError)| {
                    format!("{host}: {}", error.remedy())
                };
                let hints: Vec<String> = failed.iter().map(remedy).collect();
                Self::new(ErrorKind::Unreachable, error)
                    .with_code("machine")
                    .with_hints(hints)
            }
        }
    }
}
