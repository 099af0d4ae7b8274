//! A cgroup for each life of an agent, where that is possible: cgroup v2, and this process may make groups below its
//! own. Its name is the mark of that life. A program can empty its environment, and lose its parents; it stays
//! in its group.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::proc_file;

/// What the names of groups begin with.
const PREFIX: &str = "osb-";

/// Where groups can be made.
#[derive(Debug, Clone)]
pub struct Cgroups {
    below: PathBuf,
}

/// The group of one life. It goes when it is dropped, unless something is in it still.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroups {
    /// Below this process's own group. None where there is none, or where none can be made: that is tried.
    pub fn below_own() -> Option<Self> {
        let below = own_group()?;
        let cgroups = Self { below };
        let trial = cgroups.make(&format!("trial-{}", std::process::id()));
        trial.ok().map(|_| cgroups)
    }

    /// The group of the life that has this mark.
    pub fn make(&self, run: &str) -> io::Result<Cgroup> {
        let path = self.below.join(format!("{PREFIX}{run}"));
        fs::create_dir(&path)?;
        Ok(Cgroup { path })
    }
}

impl Cgroup {
    /// One that was made before, as it was written down. None if it is not the group of a life.
    pub fn of_path(path: PathBuf) -> Option<Self> {
        is_of_one_life(&path).then_some(Self { path })
    }

    /// From now on the process is in it, and whatever it starts.
    pub fn take(&self, pid: u32) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), pid.to_string())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, unless something is in it: then it is given back.
    pub fn remove(self) -> Option<Self> {
        fs::remove_dir(&self.path).is_err().then_some(self)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// This process's own group.
pub(super) fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = v2_path(&fs::read_to_string("/proc/self/cgroup").ok()?)?.to_owned();
    place_of(&mounts, &own)
}

/// Whether it is the group of one life of an agent.
pub(super) fn is_of_one_life(group: &Path) -> bool {
    let name = group.file_name().and_then(|it| it.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX))
}

/// Removes a group that is empty.
pub fn remove(path: &Path) {
    if is_of_one_life(path) {
        let _ = fs::remove_dir(path);
    }
}

/// The mark of the life in whose group a process is.
pub(super) fn run_of(pid: u32) -> Option<String> {
    let groups = proc_file(&format!("/proc/{pid}/cgroup")).ok()?;
    let name = v2_path(&groups)?.rsplit('/').next()?;
    name.strip_prefix(PREFIX).map(str::to_owned)
}

/// Of a process's groups, as /proc has them, that of the second version.
fn v2_path(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Where a group is to be found, by the list of what is mounted.
fn place_of(mounts: &str, group: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        if after.split(' ').next()? != "cgroup2" {
            return None;
        }
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let inside = match root {
            "/" => group,
            root => group.strip_prefix(root)?,
        };
        Some(Path::new(point).join(inside.trim_start_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_where_it_is_mounted() {
        let mounts = "36 25 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      42 25 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let place = |group| place_of(mounts, group).unwrap().display().to_string();
        assert_eq!(place("/"), "/sys/fs/cgroup/unified/");
        assert_eq!(
            place("/user.slice/a"),
            "/sys/fs/cgroup/unified/user.slice/a"
        );
        // In a container, where only a part is seen.
        let part = "42 25 0:38 /box /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n";
        let place = place_of(part, "/box/own").unwrap();
        assert_eq!(place, Path::new("/sys/fs/cgroup/own"));
        assert_eq!(
            place_of("36 25 0:32 / /sys rw - sysfs sysfs rw\n", "/"),
            None
        );
    }

    #[test]
    fn the_second_version_is_told_from_the_first() {
        assert_eq!(
            v2_path("9:name=systemd:/\n1:cpu:/x\n0::/user/own\n"),
            Some("/user/own")
        );
        assert_eq!(v2_path("1:cpu:/x\n"), None);
    }
}
