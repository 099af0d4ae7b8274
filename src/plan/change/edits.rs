//! The steps from one spec of an agent to another. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AgentSpec, Alias, BindSpec, Edit, Kind, Serializer, TimerSpec, WireSpec};

/// What makes an agent that goes by `from` go by `to`, as far as that needs no new process: sockets, connections, attributes,
/// timers. Nothing, if they are alike but for their order.
pub fn edits(from: &AgentSpec, to: &AgentSpec) -> Vec<Edit> {
    let mut edits = wires_that_go(from, to);
    edits.extend(sockets(&from.bind, &to.bind));
    edits.extend(wires_that_come(from, to));
    edits.extend(attributes(from, to));
    edits.extend(timers(&from.timers, &to.timers));
    if (from.start_timeout, from.settle) != (to.start_timeout, to.settle) {
        edits.push(Edit::Patience {
            start_timeout: to.start_timeout,
            settle: to.settle,
        });
    }
    edits
}

/// The spec on the way from one to another by which nothing is gone yet and all that is new is there: sockets that are closed in the
/// end are open still, and those are admitted that will be no more.
pub fn midway(from: &AgentSpec, to: &AgentSpec) -> AgentSpec {
    let mut spec = to.clone();
    for socket in &mut spec.bind {
        let former = from.bind.iter().find(|it| it.alias == socket.alias);
        if let Some(former) = former.filter(|it| is_same_socket(it, socket)) {
            let admits = &mut socket.admits;
            admits.wires.extend(former.admits.wires.iter().cloned());
            admits.accept.extend(former.admits.accept.iter().cloned());
            admits.guests |= former.admits.guests;
        }
    }
    let is_free = |alias: &Alias| {
        let mut wires = to.wires.iter();
        to.bind.iter().all(|it| it.alias != *alias) && wires.all(|it| it.alias != *alias)
    };
    let closed = from.bind.iter().filter(|it| is_free(&it.alias));
    spec.bind.extend(closed.cloned());
    spec
}

/// The spec that an agent goes by after the edits, if it went by `spec` before.
pub(super) fn edited(spec: &AgentSpec, edits: &[Edit]) -> AgentSpec {
    let mut spec = spec.clone();
    edits.iter().cloned().for_each(|edit| edit.apply(&mut spec));
    spec
}

/// What the sockets that connect are: another kind, or another serializer, needs another socket.
type Sorts<'s> = BTreeMap<&'s Alias, (Kind, Option<Serializer>)>;

fn sorts(spec: &AgentSpec) -> Sorts<'_> {
    let wires = spec.wires.iter();
    wires
        .map(|wire| (&wire.alias, (wire.kind, wire.serializer)))
        .collect()
}

/// Whether a socket of that alias connects in both specs, and is of one sort.
fn stays(alias: &Alias, from: &Sorts<'_>, to: &Sorts<'_>) -> bool {
    to.contains_key(alias) && from.get(alias) == to.get(alias)
}

fn wires_that_go(from: &AgentSpec, to: &AgentSpec) -> Vec<Edit> {
    let (before, after) = (sorts(from), sorts(to));
    let mut edits = Vec::new();
    for alias in before.keys() {
        if !stays(alias, &before, &after) {
            let alias = (*alias).clone();
            edits.push(Edit::Close { alias });
        }
    }
    let gone = |wire: &&WireSpec| !to.wires.iter().any(|it| has_same_ends(it, wire));
    let staying = from
        .wires
        .iter()
        .filter(|it| stays(&it.alias, &before, &after));
    edits.extend(staying.clone().filter(gone).map(|wire| Edit::Disconnect {
        alias: wire.alias.clone(),
        to: wire.to.clone(),
    }));
    let rests = |wire: &&WireSpec| {
        let mut next = to.wires.iter();
        !wire.resting && next.any(|it| it.resting && has_same_ends(it, wire))
    };
    edits.extend(staying.filter(rests).map(|wire| Edit::Rest {
        alias: wire.alias.clone(),
        to: wire.to.clone(),
    }));
    edits
}

fn wires_that_come(from: &AgentSpec, to: &AgentSpec) -> Vec<Edit> {
    let (before, after) = (sorts(from), sorts(to));
    let is_there = |wire: &&WireSpec| {
        let mut former = from.wires.iter();
        let is_same = |it: &WireSpec| it == *wire || wire.resting && has_same_ends(it, wire);
        stays(&wire.alias, &before, &after) && former.any(is_same)
    };
    let wires = to.wires.iter().filter(|wire| !is_there(wire));
    wires.map(|wire| Edit::Connect(wire.clone())).collect()
}

fn has_same_ends(one: &WireSpec, other: &WireSpec) -> bool {
    one.alias == other.alias && one.to == other.to
}

fn sockets(from: &[BindSpec], to: &[BindSpec]) -> Vec<Edit> {
    let former = |socket: &BindSpec| from.iter().find(|it| it.alias == socket.alias);
    let (mut closed, mut others) = (Vec::new(), Vec::new());
    for socket in from {
        let next = to.iter().find(|it| it.alias == socket.alias);
        if next.is_none_or(|next| !is_same_socket(socket, next)) {
            let alias = socket.alias.clone();
            closed.push(Edit::Close { alias });
        }
    }
    for socket in to {
        match former(socket).filter(|former| is_same_socket(former, socket)) {
            None => others.push(Edit::Bind(socket.clone())),
            Some(former) => others.extend(altered(former, socket)),
        }
    }
    closed.extend(others);
    closed
}

/// Whether it stays bound, whatever is made of what arrives there.
pub(in crate::plan) fn is_same_socket(one: &BindSpec, other: &BindSpec) -> bool {
    let BindSpec {
        alias,
        kind,
        endpoint,
        serializer,
        handlers: _,
        admits: _,
    } = one;
    (alias, kind, endpoint, serializer)
        == (
            &other.alias,
            &other.kind,
            &other.endpoint,
            &other.serializer,
        )
}

fn altered(from: &BindSpec, to: &BindSpec) -> Vec<Edit> {
    let mut edits = Vec::new();
    if from.admits != to.admits {
        edits.push(Edit::Admit {
            alias: to.alias.clone(),
            admits: to.admits.clone(),
        });
    }
    if from.handlers != to.handlers {
        edits.push(Edit::Handle {
            alias: to.alias.clone(),
            handlers: to.handlers.clone(),
        });
    }
    edits
}

fn attributes(from: &AgentSpec, to: &AgentSpec) -> Vec<Edit> {
    let gone = from.attributes.keys();
    let gone = gone.filter(|name| !to.attributes.contains_key(*name));
    let names: BTreeSet<String> = gone.cloned().collect();
    let new = to.attributes.iter();
    let new = new.filter(|(name, value)| from.attributes.get(*name) != Some(value));
    let attributes: BTreeMap<_, _> = new.map(|(name, it)| (name.clone(), it.clone())).collect();
    let unset = (!names.is_empty()).then_some(Edit::Unset { names });
    let set = (!attributes.is_empty()).then_some(Edit::Set { attributes });
    unset.into_iter().chain(set).collect()
}

/// As sets in which the same may stand several times: timers without a name have no other identity.
fn timers(from: &[TimerSpec], to: &[TimerSpec]) -> Vec<Edit> {
    let mut stay = to.to_vec();
    let mut edits = Vec::new();
    for timer in from {
        match stay.iter().position(|it| it == timer) {
            Some(at) => drop(stay.remove(at)),
            None => edits.push(Edit::StopTimer(timer.clone())),
        }
    }
    edits.extend(stay.into_iter().map(Edit::Timer));
    edits
}
