//! Daemons as commands run them: each has a keeper, which is the process that was started, and which starts it again.

use std::ffi::OsString;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::RawFd;

use super::launched::LaunchArgs;
use super::{CommandError, Context, ErrorKind};
use crate::keeper::{Kept, Role, keep, succeed_keeper};
use crate::process::ProcessId;
use crate::state::{KeeperRecord, SystemDir, inherit};

/// Makes this process the keeper of a daemon, and goes on in another, which is the daemon. The keeper gets an error that
/// bears the daemon's exit status, when that has ended for good.
///
/// Of what ties a daemon to an `up`, only its first life is given anything.
pub(super) fn become_daemon(args: &mut LaunchArgs, dir: &SystemDir) -> Result<Kept, CommandError> {
    if args.tether {
        // Out of the session of the terminal, so that a Ctrl-C there does not reach this process. It fails for the leader of a
        // group, which is out of reach already.
        let _ = nix::unistd::setsid();
    }
    let former = args.succeeds;
    if !args.tether && former.is_some() && !std::io::stdin().is_terminal() {
        // In the group of a keeper that is dead, perhaps: it is to lead one, with which it can be ended.
        let own = nix::unistd::Pid::from_raw(0);
        let _ = nix::unistd::setpgid(own, own);
    }
    if let Some(former) = former {
        note_former(former, dir);
    }
    let lock = args.lock_fd;
    match keep(dir, former.is_some() && !args.tether, || let_go(lock))? {
        Role::Keeper(ending) if ending.code() == 0 => Err(CommandError::ended_well()),
        Role::Keeper(ending) => Err(CommandError::ended_with(ending.code())),
        Role::Daemon(kept) => {
            if kept.is_again() {
                args.tether = false;
                args.lock_fd = None;
                args.succeeds = Some(kept.keeper().pid);
            }
            Ok(kept)
        }
    }
}

/// The record of the system names the process that has stood for the daemon before.
fn note_former(former: u32, dir: &SystemDir) {
    if let Ok(process) = ProcessId::of_self() {
        // On a full disk, agents are not to be left alone for that: the name server is told, too.
        let _ = dir.note_keeper(&KeeperRecord { former, process });
    }
}

/// What only the daemon is to hold: the system's lock, and the tether.
fn let_go(lock: Option<RawFd>) {
    drop(lock.map(inherit));
    if let Ok(null) = File::open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(null);
    }
}

/// The daemon's keeper is dead: this process takes its place, and gives the daemon another life. Returns only if that cannot
/// be done. `given` are options of that life, in place of those that it was given before.
pub(super) fn begin_anew(
    keeper: &ProcessId,
    given: &[(&str, String)],
    context: &Context,
) -> CommandError {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        // The service manager has lost its main process, and starts another, which takes the agents back.
        let sentence = "its keeper has ended: the service manager starts another";
        return CommandError::say(ErrorKind::Failed, sentence);
    }
    context.note("its keeper has ended: another begins");
    let mut replaced = vec!["--lock-fd", "--succeeds"];
    replaced.extend(given.iter().map(|(name, _)| *name));
    let mut words = without(std::env::args_os().skip(1), &replaced);
    let succeeds = ("--succeeds", keeper.pid.to_string());
    for (name, value) in given.iter().chain([&succeeds]) {
        words.extend([OsString::from(name), OsString::from(value)]);
    }
    let error = succeed_keeper(words);
    CommandError::say(
        ErrorKind::Failed,
        format!("cannot begin anew after the end of its keeper: {error}"),
    )
}

/// The words of a command without `--tether`, and without these options and their values.
fn without(words: impl Iterator<Item = OsString>, options: &[&str]) -> Vec<OsString> {
    let mut left = Vec::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let is_option = |option: &&str| text == *option;
        let has_value = |option: &&str| {
            text.strip_prefix(*option)
                .is_some_and(|rest| rest.starts_with('='))
        };
        if options.iter().any(is_option) {
            words.next();
        } else if text != "--tether" && !options.iter().any(has_value) {
            left.push(word);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tied_a_daemon_to_up_is_not_given_to_its_next_life() {
        let words =
            "--ns tcp://127.0.0.1:1 host --tether --lock-fd 7 --name local --succeeds=8 --dir /x";
        let left = without(
            words.split(' ').map(OsString::from),
            &["--lock-fd", "--succeeds"],
        );
        assert_eq!(
            left.join(std::ffi::OsStr::new(" ")),
            "--ns tcp://127.0.0.1:1 host --name local --dir /x"
        );
    }
}
