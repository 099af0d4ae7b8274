//! What has gone one way through a socket while somebody looked: how much, how large, how evenly.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sizes below are told exactly; above, each octave has so many steps.
const STEPS: u64 = 16;

/// Counts that only grow: of two looks, the difference is what went through between them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// How many messages,
    pub messages: u64,
    /// and how many bytes they had.
    pub bytes: u64,
    /// How many had which size: pairs of a step and a number, in order.
    pub sizes: Vec<(u16, u64)>,
    /// How many intervals between one message and the next,
    pub intervals: u64,
    /// their sum in microseconds,
    pub interval_us: f64,
    /// and the sum of their squares.
    pub interval_us2: f64,
}

impl Traffic {
    /// A message of that size has passed, so long after the one before.
    pub fn note(&mut self, size: usize, after: Option<Duration>) {
        self.messages += 1;
        self.bytes += size as u64;
        let step = step_of(size as u64);
        match self.sizes.binary_search_by_key(&step, |it| it.0) {
            Ok(at) => self.sizes[at].1 += 1,
            Err(at) => self.sizes.insert(at, (step, 1)),
        }
        if let Some(after) = after {
            let us = after.as_secs_f64() * 1e6;
            self.intervals += 1;
            self.interval_us += us;
            self.interval_us2 += us * us;
        }
    }

    /// What has passed since that earlier look.
    pub fn since(&self, earlier: &Traffic) -> Traffic {
        let before = |step: u16| {
            let at = earlier.sizes.binary_search_by_key(&step, |it| it.0);
            at.map_or(0, |at| earlier.sizes[at].1)
        };
        let sizes = self.sizes.iter();
        let sizes = sizes.map(|(step, count)| (*step, count.saturating_sub(before(*step))));
        Traffic {
            messages: self.messages.saturating_sub(earlier.messages),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            sizes: sizes.filter(|(_, count)| *count > 0).collect(),
            intervals: self.intervals.saturating_sub(earlier.intervals),
            interval_us: (self.interval_us - earlier.interval_us).max(0.0),
            interval_us2: (self.interval_us2 - earlier.interval_us2).max(0.0),
        }
    }

    /// The size that so many in a hundred messages do not exceed, to some 6%. None if there were none.
    pub fn size_at(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.sizes.iter().map(|it| it.1).sum();
        let wanted = (all * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let step = self.sizes.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        })?;
        Some(largest_of(step.0))
    }

    /// By how much intervals differ from their mean: the standard deviation. None below two intervals.
    #[allow(clippy::cast_precision_loss, reason = "a count of messages")]
    pub fn jitter(&self) -> Option<Duration> {
        let count = self.intervals as f64;
        let mean = (self.intervals > 1).then(|| self.interval_us / count)?;
        let variance = (self.interval_us2 / count - mean * mean).max(0.0);
        Some(Duration::from_secs_f64(variance.sqrt() / 1e6))
    }
}

/// The step that a size belongs to.
fn step_of(size: u64) -> u16 {
    if size < 2 * STEPS {
        return u16::try_from(size).unwrap_or(u16::MAX);
    }
    // How often it can be halved until it is one of the first two rows.
    let octave = u64::from(size.ilog2() - STEPS.ilog2());
    let within = (size >> octave) - STEPS;
    u16::try_from((octave + 1) * STEPS + within).unwrap_or(u16::MAX)
}

/// The largest size of a step.
fn largest_of(step: u16) -> u64 {
    let step = u64::from(step);
    if step < 2 * STEPS {
        return step;
    }
    let (octave, within) = (step / STEPS - 1, step % STEPS);
    let next = u128::from(STEPS + within + 1) << octave.min(64);
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_size_is_in_its_step_and_steps_are_narrow(size in any::<u64>(), shift in 0..64u32) {
            let size = size >> shift;
            let step = step_of(size);
            let largest = largest_of(step);
            prop_assert!(largest >= size);
            prop_assert!(largest - size <= size / STEPS);
            prop_assert!(step == 0 || largest_of(step - 1) < size);
        }

        #[test]
        fn the_difference_of_two_looks_is_what_passed_between(
            first in prop::collection::vec(0..100_000usize, 0..50),
            then in prop::collection::vec(0..100_000usize, 0..50),
        ) {
            let mut traffic = Traffic::default();
            first.iter().for_each(|size| traffic.note(*size, None));
            let before = traffic.clone();
            let mut alone = Traffic::default();
            for size in &then {
                traffic.note(*size, None);
                alone.note(*size, None);
            }
            prop_assert_eq!(traffic.since(&before), alone);
        }
    }

    #[test]
    fn sizes_and_jitter_are_told() {
        let mut traffic = Traffic::default();
        assert_eq!((traffic.size_at(50), traffic.jitter()), (None, None));
        for ms in [10, 10, 30, 30] {
            traffic.note(20, Some(Duration::from_millis(ms)));
        }
        traffic.note(1_000_000, None);
        assert_eq!(traffic.size_at(50), Some(20));
        let largest = traffic.size_at(99).unwrap();
        assert!((1_000_000..1_062_501).contains(&largest), "{largest}");
        assert_eq!(traffic.jitter(), Some(Duration::from_millis(10)));
    }
}
