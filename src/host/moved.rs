//! Programs hold the addresses that their `${addr:…}` stood for when they began. If such a socket is elsewhere now, the
//! agent is restarted, and its program gets the new address.

use std::collections::BTreeSet;

use super::Host;
use crate::agent::Log;
use crate::model::{AgentId, AgentName, AgentSpec, Grace, Reference, State};
use crate::state::KeptSpec;
use crate::wire::Presence;

impl Host {
    /// To whose sockets the program of an agent refers that is to be started. Tells whether others matter now than before.
    pub(super) fn note_references(&mut self, spec: &AgentSpec) -> bool {
        let program = spec.program.as_ref();
        let mut is_news = false;
        for reference in program.into_iter().flat_map(|it| it.references()) {
            if let Reference::Addr { agent, .. } = reference
                && is_beside(agent, &spec.name)
            {
                let referrers = self.referrers.entry(agent.name.clone());
                let referrers = referrers.or_insert_with(|| {
                    is_news = true;
                    BTreeSet::new()
                });
                referrers.insert(spec.name.name.clone());
            }
        }
        is_news
    }

    /// An agent tells where its sockets are: those whose programs believe them elsewhere are restarted.
    pub(super) fn see_to_moved(&mut self, presence: &Presence) {
        if presence.state != State::Running {
            return;
        }
        let refer = self.referrers.get(&presence.agent).cloned();
        for name in refer.into_iter().flatten() {
            let kept = self.specs.get(&self.spawner.id(&name));
            if let Some(moved) = kept.and_then(|kept| moved(kept, presence)) {
                self.restart_for(&name, &moved);
            }
        }
    }

    fn restart_for(&mut self, name: &AgentName, moved: &str) {
        let now = self.now();
        if !self.supervision.on_restart_along(name, Grace::USUAL, now) {
            return;
        }
        let log = self.options.dir.log_of(&self.spawner.id(name));
        let limits = self.children.get(name).map(|it| it.logs());
        if let Ok(mut log) = Log::to_file(&log, limits.unwrap_or_default()) {
            log.warn(&format!("{moved} is elsewhere now: this agent is restarted, for its program holds the former address"));
        }
    }
}

/// Of the same name server, and another one.
fn is_beside(agent: &AgentId, own: &AgentId) -> bool {
    agent.nameserver == own.nameserver && agent.name != own.name
}

/// The socket that a program believes elsewhere.
fn moved(kept: &KeptSpec, presence: &Presence) -> Option<String> {
    let program = kept.spec.program.as_ref()?;
    program.references().into_iter().find_map(|reference| {
        let Reference::Addr { agent, alias, part } = reference else {
            return None;
        };
        if agent.name != presence.agent || !is_beside(agent, &kept.spec.name) {
            return None;
        }
        let before = kept.values.get(&reference.to_string())?;
        let now = part.of(&presence.addresses.get(alias)?.address)?;
        (*before != now).then(|| format!("{}.{alias}", agent.name))
    })
}
