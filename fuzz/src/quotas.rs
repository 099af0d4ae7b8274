//! How much members may use of their name server.

use std::collections::HashMap;
use std::time::Duration;

use osb::access::fuzzing::{Quotas, may_have};
use osb::model::{Access, Quota};

const LEVELS: [Access; 6] = [
    Access::Join,
    Access::Read,
    Access::Agent,
    Access::Host,
    Access::Control,
    Access::Admin,
];

/// What one member has had.
#[derive(Default)]
struct Had {
    count: f64,
    /// The most, over the beginnings of all windows, by which the pace was ahead of what was had.
    ahead: f64,
    last: f64,
}

/// Four bytes for each that want: who and of what, how many, and after how long.
pub fn quotas(bytes: &[u8]) {
    let mut quotas = Quotas::default();
    let mut had = HashMap::<(u8, Quota), Had>::new();
    let mut now = Duration::ZERO;
    // As many as can be tried in a moment.
    for ask in bytes.chunks_exact(4).take(24) {
        let [who, many, wait, scale] = [ask[0], ask[1], ask[2], ask[3]];
        now += Duration::from_micros(u64::from(wait) << (scale % 24));
        let (member, level) = (who % 8, LEVELS[usize::from(who % 8) % LEVELS.len()]);
        let quota = if who & 8 == 0 {
            Quota::Requests
        } else {
            Quota::Admissions
        };
        let wanted = 64 * u32::from(many);
        let take = |_: &u32| quotas.take(u32::from(member), level, quota, now);
        let got = (0..wanted).filter(take).count();
        let Some((each_second, at_once)) = may_have(quota, level) else {
            assert_eq!(got, wanted as usize, "{level:?} has no limit");
            continue;
        };
        let (seconds, pace) = (now.as_secs_f64(), f64::from(each_second));
        let had = had.entry((member, quota)).or_default();
        // In no window is there more than what comes at once and what comes with time.
        had.ahead = had.ahead.max(pace * seconds - had.count);
        let rested = (seconds - had.last) * pace >= f64::from(at_once);
        let first = had.count == 0.0;
        had.count += got as f64;
        had.last = seconds;
        let over = had.count - pace * seconds + had.ahead;
        assert!(
            over <= f64::from(at_once) + 0.01,
            "{level:?} had {over} at once"
        );
        // Who has rested for so long has all of it again.
        if (first || rested) && each_second > 0 {
            assert!(
                got as u32 >= wanted.min(at_once) - u32::from(wanted > 0),
                "{level:?} got {got}"
            );
        }
    }
}
