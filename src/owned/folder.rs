//! A folder that is open, and all that is done in it by names alone.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, linkat, mkdirat, openat, readlinkat,
    renameat, unlinkat,
};

use super::Place;
use super::trust::{Untrusted, Users, is_closed, kind};

/// A link may lead to a link, and so on; not for ever.
const MOST_LINKS: usize = 40;

/// How often a folder is made again that is taken away as it is made.
const MOST_TIMES: usize = 100;

/// What others may do with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Private {
    /// They may not write to it.
    Written,
    /// They may not even look into it.
    Closed,
}

/// A folder of this user's.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    users: Users,
}

impl Folder {
    /// Opens it.
    pub(crate) fn open(place: Place<'_>, private: Private) -> io::Result<Self> {
        let folder = walk(place, false)?;
        folder.is_own(private)?;
        Ok(folder)
    }

    /// Opens it, and makes what is missing on the way, for this user alone. Another process may take an empty folder of that way
    /// away meanwhile: then it is made again.
    pub(crate) fn make(place: Place<'_>, private: Private) -> io::Result<Self> {
        let is_gone = |it: &io::Result<Self>| {
            let error = it.as_ref().err();
            error.is_some_and(|it| it.kind() == io::ErrorKind::NotFound)
        };
        let mut folder = walk(place, true);
        for _ in 0..MOST_TIMES {
            if !is_gone(&folder) {
                break;
            }
            folder = walk(place, true);
        }
        let folder = folder?;
        folder.is_own(private)?;
        Ok(folder)
    }

    fn is_own(&self, private: Private) -> io::Result<()> {
        let stat = fstat(&self.fd)?;
        self.users.own(&stat, &self.path)?;
        match private {
            Private::Written => self.users.only_own_write(&stat, &self.path)?,
            Private::Closed => is_closed(&stat, &self.path)?,
        }
        Ok(())
    }

    /// Opens a file in it, which has to be this user's. A new one is for this user alone.
    pub(crate) fn file(&self, name: &OsStr, how: OFlags) -> io::Result<File> {
        // A pipe would block the process that opens it.
        let how = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let opened = openat(&self.fd, name, how, Mode::RUSR | Mode::WUSR);
        let fd = opened.map_err(|errno| match errno {
            rustix::io::Errno::LOOP => io::Error::from(Untrusted::Link { path: path.clone() }),
            errno => errno.into(),
        })?;
        let stat = fstat(&fd)?;
        if kind(&stat) != FileType::RegularFile {
            let wanted = "file";
            return Err(Untrusted::Kind { path, wanted }.into());
        }
        self.users.own(&stat, &path)?;
        self.users.only_own_write(&stat, &path)?;
        Ok(File::from(fd))
    }

    /// The names of all that is in it.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd_to_read()?)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if !matches!(&name[..], b"." | b"..") {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Gives a file another name too. An error if that is taken.
    pub(crate) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?)
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What was made, moved and removed in it is on the disk then.
    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.fd_to_read()?)?)
    }

    /// The one that is held is good for names alone.
    fn fd_to_read(&self) -> io::Result<OwnedFd> {
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(&self.fd, ".", how, Mode::empty())?)
    }
}

/// Something on the way that is open: a folder, or a link itself.
struct Step {
    fd: OwnedFd,
    stat: Stat,
}

/// What is there, opened for its name alone, so that no more is needed than to pass through. What is missing is made if
/// that is wanted.
fn step(from: &OwnedFd, name: &OsStr, make: bool) -> io::Result<Step> {
    let how = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(from, name, how, Mode::empty());
    let fd = match open() {
        Err(rustix::io::Errno::NOENT) if make => {
            match mkdirat(from, name, Mode::RWXU) {
                // Another one was faster.
                Ok(()) | Err(rustix::io::Errno::EXIST) => open()?,
                Err(errno) => return Err(errno.into()),
            }
        }
        opened => opened?,
    };
    let stat = fstat(&fd)?;
    Ok(Step { fd, stat })
}

fn root() -> io::Result<Step> {
    let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, "/", how, Mode::empty())?;
    let stat = fstat(&fd)?;
    Ok(Step { fd, stat })
}

/// Goes the way to a folder. All before it are kept by this user and root; links on it are theirs, and not osb's own.
fn walk(place: Place<'_>, make: bool) -> io::Result<Folder> {
    let whole = std::path::absolute(place.path)?;
    let mut rest: VecDeque<OsString> = names(&whole).collect();
    let mut here = root()?;
    let users = Users::of(&here.stat);
    let (mut path, mut links) = (PathBuf::from("/"), 0);
    while let Some(name) = rest.pop_front() {
        users.is_kept(&here.stat, &path)?;
        let at = path.join(&name);
        let next = step(&here.fd, &name, make)?;
        match kind(&next.stat) {
            FileType::Directory => (here, path) = (next, at),
            FileType::Symlink => {
                links += 1;
                users.trust(&next.stat, &at)?;
                if rest.len() < place.own || links > MOST_LINKS {
                    return Err(Untrusted::Link { path: at }.into());
                }
                let to = PathBuf::from(OsString::from_vec(
                    readlinkat(&next.fd, "", Vec::new())?.into_bytes(),
                ));
                if to.is_absolute() {
                    (here, path) = (root()?, PathBuf::from("/"));
                }
                names(&to).rev().for_each(|name| rest.push_front(name));
            }
            _ => {
                let wanted = "folder";
                return Err(Untrusted::Kind { path: at, wanted }.into());
            }
        }
    }
    Ok(Folder {
        fd: here.fd,
        path: whole,
        users,
    })
}

/// What a path names, one by one; `..` is what is there under that name.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + use<> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::super::{append, create, open, read, replace};
    use super::*;

    fn place(path: &Path) -> Place<'_> {
        Place { path, own: 1 }
    }

    #[test]
    fn a_folder_that_is_taken_away_meanwhile_is_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let around = temp.path().join("around");
        let inner = around.join("inner");
        let made = || {
            let place = Place {
                path: &inner,
                own: 2,
            };
            (0..300).all(|_| Folder::make(place, Private::Written).is_ok())
        };
        let ended = std::sync::atomic::AtomicBool::new(false);
        let is_over = || ended.load(std::sync::atomic::Ordering::Relaxed);
        let all = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over() {
                    let _ = fs::remove_dir(&inner).and_then(|()| fs::remove_dir(&around));
                }
            });
            let all = made();
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
            all
        });
        assert!(all);
    }

    fn two(path: &Path) -> Place<'_> {
        Place { path, own: 2 }
    }

    fn why<T>(outcome: io::Result<T>) -> Untrusted {
        let error = outcome.err().expect("it is refused");
        Untrusted::of(&error).expect("for that reason").clone()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_missing_is_made_for_this_user_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/c");
        Folder::make(place(&path), Private::Closed).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            let mode = fs::metadata(temp.path().join(made)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o7777, 0o700, "{made}");
        }
        let file = path.join("file");
        append(place(&file)).unwrap().write_all(b"one").unwrap();
        append(place(&file)).unwrap().write_all(b" two").unwrap();
        assert_eq!(read(place(&file)).unwrap(), b"one two");
        let taken = create(place(&file)).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        replace(place(&file), b"three").unwrap();
        assert_eq!(read(place(&file)).unwrap(), b"three");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let folder = Folder::open(place(&path), Private::Closed).unwrap();
        assert_eq!(folder.names().unwrap(), ["file"]);
        let missing = read(place(&path.join("none"))).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_others_may_write_to_is_not_used() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("state");
        let file = path.join("file");
        fs::create_dir(&path).unwrap();
        fs::write(&file, "x").unwrap();
        for mode in [0o777, 0o702, 0o1777] {
            set_mode(&path, mode);
            let refused = why(Folder::open(place(&path), Private::Written));
            let path = path.clone();
            assert_eq!(refused, Untrusted::Written { path, mode });
        }
        assert!(matches!(why(open(place(&file))), Untrusted::Written { .. }));
        set_mode(&path, 0o755);
        assert!(open(place(&file)).is_ok());
        let closed = why(Folder::make(place(&path), Private::Closed));
        assert!(matches!(closed, Untrusted::Open { .. }), "{closed}");
        set_mode(&file, 0o666);
        assert!(matches!(why(open(place(&file))), Untrusted::Written { .. }));
        set_mode(&file, 0o600);
        // A user who may write to its folder can replace it; not in a folder like /tmp.
        set_mode(temp.path(), 0o777);
        assert!(matches!(why(open(place(&file))), Untrusted::Written { .. }));
        set_mode(temp.path(), 0o1777);
        assert!(open(place(&file)).is_ok());
        set_mode(temp.path(), 0o700);
    }

    #[test]
    fn links_are_followed_above_what_is_osbs_own_and_not_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let there = temp.path().join("there");
        fs::create_dir_all(there.join("osb/system")).unwrap();
        let link = temp.path().join("link");
        symlink("there", &link).unwrap();
        let through = link.join("osb/system");
        assert!(Folder::open(two(&through), Private::Written).is_ok());
        let own = there.join("osb/other");
        symlink("system", &own).unwrap();
        let refused = why(Folder::make(two(&own), Private::Written));
        assert_eq!(refused, Untrusted::Link { path: own });
        let file = there.join("osb/system/file");
        fs::write(there.join("elsewhere"), "x").unwrap();
        symlink(there.join("elsewhere"), &file).unwrap();
        for refused in [why(read(two(&file))), why(append(two(&file)))] {
            assert_eq!(refused, Untrusted::Link { path: file.clone() });
        }
        replace(two(&file), b"y").unwrap();
        assert_eq!(fs::read(there.join("elsewhere")).unwrap(), b"x");
        symlink("round", temp.path().join("round")).unwrap();
        let round = temp.path().join("round/osb");
        assert!(Folder::open(place(&round), Private::Written).is_err());
    }

    #[test]
    fn what_is_no_file_holds_nobody_up() {
        let temp = tempfile::tempdir().unwrap();
        let pipe = temp.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(why(read(place(&pipe))), Untrusted::Kind { .. }));
        assert!(matches!(
            why(Folder::open(place(&pipe), Private::Written)),
            Untrusted::Kind { .. }
        ));
    }

    #[test]
    fn what_belongs_to_another_user_is_not_used() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let (around, path) = (temp.path().join("home"), temp.path().join("home/osb"));
        let file = path.join("file");
        fs::create_dir_all(&path).unwrap();
        fs::write(&file, "x").unwrap();
        for other in [&around, &path, &file] {
            chown(other, Some(12345), None).unwrap();
            let (path, owner) = ((*other).clone(), 12345);
            assert_eq!(why(read(place(&file))), Untrusted::Foreign { path, owner });
            chown(other, Some(0), None).unwrap();
        }
        assert!(read(place(&file)).is_ok());
        let link = temp.path().join("link");
        symlink(&around, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
        let refused = why(read(place(&link.join("osb/file"))));
        assert!(matches!(refused, Untrusted::Foreign { .. }), "{refused}");
    }
}
