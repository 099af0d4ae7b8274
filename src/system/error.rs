//! What can go wrong with a system that a program brings up.

use std::path::PathBuf;

use crate::proxy::ProxyError;

/// Why a system was not brought up, changed or taken down.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// There is no command `osb`.
    #[error(
        "there is no command osb {looked}: install it (`cargo install osb`), or say where it is, by System::file(…).osb(PATH) or the environment variable OSB_BIN"
    )]
    NoOsb {
        /// Where it was looked for.
        looked: String,
    },
    /// What is to be the command `osb` is something else, and was not started.
    #[error("{} is not the command osb: {reason}", path.display())]
    NotOsb {
        /// What was found.
        path: PathBuf,
        /// Why it is not osb.
        reason: String,
    },
    /// The command cannot be run, or what it prints cannot be read.
    #[error("cannot run {}: {reason}", path.display())]
    Run {
        /// The command.
        path: PathBuf,
        /// Why it cannot be run.
        reason: String,
    },
    /// The command has failed.
    #[error("osb {verb} has failed: {message}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Failed {
        /// What it was to do: `up`, `down`, `plan`, `scale`, …
        verb: &'static str,
        /// By which programs tell its errors apart, as specs/output.md lists them: `name_taken`, say.
        code: String,
        /// What went wrong.
        message: String,
        /// What to do next.
        hint: Option<String>,
    },
    /// The system has no name server of that name.
    #[error("there is no name server {name}: there is {}", known.join(", "))]
    NoNameServer {
        /// What was asked for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// Its name server cannot be asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}
