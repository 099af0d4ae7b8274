//! Names of systems, hosts, agents and aliases: one pattern for all, a type for each.
//!
//! A name is checked once, when it is made, so it may be used in a path or a message unchecked. Sorted, names are
//! in the order that people expect, A1, A2, A10: so are maps by names, and all lists that are made of them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SocketId, natural};

/// The longest name, in bytes.
pub(crate) const LONGEST: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// It is too long.
    #[error("a name has at most {LONGEST} characters, this one has {0}")]
    TooLong(usize),
    /// It begins with a character that is no letter or digit.
    #[error("a name begins with a letter or a digit, not with {0:?}")]
    BadStart(char),
    /// It has a character that is not allowed.
    #[error("a name consists of letters, digits, '.', '_' and '-'; {0:?} is none of them")]
    BadCharacter(char),
    /// It has a dot.
    #[error("a name server's name has no dot in it")]
    Dot,
    /// It is no AGENT.ALIAS.
    #[error("expected AGENT.ALIAS, such as Alice.main")]
    NotATarget,
}

/// The same pattern by bytes, for the many that are right: a name server checks two for each
/// question.
fn is_name(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match bytes {
        [first, rest @ ..] if rest.len() < LONGEST => {
            first.is_ascii_alphanumeric() && rest.iter().all(allowed)
        }
        _ => false,
    }
}

/// Holds `text` against `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
fn check(text: &str) -> Result<(), NameError> {
    if is_name(text.as_bytes()) {
        return Ok(());
    }
    let first = text.chars().next().ok_or(NameError::Empty)?;
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::BadStart(first));
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if let Some(bad) = text.chars().find(|c| !allowed(c)) {
        return Err(NameError::BadCharacter(bad));
    }
    match text.len() {
        0..=LONGEST => Ok(()),
        long => Err(NameError::TooLong(long)),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl Ord for $name {
            /// As people order names: numbers in them by their value. So there is no `Borrow<str>`, whose
            /// order would have to be the same.
            fn cmp(&self, other: &Self) -> Ordering {
                natural(&self.0, &other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

names! {
    /// The name of what one topology brings up.
    SystemName,
    /// The name of a machine with a host daemon.
    HostName,
    /// The name of an agent, unique at its name server.
    AgentName,
    /// The name of a socket within its agent.
    Alias,
    /// The name of a handler or a method of an agent's own code.
    MethodName,
    /// The name of an operator: a person with a key at the command line.
    OperatorName,
}

impl HostName {
    /// The machine that always exists: the one on which the system is brought up.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

impl OperatorName {
    /// The operator that has made the keys.
    pub fn owner() -> Self {
        Self("owner".to_owned())
    }
}

impl AgentName {
    /// A name that is known when this is compiled; the tests see to it that it is one.
    pub(super) fn fixed(name: &'static str) -> Self {
        debug_assert!(is_name(name.as_bytes()));
        Self(name.to_owned())
    }
}

/// An alias named from outside its agent: `Alice.main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// The agent.
    pub agent: AgentName,
    /// The alias of its socket.
    pub alias: Alias,
}

impl Target {
    /// Every way to read `text` as AGENT.ALIAS: names may contain dots, so there may be several.
    /// Only a caller that knows the agents can tell which one is meant.
    pub fn readings(text: &str) -> impl Iterator<Item = Target> {
        text.match_indices('.').filter_map(|(dot, _)| {
            Some(Target {
                agent: text[..dot].parse().ok()?,
                alias: text[dot + 1..].parse().ok()?,
            })
        })
    }
}

impl FromStr for Target {
    type Err = NameError;

    /// Reads AGENT.ALIAS, divided at the first dot that leaves a name on either side.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Target::readings(text).next().ok_or(NameError::NotATarget)
    }
}

impl TryFrom<String> for Target {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.agent, self.alias))
    }
}

impl From<SocketId> for Target {
    /// As the agent's own name server knows it.
    fn from(socket: SocketId) -> Target {
        Target {
            agent: socket.agent.name,
            alias: socket.alias,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_pattern() {
        for good in ["A", "Alice", "a.b_c-d", "0", &"x".repeat(LONGEST)] {
            assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
        }
        let error = |text: &str| text.parse::<AgentName>().unwrap_err();
        assert_eq!(error(""), NameError::Empty);
        assert_eq!(error(&"x".repeat(64)), NameError::TooLong(64));
        assert_eq!(error(".."), NameError::BadStart('.'));
        assert_eq!(error("-rf"), NameError::BadStart('-'));
        assert_eq!(error("a/b"), NameError::BadCharacter('/'));
        assert_eq!(error("Zoë"), NameError::BadCharacter('ë'));
    }

    #[test]
    fn names_are_sorted_as_people_expect() {
        let names = ["A2", "A10", "A1", "A1.b"].map(|name| name.parse::<Alias>().unwrap());
        let sorted = std::collections::BTreeSet::from(names);
        let sorted: Vec<&str> = sorted.iter().map(Alias::as_str).collect();
        assert_eq!(sorted, ["A1", "A1.b", "A2", "A10"]);
    }

    #[test]
    fn a_target_divides_at_a_dot() {
        let target: Target = "Alice.main".parse().unwrap();
        assert_eq!(
            (target.agent.as_str(), target.alias.as_str()),
            ("Alice", "main")
        );
        assert_eq!(Target::readings("a.b.c").count(), 2);
        for bad in ["Alice", "Alice.", ".main", "", "."] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_name_stays_itself(text in any::<String>()) {
            if let Ok(name) = text.parse::<Alias>() {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(!text.contains('/') && !text.starts_with('.'));
            }
            for target in Target::readings(&text) {
                prop_assert_eq!(target.to_string(), text.as_str());
            }
        }
    }
}
