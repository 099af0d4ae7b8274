//! Units of systemd on this machine. The first line of each says for which system it was written, and the sum of the rest: what
//! others have changed is not touched.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::unistd::{Uid, User};

use crate::files::sum_of;
use crate::model::{Around, HostId, Service, SystemName, is_unit_of};
use crate::process::own_osb;
use crate::state::{KeyFile, StateDir, StateError};
use crate::wire::{Installation, UnitFile, UnitsGone};

/// Where the machine's units are.
const OF_MACHINE: &str = "/etc/systemd/system";
/// How the first line begins of what was written here.
const MARK: &str = "# osb install: ";
/// What of the environment agents are to find again.
const KEPT: [&str; 6] = ["HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER"];

#[derive(Debug, thiserror::Error)]
pub enum HereError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(
        "units of the machine are root's to write: as another user, `osb install --user` writes units of that user"
    )]
    NotRoot,
    #[error("there is no home directory: set HOME or XDG_CONFIG_HOME")]
    NoHome,
    #[error(
        "units of a user start with the machine only if the user lingers, and that is refused: {reason}; as root: `loginctl enable-linger {user}`"
    )]
    Linger { user: String, reason: String },
    #[error("{} is there, and not as osb install writes it: move it away, or remove it", .0.display())]
    Changed(PathBuf),
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{command} fails: {reason}")]
    Systemd { command: String, reason: String },
}

/// What would be written.
pub(crate) fn units(all: &[Installation], of_user: bool) -> Result<Vec<UnitFile>, HereError> {
    let (folder, around) = (folder(of_user)?, around(of_user)?);
    let file = |it: &Installation| UnitFile {
        path: folder.join(it.unit.file_name()),
        text: marked(&it.unit.system, &it.unit.text(&around)),
    };
    Ok(all.iter().map(file).collect())
}

/// Writes them, with their keys, and has systemd start them with the machine. They are not started now.
pub(crate) fn install(all: &[Installation], of_user: bool) -> Result<Vec<UnitFile>, HereError> {
    match of_user {
        true => linger()?,
        false if !Uid::effective().is_root() => return Err(HereError::NotRoot),
        false => {}
    }
    let files = units(all, of_user)?;
    for file in &files {
        if file.path.exists() && !is_as_written(&file.path) {
            return Err(HereError::Changed(file.path.clone()));
        }
    }
    for Installation { unit, keys } in all {
        let boot = StateDir::from_env()?.boot(&unit.system);
        boot.make()?;
        if let (Some(keys), Service::Daemon { host, .. }) = (keys, &unit.service) {
            let id = HostId::of(&unit.system, host);
            let path = boot.host_key(host, unit.group.as_ref());
            KeyFile::of_host(&id, keys).write(&path)?;
        }
    }
    for UnitFile { path, text } in &files {
        write(path, text).map_err(|source| HereError::Io {
            verb: "write",
            path: path.clone(),
            source,
        })?;
    }
    systemctl(of_user, ["daemon-reload"])?;
    let names = files.iter().filter_map(|it| it.path.file_name());
    systemctl(of_user, std::iter::once(OsStr::new("enable")).chain(names))?;
    Ok(files)
}

/// Takes back what was written for a system, with its keys. What runs goes on.
pub(crate) fn uninstall(system: &SystemName, of_user: bool) -> Result<UnitsGone, HereError> {
    let folder = folder(of_user)?;
    let mut gone = UnitsGone::default();
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|it| it.path()).collect();
    all.retain(|path| is_unit_of(system, path));
    all.sort();
    for path in all {
        if !is_as_written(&path) {
            gone.left.push(path);
            continue;
        }
        let name = path.file_name().unwrap_or_default();
        systemctl(of_user, [OsStr::new("disable"), name])?;
        fs::remove_file(&path).map_err(|source| HereError::Io {
            verb: "remove",
            path: path.clone(),
            source,
        })?;
        gone.removed.push(path);
    }
    if !gone.removed.is_empty() {
        systemctl(of_user, ["daemon-reload"])?;
    }
    StateDir::from_env()?.boot(system).remove()?;
    Ok(gone)
}

fn folder(of_user: bool) -> Result<PathBuf, HereError> {
    if !of_user {
        return Ok(OF_MACHINE.into());
    }
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let config = var("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(var("HOME")?).join(".config")));
    Ok(config.ok_or(HereError::NoHome)?.join("systemd/user"))
}

fn around(of_user: bool) -> Result<Around, HereError> {
    let found = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
    let mut environment: BTreeMap<String, String> = KEPT.into_iter().filter_map(found).collect();
    let state = StateDir::from_env()?.root().display().to_string();
    environment.insert("OSB_STATE_DIR".to_owned(), state);
    Ok(Around {
        osb: own_osb().map_err(|source| HereError::Io {
            verb: "find",
            path: "osb".into(),
            source,
        })?,
        environment,
        of_user,
    })
}

fn marked(system: &SystemName, text: &str) -> String {
    format!("{MARK}{system} {}\n{text}", sum_of(text.as_bytes()))
}

/// Whether nobody else has written to it since.
fn is_as_written(path: &Path) -> bool {
    let Ok(whole) = fs::read_to_string(path) else {
        return false;
    };
    let Some((first, text)) = whole.split_once('\n') else {
        return false;
    };
    let sum = first.strip_prefix(MARK).and_then(|it| it.rsplit_once(' '));
    sum.is_some_and(|(_, sum)| sum == sum_of(text.as_bytes()).to_string())
}

/// Whole, or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let new = path.with_extension("service.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(folder)?.sync_all()
}

fn systemctl(
    of_user: bool,
    words: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<(), HereError> {
    let mut command = Command::new("systemctl");
    if of_user {
        command.arg("--user");
        let bus = format!("/run/user/{}", Uid::effective());
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            // Where a login without a session finds the user's systemd.
            command.env("XDG_RUNTIME_DIR", bus);
        }
    }
    run(command.arg("--no-ask-password").args(words))
        .map_err(|(command, reason)| HereError::Systemd { command, reason })
}

/// A user who does not linger has no systemd until the first login.
fn linger() -> Result<(), HereError> {
    let uid = Uid::effective();
    let user = User::from_uid(uid).ok().flatten();
    let user = user.map_or_else(|| uid.to_string(), |user| user.name);
    let mut command = Command::new("loginctl");
    run(command.args(["--no-ask-password", "enable-linger", &user]))
        .map_err(|(_, reason)| HereError::Linger { user, reason })
}

/// What was run, and why it failed.
fn run(command: &mut Command) -> Result<(), (String, String)> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
    let reason = match command.stdin(Stdio::null()).output() {
        Ok(Output { status, .. }) if status.success() => return Ok(()),
        Ok(Output { status, stderr, .. }) => {
            let said = String::from_utf8_lossy(&stderr);
            match said.trim() {
                "" => status.to_string(),
                said => said.lines().collect::<Vec<_>>().join("; "),
            }
        }
        Err(error) => error.to_string(),
    };
    Err((words.join(" "), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_by_hand_is_known_by_its_sum() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("systemd/osb-ns:x.service");
        let text = marked(&"x".parse().unwrap(), "[Unit]\nDescription=one\n");
        write(&path, &text).unwrap();
        assert!(is_as_written(&path));
        for other in [
            text.replace("one", "two"),
            "[Unit]\n".to_owned(),
            String::new(),
        ] {
            fs::write(&path, &other).unwrap();
            assert!(!is_as_written(&path), "{other:?}");
        }
        assert!(!is_as_written(&temp.path().join("nothing")));
    }
}
