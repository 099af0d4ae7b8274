//! What the answers mean, and what to do about it. Pure.

use std::net::SocketAddr;

use super::answers::{Answer, Answers, Others, Outcome};
use super::findings::{Diagnosis, HostFinding, PortFinding, ProgramFinding, Verdict, WayFinding};
use super::questions::{Place, Questions};
use super::ways::WayQuestion;
use crate::model::{HostName, Reach, State};
use crate::plan::Plan;
use crate::wire::{Bound, Dialled, Found};

/// Everything that was found, in the order of the questions.
pub(crate) fn diagnose(
    plan: &Plan,
    questions: Questions,
    answers: &Answers,
    outcomes: Vec<Outcome>,
) -> Diagnosis {
    let places = || questions.places.iter();
    let answered = |place: &Place| answers.get(&place.host.name);
    Diagnosis {
        system: plan.system.clone(),
        hosts: places().map(|it| host(it, answered(it), plan)).collect(),
        programs: places().flat_map(|it| programs(it, answered(it))).collect(),
        ports: places().flat_map(|it| ports(it, answered(it))).collect(),
        ways: questions
            .ways
            .iter()
            .zip(outcomes)
            .map(|(question, outcome)| way(question, outcome))
            .collect(),
    }
}

fn bad(reason: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict::Bad {
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

fn unknown(reason: impl Into<String>) -> Verdict {
    let reason = reason.into();
    Verdict::Unknown { reason }
}

fn host(place: &Place, answer: Option<&Answer>, plan: &Plan) -> HostFinding {
    let own = env!("CARGO_PKG_VERSION");
    let (mut osb, mut copy, mut address) = (None, false, place.host.address);
    let verdict = match answer {
        Some(Answer::Examined {
            examined,
            instead_of,
            ..
        }) => {
            address = examined.address;
            copy = instead_of.is_some();
            osb = match instead_of.as_deref() {
                None => Some(own.to_owned()),
                Some("") => None,
                Some(found) => Some(found.trim_start_matches("osb ").to_owned()),
            };
            Verdict::Well
        }
        Some(Answer::NotReached(error)) => bad(
            format!("stage {}: {}", error.stage, error.reason),
            error.remedy(),
        ),
        Some(Answer::Others(others)) => {
            if let Others::There { info, .. } = others {
                osb = Some(info.version.clone());
                address = address.or(info.address);
            }
            daemon_of_others(place, others, plan)
        }
        None => unknown("it was not looked at"),
    };
    HostFinding {
        name: place.host.name.clone(),
        reach: match place.host.reach {
            Reach::Local => "local",
            Reach::Ssh(_) => "ssh",
            Reach::Attach => "attach",
        },
        address,
        osb,
        copy,
        verdict,
    }
}

fn daemon_of_others(place: &Place, others: &Others, plan: &Plan) -> Verdict {
    let (own, host) = (env!("CARGO_PKG_VERSION"), &place.host.name);
    match others {
        Others::There { info, .. } if info.version != own => bad(
            format!("its daemon is osb {}, and this is osb {own}", info.version),
            "have all machines run the same version",
        ),
        Others::There { info, .. } if info.state != State::Running => bad(
            format!("its daemon is {}", info.state),
            format!("is {host} up, and does it reach the name server?"),
        ),
        Others::There { info, .. } => match (place.host.address, info.address) {
            (Some(wanted), Some(found)) if wanted != found => bad(
                format!(
                    "it says that peers dial {found} to reach it, and the topology says {wanted}"
                ),
                format!("start it with --address {wanted}, or mend the topology"),
            ),
            _ => Verdict::Well,
        },
        Others::Absent(at) => bad(
            format!("its daemon is not registered at the name server {at}"),
            format!("start it there: `osb host --ns {at} --name {host}`"),
        ),
        Others::NotYet(name) => unknown(format!(
            "others start its daemon, and {} is not there yet to ask",
            super::naming::nameserver_called(name, plan)
        )),
        Others::Unknown(reason) => unknown(reason),
    }
}

/// Why nothing is known of a machine.
fn dark(place: &Place, answer: Option<&Answer>) -> Verdict {
    let host = &place.host.name;
    match answer {
        Some(Answer::Others(Others::There {
            examined: Err(reason),
            ..
        })) => unknown(format!("{host} was not looked at: {reason}")),
        Some(Answer::Others(_)) => unknown(format!(
            "{host} is not looked at: there is no other way to it than its daemon"
        )),
        _ => unknown(format!("{host} was not reached")),
    }
}

fn programs(place: &Place, answer: Option<&Answer>) -> Vec<ProgramFinding> {
    let seen = answer.and_then(Answer::seen);
    let found = |at: usize| seen.and_then(|(examined, _)| examined.programs.get(at));
    let finding = |(at, question): (usize, &super::questions::ProgramQuestion)| {
        let (path, verdict) = match found(at) {
            Some(found) => of_program(found, place),
            None => (None, dark(place, answer)),
        };
        ProgramFinding {
            host: place.host.name.clone(),
            program: question.need.name.to_string(),
            agents: question.agents.clone(),
            path,
            verdict,
        }
    };
    place.programs.iter().enumerate().map(finding).collect()
}

fn of_program(found: &Found, place: &Place) -> (Option<std::path::PathBuf>, Verdict) {
    let host = &place.host.name;
    match found {
        Found::At(path) => (Some(path.clone()), Verdict::Well),
        Found::Missing => {
            let remedy = match &place.host.reach {
                Reach::Ssh(spec) => format!(
                    "install it on {host}: in the PATH that `ssh {} env` shows, or name it by its whole path",
                    spec.destination
                ),
                Reach::Local | Reach::Attach => {
                    format!("install it on {host}, or name it by its whole path")
                }
            };
            (None, bad("not found", remedy))
        }
        Found::Forbidden(path) => (
            Some(path.clone()),
            bad(
                "it may not be run",
                format!("`chmod +x {}` on {host}", path.display()),
            ),
        ),
        Found::NoFolder(folder) => (
            None,
            bad(
                format!("there is no folder {}", folder.display()),
                format!("make that folder on {host}, or give the agent another cwd"),
            ),
        ),
        Found::Unclear(reason) => (None, unknown(reason)),
    }
}

/// Fixed ports, and whatever cannot be bound.
fn ports(place: &Place, answer: Option<&Answer>) -> Vec<PortFinding> {
    let seen = answer.and_then(Answer::seen);
    let bound = |at: usize| seen.and_then(|(examined, _)| examined.bound.get(at));
    let findings = place.ports.iter().enumerate().map(|(at, question)| {
        let verdict = match bound(at) {
            Some(bound) => of_port(bound, question.at, place),
            None => dark(place, answer),
        };
        PortFinding {
            host: place.host.name.clone(),
            address: question.at,
            uses: question.uses.clone(),
            verdict,
        }
    });
    findings
        .filter(|it| it.address.port() > 0 || it.verdict.is_bad())
        .collect()
}

fn of_port(bound: &Bound, at: SocketAddr, place: &Place) -> Verdict {
    let (host, port) = (&place.host.name, at.port());
    match bound {
        Bound::At(_) => Verdict::Well,
        Bound::Taken => bad(
            "another process listens there already",
            format!("`ss -ltnp sport = {port}` on {host} says who; end it, or choose another port"),
        ),
        Bound::Foreign => bad(
            format!("{} is no address of {host}", at.ip()),
            format!("`ip address` on {host} shows its addresses; mend the topology"),
        ),
        Bound::Failed(reason) => bad(
            reason,
            format!("choose another port, or allow this one on {host}"),
        ),
    }
}

fn way(question: &WayQuestion, outcome: Outcome) -> WayFinding {
    let (from, to) = (&question.from, question.to.host());
    let (address, ms, short, verdict) = match outcome {
        Outcome::NotTried(reason) => (None, None, "?".to_owned(), unknown(reason)),
        Outcome::Dialled(at, dialled) => {
            let there = to.map_or("the name server".to_owned(), ToString::to_string);
            let ms = match dialled {
                Dialled::Reached { us } => Some(us as f64 / 1000.0),
                _ => None,
            };
            let (short, verdict) = of_dial(dialled, from, &there, at);
            (Some(at), ms, short, verdict)
        }
    };
    WayFinding {
        from: from.clone(),
        to: to.cloned(),
        address,
        uses: question.uses.clone(),
        ms,
        short,
        verdict,
    }
}

fn of_dial(dialled: Dialled, from: &HostName, there: &str, at: SocketAddr) -> (String, Verdict) {
    let (short, reason, remedy) = match dialled {
        Dialled::Reached { us } => {
            return (format!("{:.1} ms", us as f64 / 1000.0), Verdict::Well);
        }
        Dialled::Silent => (
            "no answer",
            format!("nobody answered {from} at {at} within 3s"),
            format!(
                "{from} has to reach {at}: does a firewall on the way or on {there} drop it, or is it an address of another network?"
            ),
        ),
        Dialled::Refused => (
            "refused",
            format!("{at} refused {from}"),
            match there {
                "the name server" => {
                    format!("is it running? `osb ns --bind {at}` starts one there")
                }
                _ => format!(
                    "{there} listened there: does a firewall refuse it, or does {at} lead to another machine?"
                ),
            },
        ),
        Dialled::Other => (
            "another",
            format!("something else than {there} answered {from} at {at}"),
            format!(
                "{at} leads to another machine, or through a proxy: give {there} an address of its own"
            ),
        ),
        Dialled::Failed(reason) => (
            "failed",
            format!("{from} cannot dial {at}: {reason}"),
            format!("is there a route from {from} to {at}?"),
        ),
    };
    (short.to_owned(), bad(reason, remedy))
}
