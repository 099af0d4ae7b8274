//! The command `osb`, run to its end; what it prints is read as JSON.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SystemError;
use crate::model::SystemName;

/// The command.
#[derive(Debug, Clone)]
pub(super) struct Osb {
    path: PathBuf,
}

/// An error, as it is printed for programs.
#[derive(Deserialize)]
struct Said {
    error: SaidError,
}

#[derive(Deserialize)]
struct SaidError {
    code: String,
    message: String,
    hint: Option<String>,
}

/// A topology that is not valid.
#[derive(Deserialize)]
struct Checked {
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    file: String,
    line: Option<u64>,
    message: String,
    hint: Option<String>,
}

impl Osb {
    /// The command at that path, which has to say that it is osb.
    pub(super) fn of(path: PathBuf) -> Result<Self, SystemError> {
        let osb = Self { path };
        let said = osb.output(osb.command().arg("--version"))?;
        let text = String::from_utf8_lossy(&said.stdout);
        let is_osb = said.status.success() && text.starts_with("osb ");
        match is_osb {
            true => Ok(osb),
            false => Err(SystemError::NotOsb {
                path: osb.path,
                reason: format!(
                    "asked for its version it says {:?}, and ends with {}",
                    text.lines().next().unwrap_or_default(),
                    said.status
                ),
            }),
        }
    }

    /// A command of a topology's file.
    pub(super) fn with_file<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        file: &Path,
        arguments: &[OsString],
    ) -> Result<T, SystemError> {
        let mut command = self.command();
        command.args(["-q", "-o", "json", verb]);
        // A name that begins with a dash is a file, too.
        command.args(arguments).arg("--").arg(file);
        self.told(verb, &mut command)
    }

    /// A command of a system that is up.
    pub(super) fn of_system<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        system: &SystemName,
        words: &[&str],
    ) -> Result<T, SystemError> {
        let mut command = self.command();
        command.args(["-q", "-o", "json", "--system", system.as_str(), verb]);
        self.told(verb, command.args(words))
    }

    /// The same of a command that prints text.
    pub(super) fn text(
        &self,
        verb: &'static str,
        system: &SystemName,
        words: &[&str],
    ) -> Result<String, SystemError> {
        let mut command = self.command();
        command.args(["-q", "--system", system.as_str(), verb]);
        let said = self.output(command.args(words))?;
        succeeded(verb, &said)?;
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    }

    fn told<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        command: &mut Command,
    ) -> Result<T, SystemError> {
        let said = self.output(command)?;
        succeeded(verb, &said)?;
        serde_json::from_slice(&said.stdout).map_err(|error| self.unread(&error))
    }

    /// What it has printed, as a value.
    pub(super) fn read<T: DeserializeOwned>(&self, value: Value) -> Result<T, SystemError> {
        serde_json::from_value(value).map_err(|error| self.unread(&error))
    }

    fn unread(&self, error: &serde_json::Error) -> SystemError {
        SystemError::Run {
            path: self.path.clone(),
            reason: format!("what it prints cannot be read: {error}"),
        }
    }

    pub(super) fn down(&self, system: &SystemName, force: bool) -> Result<(), SystemError> {
        let mut command = self.command();
        command.args(["-q", "-o", "json", "down", system.as_str()]);
        command.args(force.then_some("--force"));
        succeeded("down", &self.output(&mut command)?)
    }

    /// Its name server is the one of the system, whatever the environment says.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null()).env_remove("OSB_NAMESERVER");
        command
    }

    fn output(&self, command: &mut Command) -> Result<Output, SystemError> {
        command.output().map_err(|error| SystemError::Run {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }
}

fn succeeded(verb: &'static str, said: &Output) -> Result<(), SystemError> {
    match said.status.success() {
        true => Ok(()),
        false => Err(failure(verb, &String::from_utf8_lossy(&said.stderr))),
    }
}

/// What it says of its failure, as far as that is known to be an error.
fn failure(verb: &'static str, said: &str) -> SystemError {
    let last = said.lines().last().unwrap_or_default();
    if let Ok(Said { error }) = serde_json::from_str(last) {
        return SystemError::Failed {
            verb,
            code: error.code,
            message: error.message,
            hint: error.hint,
        };
    }
    let begin = said.find('{').unwrap_or_default();
    let (code, message) = match serde_json::from_str::<Checked>(&said[begin..]) {
        Ok(checked) => ("invalid", checked.told()),
        Err(_) => ("failed", said.trim().to_owned()),
    };
    SystemError::Failed {
        verb,
        code: code.to_owned(),
        message,
        hint: None,
    }
}

impl Checked {
    fn told(&self) -> String {
        let problems = self.problems.iter().map(|it| {
            let line = it.line.map(|line| format!(":{line}")).unwrap_or_default();
            let hint = it.hint.as_ref().map(|hint| format!("; {hint}"));
            let hint = hint.unwrap_or_default();
            format!("{}{line}: {}{hint}", it.file, it.message)
        });
        problems.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_osb_says_of_a_failure_is_read() {
        let said = "up  1/1\n{\"error\":{\"code\":\"name_taken\",\"message\":\"it is taken\",\"hint\":\"ask\"}}\n";
        let error = failure("up", said);
        assert!(
            matches!(&error, SystemError::Failed { code, .. } if code == "name_taken"),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "osb up has failed: it is taken; ask");
        let invalid = r#"{"valid":false,"problems":[{"file":"a.yaml","line":3,"column":1,"text":"x","message":"no key x","hint":null}]}"#;
        let error = failure("up", invalid).to_string();
        assert_eq!(error, "osb up has failed: a.yaml:3: no key x");
        let error = failure("down", "killed\n").to_string();
        assert_eq!(error, "osb down has failed: killed");
    }
}
