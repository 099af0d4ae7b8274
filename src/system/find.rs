//! Where the command `osb` is: as the program says, else as `OSB_BIN` does, else on `PATH`.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::SystemError;
use super::command::Osb;

/// The environment variable that says where it is.
const OSB_BIN: &str = "OSB_BIN";

/// The command, which has said that it is osb.
pub(super) fn osb(said: Option<&Path>) -> Result<Osb, SystemError> {
    let by_variable = env::var_os(OSB_BIN).filter(|it| !it.is_empty());
    let path = match (said, by_variable) {
        (Some(said), _) => named(said, "where the program looks for it")?,
        (None, Some(by_variable)) => named(Path::new(&by_variable), "where OSB_BIN says")?,
        (None, None) => on_path(OsStr::new("osb")).ok_or_else(|| SystemError::NoOsb {
            looked: "on PATH".to_owned(),
        })?,
    };
    if is_this_program(&path) {
        let reason = "it is this program itself".to_owned();
        return Err(SystemError::NotOsb { path, reason });
    }
    Osb::of(path)
}

/// A path, or the name of a command.
fn named(said: &Path, by: &str) -> Result<PathBuf, SystemError> {
    let found = match said.parent() {
        Some(folder) if folder.as_os_str().is_empty() => on_path(said.as_os_str()),
        _ => Some(said.to_owned()).filter(|it| is_command(it)),
    };
    found.ok_or_else(|| SystemError::NoOsb {
        looked: format!("{by}: {}", said.display()),
    })
}

fn on_path(name: &OsStr) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|place| is_command(place))
}

fn is_command(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// It would bring itself up, without an end.
fn is_this_program(path: &Path) -> bool {
    let own = Path::new("/proc/self/exe").metadata();
    match (path.metadata(), own) {
        (Ok(it), Ok(own)) => (it.dev(), it.ino()) == (own.dev(), own.ino()),
        _ => false,
    }
}
