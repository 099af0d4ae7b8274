//! An agent becomes what another version of its spec says, while it runs: it does what is otherwise, and nothing else.
//! What it connects to in place of another, it proves before it leaves the former end.

use std::rc::Rc;

use serde_json::Value;

use super::value;
use super::wire::joined;
use crate::agent::handlers::expect_to_collect;
use crate::agent::sockets::SlotId;
use crate::agent::state::Agent;
use crate::agent::waiting::Waiting;
use crate::model::{
    Admits, AgentId, Alias, Edit, Handlers, Holder, Millis, SocketId, Target, TimerSpec, WireSpec,
};
use crate::wire::{Alter, Fault};

impl Agent {
    pub(super) fn alter(&mut self, alter: Alter) -> Result<Value, Fault> {
        let Alter {
            from,
            version,
            spec,
            edits,
            back,
        } = alter;
        if self.given.version != Some(from) {
            let reason = format!("{} does not go by version {from} of its spec", spec.name);
            return Err(Fault::Refused { reason });
        }
        self.check_edits(&edits)?;
        let bound = self.bind_new(&edits)?;
        for edit in edits {
            let done = match edit {
                Edit::Close { alias } if back && self.given.taken_over.contains_key(&alias) => {
                    self.give_back(&alias);
                    Ok(())
                }
                edit => self.carry_out_edit(edit, &bound),
            };
            if let Err(fault) = done {
                // It is neither what it was nor what it is to be.
                self.given.version = None;
                self.announce();
                return Err(fault);
            }
        }
        self.given.version = Some(version);
        self.boot.spec.restart = spec.restart;
        self.boot.spec.keep = spec.keep;
        self.boot.spec.stop_timeout = spec.stop_timeout;
        if self.is_relaunched() {
            self.boot.spec.attributes = spec.attributes;
            self.boot.spec.timers = spec.timers;
        }
        // What it waited for, it waits for no more.
        self.waiting.take_where(Waiting::is_own_step);
        self.steps.on_altered();
        self.announce();
        self.take_steps();
        Ok(value(&self.sockets.addresses()))
    }

    /// What can be seen beforehand.
    fn check_edits(&self, edits: &[Edit]) -> Result<(), Fault> {
        for edit in edits {
            match edit {
                Edit::Bind(socket) => {
                    self.handlers_for(&socket.alias, socket.kind, socket.handlers.clone())?;
                }
                Edit::Handle { alias, handlers } => {
                    let (_, slot) = self.find(alias)?;
                    self.handlers_for(alias, slot.kind, handlers.clone())?;
                }
                Edit::Connect(wire) => {
                    self.check_handlers(wire.kind, &wire.handlers)?;
                    self.check_actions(wire.replies.actions())?;
                }
                Edit::Timer(timer) if !stops(edits, timer) => {
                    self.check_timers(std::slice::from_ref(timer))?;
                }
                Edit::Timer(_) | Edit::StopTimer(_) | Edit::Patience { .. } => {}
                Edit::Disconnect { .. } | Edit::Rest { .. } => {}
                Edit::Close { .. } | Edit::Admit { .. } => {}
                Edit::Set { .. } | Edit::Unset { .. } => {}
            }
        }
        Ok(())
    }

    /// Binds the sockets whose aliases are free: all of them, or none.
    fn bind_new(&mut self, edits: &[Edit]) -> Result<Vec<Alias>, Fault> {
        let mut bound = Vec::new();
        for edit in edits {
            let Edit::Bind(socket) = edit else {
                continue;
            };
            if is_closed(edits, &socket.alias) || self.made_by_hand(socket).is_some() {
                continue;
            }
            match self.bind_one(socket.clone()) {
                Ok(at) => bound.push((socket.alias.clone(), at)),
                Err(fault) => {
                    let slots: Vec<SlotId> = bound.into_iter().map(|(_, at)| at).collect();
                    self.unbind(&slots);
                    return Err(fault);
                }
            }
        }
        Ok(bound.into_iter().map(|(alias, _)| alias).collect())
    }

    fn carry_out_edit(&mut self, edit: Edit, bound: &[Alias]) -> Result<(), Fault> {
        match edit {
            Edit::Disconnect { alias, to } | Edit::Rest { alias, to } => {
                self.disconnect(alias, to);
            }
            Edit::Close { alias } => {
                self.given.wires.retain(|wire| wire.alias != alias);
                self.given.former_wires.retain(|(own, _)| *own != alias);
                self.given.taken_over.remove(&alias);
                self.close(vec![alias], None, None);
                // Its place is free for what is bound next.
                self.finish_closing();
            }
            Edit::Bind(socket) if bound.contains(&socket.alias) => {}
            Edit::Bind(socket) => match self.made_by_hand(&socket) {
                Some(at) => self.take_over(at, socket)?,
                None => drop(self.bind_one(socket)?),
            },
            Edit::Admit { alias, admits } => self.admit_others(&alias, admits),
            Edit::Handle { alias, handlers } => self.handle_otherwise(&alias, handlers)?,
            Edit::Connect(wire) => self.keep_wire(wire),
            Edit::Set { attributes } => self.set_attributes(attributes),
            Edit::Unset { names } => self.attributes.retain(|name, _| !names.contains(name)),
            Edit::StopTimer(timer) => {
                if let Some(alias) = self.timers.alias_of(&timer) {
                    self.timers.remove(&alias);
                }
            }
            Edit::Timer(timer) => drop(self.timers.add(timer, self.now)),
            Edit::Patience {
                start_timeout,
                settle,
            } => self.have_patience(start_timeout, settle),
        }
        Ok(())
    }

    fn have_patience(&mut self, start_timeout: Millis, settle: Millis) {
        self.given.timeout = start_timeout;
        self.given.settle = settle;
    }

    /// The agents that it admits no more lose their connections.
    fn admit_others(&mut self, alias: &Alias, admits: Admits) {
        let Some(at) = self.sockets.find(alias.as_str()) else {
            return;
        };
        let Some(slot) = self.sockets.get_mut(at) else {
            return;
        };
        let former = std::mem::replace(&mut slot.admits, admits);
        let gone: Vec<AgentId> = former
            .wires
            .difference(&slot.admits.wires)
            .cloned()
            .collect();
        for agent in gone {
            let holder = match agent.nameserver == self.given.nameserver {
                true => Holder::Agent(agent.name),
                false => Holder::Guest(agent),
            };
            self.end_connections_of(&holder, at);
        }
    }

    fn handle_otherwise(&mut self, alias: &Alias, handlers: Option<Handlers>) -> Result<(), Fault> {
        let (at, slot) = self.find(alias)?;
        let handlers = self.handlers_for(alias, slot.kind, handlers)?;
        self.set_handlers(at, handlers);
        Ok(())
    }

    /// A wire that is new, or that is handled otherwise.
    fn keep_wire(&mut self, wire: WireSpec) {
        if wire.resting || wire.to.agent.nameserver != self.given.nameserver {
            return;
        }
        let ends = (wire.alias.clone(), wire.to.clone());
        self.given.former_wires.retain(|former| *former != ends);
        let alias = wire.alias.clone();
        if self.given.wires.iter().all(|it| it.alias != alias) {
            self.note_taken_over(&alias);
        }
        let mut wires = self.given.wires.iter_mut();
        match wires.find(|it| it.alias == wire.alias && it.to == wire.to) {
            Some(there) => *there = wire,
            None => self.given.wires.push(wire),
        }
        self.handle_wires(&alias);
    }

    /// The messages of a socket are handled as all its wires say.
    fn handle_wires(&mut self, alias: &Alias) {
        let Some(at) = self.sockets.find(alias.as_str()) else {
            return;
        };
        let mut own = self.given.wires.iter().filter(|it| it.alias == *alias);
        let Some(first) = own.next() else {
            return;
        };
        // Handlers of one socket agree: topologies are checked for that.
        let all = |all: Handlers, wire: &WireSpec| joined(&all, &wire.handlers).unwrap_or(all);
        let handlers = own.fold(first.handlers.clone(), all);
        if let Some(slot) = self.sockets.get_mut(at).filter(|it| !it.kind.asks_beside()) {
            slot.replies = Rc::new(first.replies.clone());
        }
        self.set_handlers(at, handlers);
    }

    pub(super) fn set_handlers(&mut self, at: SlotId, handlers: Handlers) {
        expect_to_collect(&mut self.attributes, handlers.actions());
        let Some(slot) = self
            .sockets
            .get_mut(at)
            .filter(|it| *it.handlers != handlers)
        else {
            return;
        };
        let former = std::mem::replace(&mut slot.handlers, Rc::new(handlers));
        if !slot.kind.subscribes() {
            return;
        }
        let now = Rc::clone(&slot.handlers);
        let now = now.subscriptions();
        for topic in former.subscriptions() {
            if !now.contains(&topic) {
                slot.unsubscribe_topic(topic);
            }
        }
        slot.subscribe_to_handlers();
        self.prove_again(at);
    }

    /// Left when all other wires are proven.
    fn disconnect(&mut self, alias: Alias, to: SocketId) {
        let is_it = |wire: &WireSpec| wire.alias == alias && wire.to == to;
        self.given.wires.retain(|wire| !is_it(wire));
        self.handle_wires(&alias);
        let target = target(&to);
        if let Some(former) = self.wires.between(&alias, &target)
            && let Some(kept) = self.wires.get_mut(former)
        {
            // Its socket is handled as others say.
            kept.declared.handlers = None;
        }
        self.given.former_wires.push((alias, to));
    }
}

fn target(socket: &SocketId) -> Target {
    Target {
        agent: socket.agent.name.clone(),
        alias: socket.alias.clone(),
    }
}

fn is_closed(edits: &[Edit], socket: &Alias) -> bool {
    let is_it = |edit: &Edit| matches!(edit, Edit::Close { alias } if alias == socket);
    edits.iter().any(is_it)
}

/// Whether the timer of that name is stopped first.
fn stops(edits: &[Edit], timer: &TimerSpec) -> bool {
    let is_it = |edit: &Edit| {
        matches!(edit, Edit::StopTimer(former)
            if former.alias.is_some() && former.alias == timer.alias)
    };
    edits.iter().any(is_it)
}
