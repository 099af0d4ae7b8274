//! Files that go to other machines: whether they can, and whether a command runs among them.

use super::super::draft::SyncDraft;
use super::super::draft::{AgentDraft, Draft, ProgramDraft};
use super::super::review::{Flaw, Review};
use crate::model::{HostSpec, Reach, SyncSpec};

/// What is to be copied for an agent's program, or followed where it runs on this machine. What cannot be copied
/// is reported.
pub(in crate::topology) fn settle(
    agent: &AgentDraft,
    program: &ProgramDraft,
    whole: &Draft,
    review: &mut Review,
) -> Option<SyncSpec> {
    let host = &whole.hosts[agent.host()].value;
    let sync = program
        .sync
        .as_ref()
        .filter(|sync| !sync.spec.paths.is_empty())?;
    if host.reach == Reach::Local {
        // It runs among the files themselves. Whoever watches follows them.
        return Some(sync.spec.clone());
    }
    if let Some(flaw) = wrong(agent, program, sync, host) {
        review.add(flaw);
        return None;
    }
    Some(sync.spec.clone())
}

fn wrong(
    agent: &AgentDraft,
    program: &ProgramDraft,
    sync: &SyncDraft,
    host: &HostSpec,
) -> Option<Flaw> {
    let (name, from) = (&agent.name.value, sync.spec.from.display());
    if host.reach == Reach::Attach {
        let message = format!(
            "{name} runs on {}, which others start: files are copied by ssh only",
            host.name
        );
        let hint = "put them there yourself, and say where: sync: [], cwd: /FOLDER/THERE";
        return Some(Flaw::new(&sync.span, message).hint(hint));
    }
    let span = program.cwd_at.as_ref().unwrap_or(&sync.span);
    let Some(within) = sync.spec.within(&program.cwd) else {
        let message = format!(
            "{name} runs in {}, which is not in {from}, the folder that files are copied from",
            program.cwd.display()
        );
        let hint = "a cwd in that folder is meant there too; without sync, cwd is a folder that is there already";
        return Some(Flaw::new(span, message).hint(hint));
    };
    if !sync.spec.touches(&within) {
        let message = format!("{name} runs in {within}, of which nothing is copied");
        return Some(Flaw::new(span, message).hint(format!("add it: sync: [{within}]")));
    }
    None
}
