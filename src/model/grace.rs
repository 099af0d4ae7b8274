//! How long agents get to end by themselves before they are killed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::timing::{SHORT_GRACE, STOP_GRACE};
use super::{AgentSpec, Millis};

/// How long agents that are told to end get for that. In messages it is a number of milliseconds, or `{"unless_said": MS}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Grace {
    /// So long, whatever their specs say: a person wants it so.
    Exactly(Millis),
    /// Each as long as its spec says (`stop_timeout`).
    UnlessSaid {
        /// What those get whose specs say nothing.
        unless_said: Millis,
    },
}

impl Grace {
    /// Where nobody says anything.
    pub const USUAL: Self = Self::UnlessSaid {
        unless_said: STOP_GRACE,
    };
    /// For agents that have nothing to finish: of a system that failed, or of a former life.
    pub const SHORT: Self = Self::UnlessSaid {
        unless_said: SHORT_GRACE,
    };
    /// None at all.
    pub const NONE: Self = Self::Exactly(Millis::new(0));

    /// As a command's option says, if it is given.
    pub fn given(option: Option<Millis>) -> Self {
        option.map_or(Self::USUAL, Self::Exactly)
    }

    /// What an agent gets whose spec says `own`.
    pub fn of(self, own: Option<Millis>) -> Millis {
        match self {
            Grace::Exactly(given) => given,
            Grace::UnlessSaid { unless_said } => own.unwrap_or(unless_said),
        }
    }

    /// What the most patient of several agents gets at most. `longest`: the longest `stop_timeout` of their specs.
    pub fn longest(self, longest: Option<Millis>) -> Duration {
        match self {
            Grace::Exactly(given) => given.duration(),
            Grace::UnlessSaid { unless_said } => {
                unless_said.max(longest.unwrap_or_default()).duration()
            }
        }
    }
}

/// The longest `stop_timeout` of these specs. None: none of them says anything.
pub fn longest_stop<'a>(specs: impl IntoIterator<Item = &'a AgentSpec>) -> Option<Millis> {
    specs.into_iter().filter_map(|it| it.stop_timeout).max()
}

/// By how much these agents may take longer than is usual.
pub fn beyond_usual(longest: Option<Millis>) -> Duration {
    let usual = STOP_GRACE.duration();
    Grace::USUAL.longest(longest).saturating_sub(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Millis {
        Millis::from_secs(seconds)
    }

    #[test]
    fn what_an_agent_says_of_itself_goes_before_what_is_usual_and_what_a_person_says_before_both() {
        for own in [s(0), s(1), s(60)] {
            assert_eq!(Grace::USUAL.of(Some(own)), own);
            assert_eq!(Grace::SHORT.of(Some(own)), own);
            assert_eq!(Grace::given(Some(s(3))).of(Some(own)), s(3));
        }
        assert_eq!(Grace::given(None).of(None), STOP_GRACE);
        assert_eq!(Grace::SHORT.of(None), SHORT_GRACE);
    }

    #[test]
    fn who_waits_for_several_waits_for_the_most_patient_of_them_and_of_those_that_say_nothing() {
        assert_eq!(Grace::USUAL.longest(Some(s(1))), STOP_GRACE.duration());
        assert_eq!(Grace::USUAL.longest(Some(s(60))), s(60).duration());
        let given = Grace::Exactly(s(1));
        assert_eq!(given.longest(Some(s(60))), s(1).duration());
        assert_eq!(beyond_usual(Some(s(60))), s(55).duration());
        assert_eq!(beyond_usual(Some(s(1))), Duration::ZERO);
    }

    #[test]
    fn messages_have_a_number_or_what_holds_unless_said() {
        for (grace, text) in [
            (Grace::Exactly(s(1)), "1000"),
            (Grace::USUAL, r#"{"unless_said":5000}"#),
        ] {
            assert_eq!(serde_json::to_string(&grace).unwrap(), text);
            assert_eq!(serde_json::from_str::<Grace>(text).unwrap(), grace);
        }
        for bad in ["-1", r#""5s""#, "{}", r#"{"unless_said":1,"more":2}"#] {
            assert!(serde_json::from_str::<Grace>(bad).is_err(), "{bad}");
        }
    }
}
