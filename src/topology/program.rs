//! An agent's command, its environment and its working directory. No shell is involved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::command::{folder, joined, late, word, words};
use super::draft::{HealthDraft, LateText, ProgramDraft, SyncDraft};
use super::fields::{Fields, entries, there_are, wrong_type};
use super::health;
use super::ready;
use super::review::{Flaw, Review, Span, quote};
use super::source::Source;
use super::values;
use super::yaml::{Data, Node};
use crate::model::{RestartPolicy, Speaks};

/// What holds for an agent's program besides its own keys.
pub(super) struct Outer {
    /// The files that go with it.
    pub sync: Option<SyncDraft>,
    /// The variables of its files.
    pub files: BTreeMap<String, LateText>,
    pub health: Option<HealthDraft>,
    pub policy: RestartPolicy,
}

/// The program of an agent. None if it has no command, or the review knows why.
pub(super) fn read(
    agent: &Fields<'_>,
    outer: Outer,
    source: &Source,
    review: &mut Review,
) -> Option<ProgramDraft> {
    let Outer {
        sync,
        files,
        health,
        policy,
    } = outer;
    let mut env = files;
    env.extend(environment(agent, review));
    let (cwd, cwd_at) = working_directory(agent, sync.as_ref(), source, review);
    let Some(command) = agent.get("command") else {
        for key in ["env", "env_file", "cwd", "sync", "speaks", "health"]
            .into_iter()
            .chain(ready::KEYS)
        {
            if let Some((key, _)) = agent.entry(key) {
                let message = format!("{} is for a command, and there is none", key.text);
                review.add(Flaw::new(&key.span, message).hint("add command: [PROGRAM, ARGUMENT]"));
            }
        }
        return None;
    };
    let argv = words(command, "command", review)?;
    let speaks = speaks(agent, review);
    if speaks == Speaks::Osb {
        refuse_launch(agent, review);
    }
    let (ready, timeout) = ready::read(agent, review);
    let once = ready::once(agent, review);
    let after = ready::after(agent, review);
    let health = health::fitting(health, agent, (speaks, policy), review);
    Some(ProgramDraft {
        argv,
        env,
        cwd,
        cwd_at,
        sync,
        speaks,
        ready,
        timeout,
        once,
        after,
        health,
    })
}

/// A program that is the agent itself says when it is ready, and is there before all is wired.
fn refuse_launch(agent: &Fields<'_>, review: &mut Review) {
    for key in ready::KEYS {
        if let Some((key, _)) = agent.entry(key) {
            let message = format!("{} is not for a program that speaks osb", key.text);
            let hint = "such a program is the agent itself, and says when it is ready";
            review.add(Flaw::new(&key.span, message).hint(hint));
        }
    }
}

/// How the command talks with osb; an error is reported and read as the default.
fn speaks(agent: &Fields<'_>, review: &mut Review) -> Speaks {
    let Some(node) = agent.get("speaks") else {
        return Speaks::default();
    };
    let Some(text) = review.take(values::text(node, "speaks")) else {
        return Speaks::default();
    };
    text.parse().unwrap_or_else(|()| {
        let message = format!("a command cannot speak {}", quote(text));
        let hint = review.guess(text, Speaks::WORDS);
        let flaw = Flaw::new(&node.span, message).hint(there_are(Speaks::WORDS));
        review.add(flaw.maybe_hint(hint));
        Speaks::default()
    })
}

fn environment(agent: &Fields<'_>, review: &mut Review) -> BTreeMap<String, LateText> {
    let Some(section) = agent.get("env") else {
        return BTreeMap::new();
    };
    let entries = review.take(entries(section, "env")).unwrap_or_default();
    let mut env = BTreeMap::new();
    for (key, node) in entries {
        if key.text.is_empty() || key.text.contains(['=', '\0']) {
            let message = "the name of a variable is not empty and has no '=' in it";
            review.add(Flaw::new(&key.span, message));
        }
        if let Some(value) = review.take(variable(node)) {
            env.insert(key.text.clone(), value);
        }
    }
    env
}

fn variable(node: &Node) -> Result<LateText, Flaw> {
    match &node.data {
        Data::Late(parts) => late(parts, &node.span),
        _ if node.text().is_some() => word(node),
        _ => Err(wrong_type(node, "a variable", "text").hint("an empty text is \"\"")),
    }
}

/// Where it runs, and where that is said.
fn working_directory(
    agent: &Fields<'_>,
    sync: Option<&SyncDraft>,
    source: &Source,
    review: &mut Review,
) -> (PathBuf, Option<Span>) {
    let node = agent.get("cwd");
    let given = node.and_then(|node| Some((review.take(folder(node, "cwd"))?, &node.span)));
    match (given, sync) {
        (Some((path, span)), _) => (joined(&source.folder, path), Some(span.clone())),
        (None, Some(sync)) if sync.elsewhere => (sync.spec.from.clone(), None),
        (None, _) => (source.folder.clone(), None),
    }
}
