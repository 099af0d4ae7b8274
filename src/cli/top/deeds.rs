//! What is done to agents from the screen, each on a thread of its own.

use std::time::Duration;

use super::{Hear, Heard};
use crate::cli::many::Asked;
use crate::cli::{restart, stop};
use crate::model::{AgentId, Grace};
use crate::proxy::{Proxy, ProxyError, Stop};
use crate::top::{Deed, Input};

pub(super) fn carry_out(
    deed: Deed,
    agent: AgentId,
    proxy: Option<Proxy>,
    limit: Duration,
    hear: Hear,
) {
    tokio::task::spawn_blocking(move || {
        let outcome = match proxy {
            Some(proxy) => deal_with(deed, &agent, proxy, limit),
            None => Err("its name server is not there".to_owned()),
        };
        // Nobody listens any more: it has ended.
        let _ = hear.send(Heard::Input(Input::Done {
            deed,
            agent,
            outcome,
        }));
    });
}

fn deal_with(deed: Deed, agent: &AgentId, proxy: Proxy, limit: Duration) -> Result<(), String> {
    let asked = Asked {
        id: agent.clone(),
        proxy,
    };
    let turns = vec![vec![asked]];
    let outcomes: Vec<Result<(), ProxyError>> = match deed {
        Deed::Restart => {
            let done = restart::restart(turns, limit).into_iter();
            done.map(|(_, outcome)| outcome.map(drop)).collect()
        }
        Deed::Stop => {
            let how = Stop {
                grace: Grace::given(None),
                hold: true,
            };
            let done = stop::stop(turns, how, limit).into_iter();
            done.map(|(_, outcome)| outcome.map(drop)).collect()
        }
    };
    let done: Result<(), ProxyError> = outcomes.into_iter().collect();
    done.map_err(|error| error.to_string())
}
