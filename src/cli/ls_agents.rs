//! `osb ls agents`: what the name servers know of them, and what jobs that are done have left running, by their hosts.

use std::collections::{BTreeMap, BTreeSet};

use super::runtime::block_on;
use super::session::{Group, Session};
use super::{CommandError, Context};
use crate::model::timing::LIST_TIMEOUT;
use crate::model::{AgentName, HostId, Leftover, State};
use crate::proxy::Pending;
use crate::render::{Agents, Listed, Output};
use crate::wire::{HostRequest, Peer};

type Left = BTreeMap<AgentName, Vec<Leftover>>;

pub(crate) fn run(context: &Context) -> Result<(), CommandError> {
    let session = context.session()?.until_the_end();
    session.warn(context);
    session.warn_of_keys(context);
    let mut listed = session.listed(context)?;
    add_left(session, &mut listed, context)?;
    let agents = Agents(listed);
    context.print(&agents)?;
    // In JSON it is told already.
    let leavers = agents.0.iter().filter(|it| !it.left.is_empty());
    for agent in leavers.filter(|_| context.output() != Output::Json) {
        let left: Vec<String> = agent.left.iter().map(Leftover::to_string).collect();
        let left = left.join(", ");
        context.note(&format!("{} has left running: {left}", agent.id));
    }
    Ok(())
}

/// Only hosts are asked of which an agent has ended as it should; all at once.
fn add_left(
    session: &Session,
    listed: &mut [Listed],
    context: &Context,
) -> Result<(), CommandError> {
    for (at, group) in session.groups().iter().enumerate() {
        let is_of = |it: &Listed| match &it.group {
            Some(name) => *name == group.name,
            None => at == 0,
        };
        let ended = listed.iter().filter(|it| it.info.state == State::Stopped);
        let ended = ended.filter(|it| is_of(it));
        let hosts: BTreeSet<HostId> = ended.filter_map(|it| it.info.host_id()).collect();
        let asked: Vec<_> = hosts.into_iter().map(|host| ask(group, host)).collect();
        for (host, answer) in asked {
            match block_on(answer)? {
                Ok(left) => take_in(listed, &is_of, &host, left),
                Err(error) => context.note(&format!(
                    "host {} does not tell what is left running: {error}",
                    host.name
                )),
            }
        }
    }
    Ok(())
}

fn ask(group: &Group, host: HostId) -> (HostId, Pending<Left>) {
    let link = group.nameserver.link();
    let peer = Peer::Host(host.clone());
    let asked = link.ask(peer, &HostRequest::Leftovers {}, LIST_TIMEOUT);
    (host, asked)
}

fn take_in(listed: &mut [Listed], is_of: &impl Fn(&Listed) -> bool, host: &HostId, mut left: Left) {
    let of_host = listed.iter_mut().filter(|it| is_of(it));
    for agent in of_host.filter(|it| it.info.host_id().as_ref() == Some(host)) {
        agent.left = left.remove(&agent.info.name).unwrap_or_default();
    }
}
