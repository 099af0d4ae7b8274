//! The address to dial for each way, once it is known which machine listens where. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::answers::{Answer, Answers, Others, Outcome};
use super::questions::{Place, Questions};
use super::ways::{End, dialled_at};
use crate::model::HostName;
use crate::wire::{Bound, Target};

/// What each machine is to dial, and for which way.
pub(crate) type Batches = BTreeMap<HostName, Vec<(usize, Target)>>;

/// The batches; and for each way what is known of it without dialling.
pub(crate) fn of(questions: &Questions, answers: &Answers) -> (Vec<Outcome>, Batches) {
    let mut batches = Batches::new();
    let mut outcomes = Vec::new();
    for (place, way) in questions.ways.iter().enumerate() {
        let target = can_dial(&way.from, answers).and_then(|()| match &way.to {
            End::NameServer { at, .. } => Ok(Target {
                at: *at,
                token: None,
            }),
            End::Port { host, at } => listens(host, *at, questions, answers),
        });
        outcomes.push(match target {
            Ok(target) => {
                let batch = batches.entry(way.from.clone()).or_default();
                batch.push((place, target));
                Outcome::NotTried("it did not come to that".to_owned())
            }
            Err(reason) => Outcome::NotTried(reason),
        });
    }
    (outcomes, batches)
}

fn can_dial(from: &HostName, answers: &Answers) -> Result<(), String> {
    match answers.get(from).and_then(Answer::seen) {
        Some(_) => Ok(()),
        None => Err(blind(from, answers).unwrap_or(format!("{from} is not there to dial"))),
    }
}

/// Why a daemon that is there did not look around.
fn blind(host: &HostName, answers: &Answers) -> Option<String> {
    match answers.get(host)? {
        Answer::Others(Others::There {
            examined: Err(reason),
            ..
        }) => Some(format!("{host} did not look: {reason}")),
        _ => None,
    }
}

/// Where the doctor listens on `host` for what is to be bound at `at`.
fn listens(
    host: &HostName,
    at: SocketAddr,
    questions: &Questions,
    answers: &Answers,
) -> Result<Target, String> {
    let Some((examined, token)) = answers.get(host).and_then(Answer::seen) else {
        let absent = || format!("{host} is not there to be dialled");
        return Err(blind(host, answers).unwrap_or_else(absent));
    };
    let place = questions.places.iter().find(|it| it.host.name == *host);
    let asked = place.and_then(|place: &Place| place.ports.iter().position(|it| it.at == at));
    match asked.and_then(|asked| examined.bound.get(asked)) {
        Some(Bound::At(bound)) => {
            let ip = dialled_at(bound.ip(), examined.address);
            let ip = ip.ok_or_else(|| format!("{host} does not know its address"))?;
            Ok(Target {
                at: SocketAddr::new(ip, bound.port()),
                token: Some(token.to_owned()),
            })
        }
        _ => Err(format!("{at} cannot be bound on {host}")),
    }
}
