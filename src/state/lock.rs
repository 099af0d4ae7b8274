//! The lock of a system: a command that changes the system holds it, so that commands on one system take turns.
//!
//! The kernel gives it back when its holder dies. It is shared with the processes that `up`
//! launches until `up` releases them, so that no other command begins anew while they still clean up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};

use super::{Ending, StateError, SystemDir, own};
use crate::model::timing::{CLEAN_UP_TIMEOUT, LOCK_NAME_TIMEOUT};
use crate::model::{SystemName, beyond_usual};
use crate::process::{ProcessId, hand_descriptor};

/// A held lock. Dropping it, and all clones of it, gives it back.
#[derive(Clone)]
pub struct Lock(Arc<Flock<File>>);

impl Lock {
    /// Takes the lock of `system`, making its folder if need be, or says which process holds it.
    pub fn take(dir: &SystemDir, system: &SystemName) -> Result<Self, StateError> {
        loop {
            dir.create()?;
            let path = dir.lock_path();
            let file = match own::open_or_make(&path) {
                Ok(file) => file,
                // Its last holder has just removed the folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StateError::io("open", &path, error)),
            };
            let locked = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(locked) => locked,
                Err((file, _)) => wait_for((file, dir), system)?,
            };
            // The last holder may have removed the file between the opening and the locking.
            let same = fs::metadata(&path).is_ok_and(|now| is_same(&locked, &now));
            if same {
                return Ok(Self::signed(locked));
            }
        }
    }

    fn signed(mut file: Flock<File>) -> Self {
        // Only for the message to others; the lock holds without it.
        let _ = file.set_len(0);
        if let Ok(own) = ProcessId::of_self() {
            let _ = serde_json::to_writer(&*file, &own);
        }
        let _ = file.flush();
        Self(Arc::new(file))
    }

    /// Shares the lock with the process that `command` is to start, an `osb ns` or `osb host`, and with no other.
    pub fn share(&self, command: &mut Command) {
        let number = self.0.as_raw_fd();
        command.args(["--lock-fd", &number.to_string()]);
        hand_descriptor(command, number);
    }
}

impl SystemDir {
    /// Removes the folder, unless another command holds its lock: then that one keeps or removes it.
    pub fn remove_if_unlocked(&self, why: Ending) -> Result<(), StateError> {
        let path = self.lock_path();
        let file = match own::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.remove(why),
            Err(error) => return Err(StateError::io("open", &path, error)),
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) if fs::metadata(&path).is_ok_and(|now| is_same(&held, &now)) => {
                self.remove(why)
            }
            _ => Ok(()),
        }
    }
}

/// An inherited lock, to be dropped when it is needed no more.
pub fn inherit(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: only looked at; a number that is not open is an error of the next call.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and this process was told its number so that it owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn is_same(file: &File, other: &fs::Metadata) -> bool {
    file.metadata()
        .is_ok_and(|own| own.ino() == other.ino() && own.dev() == other.dev())
}

/// Waits for those that a dead `up` shared its lock with: they are releasing it, or cleaning
/// up. A living holder is not waited for.
fn wait_for(
    (file, dir): (File, &SystemDir),
    system: &SystemName,
) -> Result<Flock<File>, StateError> {
    let locked = |pid| StateError::Locked {
        system: system.clone(),
        pid,
    };
    let reader = file.try_clone().map_err(|_| locked(None))?;
    let (sender, receiver) = mpsc::channel();
    let deadline = Instant::now() + CLEAN_UP_TIMEOUT + beyond_usual(dir.longest_stop());
    let mut waiting = Some((file, sender));
    while Instant::now() < deadline {
        if let Some(holder) = holder(&reader).filter(ProcessId::is_alive) {
            return Err(locked(Some(holder.pid)));
        }
        if let Some((file, sender)) = waiting.take() {
            std::thread::spawn(move || sender.send(Flock::lock(file, FlockArg::LockExclusive)));
        }
        // A process that has just taken it writes its pid there a moment later; the error then names it.
        match receiver.recv_timeout(LOCK_NAME_TIMEOUT) {
            Ok(Ok(lock)) => return Ok(lock),
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    Err(locked(None))
}

fn holder(file: &File) -> Option<ProcessId> {
    let mut text = [0; 256];
    let length = file.read_at(&mut text, 0).ok()?;
    serde_json::from_slice(&text[..length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_is_not_removed() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().join("x"));
        let held = Lock::take(&dir, &"x".parse().unwrap()).unwrap();
        dir.remove_if_unlocked(Ending::Down).unwrap();
        assert!(dir.path().exists());
        drop(held);
        dir.remove_if_unlocked(Ending::Down).unwrap();
        assert!(!dir.path().exists());
        dir.remove_if_unlocked(Ending::Down).unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_holds_it_and_the_other_is_told_who() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SystemDir::at(temp.path().join("x"));
        let name: SystemName = "x".parse().unwrap();
        let held = Lock::take(&dir, &name).unwrap();
        match Lock::take(&dir, &name) {
            Err(StateError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{:?}", other.err()),
        }
        let clone = held.clone();
        drop(held);
        assert!(Lock::take(&dir, &name).is_err(), "a clone holds it too");
        dir.remove(Ending::Down).unwrap();
        drop(clone);
        Lock::take(&dir, &name).unwrap();
    }
}
