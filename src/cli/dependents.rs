//! The order in which agents end and are started that a command names, and those that depend on them: by the specs that their
//! hosts keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::many::Asked;
use super::runtime::block_on;
use super::session::{Group, Session};
use super::{CommandError, Context, ErrorKind};
use crate::model::timing::LIST_TIMEOUT;
use crate::model::{AgentId, AgentName, State, Ties};
use crate::plan;
use crate::proxy::Pending;
use crate::render::Listed;
use crate::wire::{HostRequest, Peer};

/// What the specs of a system's agents say of one another.
pub(super) struct Dependents {
    ties: Vec<Ties>,
    /// What an agent is called in specs, by its name server's address and its name there.
    ids: BTreeMap<(String, AgentName), AgentId>,
}

impl Dependents {
    /// Asks all hosts at once. One that does not tell is noted, unless that is needed: then it is an error.
    pub(super) fn of(
        session: &Session,
        context: &Context,
        needed: bool,
    ) -> Result<Self, CommandError> {
        let mut all = Self {
            ties: Vec::new(),
            ids: BTreeMap::new(),
        };
        let mut asked = Vec::new();
        for group in session.groups() {
            match group.nameserver.hosts() {
                Ok(hosts) => {
                    let there = hosts.into_iter().filter(|it| it.state == State::Running);
                    asked.extend(there.map(|it| (group, it.name.to_string(), ask(group, it.id()))));
                }
                Err(error) => untold(group.name.as_str(), &error.to_string(), context, needed)?,
            }
        }
        for (group, host, answer) in asked {
            match block_on(answer)? {
                Ok(ties) => all.take_in(group, ties),
                Err(error) => untold(&host, &error.to_string(), context, needed)?,
            }
        }
        Ok(all)
    }

    /// For agents that are to end or begin: there is an order only among several.
    pub(super) fn among(
        agents: &[Asked],
        session: &Session,
        context: &Context,
    ) -> Result<Self, CommandError> {
        match agents.len() {
            0 | 1 => Ok(Self {
                ties: Vec::new(),
                ids: BTreeMap::new(),
            }),
            _ => Self::of(session, context, false),
        }
    }

    fn take_in(&mut self, group: &Group, ties: Vec<Ties>) {
        let address = group.nameserver.link().address();
        for it in ties {
            let here = (address.to_owned(), it.agent.name.clone());
            self.ids.insert(here, it.agent.clone());
            self.ties.push(it);
        }
    }

    fn id(&self, asked: &Asked) -> AgentId {
        let address = asked.proxy.nameserver().link().address();
        let here = (address.to_owned(), asked.proxy.name().clone());
        let known = self.ids.get(&here).cloned();
        known.unwrap_or_else(|| asked.id.clone())
    }

    /// In the turns in which they are started. They end in the reverse order.
    pub(super) fn in_turns(&self, agents: Vec<Asked>) -> Vec<Vec<Asked>> {
        let mut asked: BTreeMap<AgentId, Asked> =
            agents.into_iter().map(|it| (self.id(&it), it)).collect();
        let among: BTreeSet<AgentId> = asked.keys().cloned().collect();
        let turns = plan::in_turns(&self.ties, &among).into_iter();
        turns
            .map(|turn| turn.iter().filter_map(|it| asked.remove(it)).collect())
            .collect()
    }

    /// `agents`, and all that depend on them and have not ended.
    pub(super) fn with_dependents(
        &self,
        mut agents: Vec<Asked>,
        (session, context): (&Session, &Context),
        limit: Duration,
    ) -> Result<Vec<Asked>, CommandError> {
        let named: BTreeSet<AgentId> = agents.iter().map(|it| self.id(it)).collect();
        let dependents = plan::dependents(&self.ties, &named);
        if dependents.is_empty() {
            return Ok(agents);
        }
        let all = session.listed(context)?;
        for agent in all.iter().filter(|it| lives(it)) {
            let proxy = session.proxy_of(agent, limit)?;
            let id = agent.id.clone();
            let asked = Asked { id, proxy };
            if dependents.contains(&self.id(&asked)) {
                agents.push(asked);
            }
        }
        Ok(agents)
    }
}

fn lives(agent: &Listed) -> bool {
    !agent.info.state.is_over()
}

fn ask(group: &Group, host: crate::model::HostId) -> Pending<Vec<Ties>> {
    let link = group.nameserver.link();
    link.ask(Peer::Host(host), &HostRequest::Ties {}, LIST_TIMEOUT)
}

fn untold(who: &str, why: &str, context: &Context, needed: bool) -> Result<(), CommandError> {
    let sentence = format!("{who} does not tell which agents depend on which: {why}");
    match needed {
        true => Err(CommandError::say(ErrorKind::Failed, sentence)
            .with_hint("`osb ls hosts` shows how the hosts do")),
        false => {
            context.note(&sentence);
            Ok(())
        }
    }
}
