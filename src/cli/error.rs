//! What goes wrong with a command: a kind, which is the exit status, a sentence, its cause, and
//! what to do next.

use std::io;

use crate::host::HostError;
use crate::nameserver::NameServerError;
use crate::proxy::ProxyError;
use crate::state::StateError;
use crate::wire::Fault;

/// Sorts of errors, each with an exit status of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Failed,
    Usage,
    InvalidTopology,
    Unreachable,
    NotReady,
    Unproven,
    Interrupted,
    /// Nobody reads the output any more: no error for anyone.
    OutputClosed,
}

impl ErrorKind {
    /// The exit status, as specs/output.md lists them.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::OutputClosed => 0,
            ErrorKind::Failed => 1,
            ErrorKind::Usage => 2,
            ErrorKind::InvalidTopology => 3,
            ErrorKind::Unreachable => 4,
            ErrorKind::NotReady => 5,
            ErrorKind::Unproven => 6,
            ErrorKind::Interrupted => 130,
        }
    }

    fn code(self) -> &'static str {
        match self {
            ErrorKind::OutputClosed => "output_closed",
            ErrorKind::Failed => "failed",
            ErrorKind::Usage => "usage",
            ErrorKind::InvalidTopology => "invalid_topology",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::NotReady => "not_ready",
            ErrorKind::Unproven => "unproven",
            ErrorKind::Interrupted => "interrupted",
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct CommandError {
    kind: ErrorKind,
    /// For programs: what happened, in one word.
    code: String,
    source: anyhow::Error,
    hints: Vec<String>,
    /// What is shown below, such as the end of a log.
    details: Vec<String>,
    /// Whether it has been shown in full, so that only the exit status is left.
    shown: bool,
    /// An exit status that is not for this program to choose.
    status: Option<u8>,
}

impl CommandError {
    pub fn new(kind: ErrorKind, source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            code: kind.code().to_owned(),
            source: source.into(),
            hints: Vec::new(),
            details: Vec::new(),
            shown: false,
            status: None,
        }
    }

    /// An error that is said best in a sentence.
    pub fn say(kind: ErrorKind, sentence: impl Into<String>) -> Self {
        Self::new(kind, anyhow::Error::msg(sentence.into()))
    }

    /// An error whose whole story is on stderr already.
    pub fn already_shown(kind: ErrorKind) -> Self {
        Self {
            shown: true,
            ..Self::say(kind, "")
        }
    }

    /// What was run in this process has ended with this status, and has said why.
    pub fn ended_with(status: u8) -> Self {
        Self {
            status: Some(status),
            ..Self::already_shown(ErrorKind::Failed)
        }
    }

    /// The same, and it has ended well.
    pub fn ended_well() -> Self {
        Self::ended_with(0)
    }

    /// With an exit status that is not for this program to choose, if there is one.
    pub fn with_status(self, status: Option<u8>) -> Self {
        Self { status, ..self }
    }

    pub fn exit_code(&self) -> u8 {
        self.status.unwrap_or(self.kind.exit_code())
    }

    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// In the place of all others.
    pub(super) fn with_only_hint(mut self, hint: &str) -> Self {
        self.hints = vec![hint.to_owned()];
        self
    }

    pub fn with_hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    pub fn with_details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// What happened; the cause comes first.
    pub fn message(&self) -> String {
        self.source.to_string()
    }

    /// What is behind it, from the nearest to the farthest.
    pub fn causes(&self) -> impl Iterator<Item = String> {
        self.source.chain().skip(1).map(ToString::to_string)
    }

    pub fn is_silent(&self) -> bool {
        self.shown || self.kind == ErrorKind::OutputClosed
    }
}

impl From<ProxyError> for CommandError {
    fn from(error: ProxyError) -> Self {
        let kind = match &error {
            ProxyError::Unreachable { .. }
            | ProxyError::NotLetIn { .. }
            | ProxyError::Mute { .. }
            | ProxyError::Closed => ErrorKind::Unreachable,
            ProxyError::Timeout { .. } => ErrorKind::NotReady,
            ProxyError::Name(..) | ProxyError::Topic(_) | ProxyError::Encode { .. } => {
                ErrorKind::Usage
            }
            ProxyError::Fault(Fault::Deadline { .. }) => ErrorKind::NotReady,
            ProxyError::Fault(Fault::Unproven { .. }) => ErrorKind::Unproven,
            ProxyError::Fault(
                Fault::UnknownMember { .. } | Fault::Gone { .. } | Fault::Unreachable { .. },
            ) => ErrorKind::Unreachable,
            ProxyError::Fault(_)
            | ProxyError::HasFailed { .. }
            | ProxyError::BadAnswer { .. }
            | ProxyError::Unexpected { .. }
            | ProxyError::Keys { .. }
            | ProxyError::Zmq(_) => ErrorKind::Failed,
        };
        let code = match &error {
            ProxyError::Fault(fault) => code_of(fault),
            ProxyError::NotLetIn { .. } => Some("not_let_in".to_owned()),
            ProxyError::Keys { .. } => Some("keys".to_owned()),
            _ => None,
        };
        let hint = matches!(error, ProxyError::NotLetIn { .. })
            .then(|| "name the file with your key: --key FILE, or OSB_KEY".to_owned());
        let command_error = Self::new(kind, error).with_hints(hint);
        match code {
            Some(code) => command_error.with_code(code),
            None => command_error,
        }
    }
}

/// The word by which a fault is known on the wire.
fn code_of(fault: &Fault) -> Option<String> {
    let value = serde_json::to_value(fault).ok()?;
    Some(value.get("code")?.as_str()?.to_owned())
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        let code = match &error {
            StateError::Locked { .. } => "locked",
            _ if error.damaged_system().is_some() => "damaged",
            _ if error.untrusted().is_some() => "untrusted",
            _ => ErrorKind::Failed.code(),
        };
        let damaged = error.damaged_system().map(|name| {
            format!("`osb down {name}` ends what can be found of the system, and clears it away")
        });
        let hint = damaged.or_else(|| Some(error.untrusted()?.remedy().to_owned()));
        Self::new(ErrorKind::Failed, error)
            .with_code(code)
            .with_hints(hint)
    }
}

impl From<NameServerError> for CommandError {
    fn from(error: NameServerError) -> Self {
        let in_use = matches!(
            error,
            NameServerError::Bind {
                source: zmq::Error::EADDRINUSE,
                ..
            }
        );
        let command_error = Self::new(ErrorKind::Failed, error);
        match in_use {
            true => command_error
                .with_code("address_in_use")
                .with_hint("choose another with --bind, or port 0 for any free one"),
            false => command_error,
        }
    }
}

impl From<HostError> for CommandError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Proxy(error) => error.into(),
            HostError::State(error) => error.into(),
            HostError::Io(_) => Self::new(ErrorKind::Failed, error),
        }
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => ErrorKind::OutputClosed,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PAGE: &str = include_str!("../../specs/output.md");

    /// All kinds of errors that have a row in the table; one that is missing here does not compile.
    fn kinds() -> Vec<ErrorKind> {
        let mut kinds = vec![ErrorKind::Failed];
        while let Some(next) = match kinds[kinds.len() - 1] {
            ErrorKind::Failed => Some(ErrorKind::Usage),
            ErrorKind::Usage => Some(ErrorKind::InvalidTopology),
            ErrorKind::InvalidTopology => Some(ErrorKind::Unreachable),
            ErrorKind::Unreachable => Some(ErrorKind::NotReady),
            ErrorKind::NotReady => Some(ErrorKind::Unproven),
            ErrorKind::Unproven => Some(ErrorKind::Interrupted),
            // Nobody is told of it.
            ErrorKind::Interrupted | ErrorKind::OutputClosed => None,
        } {
            kinds.push(next);
        }
        kinds
    }

    #[test]
    fn the_page_of_output_has_these_statuses() {
        let table = PAGE.split("\n## Exit status\n").nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| "));
        let rows: Vec<(&str, &str)> = rows
            .skip(2)
            .map(|row| {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                (cells[1], cells[2].split('`').nth(1).unwrap_or_default())
            })
            .collect();
        let kinds = kinds();
        let statuses: Vec<String> = kinds.iter().map(|it| it.exit_code().to_string()).collect();
        let statuses = statuses.iter().map(String::as_str);
        let known: Vec<(&str, &str)> = statuses.zip(kinds.iter().map(|it| it.code())).collect();
        assert_eq!(rows, known);
    }

    /// The codes that are written in the sources of a folder.
    fn codes(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                codes(&path, found);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let calls = source.split(".with_code(\"").skip(1);
            found.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
        }
    }

    #[test]
    fn the_page_of_output_has_these_codes() {
        let mut found = Vec::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join("cli");
        codes(&sources, &mut found);
        assert!(found.len() > 20, "{found:?}");
        let protocol = include_str!("../../specs/protocol.md");
        for code in found {
            let quoted = format!("`{code}`");
            assert!(
                PAGE.contains(&quoted) || protocol.contains(&quoted),
                "{code} is not in specs/output.md"
            );
        }
    }
}
