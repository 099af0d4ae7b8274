//! Follows the references of a draft, checks what has to hold between its parts, and puts the
//! topology together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::check::circles::Graph;
use super::check::handlers::{self, Owner};
use super::check::{addresses, files, machines, order, replies, timers, with};
use super::draft::{
    Actions, AgentDraft, BindDraft, Draft, Given, HandlerDraft, ProgramDraft, RepliesDraft,
};
use super::references::Referrer;
use super::review::{Flaw, Review, Span, Spanned};
use super::sockets::{Directory, Who, Wire};
use crate::model::{
    Action, AgentId, AgentSpec, Alias, BindSpec, Kind, NameServerName, Program, Security, Topology,
    UpdateWait, WireSpec,
};

/// The topology that `draft` describes. None if something was missing, and the review knows what.
pub(super) fn resolve(draft: &Draft, review: &mut Review) -> Option<Topology> {
    addresses::check(draft, review);
    let mut directory = Directory::new(draft);
    let wires = directory.wire(&draft.connections, review);
    circles(draft, &wires, review);
    machines::check(draft, &wires, review);
    order::check(&directory, review);
    with::check(&directory, review);
    let agents: Vec<Option<AgentSpec>> = (0..draft.agents.len())
        .map(|at| agent(at, &directory, draft, review))
        .collect();
    let clients = wires.iter().map(|wire| wire.client);
    let specs = wires
        .iter()
        .map(|wire| connection(wire, &directory, review));
    let wires: Vec<(usize, WireSpec)> = clients.zip(specs).collect();
    review.repeating(false);
    let mut agents: Vec<AgentSpec> = agents.into_iter().collect::<Option<_>>()?;
    for (client, wire) in wires {
        agents[client].wires.push(wire);
    }
    with::settle(&mut agents);
    if let Some(first) = draft.nameservers.first() {
        admit(&mut agents, &first.value.name);
    }
    note_awaited(&mut agents);
    let topology = Topology {
        name: draft.name.clone()?,
        security: Security::None,
        nameservers: draft
            .nameservers
            .iter()
            .map(|it| it.value.clone())
            .collect(),
        hosts: draft.hosts.iter().map(|it| it.value.clone()).collect(),
        agents,
    };
    let fitting = match topology.reaches_out() {
        true => Security::Curve,
        false => Security::None,
    };
    let security = draft.security.unwrap_or(fitting);
    if security == Security::None {
        review.refuse_pickles();
    }
    Some(Topology {
        security,
        ..topology
    })
}

/// Whom others await until it is healthy is told so; and who is to be healthy before the next of its group is replaced.
fn note_awaited(agents: &mut [AgentSpec]) {
    let programs = agents.iter().filter_map(|agent| agent.program.as_ref());
    let awaited: BTreeSet<AgentId> = programs
        .flat_map(|program| program.after_healthy.iter().cloned())
        .collect();
    for agent in agents {
        let update = agent.update.as_ref().map(|it| it.wait);
        if let Some(program) = &mut agent.program {
            let by_update = update == Some(UpdateWait::Healthy) && program.health.is_some();
            program.ready_when_healthy |= by_update || awaited.contains(&agent.name);
        }
    }
}

/// The agent at `at`, as the owner of its handlers and timers.
fn owner<'a>(at: usize, directory: &'a Directory<'_>) -> Owner<'a> {
    let agent = &directory.agents[at];
    let is_deaf = |program: &ProgramDraft| !program.speaks.hears();
    let deaf = agent.program.as_ref().is_some_and(is_deaf);
    Owner {
        name: &agent.name.value,
        has_command: agent.has_command && !deaf,
        deaf,
        attach: agent.attach,
        sockets: &directory.sockets[at],
    }
}

fn agent(
    at: usize,
    directory: &Directory<'_>,
    whole: &Draft,
    review: &mut Review,
) -> Option<AgentSpec> {
    let draft: &AgentDraft = &directory.agents[at];
    review.repeating(draft.repeats);
    let owner = owner(at, directory);
    let bind: Vec<Option<BindSpec>> = draft
        .bind
        .iter()
        .map(|bind| socket(bind, &owner, review))
        .collect();
    let timers = timers::settle(&draft.timers, &owner, review);
    Some(AgentSpec {
        name: draft.name.value.clone(),
        host: whole.hosts[draft.host()].value.name.clone(),
        attach: draft.attach,
        program: program(draft, directory, whole, review),
        attributes: draft.attributes.clone(),
        bind: bind.into_iter().collect::<Option<_>>()?,
        wires: Vec::new(),
        timers,
        start_timeout: draft.start_timeout,
        settle: draft.settle,
        stop_timeout: draft.stop_timeout,
        logs: draft.logs,
        restart: draft.restart,
        on_failed: draft.on_failed.clone(),
        keep: draft.keep.clone(),
        with: goes_with(draft, directory),
        update: draft.update.clone(),
        spawned: None,
    })
}

/// That there is none of a name, the check reports.
fn goes_with(
    draft: &AgentDraft,
    directory: &Directory<'_>,
) -> BTreeMap<AgentId, BTreeSet<AgentId>> {
    let name = |it: &Spanned<AgentId>| match directory.agent(&it.value) {
        Who::One(at) => Some(directory.agents[at].name.value.clone()),
        Who::Nobody | Who::Several => None,
    };
    let names = draft.with.iter().filter_map(name);
    names.map(|name| (name, BTreeSet::new())).collect()
}

/// The agent's program, its references followed.
fn program(
    draft: &AgentDraft,
    directory: &Directory<'_>,
    whole: &Draft,
    review: &mut Review,
) -> Option<Program> {
    let program = draft.program.as_ref()?;
    let sync = files::settle(draft, program, whole, review);
    let referrer = Referrer {
        agent: draft,
        directory,
        speaks: program.speaks,
    };
    Some(referrer.program(program, sync, review))
}

fn socket(draft: &BindDraft, owner: &Owner<'_>, review: &mut Review) -> Option<BindSpec> {
    let kind = draft.kind?;
    let handlers = handlers::settle(&draft.handler, &draft.alias, kind, owner, review);
    Some(BindSpec {
        alias: draft.alias.value.clone(),
        kind,
        endpoint: Some(draft.endpoint.as_ref()?.at.value.clone()),
        serializer: draft.serializer,
        handlers: Some(handlers),
        admits: draft.admits.clone(),
    })
}

/// Each socket admits the agents that have a wire to it, besides those that it accepts.
pub fn admit(agents: &mut [AgentSpec], first: &NameServerName) {
    let mut clients: HashMap<(AgentId, Alias), BTreeSet<AgentId>> = HashMap::new();
    for agent in agents.iter() {
        for wire in &agent.wires {
            let socket = (wire.to.agent.clone(), wire.to.alias.clone());
            let admitted = clients.entry(socket).or_default();
            admitted.insert(seen_from(&wire.to.agent, &agent.name, first));
        }
    }
    for agent in agents {
        for socket in &mut agent.bind {
            let admitted = clients.remove(&(agent.name.clone(), socket.alias.clone()));
            socket.admits.wires = admitted.unwrap_or_default();
        }
    }
}

/// What an agent is called at the name server of `other`: where it is a guest, with its own name server.
fn seen_from(other: &AgentId, agent: &AgentId, first: &NameServerName) -> AgentId {
    let mut seen = agent.clone();
    if agent.nameserver != other.nameserver {
        seen.nameserver.get_or_insert(first.clone());
    }
    seen
}

fn connection(wire: &Wire<'_>, directory: &Directory<'_>, review: &mut Review) -> WireSpec {
    let Wire {
        draft,
        client,
        alias,
        to,
        kind,
    } = wire;
    review.repeating(draft.repeats);
    let owner = owner(*client, directory);
    let handlers = handlers::settle(&draft.handler, alias, *kind, &owner, review);
    let replies = replies::settle(&draft.replies, *kind, &owner, review);
    let own = directory.sockets[*client].by_alias.get(&alias.value);
    WireSpec {
        alias: alias.value.clone(),
        to: to.clone(),
        kind: *kind,
        serializer: own.map(|it| it.serializer),
        handlers,
        replies,
        resting: false,
    }
}

/// Looks for circles within each agent. Only answers to requests are both sent for and received by
/// the same agent.
fn circles(draft: &Draft, wires: &[Wire<'_>], review: &mut Review) {
    let mut forwards: Vec<Graph<'_, Alias>> = Vec::new();
    forwards.resize_with(draft.agents.len(), Graph::default);
    for (agent, forwards) in draft.agents.iter().zip(&mut forwards) {
        for bind in agent
            .bind
            .iter()
            .filter(|bind| bind.kind == Some(Kind::Req))
        {
            add(forwards, &bind.alias.value, &bind.handler);
        }
    }
    for wire in wires.iter().filter(|wire| wire.kind.asks()) {
        let (forwards, alias) = (&mut forwards[wire.client], &wire.alias.value);
        // Publications were not asked for.
        if !wire.kind.subscribes() {
            add(forwards, alias, &wire.draft.handler);
        }
        let RepliesDraft {
            on_reply, on_error, ..
        } = &wire.draft.replies;
        for actions in [on_reply, on_error].into_iter().flatten() {
            add_all(forwards, alias, &actions.value);
        }
    }
    for of_one in forwards {
        of_one.check(message_circle, review);
    }
}

fn message_circle(way: &str, span: &Span) -> Flaw {
    let message = format!("messages would go in a circle: {way}");
    Flaw::new(span, message).hint("let the reply end somewhere, such as at log or collect")
}

fn add<'a>(forwards: &mut Graph<'a, Alias>, from: &'a Alias, handler: &'a Given<HandlerDraft>) {
    let Given::There(handler) = handler else {
        return;
    };
    match &handler.value {
        HandlerDraft::All(actions) => add_all(forwards, from, actions),
        HandlerDraft::ByTopic(topics) => {
            let each = topics.iter().map(|(_, actions)| actions);
            each.for_each(|actions| add_all(forwards, from, actions));
        }
    }
}

fn add_all<'a>(forwards: &mut Graph<'a, Alias>, from: &'a Alias, actions: &'a Actions) {
    for action in actions {
        if let Action::Forward(to) = &action.value {
            forwards.add(from, to, &action.span);
        }
    }
}
