//! Why a program could not be started, in words that say what to do.

use std::io::{self, ErrorKind};
use std::path::Path;

/// Tells that `name` could not be started in the folder `cwd`, and why.
pub fn not_started(name: &str, cwd: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::NotFound if !cwd.is_dir() => format!("there is no folder {}", cwd.display()),
        ErrorKind::NotFound => "not found; is it installed, and the name right?".to_owned(),
        ErrorKind::PermissionDenied => "not allowed; is the file executable?".to_owned(),
        _ => error.to_string(),
    };
    format!("cannot start {name}: {reason}")
}
