//! What becomes of an agent that has ended by itself: whether it is started again, when, and how often. The words of
//! docker compose and systemd. Pure: which ends there were, and the time, are told.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ExitReport, Millis};

/// After which ends an agent is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// After none.
    #[default]
    Never,
    /// After those with a status other than 0, or by a signal.
    OnFailure,
    /// After all.
    Always,
}

/// How an agent is started again. The first time is at once; each further one within the window waits longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// After which ends.
    pub policy: RestartPolicy,
    /// How long the second restart waits.
    pub delay: Millis,
    /// How long a restart waits at most.
    pub max_delay: Millis,
    /// By how much each waits longer than the one before it.
    pub factor: Decimal,
    /// Which part of the wait is left to chance, so that many do not come back in the same moment.
    pub jitter: Decimal,
    /// After so many restarts within the window, the agent has failed for good. 0: never.
    pub limit: u32,
    /// The window.
    pub within: Millis,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::Never,
            delay: Millis::new(100),
            max_delay: Millis::from_secs(30),
            factor: Decimal::of_thousandths(2000),
            jitter: Decimal::of_thousandths(200),
            limit: 20,
            within: Millis::from_secs(600),
        }
    }
}

impl RestartPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Never, Self::OnFailure, Self::Always];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            RestartPolicy::Never => "never",
            RestartPolicy::OnFailure => "on-failure",
            RestartPolicy::Always => "always",
        }
    }

    /// Whether an agent is started again that has ended so by itself. A job that has ended with 0 is done.
    pub fn wants(self, exit: &ExitReport, is_job: bool) -> bool {
        let well = exit.status == Some(0);
        match self {
            RestartPolicy::Never => false,
            RestartPolicy::OnFailure => !well,
            RestartPolicy::Always => !(well && is_job),
        }
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Restart {
    /// How long the next restart waits after `before` restarts within the window. `chance` is drawn evenly from 0 to 1000.
    /// None: there are no more.
    pub fn wait(&self, before: u32, chance: u32) -> Option<Duration> {
        if self.limit > 0 && before >= self.limit {
            return None;
        }
        let Some(exponent) = before.checked_sub(1) else {
            return Some(Duration::ZERO);
        };
        let most = self.max_delay.duration();
        let growth = self.factor.as_f64().powi(exponent.min(1000) as i32);
        let wait = self.delay.duration().as_secs_f64() * growth;
        // From the middle of the range, by up to the jitter to either side.
        let sway = (f64::from(chance.min(1000)) / 500.0 - 1.0) * self.jitter.as_f64();
        let wait = wait.min(most.as_secs_f64()) * (1.0 + sway);
        Some(Duration::try_from_secs_f64(wait).unwrap_or(most).min(most))
    }
}

/// A number with three digits behind the point, from 0 to 1000000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Decimal(u32);

/// The text or number is no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number such as 2 or 0.2")]
pub struct BadDecimal;

impl Decimal {
    /// In thousandths.
    pub const fn of_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// As a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl TryFrom<f64> for Decimal {
    type Error = BadDecimal;

    fn try_from(number: f64) -> Result<Self, BadDecimal> {
        match (0.0..=1_000_000.0).contains(&number) {
            true => Ok(Self((number * 1000.0).round() as u32)),
            false => Err(BadDecimal),
        }
    }
}

impl From<Decimal> for f64 {
    fn from(decimal: Decimal) -> f64 {
        decimal.as_f64()
    }
}

impl FromStr for Decimal {
    type Err = BadDecimal;

    fn from_str(text: &str) -> Result<Self, BadDecimal> {
        text.parse::<f64>().map_err(|_| BadDecimal)?.try_into()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exit(status: Option<i32>, signal: Option<i32>) -> ExitReport {
        let log = Vec::new();
        ExitReport {
            status,
            signal,
            log,
            cause: None,
        }
    }

    #[test]
    fn which_ends_are_followed_by_a_restart() {
        let (well, badly, killed) = (
            exit(Some(0), None),
            exit(Some(1), None),
            exit(None, Some(9)),
        );
        for (policy, expected) in [
            (RestartPolicy::Never, [false, false, false]),
            (RestartPolicy::OnFailure, [false, true, true]),
            (RestartPolicy::Always, [true, true, true]),
        ] {
            let wants = [&well, &badly, &killed].map(|exit| policy.wants(exit, false));
            assert_eq!(wants, expected, "{policy}");
            assert!(!policy.wants(&well, true), "a job is done: {policy}");
        }
    }

    #[test]
    fn the_first_is_at_once_and_each_further_one_waits_longer() {
        let restart = Restart {
            limit: 6,
            max_delay: Millis::new(500),
            ..Restart::default()
        };
        let waits = (0..7).map(|before| restart.wait(before, 500).map(|it| it.as_millis()));
        let expected = [
            Some(0),
            Some(100),
            Some(200),
            Some(400),
            Some(500),
            Some(500),
            None,
        ];
        assert_eq!(waits.collect::<Vec<_>>(), expected);
        let without = Restart {
            limit: 0,
            ..restart
        };
        assert!(without.wait(u32::MAX, 500).is_some());
    }

    #[test]
    fn decimals_are_read_and_written() {
        for text in ["2", "0.2", "1.125", "0"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        for bad in ["-1", "x", "", "nan", "inf", "1e9"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_it_may_be(before in 0..100u32, chance in 0..=1000u32, delay in 0..100_000u64, factor in 0..100_000u32, jitter in 0..1000u32) {
            let restart = Restart {
                delay: Millis::new(delay),
                factor: Decimal::of_thousandths(factor),
                jitter: Decimal::of_thousandths(jitter),
                limit: 0,
                ..Restart::default()
            };
            let wait = restart.wait(before, chance).unwrap();
            prop_assert!(wait <= restart.max_delay.duration());
            if before > 0 && factor >= 1000 {
                let least = delay.min(restart.max_delay.get()) as f64 * (1.0 - f64::from(jitter) / 1000.0);
                prop_assert!(wait.as_secs_f64() * 1000.0 >= least - 1.0);
            }
        }
    }
}
