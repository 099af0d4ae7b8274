//! The key `replicas`: one entry of the section `agents` that stands for several, numbered agents.
//! Also how much a file may stand for altogether. What refers to such agents is read elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::AgentDraft;
use super::fields::{Fields, wrong_type};
use super::review::{Flaw, Review, Span, Spanned};
use super::yaml::{Node, Part};
use crate::model::{AgentId, Endpoint};

/// No system has more agents than this.
const MOST_AGENTS: usize = 10_000;
/// How many values all copies may have together.
const MOST_VALUES: usize = 1_000_000;
/// The variable that tells a program its agent's number.
const NUMBER: &str = "OSB_REPLICA";

/// How many agents an entry stands for; none inside if it does not say. None if the review knows
/// what is wrong.
pub(super) fn read(agent: &Fields<'_>, review: &mut Review) -> Option<Option<usize>> {
    match agent.get("replicas") {
        Some(node) => review.take(count(node)).map(Some),
        None => Some(None),
    }
}

fn count(node: &Node) -> Result<usize, Flaw> {
    let Some(number) = node.number() else {
        return Err(wrong_type(node, "replicas", "a number"));
    };
    let count = number
        .as_u64()
        .and_then(|count| usize::try_from(count).ok());
    match count {
        Some(count @ 1..=MOST_AGENTS) => Ok(count),
        _ => {
            let message = format!("replicas: there cannot be {number} of an agent");
            let hint = format!("write a whole number from 1 to {MOST_AGENTS}");
            Err(Flaw::new(&node.span, message).hint(hint))
        }
    }
}

/// What a file may still stand for: a few words can ask for very much.
pub(super) struct Copies {
    /// None when it was too much: that is said once.
    left: Option<usize>,
}

impl Copies {
    pub(crate) fn new() -> Self {
        Self {
            left: Some(MOST_VALUES),
        }
    }

    /// Whether it was too much already.
    pub(crate) fn are_spent(&self) -> bool {
        self.left.is_none()
    }

    /// Whether there is room for `many` copies of `size` values. That there is not is reported.
    pub(crate) fn take(
        &mut self,
        many: usize,
        size: usize,
        span: &Span,
        review: &mut Review,
    ) -> bool {
        let Some(left) = self.left else {
            return false;
        };
        self.left = left.checked_sub(many.saturating_mul(size));
        if self.left.is_none() {
            let message = format!("the topology stands for more than {MOST_VALUES} values");
            let hint = "each agent of replicas, and each match of a star, counts as all that it stands for";
            review.add(Flaw::new(span, message).hint(hint));
        }
        self.left.is_some()
    }
}

/// All agents, each for itself.
#[derive(Default)]
pub(super) struct Crowd {
    pub agents: Vec<AgentDraft>,
    /// There are others, of which nothing is known.
    pub missing: bool,
    /// Names that stand for several agents, and for how many.
    pub replicated: BTreeMap<AgentId, usize>,
}

impl Crowd {
    /// Agents of which nothing is known.
    pub(crate) fn unreadable() -> Self {
        Self {
            missing: true,
            ..Self::default()
        }
    }

    /// The agents that the entries stand for. With each entry comes the number of its values.
    pub(crate) fn of(
        entries: Vec<(AgentDraft, usize)>,
        section: &Span,
        copies: &mut Copies,
        review: &mut Review,
    ) -> Self {
        let all = entries.iter().map(|(draft, _)| draft.replicas.unwrap_or(1));
        let total: usize = all.sum();
        if total > MOST_AGENTS {
            let message = format!("{total} agents: a system has {MOST_AGENTS} at most");
            review.add(Flaw::new(section, message));
            return Self::unreadable();
        }
        let mut crowd = Self::default();
        let mut taken = BTreeSet::new();
        for (draft, size) in entries {
            let many = draft.replicas.unwrap_or(0);
            if !copies.take(many, size, &draft.name.span, review) {
                return Self::unreadable();
            }
            crowd.join(draft, &mut taken, review);
        }
        crowd
    }

    fn join(&mut self, entry: AgentDraft, taken: &mut BTreeSet<AgentId>, review: &mut Review) {
        if let Some(many) = entry.replicas {
            self.replicated.insert(entry.name.value.clone(), many);
        }
        let Some(agents) = numbered(entry, review) else {
            self.missing = true;
            return;
        };
        for (number, mut agent) in agents.into_iter().enumerate() {
            // Round and round, so that each host has as many as any other, or one more.
            let of = agent.hosts.len().max(1);
            agent.hosts = agent.hosts.get(number % of).into_iter().copied().collect();
            review.repeating(agent.repeats);
            if taken.insert(agent.name.value.clone()) {
                self.agents.push(agent);
            } else {
                review.add(clash(&agent));
            }
        }
        review.repeating(false);
    }
}

/// The agents that an entry stands for. None if the review knows why there are none.
fn numbered(entry: AgentDraft, review: &mut Review) -> Option<Vec<AgentDraft>> {
    let Some(many) = entry.replicas else {
        return Some(vec![entry]);
    };
    if many > 1 {
        fixed_addresses(&entry, many, review);
    }
    (0..many)
        .map(|number| review.take(replica(&entry, number)))
        .collect()
}

fn replica(entry: &AgentDraft, number: usize) -> Result<AgentDraft, Flaw> {
    let mut agent = entry.clone();
    let name = format!("{}{number}", entry.name.value.name);
    agent.name.value.name = name.parse().map_err(|error| {
        let message = format!("the agent {name} cannot be called so: {error}");
        Flaw::new(&entry.name.span, message).hint("give it a shorter name")
    })?;
    agent.repeats = number > 0;
    if let Some(program) = &mut agent.program {
        let own = program.env.entry(NUMBER.to_owned());
        own.or_insert_with(|| Spanned {
            value: vec![Part::Text(number.to_string())],
            span: entry.name.span.clone(),
        });
    }
    Ok(agent)
}

/// Only one of several can be bound to an address that is given.
fn fixed_addresses(entry: &AgentDraft, many: usize, review: &mut Review) {
    let endpoints = entry.bind.iter().filter_map(|bind| bind.endpoint.as_ref());
    for endpoint in endpoints.filter(|endpoint| !endpoint.by_default) {
        let hint = match &endpoint.at.value {
            Endpoint::Tcp { port: 0, .. } | Endpoint::Ipc { path: None } => continue,
            Endpoint::Tcp { .. } => "leave the port away: each then takes a free one",
            Endpoint::Ipc { .. } => "leave addr away: each then has a file of its own",
        };
        let message = format!("{many} agents cannot all be bound to one address");
        review.add(Flaw::new(&endpoint.at.span, message).hint(hint));
    }
}

fn clash(agent: &AgentDraft) -> Flaw {
    let name = &agent.name.value;
    let message = format!("there is an agent {name} already");
    if agent.replicas.is_none() {
        return Flaw::new(&agent.name.span, message).hint("give one of the two another name");
    }
    Flaw::new(&agent.name.span, message).hint(
        "replicas are called by the entry's name and a number from 0: change one of the names",
    )
}

/// What to write where one agent is meant, instead of a name that stands for several.
pub(super) fn one_of(
    name: &AgentId,
    tail: &str,
    replicated: &BTreeMap<AgentId, usize>,
) -> Option<String> {
    let many = replicated.get(name)?;
    Some(format!(
        "{name} stands for {many} agents, which are numbered from 0: write {name}0{tail} for the first"
    ))
}

/// What to write instead of a name that stands for several agents, all of which may be meant.
pub(super) fn stands_for(
    name: &AgentId,
    tail: &str,
    replicated: &BTreeMap<AgentId, usize>,
) -> Option<String> {
    let many = replicated.get(name)?;
    Some(match many {
        1 => format!("{name} stands for one agent, which is called {name}0: write {name}0{tail}"),
        _ => format!(
            "{name} stands for {many} agents: write {name}*{tail} for all of them, or {name}0{tail} for one"
        ),
    })
}
