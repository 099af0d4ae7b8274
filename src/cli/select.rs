//! Which system a command is about. Pure: what is running has been found out before.

use std::path::PathBuf;

use crate::model::{NameServerName, SystemName};

/// A system of which there is a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub name: SystemName,
    /// Its name servers; one at least.
    pub groups: Vec<CandidateGroup>,
    /// Other machines can reach it, and nothing protects it.
    pub unprotected: bool,
    pub running: bool,
}

/// A name server of such a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CandidateGroup {
    pub name: NameServerName,
    /// What to dial.
    pub address: String,
    /// The file with the key for it.
    pub key: Option<PathBuf>,
    /// It was taken down, and others were not.
    pub down: bool,
}

/// Why no system is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSelected {
    #[error("no system is running")]
    NoneRunning { dead: Vec<SystemName> },
    #[error("several systems are running: {}", join(running))]
    Several { running: Vec<SystemName> },
    #[error("no system is called {name}")]
    Unknown {
        name: SystemName,
        known: Vec<SystemName>,
    },
}

fn join(names: &[SystemName]) -> String {
    let names: Vec<&str> = names.iter().map(SystemName::as_str).collect();
    names.join(", ")
}

/// The one that was named, or else the only one that runs.
pub(crate) fn select<'a>(
    named: Option<&SystemName>,
    candidates: &'a [Candidate],
) -> Result<&'a Candidate, NotSelected> {
    if let Some(name) = named {
        return candidates
            .iter()
            .find(|it| it.name == *name)
            .ok_or_else(|| NotSelected::Unknown {
                name: name.clone(),
                known: candidates.iter().map(|it| it.name.clone()).collect(),
            });
    }
    let running: Vec<&Candidate> = candidates.iter().filter(|it| it.running).collect();
    match running[..] {
        [only] => Ok(only),
        [] => Err(NotSelected::NoneRunning {
            dead: candidates.iter().map(|it| it.name.clone()).collect(),
        }),
        _ => Err(NotSelected::Several {
            running: running.iter().map(|it| it.name.clone()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, running: bool) -> Candidate {
        Candidate {
            name: name.parse().unwrap(),
            groups: Vec::new(),
            unprotected: false,
            running,
        }
    }

    #[test]
    fn the_only_one_that_runs_is_meant() {
        let systems = [candidate("a", false), candidate("b", true)];
        assert_eq!(select(None, &systems).unwrap().name.as_str(), "b");
    }

    #[test]
    fn the_one_that_is_named_is_meant_even_if_it_is_dead() {
        let systems = [candidate("a", false), candidate("b", true)];
        let a = "a".parse().unwrap();
        assert_eq!(select(Some(&a), &systems).unwrap().name, a);
    }

    #[test]
    fn otherwise_it_is_said_what_there_is() {
        let error = select(None, &[candidate("a", true), candidate("b", true)]).unwrap_err();
        assert_eq!(error.to_string(), "several systems are running: a, b");
        let error = select(None, &[candidate("a", false)]).unwrap_err();
        assert_eq!(error.to_string(), "no system is running");
        assert!(matches!(error, NotSelected::NoneRunning { dead } if dead.len() == 1));
        let other = "other".parse().unwrap();
        let error = select(Some(&other), &[candidate("a", true)]).unwrap_err();
        assert_eq!(error.to_string(), "no system is called other");
    }
}
