//! A plan in a file: what `osb plan --out` has shown, so that `osb up --plan` does that and nothing else.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CommandError, ErrorKind};
use crate::model::{Overrides, SystemName, Topology};
use crate::up::{Foreseen, UpRequest};

/// The form of the file.
const FORMAT: u32 = 1;

/// What the file has. It is for this user alone: a topology may have secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPlan {
    format: u32,
    pub system: SystemName,
    /// The topology, in its resolved form.
    pub topology: Topology,
    /// Where its files are.
    pub file: String,
    /// All that the topology was read from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<String>,
    /// What counts more than the file.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
    /// What was to be done with the system that was up; null if none was.
    foreseen: Option<Value>,
}

impl SavedPlan {
    pub(super) fn new(request: &UpRequest, foreseen: Option<&Foreseen>) -> Self {
        Self {
            format: FORMAT,
            system: request.plan.system.clone(),
            topology: request.topology(),
            file: request.file.clone(),
            sources: request.sources.clone(),
            overrides: request.overrides.clone(),
            foreseen: foreseen.map(seen),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let failed = |error: std::io::Error| {
            let sentence = format!("cannot write the plan to {}: {error}", path.display());
            CommandError::say(ErrorKind::Failed, sentence)
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        let text = crate::render::pretty(self);
        writeln!(file, "{text}").map_err(failed)
    }

    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let wrong = |reason: String| {
            let sentence = format!("{} is no plan: {reason}", path.display());
            CommandError::say(ErrorKind::Usage, sentence)
                .with_hint("write one with `osb plan FILE --out PLAN`")
        };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let plan: Self =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        match plan.format {
            FORMAT => Ok(plan),
            other => Err(wrong(format!(
                "its format is {other}, and this osb knows {FORMAT}"
            ))),
        }
    }

    /// Refuses if it would not be the same any more.
    pub(super) fn still_holds(&self, foreseen: Option<&Foreseen>) -> Result<(), CommandError> {
        if self.foreseen == foreseen.map(seen) {
            return Ok(());
        }
        let sentence = format!(
            "something of system {} is otherwise since it was planned",
            self.system
        );
        Err(CommandError::say(ErrorKind::Failed, sentence)
            .with_code("moved")
            .with_hint("plan it anew with `osb plan FILE --out PLAN`"))
    }
}

fn seen(foreseen: &Foreseen) -> Value {
    serde_json::to_value(foreseen).unwrap_or_default()
}
