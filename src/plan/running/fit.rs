//! What was made by hand as part of a topology, as far as a file can say it: a file with it is written and read again.

use super::look::by_itself;
use super::{ByHand, Note};
use crate::model::{AgentSpec, Topology};
use crate::plan::Change;
use crate::topology::{Flat, Source, admit, load};

/// Why something does not fit that `check` does not refuse.
pub(super) const OTHERWISE: &str = "it would be read as something else";

/// What a file can say.
pub(super) struct Fitted {
    pub topology: Topology,
    pub by_hand: Vec<ByHand>,
    pub notes: Vec<Note>,
}

/// All that fits. What each refers to has to stand before it.
pub(super) fn fit(desired: &Topology, by_hand: Vec<ByHand>) -> Fitted {
    let mut fitted = Fitted {
        topology: desired.clone(),
        by_hand: Vec::new(),
        notes: folder(desired).into_iter().collect(),
    };
    if by_hand.is_empty() {
        return fitted;
    }
    match comes_back(desired) {
        Ok(()) => fitted.add(by_hand),
        // Too large, say: nothing can be found out then.
        Err(why) => {
            fitted.topology = with(desired, &by_hand);
            fitted.by_hand = by_hand;
            fitted.notes.push(Note::Unreadable { why });
        }
    }
    fitted
}

impl Fitted {
    /// All at once, or those that fit of each half.
    fn add(&mut self, mut some: Vec<ByHand>) {
        if some.is_empty() {
            return;
        }
        let all = with(&self.topology, &some);
        let Err(why) = comes_back(&all) else {
            self.topology = all;
            return self.by_hand.extend(some);
        };
        match some.len() {
            1 => {
                let refused = some.into_iter().map(|what| Note::Refused {
                    what,
                    why: why.clone(),
                });
                self.notes.extend(refused);
            }
            many => {
                let rest = some.split_off(many / 2);
                self.add(some);
                self.add(rest);
            }
        }
    }
}

/// Whether a file that says it is read as just that.
fn comes_back(topology: &Topology) -> Result<(), String> {
    let source = Source {
        name: "export".to_owned(),
        stem: topology.name.to_string(),
        folder: folder_of(topology).unwrap_or_else(|| "/".into()),
    };
    let read = load(Flat::of(topology).to_yaml(), &source).map_err(|problems| {
        let first = problems.iter().next();
        first.map(|it| it.message.clone()).unwrap_or_default()
    })?;
    match Change::between(&read.agents, &topology.agents).is_empty() {
        true => Ok(()),
        false => Err(OTHERWISE.to_owned()),
    }
}

fn folder_of(topology: &Topology) -> Option<std::path::PathBuf> {
    let mut folders = topology
        .agents
        .iter()
        .filter_map(|it| it.on_failed.as_ref());
    folders.next().map(|it| it.cwd.clone())
}

fn folder(topology: &Topology) -> Option<Note> {
    let folder = folder_of(topology)?.display().to_string();
    Some(Note::Folder { folder })
}

/// The topology with these besides, in the places of what has their names.
pub(super) fn with(topology: &Topology, some: &[ByHand]) -> Topology {
    let mut topology = topology.clone();
    some.iter().for_each(|it| put(&mut topology.agents, it));
    if let Some(first) = topology.nameservers.first() {
        admit(&mut topology.agents, &first.name);
    }
    topology
}

pub(super) fn put(agents: &mut Vec<AgentSpec>, it: &ByHand) {
    if let ByHand::Agent { agent } = it {
        return agents.push(by_itself(agent));
    }
    let Some(spec) = agents.iter_mut().find(|spec| spec.name == *it.agent()) else {
        return;
    };
    match it {
        ByHand::Agent { .. } => {}
        ByHand::Socket { socket, .. } => {
            spec.wires.retain(|it| it.alias != socket.alias);
            match spec.bind.iter_mut().find(|it| it.alias == socket.alias) {
                Some(there) => *there = socket.clone(),
                None => spec.bind.push(socket.clone()),
            }
        }
        ByHand::Wire { wire, .. } => {
            spec.bind.retain(|it| it.alias != wire.alias);
            match spec.wires.iter_mut().find(|it| it.alias == wire.alias) {
                Some(there) => *there = wire.clone(),
                None => spec.wires.push(wire.clone()),
            }
        }
        ByHand::Handlers {
            alias, handlers, ..
        } => {
            let bound = spec.bind.iter_mut().filter(|it| it.alias == *alias);
            bound.for_each(|it| it.handlers = Some(handlers.clone()));
            let wires = spec.wires.iter_mut().filter(|it| it.alias == *alias);
            wires.for_each(|it| it.handlers = handlers.clone());
        }
    }
}
