//! Looking whether files have changed, again and again: of those that are followed, the sum of each. What cannot be read just now is not
//! there. Only what has changed since is read again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::sum::{copy, sum_of};
use super::walk::Stoppable;
use crate::model::{Digest, NamePattern, SyncSpec, TreePath, What};

/// Files that editors, compilers and programs have beside what people write. They are copied like others; that they change is no
/// reason to start anything anew.
const BY_THE_WAY: [&str; 13] = [
    "__pycache__",
    "*.pyc",
    ".git",
    ".hg",
    ".svn",
    "*~",
    "*.swp",
    "*.swo",
    "*.swx",
    ".#*",
    "#*#",
    "*.log",
    "*.pid",
];
/// How long ago a file has to have changed for its times to tell it from what it is later: the clock of a file system is coarse.
const SETTLED: Duration = Duration::from_secs(1);

/// What was there of a [`SyncSpec`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Files and links, by where they are.
    pub there: BTreeMap<PathBuf, What>,
    /// Where something may change that matters.
    pub folders: BTreeSet<PathBuf>,
}

impl Looked {
    /// The same of files that were looked through to be copied.
    pub(super) fn of(spec: &SyncSpec, entries: &BTreeMap<TreePath, What>) -> Self {
        let by_the_way = by_the_way();
        let is_out = |path: &TreePath| by_the_way.iter().any(|it| it.matches(path));
        let counts = |(path, what): &(&TreePath, &What)| {
            // A path that is named itself counts, whatever it is called.
            let within = path.ancestors().chain([(*path).clone()]);
            let mut within = within.filter(|it| !spec.paths.contains(it));
            !matches!(what, What::Folder) && !within.any(|it| is_out(&it))
        };
        let there = entries.iter().filter(counts);
        let there = there.map(|(path, what)| (path.in_folder(&spec.from), what.clone()));
        Self {
            there: there.collect(),
            folders: BTreeSet::new(),
        }
    }

    /// Of all but what is left out.
    pub(crate) fn digest(&self, but: &BTreeSet<PathBuf>) -> Digest {
        let there = self.there.iter().filter(|(path, _)| !but.contains(*path));
        let there: Vec<(String, &What)> = there
            .map(|(path, what)| (path.display().to_string(), what))
            .collect();
        sum_of(&crate::wire::body(&there))
    }
}

/// By what a file is known again without being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    id: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            id: (file.dev(), file.ino()),
            size: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    fn is_settled(&self) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or_default();
        let changed = UNIX_EPOCH + Duration::from_secs(seconds) + SETTLED;
        SystemTime::now() > changed + SETTLED
    }
}

/// What remembers what it has read.
#[derive(Debug, Default)]
pub(crate) struct Looker {
    known: HashMap<PathBuf, (Stamp, What)>,
    /// Folders of osb's own, which are nobody's files.
    apart: Vec<PathBuf>,
    /// Set when nobody waits for it any more.
    pub stop: Arc<AtomicBool>,
}

impl Looker {
    pub(crate) fn apart_from(apart: Vec<PathBuf>) -> Self {
        Self {
            apart,
            ..Self::default()
        }
    }

    /// All that these name, each once.
    pub(crate) fn look<'s>(
        &mut self,
        specs: impl IntoIterator<Item = &'s SyncSpec>,
    ) -> BTreeMap<SyncSpec, Looked> {
        let specs: BTreeSet<&SyncSpec> = specs.into_iter().collect();
        let former = std::mem::take(&mut self.known);
        let by_the_way = by_the_way();
        let mut all = BTreeMap::new();
        for spec in specs {
            let mut look = Look {
                spec,
                by_the_way: &by_the_way,
                former: &former,
                looker: self,
                looked: Looked::default(),
            };
            spec.paths.iter().for_each(|path| look.any(path));
            all.insert(spec.clone(), look.looked);
        }
        all
    }
}

fn by_the_way() -> Vec<NamePattern> {
    let names = BY_THE_WAY.iter();
    names.filter_map(|it| NamePattern::new(it)).collect()
}

struct Look<'l> {
    spec: &'l SyncSpec,
    by_the_way: &'l [NamePattern],
    former: &'l HashMap<PathBuf, (Stamp, What)>,
    looker: &'l mut Looker,
    looked: Looked,
}

impl Look<'_> {
    /// The folder that it is in is watched: there, others are put in its place.
    fn any(&mut self, path: &TreePath) {
        let at = path.in_folder(&self.spec.from);
        if !path.is_root() {
            self.looked.folders.extend(nearest(at.parent()));
        }
        self.take(path, &at);
    }

    fn take(&mut self, path: &TreePath, at: &Path) {
        let metadata = match path.is_root() {
            true => fs::metadata(at),
            false => fs::symlink_metadata(at),
        };
        let Ok(metadata) = metadata else {
            self.looked.folders.extend(nearest(Some(at)));
            return;
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.folder(path, at);
        } else if kind.is_symlink() {
            if let Ok(to) = fs::read_link(at) {
                let to = to.display().to_string();
                self.looked.there.insert(at.to_owned(), What::Link { to });
            }
        } else if kind.is_file()
            && let Some(what) = self.file(at, &metadata)
        {
            self.looked.there.insert(at.to_owned(), what);
        }
    }

    fn folder(&mut self, folder: &TreePath, at: &Path) {
        if self.looker.apart.iter().any(|apart| at.starts_with(apart)) {
            return;
        }
        self.looked.folders.insert(at.to_owned());
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(Ok(path)) = name.to_str().map(|name| folder.join(name)) else {
                continue;
            };
            let mut out = self.spec.except.iter().chain(self.by_the_way);
            if !out.any(|it| it.matches(&path)) {
                self.take(&path, &entry.path());
            }
        }
    }

    fn file(&mut self, at: &Path, metadata: &Metadata) -> Option<What> {
        let stamp = Stamp::of(metadata);
        let known = self.looker.known.get(at).or_else(|| self.former.get(at));
        let what = match known.filter(|(known, _)| *known == stamp) {
            Some((_, what)) => what.clone(),
            None => {
                let file = File::open(at).ok()?;
                let stop = &self.looker.stop;
                let read = copy(&mut Stoppable { file, stop }, &mut io::sink());
                let (size, sum) = read.ok()?;
                What::File {
                    size,
                    sum,
                    executable: metadata.permissions().mode() & 0o100 != 0,
                }
            }
        };
        if stamp.is_settled() {
            let known = (stamp, what.clone());
            self.looker.known.insert(at.to_owned(), known);
        }
        Some(what)
    }
}

/// The folder, or the one above that is there.
fn nearest(path: Option<&Path>) -> Option<PathBuf> {
    let mut all = path?.ancestors();
    all.find(|it| it.is_dir()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is compared later is what was looked through to be copied.
    #[test]
    fn what_is_copied_has_the_same_digest() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir_all(at("lib/.git/x")).unwrap();
        for name in ["bob.log", "lib/a.py", "lib/.git/x/y", "lib/b.log", "other"] {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a.py", at("lib/link")).unwrap();
        for paths in [&["bob.log", "lib"][..], &["."], &["lib/a.py"]] {
            let spec = spec(temp.path(), paths);
            let walked = super::super::walk::walk(&spec, &AtomicBool::new(false)).unwrap();
            let copied = Looked::of(&spec, &walked.entries);
            let looked = Looker::default().look([&spec]).remove(&spec).unwrap();
            assert_eq!(copied.there, looked.there, "{paths:?}");
        }
    }

    fn spec(from: &Path, paths: &[&str]) -> SyncSpec {
        SyncSpec {
            from: from.to_owned(),
            paths: paths.iter().map(|it| it.parse().unwrap()).collect(),
            except: NamePattern::new("data").into_iter().collect(),
        }
    }

    #[test]
    fn only_other_contents_make_another_digest() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir_all(at("lib/__pycache__")).unwrap();
        fs::write(at("bob.py"), "1").unwrap();
        fs::write(at("lib/a.py"), "1").unwrap();
        let all = spec(temp.path(), &["bob.py", "lib", "missing/x"]);
        let mut looker = Looker::default();
        let mut digest = || {
            let looked = looker.look([&all]);
            looked[&all].digest(&BTreeSet::new())
        };
        let first = digest();
        for beside in [
            "lib/__pycache__/a.pyc",
            "lib/x.log",
            "lib/.a.py.swp",
            "other.py",
            "lib/data",
        ] {
            fs::write(at(beside), "x").unwrap();
            assert_eq!(digest(), first, "{beside}");
        }
        // Written anew with what it had, and by way of another name.
        fs::write(at("bob.py"), "1").unwrap();
        fs::write(at("new"), "1").unwrap();
        fs::rename(at("new"), at("lib/a.py")).unwrap();
        assert_eq!(digest(), first);
        // Of the same size, at once.
        fs::write(at("bob.py"), "2").unwrap();
        let second = digest();
        assert_ne!(second, first);
        fs::rename(at("lib"), at("elsewhere")).unwrap();
        assert_ne!(digest(), second);
        fs::rename(at("elsewhere"), at("lib")).unwrap();
        assert_eq!(digest(), second);
    }

    #[test]
    fn what_has_settled_is_not_read_again() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a");
        fs::write(&path, "1").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        File::open(&path).unwrap().set_modified(long_ago).unwrap();
        let all = spec(temp.path(), &["."]);
        let mut looker = Looker::default();
        let first = looker.look([&all]);
        // The time at which it changed last is now, whatever else is said of it.
        assert!(looker.known.is_empty());
        assert_eq!(looker.look([&all]), first);
        assert_eq!(
            first[&all].folders,
            BTreeSet::from([temp.path().to_owned()])
        );
    }
}
