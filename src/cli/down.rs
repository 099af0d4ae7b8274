//! `osb down`.

use super::runtime::block_on;
use super::session::records;
use super::{CommandError, Context, ErrorKind, complete};
use crate::down::{DownError, DownReport, down};
use crate::model::{Millis, SystemName};
use crate::render::Down;
use crate::state::StateDir;

/// Bring down a system and leave nothing behind
#[derive(Debug, clap::Args)]
pub struct DownArgs {
    /// The system; needed if several are running
    #[arg(value_name = "SYSTEM", add = complete::systems())]
    pub name: Option<SystemName>,
    /// How long agents may take to end before they are killed
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub grace: Millis,
}

pub fn run(args: DownArgs, context: &mut Context) -> Result<(), CommandError> {
    let system = match args.name.or(context.global.system.clone()) {
        Some(name) => Some(name),
        None => the_only_one()?,
    };
    let report = match &system {
        Some(name) => block_on(down(&StateDir::from_env()?, name, args.grace))??,
        None => DownReport {
            nothing: true,
            ..DownReport::default()
        },
    };
    context.print(&Down { system, report })
}

/// Running or dead: what is dead is to be cleared away too.
fn the_only_one() -> Result<Option<SystemName>, CommandError> {
    let mut names: Vec<SystemName> = records()?.into_iter().map(|record| record.name).collect();
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
            left @ DownError::Left { .. } => CommandError::new(ErrorKind::Failed, left)
                .with_code("left")
                .with_hint("they may belong to another user, or be stuck in the kernel"),
        }
    }
}
