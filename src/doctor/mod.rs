//! An examination of the machines of a topology before anything is started: are they reached, is osb there,
//! are the needed programs and ports there, and can machines dial one another that will have wires.
//!
//! It changes nothing and leaves nothing. [`Questions`] says what to ask, and [`diagnose`] what the answers mean;
//! this module only asks.

mod answers;
mod daemon;
mod findings;
mod naming;
mod questions;
mod targets;
#[cfg(test)]
mod tests;
mod verdict;
mod ways;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::path::Path;

use tokio::task::JoinSet;

use crate::examine::{self, Examiner};
use crate::model::{HostName, Reach};
use crate::plan::Plan;
use crate::ssh::{self, Visit};
use crate::wire::{Dialled, Examination, Target};

use answers::{Answer, Answers, Outcome};
use daemon::Daemon;
pub(crate) use findings::{
    Diagnosis, HostFinding, PortFinding, ProgramFinding, Verdict, WayFinding,
};
use questions::{Place, Questions};
use verdict::diagnose;

/// Is told how far it has come.
pub(crate) trait Progress: Send {
    fn begin(&mut self, stage: &str, total: usize);
    fn advance(&mut self, what: &str);
    fn end(&mut self);
}

/// Examines all machines that a plan needs, at once, and then has them dial one another.
/// `key`: the file with the key by which name servers that are there already let one in.
pub(crate) async fn doctor(
    plan: &Plan,
    key: Option<&Path>,
    progress: &mut dyn Progress,
) -> Diagnosis {
    let questions = Questions::of(plan);
    let (answers, mut way_there) = look(&questions, key, progress).await;
    let outcomes = dial(&questions, &answers, &mut way_there, progress).await;
    end(way_there).await;
    diagnose(plan, questions, &answers, outcomes)
}

/// What dials from a machine, and listens there as long as it is not dropped.
enum Way {
    /// This machine.
    Here(Examiner),
    There(Box<Visit>),
    /// Others have started its daemon.
    Daemon(Daemon),
}

type Ways = HashMap<HostName, Way>;

/// The outcome of looking at one machine.
type Looked = (Answer, Option<Way>);

async fn look(
    questions: &Questions,
    key: Option<&Path>,
    progress: &mut dyn Progress,
) -> (Answers, Ways) {
    progress.begin("machines", questions.places.len());
    let mut looking = JoinSet::new();
    for place in &questions.places {
        let (place, token) = (place.clone(), token());
        let key = key.map(Path::to_owned);
        looking.spawn(async move {
            let host = place.host.name.clone();
            (host, look_at(place, token, key.as_deref()).await)
        });
    }
    let (mut answers, mut ways) = (Answers::new(), Ways::new());
    while let Some(joined) = looking.join_next().await {
        let Ok((host, (answer, way))) = joined else {
            continue;
        };
        progress.advance(host.as_str());
        answers.insert(host.clone(), answer);
        ways.extend(way.map(|way| (host, way)));
    }
    progress.end();
    (answers, ways)
}

/// By which those that dial a host know that it is the one. It goes in the clear, and tells nothing: what the hasher, whose
/// keys are random, makes of two numbers.
fn token() -> String {
    let random = std::hash::RandomState::new();
    let half = |number: u8| random.hash_one(number);
    format!("{:016x}{:016x}", half(0), half(1))
}

async fn look_at(place: Place, token: String, key: Option<&Path>) -> Looked {
    let examination = place.examination(token.clone());
    match place.host.reach.clone() {
        Reach::Local => {
            let (examiner, examined) = Examiner::begin(&examination);
            let answer = Answer::examined(examined, None, token);
            (answer, Some(Way::Here(examiner)))
        }
        Reach::Ssh(spec) => visit(spec, examination, token).await,
        Reach::Attach => daemon::look_at(&place, token, key).await,
    }
}

async fn visit(spec: crate::model::SshSpec, examination: Examination, token: String) -> Looked {
    match ssh::examine(spec, examination).await {
        Ok((visit, examined)) => {
            let answer = Answer::examined(examined, visit.instead_of(), token);
            (answer, Some(Way::There(Box::new(visit))))
        }
        Err(error) => (Answer::NotReached(error), None),
    }
}

/// The outcome of each way, in the order of the questions.
async fn dial(
    questions: &Questions,
    answers: &Answers,
    ways: &mut Ways,
    progress: &mut dyn Progress,
) -> Vec<Outcome> {
    let (mut outcomes, batches) = targets::of(questions, answers);
    progress.begin("ways", outcomes.len());
    let tried = batches.values().map(Vec::len).sum::<usize>();
    for _ in tried..outcomes.len() {
        progress.advance("");
    }
    let mut dialling = JoinSet::new();
    for (from, batch) in batches {
        let (places, targets): (Vec<usize>, Vec<Target>) = batch.into_iter().unzip();
        let addresses: Vec<SocketAddr> = targets.iter().map(|it| it.at).collect();
        let places: Vec<(usize, SocketAddr)> = places.into_iter().zip(addresses).collect();
        let Some(way) = ways.remove(&from) else {
            continue;
        };
        dialling.spawn(async move {
            let (way, dialled) = dial_from(way, targets).await;
            (from, way, places, dialled)
        });
    }
    // All listen until all have dialled.
    while let Some(joined) = dialling.join_next().await {
        let Ok((from, way, places, dialled)) = joined else {
            continue;
        };
        match dialled {
            Ok(dialled) => {
                for ((place, at), dialled) in places.into_iter().zip(dialled) {
                    progress.advance(from.as_str());
                    outcomes[place] = Outcome::Dialled(at, dialled);
                }
            }
            Err(error) => {
                for (place, _) in places {
                    outcomes[place] = Outcome::NotTried(error.clone());
                }
            }
        }
        ways.insert(from, way);
    }
    progress.end();
    outcomes
}

async fn dial_from(mut way: Way, targets: Vec<Target>) -> (Way, Result<Vec<Dialled>, String>) {
    let dialled = match &mut way {
        Way::Here(_) => Ok(examine::dial(targets).await),
        Way::There(visit) => visit.dial(targets).await.map_err(|it| it.to_string()),
        Way::Daemon(daemon) => daemon.dial(targets).await,
    };
    (way, dialled)
}

/// Waits until nothing of it is left anywhere.
async fn end(ways: Ways) {
    let mut ends = JoinSet::new();
    for way in ways.into_values() {
        match way {
            Way::Here(examiner) => drop(ends.spawn(examiner.end())),
            Way::There(visit) => drop(ends.spawn(visit.end())),
            Way::Daemon(daemon) => drop(ends.spawn(daemon.end())),
        }
    }
    while ends.join_next().await.is_some() {}
}
