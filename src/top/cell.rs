//! Fields of rows: text, what its colour means, and the number behind it.

use std::time::Duration;

use super::words::{bytes, rate};
use crate::model::age;
use crate::model::{Proof, State};

/// What a colour means; it never says more than the words do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Doubtful,
    Bad,
    Faint,
}

/// A field of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
    /// By which it is sorted, if it is a number.
    pub number: Option<f64>,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
            number: None,
        }
    }

    /// What is not known is a dash.
    pub(super) fn number(number: Option<f64>, text: impl Fn(f64) -> String) -> Self {
        match number {
            Some(it) => Self {
                text: text(it),
                tone: Tone::Plain,
                number: Some(it),
            },
            None => Self::toned("-", Tone::Faint),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "it is sorted by it")]
    pub(super) fn count(count: Option<u64>, bad: Tone) -> Self {
        let cell = Self::number(count.map(|it| it as f64), |it| rate(it.max(0.0)));
        match count {
            Some(0) => Self {
                tone: Tone::Faint,
                ..cell
            },
            Some(it) => Self {
                text: short_count(it),
                tone: bad,
                ..cell
            },
            None => cell,
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes"
    )]
    pub(super) fn memory(memory: Option<u64>) -> Self {
        Self::number(memory.map(|it| it as f64), |it| bytes(it as u64))
    }

    pub(super) fn age(time: Option<Duration>) -> Self {
        Self::number(time.map(|it| it.as_secs_f64()), |it| {
            age(Duration::from_secs_f64(it))
        })
    }

    /// Rates of nothing are there, and not worth a look.
    pub(super) fn rate(each_second: Option<f64>) -> Self {
        let cell = Self::number(each_second, rate);
        match each_second {
            Some(it) if it <= 0.0 => Self {
                tone: Tone::Faint,
                ..cell
            },
            _ => cell,
        }
    }
}

fn short_count(count: u64) -> String {
    match count {
        0..=99_999 => count.to_string(),
        #[allow(clippy::cast_precision_loss, reason = "it is rounded")]
        count => rate(count as f64),
    }
}

/// What is old has a question mark.
pub(super) fn state(word: &str, tone: Tone, is_stale: bool) -> Cell {
    match is_stale {
        true => Cell::toned(format!("{word}?"), Tone::Faint),
        false => Cell::toned(word, tone),
    }
}

pub(super) fn tone(state: State) -> Tone {
    match state {
        State::Running => Tone::Good,
        State::Starting | State::Restarting | State::Unhealthy | State::Suspect => Tone::Doubtful,
        State::Failed | State::Unreachable | State::Ended => Tone::Bad,
        State::Stopped => Tone::Faint,
    }
}

pub(super) fn proof(proof: Proof) -> (&'static str, Tone) {
    match proof {
        Proof::Resolving => ("resolving", Tone::Doubtful),
        Proof::Connecting => ("connecting", Tone::Doubtful),
        Proof::Proven { .. } => ("proven", Tone::Good),
        Proof::Refused => ("refused", Tone::Bad),
        Proof::Lost => ("lost", Tone::Bad),
        Proof::Suspect => ("suspect", Tone::Doubtful),
        Proof::Unreachable => ("unreachable", Tone::Bad),
    }
}
