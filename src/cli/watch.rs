//! `osb up --watch`: whenever the topology's files change, the system becomes what they say. A file that is not good is
//! reported, and changes nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Context;
use super::bring_up::bring_up;
use super::request::topology_request;
use super::signals::Signals;
use super::topology_file::{TopologyArgs, TopologyFile};
use super::{CommandError, ErrorKind};
use crate::render::Up;
use crate::state::FolderWatch;

/// What is followed, and what has been made of it.
pub(super) struct Watched<'a> {
    pub args: &'a TopologyArgs,
    /// The fingerprint of what has been brought up.
    pub up: String,
    /// Whether the system ends with the watching.
    pub goes_along: bool,
}

/// Goes on until a signal comes.
pub(super) async fn watch(
    watched: Watched<'_>,
    signals: &mut Signals,
    context: &Context,
) -> Result<(), CommandError> {
    let Watched {
        args,
        mut up,
        goes_along,
    } = watched;
    let mut folders = TopologyFile::read(args)?.folders();
    let mut watched = begin(&folders)?;
    // They may have changed before they were watched.
    let mut is_changed = true;
    context.note(match goes_along {
        true => "watching the topology's files: Ctrl-C ends that, and takes the system down",
        false => "watching the topology's files: Ctrl-C ends that, and the system stays",
    });
    loop {
        if !std::mem::take(&mut is_changed) {
            tokio::select! {
                () = signals.next() => return Ok(()),
                changed = watched.changed() => changed?,
            }
        }
        let (file, request) = match topology_request(args, context) {
            Ok(read) => read,
            Err(error) => {
                context.complain(&error);
                context.note("the system stays as it was");
                continue;
            }
        };
        if file.folders() != folders {
            folders = file.folders();
            watched = begin(&folders)?;
            is_changed = true;
            continue;
        }
        if request.fingerprint == up {
            continue;
        }
        match bring_up(request.clone(), None, signals, context).await {
            Ok(report) => {
                show(Up(report), goes_along, context)?;
                up = request.fingerprint;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => context.complain(&error),
        }
    }
}

/// Among the lines of logs there is no place for a table.
fn show(report: Up, among_logs: bool, context: &Context) -> Result<(), CommandError> {
    match among_logs {
        true => context.print_aside(&report),
        false => context.print(&report),
    }
}

fn begin(folders: &BTreeSet<PathBuf>) -> Result<FolderWatch, CommandError> {
    FolderWatch::begin(folders).map_err(|error| {
        let sentence = format!("the topology's files cannot be watched: {error}");
        CommandError::say(ErrorKind::Failed, sentence)
    })
}
