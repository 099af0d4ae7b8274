//! The agents that a bound socket admits, in a closed system. Without keys a socket admits every peer.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AgentId, AgentName, Holder, NameError, NameServerName};

/// The agents that may connect to a socket. What is not said here is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Admits {
    /// Agents that have a wire to it. Those of other name servers stand there with these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub wires: BTreeSet<AgentId>,
    /// Others that may connect by themselves.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub accept: BTreeSet<Accept>,
    /// All that are admitted from other name servers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guests: bool,
}

/// As it may be written: up to 0.1 it was the list of those that have a wire.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Wires(BTreeSet<AgentId>),
    All {
        #[serde(default)]
        wires: BTreeSet<AgentId>,
        #[serde(default)]
        accept: BTreeSet<Accept>,
        #[serde(default)]
        guests: bool,
    },
}

impl From<Written> for Admits {
    fn from(written: Written) -> Self {
        match written {
            Written::Wires(wires) => Self {
                wires,
                ..Self::default()
            },
            Written::All {
                wires,
                accept,
                guests,
            } => Self {
                wires,
                accept,
                guests,
            },
        }
    }
}

/// Agents of the socket's own name server that may connect by themselves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Accept {
    /// `Bob`.
    One(AgentName),
    /// `Worker*`: those whose names begin so. `*`: all.
    All(String),
}

impl Admits {
    /// Every agent of the socket's own name server: what a socket admits that is bound at run time.
    pub fn anyone() -> Self {
        Self {
            accept: BTreeSet::from([Accept::All(String::new())]),
            ..Self::default()
        }
    }

    /// Whether the holder of a key is admitted at a socket of an agent that is registered at the name server `own`,
    /// by its name in the topology.
    pub fn has(&self, holder: &Holder, own: Option<&NameServerName>) -> bool {
        match holder {
            Holder::Agent(name) => {
                let wired = AgentId {
                    name: name.clone(),
                    nameserver: own.cloned(),
                };
                self.wires.contains(&wired) || self.accept.iter().any(|it| it.means(name))
            }
            Holder::Guest(agent) => self.guests || self.wires.contains(agent),
            Holder::Operator { .. } | Holder::Host(_) => false,
        }
    }

    /// All of it, in words as a topology has them.
    pub fn words(&self) -> Vec<String> {
        let wires = self.wires.iter().map(AgentId::to_string);
        let accept = self.accept.iter().map(Accept::to_string);
        let guests = self.guests.then(|| "guests".to_owned());
        wires.chain(accept).chain(guests).collect()
    }
}

impl Accept {
    fn means(&self, agent: &AgentName) -> bool {
        match self {
            Accept::One(name) => name == agent,
            Accept::All(begin) => agent.as_str().starts_with(begin),
        }
    }
}

impl FromStr for Accept {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.strip_suffix('*') {
            Some("") => Ok(Accept::All(String::new())),
            // What stands before the star is the beginning of a name.
            Some(begin) => begin
                .parse::<AgentName>()
                .map(|_| Accept::All(begin.to_owned())),
            None => text.parse().map(Accept::One),
        }
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accept::One(name) => f.pad(name.as_str()),
            Accept::All(begin) => f.pad(&format!("{begin}*")),
        }
    }
}

impl TryFrom<String> for Accept {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Accept> for String {
    fn from(accept: Accept) -> String {
        accept.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OperatorAccess;
    use proptest::prelude::*;

    fn agent(name: &str) -> Holder {
        Holder::Agent(name.parse().unwrap())
    }

    fn guest(id: &str) -> Holder {
        Holder::Guest(id.parse().unwrap())
    }

    fn accepting(words: &[&str]) -> Admits {
        Admits {
            accept: words.iter().map(|it| it.parse().unwrap()).collect(),
            ..Admits::default()
        }
    }

    #[test]
    fn without_a_word_nobody_is_admitted() {
        assert!(!Admits::default().has(&agent("Bob"), None));
        assert!(!Admits::default().has(&guest("Bob@lab"), None));
    }

    #[test]
    fn a_wire_admits_its_agent_and_no_other_of_that_name() {
        let lab = "lab".parse().unwrap();
        let wired = |id: &str| Admits {
            wires: BTreeSet::from([id.parse().unwrap()]),
            ..Admits::default()
        };
        assert!(wired("Bob").has(&agent("Bob"), None));
        assert!(!wired("Bob").has(&agent("Bobby"), None));
        // At the name server lab, Bob@main comes from elsewhere, and Bob@lab is its own.
        assert!(!wired("Bob@main").has(&agent("Bob"), Some(&lab)));
        assert!(wired("Bob@main").has(&guest("Bob@main"), Some(&lab)));
        assert!(wired("Bob@lab").has(&agent("Bob"), Some(&lab)));
        assert!(!wired("Bob@lab").has(&guest("Bob@main"), Some(&lab)));
    }

    #[test]
    fn what_is_accepted_is_of_the_same_name_server() {
        let some = accepting(&["Bob", "Worker*"]);
        for (name, admitted) in [
            ("Bob", true),
            ("Bobby", false),
            ("Worker1", true),
            ("Work", false),
        ] {
            assert_eq!(some.has(&agent(name), None), admitted, "{name}");
        }
        assert!(Admits::anyone().has(&agent("Mallory"), None));
        assert!(!Admits::anyone().has(&guest("Mallory@lab"), None));
        let guests = Admits {
            guests: true,
            ..Admits::default()
        };
        assert!(guests.has(&guest("Mallory@lab"), None) && !guests.has(&agent("Mallory"), None));
    }

    #[test]
    fn neither_operators_nor_hosts_are_agents() {
        let operator = Holder::Operator {
            name: "ana".parse().unwrap(),
            access: OperatorAccess::Admin,
        };
        let host = Holder::Host("lab1".parse().unwrap());
        let all = Admits {
            guests: true,
            ..Admits::anyone()
        };
        assert!(!all.has(&operator, None) && !all.has(&host, None));
    }

    #[test]
    fn the_list_of_former_versions_is_read() {
        let read = |text: &str| serde_json::from_str::<Admits>(text).unwrap();
        assert_eq!(read(r#"["Bob","Eve@lab"]"#).words(), ["Bob", "Eve@lab"]);
        assert_eq!(read("[]"), Admits::default());
        assert_eq!(read("{}"), Admits::default());
        let all = read(r#"{"wires":["Bob"],"accept":["*","W*"],"guests":true}"#);
        assert_eq!(all.words(), ["Bob", "*", "W*", "guests"]);
        for bad in ["**", "a b*", ""] {
            assert!(bad.parse::<Accept>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn it_comes_back(words in prop::collection::vec("[A-Z][a-z]{0,3}[*]?", 0..5), guests: bool) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let admits = Admits { guests, ..accepting(&words) };
            let text = serde_json::to_string(&admits).unwrap();
            prop_assert_eq!(serde_json::from_str::<Admits>(&text).unwrap(), admits);
        }
    }
}
