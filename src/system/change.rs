//! A system that is up becomes another: what that would do, and doing it.
//!
//! ```no_run
//! use osb::{Planned, System};
//!
//! let file = System::file("trading.yaml");
//! if let Planned::Change(change) = file.plan()? {
//!     println!("{} come, {} go, {} begin anew", change.added.len(), change.removed.len(), change.anew.len());
//! }
//! let system = file.up()?;
//! system.scale("Worker", 8)?;
//! # Ok::<(), osb::SystemError>(())
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{System, SystemError, SystemFile, find};

/// What `up` of a file would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// The system is not up: it would be brought up.
    BringUp,
    /// It is up, and would be changed so.
    Change(Change),
}

/// How a system that is up changes, or has changed: names of agents, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Those that come.
    pub added: Vec<String>,
    /// Those that go.
    pub removed: Vec<String>,
    /// Those that begin anew, in a new process.
    pub anew: Vec<String>,
    /// Those that are otherwise in the process that they have.
    pub altered: Vec<String>,
    /// Why some begin anew, by their names, as `osb plan -o json` says it: `command`, say. Not told of what has been done.
    pub reasons: BTreeMap<String, Vec<String>>,
    /// In how many turns they begin anew, if not all at once. Not told of what has been done.
    pub turns: Option<usize>,
}

/// As `osb plan` tells it.
#[derive(Deserialize)]
struct Foreseen {
    added: Vec<Spec>,
    removed: Vec<Spec>,
    altered: Vec<Alteration>,
    turns: Option<usize>,
}

#[derive(Deserialize)]
struct Spec {
    name: String,
}

#[derive(Deserialize)]
struct Alteration {
    to: Spec,
    anew: Vec<serde_json::Value>,
}

/// As `osb up` tells it.
#[derive(Default, Deserialize)]
pub(super) struct Done {
    added: Vec<String>,
    removed: Vec<String>,
    anew: Vec<String>,
    altered: Vec<String>,
}

/// Of what a command prints that changes a system.
#[derive(Deserialize)]
struct Changed {
    #[serde(default)]
    changed: Done,
}

impl Change {
    /// Whether nothing is otherwise.
    pub fn is_empty(&self) -> bool {
        let all = [&self.added, &self.removed, &self.anew, &self.altered];
        all.into_iter().all(Vec::is_empty)
    }
}

impl From<Done> for Change {
    fn from(done: Done) -> Self {
        Self {
            added: done.added,
            removed: done.removed,
            anew: done.anew,
            altered: done.altered,
            ..Self::default()
        }
    }
}

impl From<Foreseen> for Change {
    fn from(foreseen: Foreseen) -> Self {
        let names = |specs: Vec<Spec>| specs.into_iter().map(|it| it.name).collect();
        let mut change = Self {
            added: names(foreseen.added),
            removed: names(foreseen.removed),
            turns: foreseen.turns,
            ..Self::default()
        };
        for Alteration { to, anew } in foreseen.altered {
            match anew.is_empty() {
                true => change.altered.push(to.name),
                false => {
                    let reasons = anew.iter().map(word).collect();
                    change.reasons.insert(to.name.clone(), reasons);
                    change.anew.push(to.name);
                }
            }
        }
        change
    }
}

/// A reason that says more is an object with one key.
fn word(reason: &serde_json::Value) -> String {
    let key = reason.as_object().and_then(|it| it.keys().next());
    let word = reason.as_str().or(key.map(String::as_str));
    word.map_or_else(|| reason.to_string(), str::to_owned)
}

impl SystemFile {
    /// What [`up`](SystemFile::up) would do now. Nothing is changed by it. Of its arguments, only such may be given as `osb plan` knows,
    /// too: `--set`, say.
    ///
    /// # Errors
    ///
    /// If there is no osb, or what `osb plan` says.
    pub fn plan(&self) -> Result<Planned, SystemError> {
        let osb = find::osb(self.osb.as_deref())?;
        let plan: serde_json::Value = osb.with_file("plan", &self.file, &self.arguments)?;
        // What it would bring up has another form.
        if plan.get("unchanged").is_none() {
            return Ok(Planned::BringUp);
        }
        let foreseen: Foreseen = osb.read(plan)?;
        Ok(Planned::Change(foreseen.into()))
    }
}

impl System {
    /// What its beginning has changed of a system that was up already.
    pub fn changed(&self) -> &Change {
        &self.changed
    }

    /// Has an entry with `replicas` stand for so many agents, as `osb scale` does: those that go finish their work first.
    ///
    /// # Errors
    ///
    /// What `osb scale` says; then the system is as it was.
    pub fn scale(&self, entry: &str, replicas: usize) -> Result<Change, SystemError> {
        self.change("scale", &[&format!("{entry}={replicas}")])
    }

    /// Has an agent run on another host, as `osb move` does: it is there before it ends here.
    ///
    /// # Errors
    ///
    /// What `osb move` says; then the system is as it was.
    pub fn move_agent(&self, agent: &str, to: &str) -> Result<Change, SystemError> {
        self.change("move", &[agent, "--to", to])
    }

    /// Makes it what it was meant to be `back` states before, as `osb up --rollback` does.
    ///
    /// # Errors
    ///
    /// What `osb up` says: if it was not changed so often, say.
    pub fn roll_back(&self, back: u32) -> Result<Change, SystemError> {
        self.change("up", &["--rollback", &back.to_string()])
    }

    /// What runs, as the text of a topology, as `osb export` prints it: with what was made by hand, and without secrets.
    ///
    /// # Errors
    ///
    /// What `osb export` says.
    pub fn export(&self) -> Result<String, SystemError> {
        self.osb.text("export", &self.name, &[])
    }

    fn change(&self, verb: &'static str, words: &[&str]) -> Result<Change, SystemError> {
        let changed: Changed = self.osb.of_system(verb, &self.name, words)?;
        Ok(changed.changed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_says_is_read() {
        let plan = r#"{"unchanged": false, "turns": 2, "added": [{"name": "C", "host": "local"}], "removed": [],
            "altered": [{"from": {"name": "A"}, "to": {"name": "A"}, "anew": ["program", {"host": "lab1"}], "edits": []},
                        {"from": {"name": "B"}, "to": {"name": "B"}, "anew": [], "edits": [{"set": {}}]}]}"#;
        let change = Change::from(serde_json::from_str::<Foreseen>(plan).unwrap());
        let words = vec!["program".to_owned(), "host".to_owned()];
        let expected = Change {
            added: vec!["C".to_owned()],
            removed: Vec::new(),
            anew: vec!["A".to_owned()],
            altered: vec!["B".to_owned()],
            reasons: BTreeMap::from([("A".to_owned(), words)]),
            turns: Some(2),
        };
        assert_eq!(change, expected);
        assert!(!change.is_empty() && Change::default().is_empty());
    }
}
