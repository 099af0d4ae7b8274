//! `osb ls hosts`: what the name servers know of hosts, and what each host says of its machine.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;

use super::runtime::block_on;
use super::{CommandError, Context};
use crate::model::timing::LIST_TIMEOUT;
use crate::model::{HostInfo, State};
use crate::proxy::ProxyError;
use crate::render::{HostRow, Hosts, Measured};
use crate::wire::{HostRequest, MachineFacts, NameServerRequest, Peer};

/// One that does not answer is named, and shown with what the name server knows.
pub(crate) fn run(context: &Context) -> Result<(), CommandError> {
    let session = context.session()?;
    session.warn(context);
    session.warn_of_keys(context);
    let hosts = session.gather::<HostInfo>(&NameServerRequest::Hosts {}, context)?;
    let measured = block_on(async {
        let mut asked = JoinSet::new();
        for (place, (group, host)) in hosts.iter().enumerate() {
            if host.state != State::Running {
                continue;
            }
            let mut groups = session.groups().iter();
            let group = groups.find(|it| group.as_ref().is_none_or(|name| *name == it.name));
            // It was just heard from.
            let nameserver = &group.unwrap_or(&session.groups()[0]).nameserver;
            let (began, at) = (Instant::now(), clock_us());
            let peer = Peer::Host(host.id());
            let answer =
                nameserver
                    .link()
                    .ask::<MachineFacts>(peer, &HostRequest::Facts {}, LIST_TIMEOUT);
            asked.spawn(async move { (place, answer.await.map(|it| measure(it, began, at))) });
        }
        let mut measured: Vec<Option<Result<Measured, ProxyError>>> = Vec::new();
        measured.resize_with(hosts.len(), || None);
        while let Some(Ok((place, outcome))) = asked.join_next().await {
            measured[place] = Some(outcome);
        }
        measured
    })?;
    let rows = hosts
        .into_iter()
        .zip(measured)
        .map(|((group, host), outcome)| {
            let measured = match outcome {
                Some(Ok(measured)) => Some(measured),
                Some(Err(error)) => {
                    context.note(&format!(
                        "host {} does not tell how it does: {error}",
                        host.name
                    ));
                    None
                }
                None => None,
            };
            HostRow {
                group,
                host,
                measured,
            }
        });
    context.print(&Hosts(rows.collect()))
}

/// What an answer that was asked for at `began`, when the clock here said `at`, says of the machine.
fn measure(facts: MachineFacts, began: Instant, at: u64) -> Measured {
    let round_trip = began.elapsed();
    let half = u64::try_from(round_trip.as_micros() / 2).unwrap_or(u64::MAX);
    // Its clock was read half way, as far as one can know.
    let offset_us = i128::from(facts.clock_us) - i128::from(at.saturating_add(half));
    Measured {
        load: facts.load,
        memory: facts.memory,
        memory_available: facts.memory_available,
        round_trip_ms: round_trip.as_secs_f64() * 1000.0,
        clock_offset_ms: offset_us as f64 / 1000.0,
        files: facts.files,
    }
}

fn clock_us() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
