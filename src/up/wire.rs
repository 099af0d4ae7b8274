//! The phase of wires: every connection made, and every one proven.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::task::JoinSet;

use super::ask::{joined, named};
use super::error::{Stage, UpError};
use super::phases::{Addresses, Up};
use super::{PATIENCE, Progress};
use crate::model::{AgentId, AgentInfo, ConnectionInfo, SocketId};
use crate::plan::ProofPlan;
use crate::proxy::{ProxyError, guest};
use crate::wire::{AgentRequest, ConnectRequest, Fault, NameServerRequest, Peer, Wiring};

/// Whose word proves a wire.
#[derive(PartialEq, Eq, Hash)]
enum Prover {
    /// The agent that connects: it has seen the handshake.
    Client(AgentId),
    /// The socket that has seen the subscription.
    Publisher(SocketId),
}

impl Up<'_> {
    /// Every agent connects its sockets, and every publisher says when it has been subscribed to.
    pub(super) async fn wire(
        &self,
        progress: &mut dyn Progress,
        addresses: &Addresses,
    ) -> Result<(), UpError> {
        let plan = &self.part;
        let wirings = self.wirings(addresses)?;
        self.let_in_guests().await?;
        progress.begin(Stage::Wire, plan.links.len());
        self.ask_quietly(plan.probes()).await?;
        let limit = plan
            .links
            .iter()
            .map(|link| link.timeout)
            .max()
            .unwrap_or_default();
        let wirings = wirings
            .into_iter()
            .map(|(agent, wiring)| (agent, AgentRequest::Wire(wiring), limit));
        // The wirings go first: a publisher that connects has its socket only then.
        let wired = self.pending::<Vec<ConnectionInfo>>(wirings);
        let (mut proven_by, proofs) = (self.by_prover(), plan.proofs());
        let (publishers, proofs): (Vec<SocketId>, Vec<_>) = proofs
            .map(|(publisher, prove)| {
                let agent = publisher.agent.clone();
                (publisher, (agent, prove, limit))
            })
            .unzip();
        let mut asked = JoinSet::new();
        for (socket, (agent, seen)) in publishers.into_iter().zip(self.pending::<()>(proofs)) {
            let proven = proven_by.remove(&Prover::Publisher(socket));
            asked.spawn(async move {
                named(agent, Stage::Wire, seen.await)?;
                Ok(proven)
            });
        }
        for (agent, wired) in wired {
            let proven = proven_by.remove(&Prover::Client(agent.clone()));
            asked.spawn(async move {
                named(agent, Stage::Wire, wired.await)?;
                Ok(proven)
            });
        }
        while let Some(proven) = asked.join_next().await {
            let proven = joined(proven)?.unwrap_or_default();
            proven.iter().for_each(|it| progress.advance(it));
        }
        self.ask_quietly(plan.unprobes()).await?;
        progress.end();
        Ok(())
    }

    /// What the wires are called, by whose word proves them.
    fn by_prover(&self) -> HashMap<Prover, Vec<String>> {
        let mut wires: HashMap<Prover, Vec<String>> = HashMap::new();
        for link in &self.part.links {
            let prover = match &link.proof {
                ProofPlan::Handshake => Prover::Client(link.client.agent.clone()),
                ProofPlan::Subscription { publisher, .. } => Prover::Publisher(publisher.clone()),
            };
            wires
                .entry(prover)
                .or_default()
                .push(link.client.to_string());
        }
        wires
    }

    /// Those who connect to agents of another name server are let in there.
    async fn let_in_guests(&self) -> Result<(), UpError> {
        let mut guests = BTreeSet::new();
        for link in &self.part.links {
            let (client, server) = (&link.client.agent, &link.server.agent);
            if self.part.nameserver_of(client) != self.part.nameserver_of(server) {
                guests.insert((client, self.part.nameserver_of(server), server));
            }
        }
        for (client, _, server) in guests {
            let name = Some(client.name.clone());
            let own = NameServerRequest::Agents { name };
            let own = self.link(client).ask(Peer::NameServer, &own, PATIENCE);
            let own: Vec<AgentInfo> = own.await?;
            if let Some(admit) = own.first().and_then(guest) {
                let there = self.link(server);
                there.ask::<()>(Peer::NameServer, &admit, PATIENCE).await?;
            }
        }
        Ok(())
    }

    /// A socket as agents of `client`'s name server call it: another's says which.
    fn seen_from(&self, client: &AgentId, server: &SocketId) -> SocketId {
        let theirs = self.part.nameserver_of(&server.agent);
        let foreign = theirs != self.part.nameserver_of(client);
        SocketId {
            agent: AgentId {
                name: server.agent.name.clone(),
                nameserver: foreign.then(|| theirs.clone()),
            },
            alias: server.alias.clone(),
        }
    }

    fn wirings(&self, addresses: &Addresses) -> Result<BTreeMap<AgentId, Wiring>, UpError> {
        let mut wirings: BTreeMap<AgentId, Wiring> = BTreeMap::new();
        for link in &self.part.links {
            let server = addresses.get(&link.server).ok_or_else(|| UpError::Agent {
                agent: link.server.agent.clone(),
                stage: Stage::Wire,
                cause: Box::new(ProxyError::Fault(Fault::UnknownAlias {
                    agent: link.server.agent.name.clone(),
                    alias: link.server.alias.clone(),
                    known: Vec::new(),
                })),
                log: Vec::new(),
            })?;
            let wiring = wirings
                .entry(link.client.agent.clone())
                .or_insert_with(|| Wiring {
                    connections: Vec::new(),
                });
            wiring.connections.push(ConnectRequest {
                alias: link.client.alias.clone(),
                server: server.clone(),
                to: Some(self.seen_from(&link.client.agent, &link.server)),
                handlers: Some(link.handlers.clone()),
                replies: link.replies.clone(),
                token: link.token().cloned(),
                timeout: link.timeout,
            });
        }
        Ok(wirings)
    }
}
