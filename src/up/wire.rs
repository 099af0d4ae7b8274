//! The phase of wires: every wire declared to the agent that connects, and every one proven.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, named};
use super::error::{Stage, UpError};
use super::state::{Addresses, Up};
use super::told::Tellings;
use crate::model::timing::{ANSWER_MARGIN, CONTROL_TIMEOUT};
use crate::model::{Address, AgentId, AgentInfo, AgentSpec, Millis, SocketId, Step};
use crate::plan::ProofPlan;
use crate::proxy::{ProxyError, guest};
use crate::wire::{AgentRequest, ConnectRequest, Fault, NameServerRequest, Peer};

/// Wires that are being proven.
type UnderWay = JoinSet<Result<Vec<String>, UpError>>;

/// What an agent is asked for the wires' sake, and the wires that its answer proves.
struct Asked {
    agent: AgentId,
    request: AgentRequest,
    proves: Vec<String>,
}

impl Up<'_> {
    /// Every agent connects its sockets and says when its wires are proven. Of wires to agents of another name
    /// server, it is the publisher that says so.
    pub(super) async fn wire(
        &self,
        progress: &mut dyn Progress,
        tellings: &Tellings,
        addresses: &Addresses,
    ) -> Result<(), UpError> {
        let plan = &self.part;
        self.let_in_guests().await?;
        progress.begin(Stage::Wire, plan.wires().count());
        self.ask_quietly(plan.probes()).await?;
        let limits = plan.wires().map(|(agent, _)| agent.start_timeout);
        let limit: Millis = limits.max().unwrap_or_default();
        let mut under_way = self.led(tellings, limit).await?;
        let mut all = self.wires_of_standing();
        all.extend(self.foreign_wires(addresses)?);
        let (proves, requests): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|it| (it.proves, (it.agent, it.request, limit)))
            .unzip();
        for (proves, (agent, answer)) in proves.into_iter().zip(self.pending::<Value>(requests)) {
            under_way.spawn(async move {
                named(agent, Stage::Wire, answer.await)?;
                Ok(proves)
            });
        }
        while let Some(proven) = under_way.join_next().await {
            let proven = joined(proven)?;
            proven.iter().for_each(|it| progress.advance(it));
        }
        self.ask_quietly(plan.unprobes()).await?;
        progress.end();
        Ok(())
    }

    /// Agents that are brought up make all wires of their specs, and say when these are proven.
    async fn led(&self, tellings: &Tellings, limit: Millis) -> Result<UnderWay, UpError> {
        let agents = || self.part.agents.iter();
        let wired = || agents().filter(|agent| !self.own_wires(agent).is_empty());
        self.lead(wired(), Step::Wire).await?;
        let (mut under_way, limit) = (UnderWay::new(), limit.duration() + ANSWER_MARGIN);
        for agent in wired() {
            let step = (Stage::Wire, Step::Wire);
            let proven = self.until_done(tellings, &agent.name, step, limit);
            let wires = self.own_wires(agent);
            let proves = wires.iter().map(SocketId::to_string).collect();
            under_way.spawn(async move { proven.await.map(|_| proves) });
        }
        Ok(under_way)
    }

    /// The wires that an agent keeps by its spec.
    fn own_wires(&self, agent: &AgentSpec) -> Vec<SocketId> {
        let wires = agent.wires.iter();
        let own = wires.filter(|wire| !self.part.is_foreign(agent, wire));
        own.map(|wire| agent.client(wire)).collect()
    }

    /// Agents that stand have made their wires before: those that lead to agents which are brought up are proven
    /// again.
    fn wires_of_standing(&self) -> Vec<Asked> {
        let wires = |agent: &AgentSpec| {
            let clients = self.own_wires(agent);
            (!clients.is_empty()).then(|| Asked {
                agent: agent.name.clone(),
                proves: clients.iter().map(SocketId::to_string).collect(),
                request: AgentRequest::Wire {
                    aliases: Some(clients.into_iter().map(|it| it.alias).collect()),
                },
            })
        };
        self.part.standing.iter().filter_map(wires).collect()
    }

    /// Wires to agents of other name servers, by address. The connections go first: a publisher that connects has
    /// its socket only then.
    fn foreign_wires(&self, addresses: &Addresses) -> Result<Vec<Asked>, UpError> {
        let plan = &self.part;
        let (mut asked, mut seen) = (Vec::new(), HashMap::<SocketId, Vec<String>>::new());
        for (agent, wire) in plan
            .wires()
            .filter(|(agent, wire)| plan.is_foreign(agent, wire))
        {
            let (mut proves, client) = (Vec::new(), agent.client(wire).to_string());
            let proof = ProofPlan::of(agent, wire);
            match &proof {
                ProofPlan::Handshake => proves.push(client),
                ProofPlan::Subscription { publisher, .. } => {
                    seen.entry(publisher.clone()).or_default().push(client);
                }
            }
            let request = AgentRequest::Connect(ConnectRequest {
                alias: wire.alias.clone(),
                server: address(addresses, &wire.to)?.clone(),
                to: Some(self.seen_from_elsewhere(&wire.to)),
                handlers: Some(wire.handlers.clone()),
                replies: wire.replies.clone(),
                token: proof.token_of_client(wire),
                timeout: agent.start_timeout,
            });
            asked.push(Asked {
                agent: agent.name.clone(),
                request,
                proves,
            });
        }
        asked.extend(plan.proofs().map(|(publisher, request)| Asked {
            proves: seen.remove(&publisher).unwrap_or_default(),
            agent: publisher.agent,
            request,
        }));
        Ok(asked)
    }

    /// Has agents that connect to another name server's agents admitted there.
    async fn let_in_guests(&self) -> Result<(), UpError> {
        let plan = &self.part;
        let mut guests = BTreeSet::new();
        for (agent, wire) in plan
            .wires()
            .filter(|(agent, wire)| plan.is_foreign(agent, wire))
        {
            let server = &wire.to.agent;
            guests.insert((&agent.name, plan.nameserver_of(server), server));
        }
        for (client, _, server) in guests {
            let name = Some(client.name.clone());
            let own = NameServerRequest::Agents { name };
            let own = self
                .link(client)
                .ask(Peer::NameServer, &own, CONTROL_TIMEOUT);
            let own: Vec<AgentInfo> = own.await?;
            let at = plan.nameserver_of(client);
            if let Some(admit) = own.first().and_then(|own| guest(own, at)) {
                let there = self.link(server);
                there
                    .ask::<()>(Peer::NameServer, &admit, CONTROL_TIMEOUT)
                    .await?;
            }
        }
        Ok(())
    }

    /// A socket as agents of another name server call it: by its own.
    fn seen_from_elsewhere(&self, server: &SocketId) -> SocketId {
        let theirs = self.part.nameserver_of(&server.agent);
        SocketId {
            agent: AgentId {
                name: server.agent.name.clone(),
                nameserver: Some(theirs.clone()),
            },
            alias: server.alias.clone(),
        }
    }
}

fn address<'a>(addresses: &'a Addresses, server: &SocketId) -> Result<&'a Address, UpError> {
    addresses.get(server).ok_or_else(|| UpError::Agent {
        agent: server.agent.clone(),
        stage: Stage::Wire,
        cause: Box::new(ProxyError::Fault(Fault::UnknownAlias {
            agent: server.agent.name.clone(),
            alias: server.alias.clone(),
            known: Vec::new(),
        })),
        log: Vec::new(),
    })
}
