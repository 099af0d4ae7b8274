//! How much of the name server each member may use, so that none of them takes what is there for the others.
//!
//! By key: a member that connects once more has no more for it. What `up` of a system with 5,000 agents asks at
//! once is within what a member may. The owner (admin) has no quotas: the owner could end the system anyway.

use std::collections::HashMap;
use std::time::Duration;

use super::KeyId;
use crate::model::{Access, Quota};
use crate::wire::Fault;

/// How many requests of a member may wait for answers at a time.
pub(crate) const UNANSWERED: usize = 20_000;
/// How many keys there may be in all.
pub(crate) const KEYS: usize = 100_000;

/// A steady pace, and how much may come at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub each_second: u32,
    pub at_once: u32,
}

/// None: as many as it likes.
pub(super) fn pace(quota: Quota, level: Access) -> Option<Pace> {
    let pace = |each_second, at_once| {
        Some(Pace {
            each_second,
            at_once,
        })
    };
    match (quota, level) {
        (Quota::Requests, Access::Join) => pace(10, 200),
        (Quota::Requests, Access::Read | Access::Tap) => pace(2_000, 20_000),
        (Quota::Requests, Access::Agent | Access::Host) => pace(5_000, 100_000),
        (Quota::Requests, Access::Control) => pace(20_000, 200_000),
        (Quota::Admissions, Access::Host | Access::Control) => pace(100, 10_000),
        (Quota::Admissions, Access::Join | Access::Read | Access::Tap | Access::Agent) => {
            pace(0, 0)
        }
        (Quota::Requests | Quota::Admissions, Access::Admin)
        | (Quota::Unanswered | Quota::Keys, _) => None,
    }
}

/// How many of these a member of that level may have, in the long run.
fn most(quota: Quota, level: Access) -> u64 {
    match quota {
        Quota::Unanswered => UNANSWERED as u64,
        Quota::Keys => KEYS as u64,
        Quota::Requests | Quota::Admissions => {
            pace(quota, level).map_or(u64::MAX, |pace| pace.each_second.into())
        }
    }
}

/// What a member is told that wants more.
pub(crate) fn over(quota: Quota, level: Access) -> Fault {
    Fault::OverQuota {
        quota,
        most: most(quota, level),
    }
}

/// What the members have used of theirs.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// By key and quota: when it would have come to this by a steady pace. In the past: it has all of it again.
    until: HashMap<(KeyId, Quota), Duration>,
    /// At so many it is looked which have all of theirs again.
    full: usize,
}

impl Used {
    /// One more. False: it is one too many, and not counted.
    pub(crate) fn take(&mut self, key: KeyId, level: Access, quota: Quota, now: Duration) -> bool {
        let Some(pace) = pace(quota, level) else {
            return true;
        };
        if pace.each_second == 0 {
            return false;
        }
        if self.until.len() >= self.full {
            self.until.retain(|_, until| *until > now);
            self.full = 2 * self.until.len() + 64;
        }
        let each = Duration::from_secs(1) / pace.each_second;
        let until = self.until.entry((key, quota)).or_insert(now);
        let next = (*until).max(now) + each;
        let fits = next <= now + each * pace.at_once;
        if fits {
            *until = next;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyId = KeyId(1);

    fn taken(used: &mut Used, key: KeyId, tries: usize, now: Duration) -> usize {
        let take = |_: &usize| used.take(key, Access::Read, Quota::Requests, now);
        (0..tries).filter(take).count()
    }

    #[test]
    fn so_many_come_at_once_and_then_at_a_pace() {
        let mut used = Used::default();
        let s = Duration::from_secs;
        assert_eq!(taken(&mut used, KEY, 30_000, s(5)), 20_000);
        assert_eq!(taken(&mut used, KEY, 30_000, s(5)), 0);
        assert_eq!(taken(&mut used, KEY, 30_000, s(6)), 2_000);
        assert_eq!(
            taken(&mut used, KEY, 30_000, s(1000)),
            20_000,
            "no more is saved up"
        );
        // Each has its own.
        assert_eq!(taken(&mut used, KeyId(2), 30_000, s(1000)), 20_000);
    }

    #[test]
    fn who_owns_the_system_has_no_limit_and_who_may_not_admit_has_none_to_admit() {
        let mut used = Used::default();
        let mut take = |level, quota| used.take(KEY, level, quota, Duration::ZERO);
        assert!((0..1_000_000).all(|_| take(Access::Admin, Quota::Requests)));
        assert!(!take(Access::Agent, Quota::Admissions));
    }

    #[test]
    fn members_that_have_gone_leave_nothing() {
        let mut used = Used::default();
        for number in 0..100_000 {
            let now = Duration::from_secs(number.into());
            assert!(used.take(KeyId(number), Access::Agent, Quota::Requests, now));
        }
        assert!(used.until.len() < 200, "{}", used.until.len());
    }
}
