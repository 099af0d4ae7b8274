//! A system that is up becomes another: what is otherwise is found out, agents that stay are altered in place or started anew,
//! and those that are gone from the file are ended last. What is otherwise, `plan::change` decides; if this fails in the
//! middle, `take_back` puts back what was.

mod alter;
mod drain;
mod end;
mod succeed;
mod take_back;

use super::error::UpError;
use super::launch::Launched;
use super::missing::Missing;
use super::state::{Up, lock};
use super::undo::Undo;
use super::{Shared, UpRequest};
use crate::model::{AgentSpec, Contents, HostName, NameServerName, Topology};
use crate::plan::{Alteration, Change, fixed};
use crate::state::SystemRecord;

pub(super) use take_back::take_back;

/// What the system is meant to be.
pub(super) fn former(record: &SystemRecord) -> Result<Topology, UpError> {
    read(record, &record.topology)
}

fn read(record: &SystemRecord, text: &str) -> Result<Topology, UpError> {
    serde_json::from_str(text).map_err(|_| UpError::Changed {
        system: record.name.clone(),
        file: record.file.clone(),
    })
}

/// What makes the system that the record tells of the one that is requested. Empty if that is so already.
pub(super) fn of(
    request: &UpRequest,
    contents: &Contents,
    record: &SystemRecord,
) -> Result<(Change, Topology), UpError> {
    let read = |text: &str| read(record, text);
    let former = former(record)?;
    let is_same = record.topology == request.fingerprint && record.changing.is_none();
    let is_otherwise = |(agent, digest)| record.contents.get(agent).is_some_and(|it| it != digest);
    if is_same && !contents.iter().any(is_otherwise) {
        return Ok((Change::default(), former));
    }
    if record.file != request.file && !request.replace {
        return Err(UpError::OtherFile {
            system: record.name.clone(),
            file: record.file.clone(),
        });
    }
    let next = read(&request.fingerprint)?;
    let has_daemon = |host: &HostName, nameserver: Option<&NameServerName>| {
        let mut groups = record.groups.iter();
        let group = match nameserver {
            Some(name) => groups.find(|it| it.name == *name),
            None => groups.next(),
        };
        group.is_some_and(|it| it.machines.iter().any(|machine| machine.host == *host))
    };
    if let Some(what) = fixed(&former, &next, has_daemon) {
        let system = record.name.clone();
        return Err(UpError::Fixed { system, what });
    }
    let mut change = Change::between(&former.agents, &next.agents);
    change.and_contents((&record.contents, contents), &former.agents, &next.agents);
    if let Some(changing) = &record.changing {
        change.after_cut_off(&former.agents, &read(changing)?.agents, &next.agents);
    }
    Ok((change, former))
}

impl Missing {
    /// Agents that are to be otherwise in a new process are to be started, too.
    pub(super) fn and_anew(&mut self, change: &Change) {
        for it in change.anew() {
            let name = &it.to.name;
            if self.agents.insert(name.clone()) {
                self.mend.agents.push(name.clone());
            }
            // One that lives and that the name server does not know yet is ended first, like the others.
            self.mend.out_of_reach.retain(|other| other != name);
            self.out_of_reach.agents.retain(|other| other != name);
        }
        // One that was started by hand is there already, and is not the system's yet.
        for it in change.added.iter().filter(|it| it.attach) {
            if self.agents.insert(it.name.clone()) {
                self.mend.agents.push(it.name.clone());
            }
        }
    }
}

impl Launched {
    /// Writes down what the system is about to become. If `up` is killed, the next one sees to it.
    fn note_change(&mut self, to: &str) -> Result<(), UpError> {
        if let Some(standing) = &mut self.standing {
            standing.changing = Some(to.to_owned());
        }
        self.write_standing()
    }
}

impl Up<'_> {
    /// Says what it is about to do, where a later `up` finds it.
    pub(super) fn begin_change(&self) -> Result<(), UpError> {
        if self.request.change.is_empty() {
            return Ok(());
        }
        lock(self.launched).note_change(&self.request.fingerprint)?;
        let change = &self.request.change;
        let moved = change.anew().filter(|it| self.has_moved(it));
        let new = change.added.iter().map(|it| (it, true));
        for (agent, wholly) in new.chain(moved.map(|it| (&it.to, false))) {
            let undo = Undo::Forget {
                link: self.link(&agent.name).clone(),
                host: self.host_of(agent),
                agent: agent.name.name.clone(),
                wholly,
            };
            note(self.launched, undo);
        }
        Ok(())
    }

    /// Whether the daemon that has its spec is another.
    fn has_moved(&self, it: &Alteration) -> bool {
        self.host_of(&it.from) != self.host_of(&it.to)
    }

    /// The spec of an agent as its host is to have it.
    fn placed_spec(&self, agent: &AgentSpec) -> Box<AgentSpec> {
        Box::new(AgentSpec {
            program: self.placed(agent),
            ..agent.clone()
        })
    }
}

/// Has all that was done undone when `up` fails.
fn note(launched: &Shared, undo: Undo) {
    lock(launched).undo.push(undo);
}
