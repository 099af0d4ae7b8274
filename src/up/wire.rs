//! The phase of wires: every wire declared to the agent that connects, and every one proven.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use tokio::task::JoinSet;

use super::Progress;
use super::ask::{joined, named};
use super::error::{Stage, UpError};
use super::phases::{Addresses, Up};
use crate::model::timing::CONTROL_TIMEOUT;
use crate::model::{Address, AgentId, AgentInfo, Millis, SocketId, Target};
use crate::plan::{LinkPlan, ProofPlan};
use crate::proxy::{ProxyError, guest};
use crate::wire::{AgentRequest, ConnectRequest, Fault, NameServerRequest, Peer, WireRequest};

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
        addresses: &Addresses,
    ) -> Result<(), UpError> {
        let plan = &self.part;
        let mut all = self.wires(addresses)?;
        self.let_in_guests().await?;
        progress.begin(Stage::Wire, plan.links.len());
        self.ask_quietly(plan.probes()).await?;
        all.extend(self.foreign_wires(addresses)?);
        let limits = plan.links.iter().map(|link| link.timeout);
        let limit: Millis = limits.max().unwrap_or_default();
        let (proves, requests): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|it| (it.proves, (it.agent, it.request, limit)))
            .unzip();
        let mut asked = JoinSet::new();
        for (proves, (agent, answer)) in proves.into_iter().zip(self.pending::<Value>(requests)) {
            asked.spawn(async move {
                named(agent, Stage::Wire, answer.await)?;
                Ok(proves)
            });
        }
        while let Some(proven) = asked.join_next().await {
            let proven = joined(proven)?;
            proven.iter().for_each(|it| progress.advance(it));
        }
        self.ask_quietly(plan.unprobes()).await?;
        progress.end();
        Ok(())
    }

    /// Wires that their agents keep.
    fn wires(&self, addresses: &Addresses) -> Result<Vec<Asked>, UpError> {
        let mut wires: BTreeMap<&AgentId, (Vec<WireRequest>, Vec<String>)> = BTreeMap::new();
        let links = self.part.links.iter();
        for link in links.filter(|link| !self.part.is_foreign(link)) {
            let (wires, proves) = wires.entry(&link.client.agent).or_default();
            proves.push(link.client.to_string());
            wires.push(WireRequest {
                alias: link.client.alias.clone(),
                kind: link.kind,
                to: Target::from(link.server.clone()),
                at: Some(address(addresses, link)?.clone()),
                handlers: Some(link.handlers.clone()),
                replies: link.replies.clone(),
                timeout: link.timeout,
            });
        }
        let asked = |(agent, (wires, proves)): (&AgentId, _)| Asked {
            agent: agent.clone(),
            request: AgentRequest::Wire { wires },
            proves,
        };
        Ok(wires.into_iter().map(asked).collect())
    }

    /// Wires to agents of other name servers, by address. The connections go first: a publisher that connects has
    /// its socket only then.
    fn foreign_wires(&self, addresses: &Addresses) -> Result<Vec<Asked>, UpError> {
        let (mut asked, mut seen) = (Vec::new(), HashMap::<&SocketId, Vec<String>>::new());
        let links = self.part.links.iter();
        for link in links.filter(|link| self.part.is_foreign(link)) {
            let mut proves = Vec::new();
            match &link.proof {
                ProofPlan::Handshake => proves.push(link.client.to_string()),
                ProofPlan::Subscription { publisher, .. } => {
                    let seen = seen.entry(publisher).or_default();
                    seen.push(link.client.to_string());
                }
            }
            let request = AgentRequest::Connect(ConnectRequest {
                alias: link.client.alias.clone(),
                server: address(addresses, link)?.clone(),
                to: Some(self.seen_from_elsewhere(&link.server)),
                handlers: Some(link.handlers.clone()),
                replies: link.replies.clone(),
                token: link.token().cloned(),
                timeout: link.timeout,
            });
            asked.push(Asked {
                agent: link.client.agent.clone(),
                request,
                proves,
            });
        }
        asked.extend(self.part.proofs().map(|(publisher, request)| Asked {
            proves: seen.remove(&publisher).unwrap_or_default(),
            agent: publisher.agent,
            request,
        }));
        Ok(asked)
    }

    /// Those who connect to agents of another name server are let in there.
    async fn let_in_guests(&self) -> Result<(), UpError> {
        let mut guests = BTreeSet::new();
        for link in self
            .part
            .links
            .iter()
            .filter(|link| self.part.is_foreign(link))
        {
            let (client, server) = (&link.client.agent, &link.server.agent);
            guests.insert((client, self.part.nameserver_of(server), server));
        }
        for (client, _, server) in guests {
            let name = Some(client.name.clone());
            let own = NameServerRequest::Agents { name };
            let own = self
                .link(client)
                .ask(Peer::NameServer, &own, CONTROL_TIMEOUT);
            let own: Vec<AgentInfo> = own.await?;
            if let Some(admit) = own.first().and_then(guest) {
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

fn address<'a>(addresses: &'a Addresses, link: &LinkPlan) -> Result<&'a Address, UpError> {
    addresses.get(&link.server).ok_or_else(|| UpError::Agent {
        agent: link.server.agent.clone(),
        stage: Stage::Wire,
        cause: Box::new(ProxyError::Fault(Fault::UnknownAlias {
            agent: link.server.agent.name.clone(),
            alias: link.server.alias.clone(),
            known: Vec::new(),
        })),
        log: Vec::new(),
    })
}
