//! Logs of a system that was brought up on another machine, for those who may read: its name server is asked for its
//! hosts and agents, and the hosts for their logs, through it.

use super::elsewhere::{Elsewhere, Reading, ask_ends};
use super::followed::is_on;
use crate::cli::{CommandError, Context, Session};
use crate::model::{AgentInfo, AgentName, HostId, HostInfo, State};
use crate::proxy::ProxyError;
use crate::wire::NameServerRequest;

/// The ends of all logs. What is not read is noted.
pub(super) async fn fetch(session: &Session, context: &Context) -> Result<Elsewhere, CommandError> {
    let nameserver = &session.groups()[0].nameserver;
    let agents = NameServerRequest::Agents { name: None };
    let agents = nameserver.ask::<Vec<AgentInfo>>(&agents);
    let hosts = nameserver.ask::<Vec<HostInfo>>(&NameServerRequest::Hosts {});
    let agents = session.tell(agents.await)?;
    let hosts = session.tell(hosts.await)?;
    tell_of_those_without(&agents, &hosts, context);
    let asked = hosts.iter().filter(|host| host.state == State::Running);
    let asked = asked.map(|host| {
        let (link, names) = (nameserver.link().clone(), on(&agents, &host.id()));
        let answer = ask_ends(&link, host.id(), names.iter());
        (Reading::of_host(link, host.id(), &names), answer)
    });
    let asked: Vec<_> = asked.collect();
    let mut elsewhere = Elsewhere::default();
    for (mut reading, answer) in asked {
        let logs = match answer.await {
            Ok(ends) => reading.take_ends(ends, context),
            Err(shut @ ProxyError::NotLetIn { .. }) => return Err(shut.into()),
            Err(error) => {
                context.note(&format!("no logs of {}: {error}", reading.host));
                Vec::new()
            }
        };
        elsewhere.add(reading, logs);
    }
    Ok(elsewhere)
}

/// The agents that a host has started.
fn on(agents: &[AgentInfo], host: &HostId) -> Vec<AgentName> {
    let on_it = agents.iter().filter(|agent| is_on(agent, host));
    on_it.map(|agent| agent.name.clone()).collect()
}

/// Nobody can be asked for the logs of agents without a host.
fn tell_of_those_without(agents: &[AgentInfo], hosts: &[HostInfo], context: &Context) {
    let has_host = |agent: &AgentInfo| {
        let mut running = hosts.iter().filter(|host| host.state == State::Running);
        running.any(|host| is_on(agent, &host.id()))
    };
    let without: Vec<&str> = agents
        .iter()
        .filter(|agent| !has_host(agent))
        .map(|agent| agent.name.as_str())
        .collect();
    if !without.is_empty() {
        let names = without.join(", ");
        context.note(&format!(
            "no logs of {names}: no host that is there has started them; they are read on the machines where they run"
        ));
    }
}
