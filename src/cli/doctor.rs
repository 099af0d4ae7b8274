//! `osb doctor`.

use super::runtime::block_on;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, Context, ErrorKind};
use crate::doctor::{Diagnosis, Progress, doctor};
use crate::model::SystemName;
use crate::plan::Plan;
use crate::render::{Diagnosed, Reporter};
use crate::state::{StateDir, SystemRecord};

/// Look whether machines, programs, ports and ways between hosts are as a topology needs them
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub topology: TopologyArgs,
}

pub(crate) fn run(args: DoctorArgs, context: &mut Context) -> Result<(), CommandError> {
    let topology = TopologyFile::read(&args.topology)?.load_or_complain(context)?;
    let plan = Plan::new(topology);
    note_if_up(&plan.system, context)?;
    let mut progress = Shown(context.reporter());
    let diagnosis = block_on(async {
        tokio::select! {
            diagnosis = doctor(&plan, context.global.key.as_deref(), &mut progress) => Some(diagnosis),
            // What listens elsewhere ends with its connection, or is told to.
            _ = tokio::signal::ctrl_c() => None,
        }
    })?;
    let Some(diagnosis) = diagnosis else {
        progress.0.abandon();
        return Err(CommandError::say(ErrorKind::Interrupted, "interrupted"));
    };
    let verdict = verdict(&diagnosis);
    context.print(&Diagnosed(diagnosis))?;
    verdict
}

/// A system that is up has its own ports.
fn note_if_up(system: &SystemName, context: &Context) -> Result<(), CommandError> {
    let dir = StateDir::from_env()?.system(system);
    let lives = |record: SystemRecord| record.groups.iter().any(|group| group.lives(&dir));
    if dir.record()?.is_some_and(lives) {
        context.note(&format!(
            "{system} is up: its fixed ports are taken, by itself"
        ));
    }
    Ok(())
}

fn verdict(diagnosis: &Diagnosis) -> Result<(), CommandError> {
    let bad = diagnosis.bad();
    if bad == 0 {
        return Ok(());
    }
    let (kind, code) = match diagnosis.unreached() {
        true => (ErrorKind::Unreachable, "machine"),
        false => (ErrorKind::Failed, "unwell"),
    };
    let things = match bad {
        1 => "one thing is".to_owned(),
        several => format!("{several} things are"),
    };
    let sentence = format!("{things} not as {} needs it", diagnosis.system);
    Err(CommandError::say(kind, sentence).with_code(code))
}

struct Shown(Box<dyn Reporter>);

impl Progress for Shown {
    fn begin(&mut self, stage: &str, total: usize) {
        self.0.begin(stage, total);
    }

    fn advance(&mut self, what: &str) {
        self.0.advance(what);
    }

    fn end(&mut self) {
        self.0.end();
    }
}
