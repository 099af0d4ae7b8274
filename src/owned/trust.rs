//! Which users a folder or a file may belong to, and which may write to it. Pure, except for the names of users and groups.

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};
use rustix::fs::{FileType, Stat};

/// Why something is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error("{} belongs to another user (uid {owner}), who could have put there what he likes", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    #[error("others may write to {at} (mode {mode:o}): chmod go-w {at}", at = path.display())]
    Written { path: PathBuf, mode: u32 },
    #[error("others may write to it or look into it, {at} (mode {mode:o}): chmod 700 {at}", at = path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{} is a link, which osb does not follow there", path.display())]
    Link { path: PathBuf },
    #[error("{} is no {wanted}", path.display())]
    Kind { path: PathBuf, wanted: &'static str },
}

impl Untrusted {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Untrusted::Foreign { .. } => {
                "osb uses only what is its user's own: run it as that user, or name other folders by OSB_STATE_DIR and XDG_CACHE_HOME"
            }
            Untrusted::Written { .. } | Untrusted::Open { .. } => {
                "look first whether all in it is yours; or name other folders by OSB_STATE_DIR and XDG_CACHE_HOME"
            }
            Untrusted::Link { .. } | Untrusted::Kind { .. } => {
                "take it away, or name other folders by OSB_STATE_DIR and XDG_CACHE_HOME"
            }
        }
    }

    /// If that is why.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Untrusted> for io::Error {
    fn from(error: Untrusted) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, error)
    }
}

/// The user of this process, and the user of the system: root, or the user in its place in a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Users {
    own: u32,
    group: u32,
    root: u32,
}

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

impl Users {
    /// `root`: the root of the file system. Its owner can do everything anyway.
    pub(super) fn of(root: &Stat) -> Self {
        Self {
            own: nix::unistd::geteuid().as_raw(),
            group: nix::unistd::getegid().as_raw(),
            root: root.st_uid,
        }
    }

    /// A folder or a link on the way: no other user can have made it.
    pub(super) fn trust(self, stat: &Stat, path: &Path) -> Result<(), Untrusted> {
        match [self.own, self.root, 0].contains(&stat.st_uid) {
            true => Ok(()),
            false => Err(foreign(stat, path)),
        }
    }

    /// The same, and it is this user's, not root's.
    pub(super) fn own(self, stat: &Stat, path: &Path) -> Result<(), Untrusted> {
        match stat.st_uid == self.own {
            true => Ok(()),
            false => Err(foreign(stat, path)),
        }
    }

    /// A folder on the way: no other user can put another in its place. In a folder like `/tmp` only their owners, and
    /// that of the folder, can move what is there.
    pub(super) fn is_kept(self, stat: &Stat, path: &Path) -> Result<(), Untrusted> {
        self.trust(stat, path)?;
        match stat.st_mode & STICKY {
            0 => self.only_own_write(stat, path),
            _ => Ok(()),
        }
    }

    /// Only this user and root may write to it. Many systems give each user a group of his own, which may.
    pub(super) fn only_own_write(self, stat: &Stat, path: &Path) -> Result<(), Untrusted> {
        let group = stat.st_mode & GROUP_WRITES != 0 && !self.is_alone(stat.st_gid);
        match group || stat.st_mode & OTHERS_WRITE != 0 {
            false => Ok(()),
            true => Err(Untrusted::Written {
                path: path.to_owned(),
                mode: stat.st_mode & 0o7777,
            }),
        }
    }

    /// Whether no other user is in the group: it has the user's name, and no other members.
    fn is_alone(self, group: u32) -> bool {
        let named = || {
            let user = User::from_uid(Uid::from_raw(self.own)).ok()??;
            let group = Group::from_gid(Gid::from_raw(group)).ok()??;
            Some(group.name == user.name && group.mem.iter().all(|it| *it == user.name))
        };
        group == self.group && named() == Some(true)
    }
}

fn foreign(stat: &Stat, path: &Path) -> Untrusted {
    Untrusted::Foreign {
        path: path.to_owned(),
        owner: stat.st_uid,
    }
}

/// No other user may open it.
pub(super) fn is_closed(stat: &Stat, path: &Path) -> Result<(), Untrusted> {
    match stat.st_mode & 0o077 {
        0 => Ok(()),
        _ => Err(Untrusted::Open {
            path: path.to_owned(),
            mode: stat.st_mode & 0o7777,
        }),
    }
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}
