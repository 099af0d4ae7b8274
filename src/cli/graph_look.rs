//! A look at what runs, for `osb graph`: what the name servers know, and what each agent tells of its sockets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::runtime::block_on;
use super::session::Session;
use super::{CommandError, Context};
use crate::graph::{Host, Look, SeenAgent, Told, rates};
use crate::model::{Alias, HeldSocket, HostInfo, SocketStats};
use crate::proxy::Proxy;
use crate::render::Listed;
use crate::wire::{AgentRequest, AgentStatus, NameServerRequest};

/// How to look.
pub(super) struct How {
    /// Twice, so long apart.
    pub again_after: Option<Duration>,
    /// How long agents may take to tell.
    pub limit: Duration,
}

/// What went through the sockets of an agent, and when that was so.
type Counted = (Instant, BTreeMap<Alias, SocketStats>);

/// All agents are asked at once; one that does not answer is named, and shown as its name server knows it.
pub(super) fn look(how: &How, context: &Context) -> Result<Look, CommandError> {
    let session = context.session()?.until_the_end();
    session.warn(context);
    session.warn_of_keys(context);
    let hosts = session.gather::<HostInfo>(&NameServerRequest::Hosts {}, context)?;
    let hosts = hosts.into_iter().map(|(_, host)| Host {
        name: host.name,
        state: Some(host.state),
    });
    let agents = session.listed(context)?;
    let told = told(session, &agents, how, context)?;
    let agents = agents
        .into_iter()
        .zip(told)
        .map(|(listed, told)| SeenAgent {
            id: listed.id,
            group: listed.group,
            info: listed.info,
            told,
        });
    Ok(Look {
        system: session.system.clone(),
        hosts: hosts.collect(),
        agents: agents.collect(),
    })
}

/// What each of them tells.
fn told(
    session: &Session,
    agents: &[Listed],
    how: &How,
    context: &Context,
) -> Result<Vec<Told>, CommandError> {
    let proxy = |agent: &Listed| session.proxy_of(agent, how.limit);
    let proxies: Vec<Option<Proxy>> = agents
        .iter()
        .map(|it| (!it.info.state.ended()).then(|| proxy(it)).transpose())
        .collect::<Result<_, _>>()?;
    let held: Vec<_> = proxies
        .iter()
        .map(|it| {
            Some(
                it.as_ref()?
                    .ask::<Vec<HeldSocket>>(&AgentRequest::Sockets {}),
            )
        })
        .collect();
    let first = counts(&proxies, |at, why| {
        context.note(&format!("{} does not tell: {why}", agents[at].id));
    });
    let second = match how.again_after {
        Some(apart) => {
            // A rate is of a time, and nothing else is waited for.
            block_on(async { tokio::time::sleep(apart).await })?;
            counts(&proxies, |_, _| ())
        }
        None => proxies.iter().map(|_| None).collect(),
    };
    let told = held.into_iter().zip(first).zip(second);
    let told = told.map(|((held, first), second)| {
        let sockets = held.map(|it| it.wait().unwrap_or_default());
        tell(sockets.unwrap_or_default(), first, second)
    });
    Ok(told.collect())
}

fn counts(proxies: &[Option<Proxy>], note: impl Fn(usize, String)) -> Vec<Option<Counted>> {
    let asked: Vec<_> = proxies
        .iter()
        .map(|it| {
            it.as_ref()
                .map(|it| (it, it.ask::<AgentStatus>(&AgentRequest::Status {})))
        })
        .collect();
    let answers = asked.into_iter().enumerate().map(|(at, asked)| {
        let (proxy, answer) = asked?;
        match answer.wait().map_err(|error| proxy.standing(error)) {
            Ok(status) => Some((Instant::now(), status.sockets)),
            Err(error) => {
                note(at, error.to_string());
                None
            }
        }
    });
    answers.collect()
}

fn tell(sockets: Vec<HeldSocket>, first: Option<Counted>, second: Option<Counted>) -> Told {
    let rates = match (&first, &second) {
        (Some((began, before)), Some((ended, after))) => {
            let apart: Duration = ended.saturating_duration_since(*began);
            rates(before, after, apart)
        }
        _ => BTreeMap::new(),
    };
    let counts = second.or(first).map(|(_, counts)| counts);
    Told {
        sockets,
        counts: counts.unwrap_or_default(),
        rates,
    }
}
