//! Bringing a system up, with its progress shown, and what to do if it does not come up.

use super::purpose::{Purpose, status_of};
use super::signals::Signals;
use super::{CommandError, Context, ErrorKind};
use crate::model::{AgentId, HostName};
use crate::plan::LaunchPlan;
use crate::proxy::ProxyError;
use crate::render::{Reporter, by_hand_remedy, did_you_mean};
use crate::ssh::Sent;
use crate::up::{Absent, Progress, Stage, UpError, UpReport, UpRequest, up};
use crate::wire::Fault;

/// Why it did not come up. A job may have failed whose exit status is wanted.
fn failure(error: UpError, purpose: Option<&Purpose>) -> CommandError {
    let awaited = purpose.and_then(|it| it.exit_code_from.as_ref());
    let status = match &error {
        UpError::Ended { agent, exit, .. } if Some(agent) == awaited => Some(status_of(exit)),
        _ => None,
    };
    CommandError::from(error).with_status(status)
}

/// Brings it up, or says why it did not come up.
pub(super) async fn bring_up(
    request: UpRequest,
    purpose: Option<&Purpose>,
    signals: &mut Signals,
    context: &Context,
) -> Result<UpReport, CommandError> {
    let mut progress = Shown(context.reporter());
    let interrupted = async {
        signals.next().await;
        context.note("interrupted: taking back what was started");
    };
    let (state, system) = (request.state.clone(), request.plan.system.clone());
    let last_run = || state.runs(&system).numbers().pop();
    let before = last_run();
    let outcome = up(request, &mut progress, interrupted).await;
    for (agent, why) in outcome.iter().flat_map(|report| &report.undrained) {
        context.note(&format!(
            "{agent} has ended before it had taken in all that was meant for it: {why}; `osb ls sockets` counts what was lost"
        ));
    }
    outcome.map_err(|error| {
        progress.0.abandon();
        // What it has left of its logs.
        let run = last_run().filter(|run| before < Some(*run));
        let hint = run.map(|run| format!("all its logs: `osb --system {system} logs --run {run}`"));
        failure(error, purpose).with_hints(hint)
    })
}

/// Stages by their names.
struct Shown(Box<dyn Reporter>);

impl Progress for Shown {
    fn begin(&mut self, stage: Stage, total: usize) {
        self.0.begin(stage.as_str(), total);
    }

    fn advance(&mut self, what: &str) {
        self.0.advance(what);
    }

    fn copy(&mut self, host: &HostName, sent: Sent) {
        let Sent {
            sent,
            lacking,
            done,
        } = sent;
        self.0.copy(host.as_str(), sent, lacking, done);
    }

    fn await_others(&mut self, missing: &[String]) {
        self.0.wait_for(&missing.join(", "));
    }

    fn await_programs(&mut self, launched: &[&LaunchPlan]) {
        let waits = |it: &&LaunchPlan| format!("{} ({})", it.agent, it.awaited());
        let waits: Vec<String> = launched.iter().map(waits).collect();
        self.0.wait_for(&waits.join(", "));
    }

    fn end(&mut self) {
        self.0.end();
    }
}

impl From<UpError> for CommandError {
    fn from(error: UpError) -> Self {
        let (kind, code) = sort(&error);
        let hints = hints(&error);
        let log = match error.log() {
            [] if matches!(error, UpError::NotRunning { .. }) => {
                vec!["its log is empty".to_owned()]
            }
            [] => Vec::new(),
            lines => std::iter::once("the end of its log:".to_owned())
                .chain(lines.iter().map(|line| format!("  {line}")))
                .collect(),
        };
        let error = match error {
            UpError::State(error) => return error.into(),
            UpError::Proxy(error) => {
                let absent = matches!(error, ProxyError::Unreachable { .. });
                return CommandError::from(error).with_hints(absent.then(start_nameserver));
            }
            other => CommandError::new(kind, other).with_code(code),
        };
        error.with_details(log).with_hints(hints)
    }
}

fn sort(error: &UpError) -> (ErrorKind, &'static str) {
    match error {
        UpError::State(_) | UpError::Proxy(_) => (ErrorKind::Failed, "failed"),
        UpError::Changed { .. } | UpError::OtherFile { .. } | UpError::Fixed { .. } => {
            (ErrorKind::Failed, "changed")
        }
        UpError::ByHand { .. } => (ErrorKind::Failed, "by_hand"),
        UpError::NoSpares { .. } => (ErrorKind::Failed, "no_spares"),
        UpError::NotPutBack { cause, .. } | UpError::NotRolledBack { cause, .. } => sort(cause),
        UpError::NoKey { .. } => (ErrorKind::Failed, "no_key"),
        UpError::NamesTaken { .. } | UpError::HostTaken { .. } => (ErrorKind::Failed, "name_taken"),
        UpError::NameServer { .. } | UpError::NameServerEnded { .. } => {
            (ErrorKind::Failed, "nameserver")
        }
        UpError::Files(_) => (ErrorKind::Failed, "files"),
        UpError::Host { .. } => (ErrorKind::Failed, "host"),
        UpError::Machines(_) | UpError::MachinesLeft { .. } => (ErrorKind::Unreachable, "machine"),
        UpError::Ended { .. } | UpError::Lost { .. } => (ErrorKind::Failed, "ended"),
        UpError::Attach { .. } => (ErrorKind::Unreachable, "unreachable"),
        UpError::NotRunning { .. } | UpError::Missing { .. } | UpError::HostsMissing { .. } => {
            (ErrorKind::NotReady, "not_ready")
        }
        UpError::Interrupted => (ErrorKind::Interrupted, "interrupted"),
        UpError::Agent { cause, .. } => match cause.as_ref() {
            ProxyError::Fault(Fault::Unproven { .. }) => (ErrorKind::Unproven, "unproven"),
            error if error.is_late() => (ErrorKind::NotReady, "not_ready"),
            _ => (ErrorKind::Failed, "agent"),
        },
    }
}

fn start_nameserver() -> String {
    "start it first, with `osb ns --bind ADDRESS`, or let the topology launch one".to_owned()
}

fn hints(error: &UpError) -> Vec<String> {
    match error {
        UpError::Missing {
            nameserver,
            lasting,
            missing,
            others,
            ..
        } => start_others(nameserver.as_str(), *lasting, missing, others),
        UpError::Machines(failed) => failed
            .iter()
            .map(|(host, error)| format!("{host}: {}", error.remedy()))
            .collect(),
        UpError::ByHand { conflicts, .. } => conflicts.iter().map(by_hand_remedy).collect(),
        other => hint(other).into_iter().collect(),
    }
}

/// How those are started that others were to start; one may have been, under a name much like it. A name server that
/// was launched at any free port is another one the next time.
fn start_others(
    nameserver: &str,
    lasting: bool,
    missing: &[Absent],
    others: &[AgentId],
) -> Vec<String> {
    let at = nameserver.trim_start_matches("tcp://");
    let others = || others.iter().map(|id| id.name.as_str());
    let alike = missing.iter().filter_map(|Absent { agent, .. }| {
        let guess = did_you_mean(agent.name.as_str(), others())?;
        Some(format!("the topology says {agent}: {guess}"))
    });
    let first = missing.first().map(|Absent { agent, .. }| match lasting {
        true => format!(
            "start each in a terminal of its own: `osb agent {} --ns {at}`",
            agent.name
        ),
        false => format!(
            "start each in a terminal of its own while `osb up` waits for them: `osb agent {}`; from another machine, or before, that wants a name server with a port of its own: nameserver: IP:7400",
            agent.name
        ),
    });
    alike.chain(first).collect()
}

fn hint(error: &UpError) -> Option<String> {
    Some(match error {
        UpError::Changed { system, .. }
        | UpError::Fixed { system, .. } => {
            format!("take it down first: `osb down {system}`, then `osb up` again")
        }
        UpError::OtherFile { .. } => {
            "to make of it what this file says: `osb up FILE --replace`; `osb plan FILE` shows what that would do".to_owned()
        }
        UpError::NoSpares { .. } => {
            "nothing was changed; let the file have room for one more, or say `order: stop-first`".to_owned()
        }
        UpError::NotRolledBack { .. } => {
            "`osb up` again, with the former file or the new one".to_owned()
        }
        UpError::NotPutBack { .. } => {
            "`osb up FILE` starts those agents anew, with the former file or the new one".to_owned()
        }
        UpError::NoKey { .. } => {
            "name the file with your key: `osb up FILE --key KEY`; or, if it lets everybody in, say so in the topology: security: none".to_owned()
        }
        UpError::NamesTaken { .. } => {
            "choose other names, or end those agents: `osb ls agents` shows them".to_owned()
        }
        UpError::HostTaken { .. } => {
            "give this one another name, or take that one down where it was brought up".to_owned()
        }
        UpError::Agent {
            stage: Stage::Drain,
            ..
        } => "all is as it was; give it longer (`stop_timeout`), or accept the loss: --lossy".to_owned(),
        UpError::Agent {
            stage: Stage::Wire, ..
        } => "what was begun was taken back; `osb plan FILE` shows the wires".to_owned(),
        UpError::Agent { .. } | UpError::Ended { .. } | UpError::NotRunning { .. } => {
            "what was begun was taken back: mend it and `osb up` again".to_owned()
        }
        UpError::Lost { .. } => {
            "what was started here was taken back; start it again, and `osb up` again".to_owned()
        }
        UpError::MachinesLeft { system, .. } => {
            format!("when they are back, `osb down {system}` finishes")
        }
        UpError::HostsMissing {
            nameserver,
            lasting,
            missing,
            ..
        } => {
            let at = nameserver.trim_start_matches("tcp://");
            let host = missing.first()?;
            match lasting {
                true => format!("start each on its machine: `osb host --ns {at} --name {host}`"),
                false => format!(
                    "give the name server a port of its own, such as nameserver: IP:7400, and start each on its machine: `osb host --ns IP:7400 --name {host}`"
                ),
            }
        }
        UpError::Files(error) => error.remedy().to_owned(),
        UpError::Attach { .. } => start_nameserver(),
        UpError::NameServer { reason, .. } => nameserver_remedy(reason).to_owned(),
        _ => return None,
    })
}

/// By what it has said before it ended.
fn nameserver_remedy(reason: &str) -> &'static str {
    let is_of = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    if is_of(&["cannot listen at"]) {
        "the port is taken, or not to be had: give `nameserver` another in the topology, or 0 for any free one"
    } else if is_of(&["/.keys/", ".key "]) {
        "what is wrong with that file of keys has to be mended; or bring the folder back from a copy, or remove it: then new keys are made, and all that have joined join again"
    } else {
        "mend what it says, and `osb up` again"
    }
}
