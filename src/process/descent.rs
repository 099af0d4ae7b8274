//! What descends from this process, in whatever sessions: it adopts what has lost its parent.
//!
//! A process that ends while the tree is looked at hands what it has started to another parent; that may be passed over at
//! both. So it is looked again until none ends meanwhile.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use super::members::{Member, Seen};
use super::runs::{Mark, mark_of};
use super::{Stat, pids, until_ended};

/// What descends from this process, alive, but for its children that are `known` and what descends from those, and
/// for what is not `ours` by its mark. What has no mark is taken to have that of the process it descends from.
pub fn descendants(
    known: impl Fn(u32) -> bool,
    ours: impl Fn(Option<&str>) -> bool,
) -> Vec<Member> {
    let look_at = |pid: u32, above: Option<String>| {
        let seen = Member::of(pid, above);
        if seen == Seen::Ending {
            until_ended(pid, ENDING_TIMEOUT);
        }
        seen
    };
    settled(|| {
        let mut roots = children(std::process::id());
        roots.retain(|pid| !known(*pid));
        walk(roots, look_at, children, &ours)
    })
}

/// How long the end of one is waited for that has begun to end. One with much memory takes longer: who waits for its end
/// looks then.
const ENDING_TIMEOUT: Duration = Duration::from_millis(100);

/// What one look has found.
struct Look {
    found: Vec<Member>,
    /// What ended meanwhile, or had ended.
    ending: Vec<u32>,
}

fn walk(
    roots: Vec<u32>,
    look_at: impl Fn(u32, Option<String>) -> Seen,
    children: impl Fn(u32) -> Vec<u32>,
    ours: impl Fn(Option<&str>) -> bool,
) -> Look {
    let mut next: Vec<(u32, Option<String>)> = roots.into_iter().map(|pid| (pid, None)).collect();
    let (mut found, mut ending) = (Vec::new(), Vec::new());
    while let Some((pid, above)) = next.pop() {
        match look_at(pid, above) {
            Seen::Lives(member) if ours(member.run.as_deref()) => {
                let below = children(pid).into_iter();
                next.extend(below.map(|child| (child, member.run.clone())));
                found.push(member);
            }
            Seen::Lives(_) => {}
            Seen::Ending => ending.push(pid),
        }
    }
    Look { found, ending }
}

/// Looks again as long as something ends that had not ended at the look before.
fn settled(mut look: impl FnMut() -> Look) -> Vec<Member> {
    let mut ended = HashSet::new();
    for _ in 0..LOOKS {
        let Look { found, ending } = look();
        let before = ended.len();
        ended.extend(ending);
        if ended.len() == before {
            return found;
        }
    }
    look().found
}

/// Something that starts short programs all the time does not keep this process from its work.
const LOOKS: u32 = 20;

/// Whether this process has any child that is not `known`, dead or alive.
pub fn has_others(known: impl Fn(u32) -> bool) -> bool {
    children(std::process::id())
        .into_iter()
        .any(|pid| !known(pid))
}

/// Whether a child of this process that is not `known` is ending still, so that there may be more to adopt.
pub fn has_ending(known: impl Fn(u32) -> bool) -> bool {
    let others = children(std::process::id()).into_iter();
    let is_ending = |pid: &u32| mark_of(*pid) == Mark::Ending && !until_ended(*pid, Duration::ZERO);
    others.filter(|pid| !known(*pid)).any(|pid| is_ending(&pid))
}

/// The children of all threads of a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(text) => found.extend(
                text.split_whitespace()
                    .filter_map(|it| it.parse::<u32>().ok()),
            ),
            // A kernel without these lists. Else the thread has ended.
            Err(_) if task.path().join("stat").exists() => return children_of_all(pid),
            Err(_) => {}
        }
    }
    found
}

fn children_of_all(parent: u32) -> Vec<u32> {
    pids()
        .filter(|pid| Stat::of(*pid).is_ok_and(|stat| stat.parent == parent))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::ProcessId;
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// Processes as a script: who is whose child, and who ends at which look.
    struct World {
        parents: BTreeMap<u32, u32>,
        ending: Vec<u32>,
    }

    const OWN: u32 = 1;

    impl World {
        fn children(&self, of: u32) -> Vec<u32> {
            let children = self.parents.iter().filter(|(_, parent)| **parent == of);
            children.map(|(child, _)| *child).collect()
        }

        /// The next that is to end does so as it is looked at: what it has started is this process's.
        fn look_at(&mut self, pid: u32, above: Option<String>) -> Seen {
            if self.ending.contains(&pid) {
                self.parents.remove(&pid);
                let orphans = self.parents.values_mut().filter(|parent| **parent == pid);
                orphans.for_each(|parent| *parent = OWN);
                return Seen::Ending;
            }
            let process = ProcessId {
                pid,
                start: 1,
                boot: String::new(),
            };
            Seen::Lives(Member {
                process,
                run: above.or_else(|| Some(format!("run {pid}"))),
                command: String::new(),
            })
        }
    }

    fn found_in(world: World, ours: impl Fn(Option<&str>) -> bool) -> Vec<u32> {
        let world = RefCell::new(world);
        let found = settled(|| {
            let roots = world.borrow().children(OWN);
            walk(
                roots,
                |pid, above| world.borrow_mut().look_at(pid, above),
                |pid| world.borrow().children(pid),
                &ours,
            )
        });
        let mut found: Vec<u32> = found.iter().map(|it| it.process.pid).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn what_one_has_started_that_ends_meanwhile_is_found() {
        // A chain, of which the three above end one after another, as each is looked at.
        let world = World {
            parents: [(2, OWN), (3, 2), (4, 3), (5, 4)].into(),
            ending: vec![2, 3, 4],
        };
        assert_eq!(found_in(world, |_| true), [5]);
    }

    #[test]
    fn what_bears_none_has_the_mark_of_the_one_above_and_others_are_passed_over() {
        let world = World {
            parents: [(2, OWN), (3, 2), (4, OWN), (5, 4)].into(),
            ending: Vec::new(),
        };
        assert_eq!(found_in(world, |run| run == Some("run 2")), [2, 3]);
    }

    #[test]
    fn the_looking_ends_though_something_ends_each_time() {
        let mut looks = 0;
        let found = settled(|| {
            looks += 1;
            Look {
                found: Vec::new(),
                ending: vec![looks],
            }
        });
        assert!(found.is_empty());
        assert_eq!(looks, LOOKS + 1);
    }
}
