//! `osb top --once`: what the screen would show, from two looks that are a second apart.

use std::time::{Duration, Instant};

use super::TopArgs;
use crate::cli::runtime::block_on;
use crate::cli::session::Session;
use crate::cli::{CommandError, Context, ls};
use crate::model::{AgentInfo, HostInfo};
use crate::proxy::ProxyError;
use crate::render::{Output, TopReport};
use crate::top::{Known, Order, SystemSeen, Top, View, id, rows};
use crate::wire::{AgentRequest, AgentStatus, NameServerRequest};

pub(super) fn run(args: &TopArgs, order: Order, context: &Context) -> Result<(), CommandError> {
    let systems: Vec<SystemSeen> =
        match args.view == View::Systems || context.output() == Output::Json {
            true => ls::system_rows()?
                .into_iter()
                .map(super::systems::seen)
                .collect(),
            false => Vec::new(),
        };
    let began = Instant::now();
    let known = match (args.view, context.output()) {
        // They are known on this machine, whether any of them is up or not.
        (View::Systems, Output::Table | Output::Wide | Output::Names) => Known::default(),
        _ => look(args, context, began)?,
    };
    let filter = args.name.clone().unwrap_or_default();
    let now = began.elapsed();
    let of = |view: View| {
        let order = match view == args.view {
            true => order,
            false => Order::default(),
        };
        rows((&known, &systems), view, &filter, order, now)
    };
    let views = match context.output() {
        Output::Json => View::ALL.map(|view| (view, of(view))).into(),
        _ => vec![(args.view, of(args.view))],
    };
    context.print(&TopReport { views })
}

/// All agents are asked, and asked again.
fn look(args: &TopArgs, context: &Context, began: Instant) -> Result<Known, CommandError> {
    let session = context.session()?.until_the_end();
    session.warn(context);
    let groups = session.groups().iter().map(|it| session.told_apart(it));
    let mut known = Known::of(groups);
    let hosts = session.gather::<HostInfo>(&NameServerRequest::Hosts {}, context)?;
    let agents = NameServerRequest::Agents { name: None };
    let agents = session.ask_all::<Vec<AgentInfo>>(&agents);
    for (group, answer) in agents {
        let group = session.told_apart(group);
        let agents = session.tell(answer)?;
        known.on_snapshot(&group, agents, None, began.elapsed());
    }
    for (group, host) in hosts {
        known.on_host(&group, host, began.elapsed());
    }
    let limit = args.timeout.limit();
    for (agent, error) in ask(&mut known, session, limit, began) {
        context.note(&format!("{agent} does not tell: {error}"));
    }
    block_on(async { tokio::time::sleep(Top::TICK).await })?;
    ask(&mut known, session, limit, began);
    Ok(known)
}

/// Asks all agents at once. Tells which have not answered.
fn ask(
    known: &mut Known,
    session: &Session,
    limit: Duration,
    began: Instant,
) -> Vec<(crate::model::AgentId, ProxyError)> {
    let living = known.agents.values().filter(|it| !it.info.state.ended());
    let mut asked = Vec::new();
    for group in session.groups() {
        let name = session.told_apart(group);
        let here = living.clone().map(|it| id(&name, &it.info));
        for agent in here.filter(|it| known.agents.contains_key(it)) {
            let proxy = group.nameserver.proxy(agent.name.as_str());
            let answer = proxy.map(|it| {
                let it = it.with_timeout(limit);
                it.ask::<AgentStatus>(&AgentRequest::Status {})
            });
            asked.push((agent, answer));
        }
    }
    let mut silent = Vec::new();
    for (agent, answer) in asked {
        let told = answer.and_then(|it| it.wait());
        if let Err(error) = &told {
            silent.push((agent.clone(), error.clone()));
        }
        known.on_status(&agent, told.map_err(|it| it.to_string()), began.elapsed());
    }
    silent
}
