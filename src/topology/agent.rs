//! One agent of the section `agents`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::{AgentDraft, BindDraft, Defaults, TimerDraft};
use super::fields::{Fields, entries, items};
use super::keys;
use super::review::{Flaw, Review, Spanned, quote};
use super::surroundings::Surroundings;
use super::yaml::{Data, Key, Node, to_json};
use super::{bind, defaults, hosts, nameserver, program, ready, replicas, timer, update, values};
use crate::model::{AgentId, HostSpec, NameServerEntry};

/// What was read before the agents.
pub(super) struct Known<'a> {
    pub defaults: &'a Defaults,
    pub around: &'a Surroundings<'a>,
    pub nameservers: &'a [Spanned<NameServerEntry>],
    pub hosts: &'a [Spanned<HostSpec>],
}

/// Reads one agent. None if it is none, and the review knows why.
pub(super) fn read(
    key: &Key,
    node: &Node,
    known: &Known<'_>,
    review: &mut Review,
) -> Option<AgentDraft> {
    let nameservers = known.nameservers;
    let id: Option<AgentId> = review.take(values::key_name(key, "agent"));
    let what = format!("the agent {}", quote(&key.text));
    if keys::AGENT.has(&key.text) && !matches!(node.data, Data::Map(_)) && !node.is_null() {
        let flaw = Flaw::new(&key.span, format!("there is an agent called {}", key.text));
        let hint = "is it a key of the agent above? then indent it deeper than that agent's name";
        review.add(flaw.hint(hint));
        return None;
    }
    let fields = Fields::open(node, &what, &keys::AGENT, review)?;
    let at = id
        .as_ref()
        .and_then(|id| nameserver::of_agent(id, &key.span, &fields, nameservers, review));
    let attach = attach(&fields, review);
    let mut places = hosts::of_agent(&fields, known.hosts, review);
    let moved = id
        .as_ref()
        .and_then(|id| known.around.overrides.hosts.get(id));
    if let Some(host) = moved.and_then(|host| hosts::place_of(host, known.hosts)) {
        places = vec![host];
    }
    let mut own = defaults::overlaid(known.defaults, &fields, known.around, review);
    if let Some(first) = places.first() {
        own.ip = hosts::ip(&known.hosts[*first].value);
    }
    let bind = sockets(&fields, &own, review);
    let replicas = replicas::read(&fields, review);
    let outer = program::Outer {
        sync: own.sync,
        files: own.env,
        health: own.health,
        policy: own.restart.policy,
    };
    let program = program::read(&fields, outer, known.around.source, review);
    let agent = AgentDraft {
        attach,
        hosts: places,
        has_command: fields.get("command").is_some(),
        program,
        attributes: attributes(&fields, review),
        sockets_missing: !sockets_complete(&fields, bind.len()),
        bind,
        timers: timers(&fields, review),
        start_timeout: own.start_timeout,
        settle: own.settle,
        stop_timeout: own.stop_timeout.filter(|_| !attach),
        logs: own.logs,
        restart: own.restart,
        on_failed: own.on_failed.filter(|_| !attach),
        keep: keep(&fields, review),
        with: ready::agents(&fields, "with", review),
        update: id
            .as_ref()
            .and_then(|id| update::read(&fields, &id.name, review)),
        replicas: replicas?,
        repeats: false,
        name: Spanned {
            value: AgentId {
                name: id?.name,
                nameserver: at.clone().filter(|at| *at != nameservers[0].value.name),
            },
            span: key.span.clone(),
        },
        at: at?,
    };
    Some(agent)
}

/// Whether osb does not start the agent; whatever starts it then starts its program too.
fn attach(fields: &Fields<'_>, review: &mut Review) -> bool {
    let Some(node) = fields.get("attach") else {
        return false;
    };
    let attach = review.take(values::boolean(node, "attach")) == Some(true);
    let keys = [
        "command",
        "env",
        "env_file",
        "cwd",
        "sync",
        "speaks",
        "stop_timeout",
        "logs",
        "restart",
        "on_failed",
        "keep",
        "with",
        "update",
        "health",
    ];
    for key in keys.into_iter().chain(ready::KEYS).filter(|_| attach) {
        if let Some((key, _)) = fields.entry(key) {
            let message = format!("an agent that is attached has no {} here", key.text);
            let hint = "those who start it start its program: osb agent NAME -- COMMAND";
            review.add(Flaw::new(&key.span, message).hint(hint));
        }
    }
    attach
}

/// The attributes that the next life takes over.
fn keep(fields: &Fields<'_>, review: &mut Review) -> BTreeSet<String> {
    let Some(node) = fields.get("keep") else {
        return BTreeSet::new();
    };
    let names = review.take(items(node, "keep")).unwrap_or_default().iter();
    let names = names.filter_map(|node| review.take(values::text(node, "keep")));
    names.map(str::to_owned).collect()
}

fn attributes(fields: &Fields<'_>, review: &mut Review) -> BTreeMap<String, Value> {
    let Some(section) = fields.get("attributes") else {
        return BTreeMap::new();
    };
    let entries = review
        .take(entries(section, "attributes"))
        .unwrap_or_default();
    entries
        .iter()
        .filter_map(|(key, node)| Some((key.text.clone(), review.take(to_json(node))?)))
        .collect()
}

fn sockets(fields: &Fields<'_>, defaults: &Defaults, review: &mut Review) -> Vec<BindDraft> {
    let Some(section) = fields.get("bind") else {
        return Vec::new();
    };
    let entries = review.take(entries(section, "bind")).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(key, node)| bind::read(key, node, defaults, review))
        .collect()
}

/// Whether all that stands in the section `bind` could be read.
fn sockets_complete(fields: &Fields<'_>, read: usize) -> bool {
    let section = fields.get("bind");
    section.is_none_or(|section| entries(section, "bind").is_ok_and(|all| all.len() == read))
}

fn timers(fields: &Fields<'_>, review: &mut Review) -> Vec<TimerDraft> {
    let Some(section) = fields.get("timers") else {
        return Vec::new();
    };
    let items = review.take(items(section, "timers")).unwrap_or_default();
    items
        .iter()
        .filter_map(|node| timer::read(node, review))
        .collect()
}
