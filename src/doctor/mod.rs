//! A look at the machines of a topology before anything is started: are they reached, is osb there,
//! are the programs and ports that will be needed, and can those dial one another that are to be wired.
//!
//! It changes nothing and leaves nothing. What is to be asked is [`Questions`]; what the answers mean,
//! [`diagnose`] says; here they are only asked.

mod answers;
mod findings;
mod questions;
mod targets;
#[cfg(test)]
mod tests;
mod verdict;
mod ways;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::machine::{self, Examiner};
use crate::model::{Dial, HostInfo, HostName, Reach};
use crate::plan::Plan;
use crate::proxy::{Link, ProxyError};
use crate::ssh::{self, SshError, Visit};
use crate::state::find_key;
use crate::wire::{Dialled, Examination, NameServerRequest, Peer, Target};

use answers::{Answer, Answers, Others, Outcome};
pub use findings::{Diagnosis, HostFinding, PortFinding, ProgramFinding, Verdict, WayFinding};
use questions::{Place, Questions};
use verdict::diagnose;

/// How long a name server that is there already may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Is told how far it has come.
pub trait Progress: Send {
    fn begin(&mut self, stage: &str, total: usize);
    fn advance(&mut self, what: &str);
    fn end(&mut self);
}

/// Examines all machines that a plan needs, at once, and then has them dial one another.
/// `key`: the file with the key by which name servers that are there already let one in.
pub async fn doctor(plan: &Plan, key: Option<&Path>, progress: &mut dyn Progress) -> Diagnosis {
    let questions = Questions::of(plan);
    let (answers, mut way_there) = look(&questions, key, progress).await;
    let outcomes = dial(&questions, &answers, &mut way_there, progress).await;
    end(way_there).await;
    diagnose(plan, questions, &answers, outcomes)
}

/// What dials from a machine, and listens there as long as it is not dropped.
enum Way {
    /// This machine.
    Here(#[expect(dead_code, reason = "it listens until it is dropped")] Examiner),
    There(Box<Visit>),
}

type Ways = HashMap<HostName, Way>;

/// What came of looking at one machine.
type Looked = (Answer, Option<Way>);

async fn look(
    questions: &Questions,
    key: Option<&Path>,
    progress: &mut dyn Progress,
) -> (Answers, Ways) {
    progress.begin("machines", questions.places.len());
    let mut looking = JoinSet::new();
    for place in &questions.places {
        let (place, token) = (place.clone(), token(&place.host.name));
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

/// By which whoever dials this host knows that it is the one.
fn token(host: &HostName) -> String {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let nanos = since.unwrap_or_default().as_nanos();
    format!("osb {host} {} {nanos}", std::process::id())
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
        Reach::Attach => (Answer::Others(registered(&place, key).await), None),
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

/// Whether the daemon that others have started is known where it is to be.
async fn registered(place: &Place, key: Option<&Path>) -> Others {
    let mut seen = None;
    for (name, at) in &place.registers_at {
        let Some(at) = at else {
            return Others::NotYet(name.clone());
        };
        let hosts = match hosts_at(*at, key).await {
            Ok(hosts) => hosts,
            Err(error) => return Others::Unknown(error.to_string()),
        };
        match hosts.into_iter().find(|it| it.name == place.host.name) {
            None => return Others::Absent(*at),
            Some(info) => seen = Some(info),
        }
    }
    let nowhere = || Others::Unknown("no agent is to run there".to_owned());
    seen.map_or_else(nowhere, Others::There)
}

async fn hosts_at(nameserver: SocketAddr, key: Option<&Path>) -> Result<Vec<HostInfo>, ProxyError> {
    let address = format!("tcp://{nameserver}");
    let key = find_key(&address, key)?;
    let (link, _no_requests) = Link::open(&Dial {
        address,
        keys: key.map(|key| key.credentials()),
    })?;
    let hosts = NameServerRequest::Hosts {};
    link.ask(Peer::NameServer, &hosts, PATIENCE).await
}

/// What came of each way, in the order of the questions.
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
                    outcomes[place] = Outcome::NotTried(error.to_string());
                }
            }
        }
        ways.insert(from, way);
    }
    progress.end();
    outcomes
}

async fn dial_from(mut way: Way, targets: Vec<Target>) -> (Way, Result<Vec<Dialled>, SshError>) {
    let dialled = match &mut way {
        Way::Here(_) => Ok(machine::dial(targets).await),
        Way::There(visit) => visit.dial(targets).await,
    };
    (way, dialled)
}

/// Waits until nothing of it is left anywhere.
async fn end(ways: Ways) {
    let mut ends = JoinSet::new();
    for way in ways.into_values() {
        if let Way::There(visit) = way {
            ends.spawn(visit.end());
        }
    }
    while ends.join_next().await.is_some() {}
}
