//! Host daemons on other machines: those that are started by ssh, all at once, and those that
//! others have started, which are waited for.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::Progress;
use super::ask::look_through;
use super::error::UpError;
use super::launch::{Hanging, Launched};
use super::state::{Hosts, Up, lock};
use crate::model::timing::{CONTROL_TIMEOUT, START_TIMEOUT};
use crate::model::{
    Credentials, Holder, HostId, HostName, HostSpec, KeyEntry, Millis, NameServerName, Reach, Term,
};
use crate::plan::Plan;
use crate::proxy::{Link, ProxyError};
use crate::ssh::{self, Sent, Session, SshError};
use crate::state::{Laid, Launch, Machine};
use crate::wire::{DaemonOf, MachineRequest, NameServerRequest, Peer};
use crate::zeromq;

/// What comes of starting one: the connection, the folders of files there, and what is to be remembered.
type Outcome = Result<(Session, Vec<PathBuf>, Launch), SshError>;

/// Daemons that are being started by ssh, and how far their files are.
pub(super) struct Begun {
    outcomes: JoinSet<(usize, HostName, Outcome)>,
    tell: UnboundedSender<(HostName, Sent)>,
    told: UnboundedReceiver<(HostName, Sent)>,
}

impl Begun {
    pub(crate) fn none() -> Self {
        let (tell, told) = unbounded_channel();
        let outcomes = JoinSet::new();
        Self {
            outcomes,
            tell,
            told,
        }
    }
}

impl Up<'_> {
    /// Starts the daemon of a host that ssh leads to, or notes that there is to be one.
    pub(super) async fn begin_machine(
        &self,
        group: usize,
        host: &HostSpec,
        begun: &mut Begun,
    ) -> Result<(), UpError> {
        let Reach::Ssh(spec) = &host.reach else {
            let mut launched = lock(self.launched);
            let record = &mut launched.groups[group].record;
            let machine = self.machine(&record.name, &host.name, None, Vec::new());
            record.machines.push(machine);
            return Ok(());
        };
        let link = lock(self.launched).groups[group].link.clone();
        let keys = let_in(link.as_deref(), self.request.plan.host_id(&host.name)).await?;
        let launched = lock(self.launched);
        let own = &launched.groups[group];
        let bundle = self.bundle.of(&own.record.name, &host.name);
        let request = MachineRequest::Launch {
            daemon: DaemonOf {
                system: self.request.plan.system.clone(),
                host: host.name.clone(),
                group: own.suffix.clone(),
            },
            nameserver: seen_from_afar(&self.request.plan, &own.record.nameserver),
            address: host.address,
            files: bundle.listings(),
            keys,
            succeeds: None,
        };
        let (name, ssh, suffix) = (host.name.clone(), spec.clone(), own.suffix.clone());
        let (tell, whose) = (begun.tell.clone(), name.clone());
        let tell = move |sent: Sent| {
            let _ = tell.send((whose.clone(), sent));
        };
        begun.outcomes.spawn(async move {
            let started = ssh::launch(ssh.clone(), request, bundle, tell).await;
            let outcome = started.map(|it| {
                let (group, pid) = (suffix, it.pid);
                (it.session, it.folders, Launch { ssh, group, pid })
            });
            (group, name, outcome)
        });
        Ok(())
    }

    /// Awaits all; every machine that failed is named.
    pub(super) async fn gather_machines(
        &self,
        mut begun: Begun,
        progress: &mut dyn Progress,
    ) -> Result<(), UpError> {
        let mut failed = Vec::new();
        loop {
            let joined = tokio::select! {
                biased;
                Some((host, sent)) = begun.told.recv() => {
                    progress.copy(&host, sent);
                    continue;
                }
                joined = begun.outcomes.join_next() => joined,
            };
            let (group, host, outcome) = match joined {
                Some(Ok(joined)) => joined,
                Some(Err(_)) => continue,
                None => break,
            };
            match outcome {
                Err(error) => failed.push((host, error)),
                Ok((session, folders, launch)) => {
                    let mut launched = lock(self.launched);
                    let nameserver = launched.groups[group].record.name.clone();
                    let trees = &self.bundle.of(&nameserver, &host).trees;
                    let laid = trees.iter().zip(&folders).map(|(tree, folder)| Laid {
                        from: tree.from.clone(),
                        folder: folder.clone(),
                    });
                    let machine = self.machine(&nameserver, &host, Some(launch), laid.collect());
                    launched.groups[group].record.machines.push(machine);
                    launched.laid(nameserver, &host, folders);
                    let session = Arc::new(Mutex::new(session));
                    launched.hanging.push(Hanging {
                        group,
                        host,
                        session,
                    });
                }
            }
        }
        failed.sort_by(|one, other| one.0.cmp(&other.0));
        match failed.is_empty() {
            true => Ok(()),
            false => Err(UpError::Machines(failed)),
        }
    }

    fn machine(
        &self,
        nameserver: &NameServerName,
        host: &HostName,
        ours: Option<Launch>,
        files: Vec<Laid>,
    ) -> Machine {
        let agents = self.request.plan.agents_on(host, nameserver);
        Machine {
            host: host.clone(),
            agents: agents.map(|agent| agent.name.name.clone()).collect(),
            ours,
            files,
            succeeded: false,
        }
    }

    /// How long a host that others start is waited for: as long as the most patient of its agents.
    pub(super) fn timeout_for(&self, host: &HostName) -> Duration {
        let agents = self.part.agents.iter().filter(|agent| agent.host == *host);
        let longest = agents.map(|agent| agent.start_timeout.duration()).max();
        longest.unwrap_or(START_TIMEOUT.duration())
    }

    /// Hosts that others were to start, and that are not there.
    pub(super) fn absent_hosts(&self, limit: Duration, mut expected: Hosts) -> UpError {
        expected.retain_mut(|expected| expected.there.try_recv().is_err());
        let missing: Vec<HostName> = expected.into_iter().map(|it| it.host).collect();
        let launched = lock(self.launched);
        let first = launched.groups.first().map(|group| &group.record);
        let nameserver = first.map_or_else(
            || self.groups[0].link.address().to_owned(),
            |record| seen_from_afar(&self.request.plan, &record.nameserver),
        );
        let name = first.map_or(&self.groups[0].name, |record| &record.name);
        UpError::HostsMissing {
            nameserver,
            lasting: self.is_lasting(name),
            limit: Millis::from(limit),
            missing,
        }
    }

    /// A daemon of another version might not understand, and one at another address would lead
    /// astray.
    pub(super) async fn inspect_machines(&self) -> Result<(), UpError> {
        let plan = &self.request.plan;
        for group in &self.groups {
            let machines = plan.hosts_at(&group.name);
            let machines: Vec<&HostSpec> = machines.filter(|it| !it.reach.is_local()).collect();
            if machines.is_empty() {
                continue;
            }
            let (_, there) = look_through(&group.link).await?;
            for spec in machines {
                let Some(info) = there.iter().find(|it| it.id() == plan.host_id(&spec.name)) else {
                    continue;
                };
                let own = env!("CARGO_PKG_VERSION");
                let reason = match (spec.address, info.address) {
                    _ if info.version != own => {
                        format!("it is osb {}, and this is osb {own}", info.version)
                    }
                    (Some(wanted), Some(found)) if wanted != found => format!(
                        "it says that peers dial {found} to reach it, and the topology says {wanted}"
                    ),
                    _ => continue,
                };
                let host = spec.name.clone();
                return Err(UpError::Host { host, reason });
            }
        }
        Ok(())
    }

    /// Ends with an error when a daemon does that hangs on a connection, or the connection does.
    pub(super) async fn machine_ends(&self) -> UpError {
        let listen = |Hanging { host, session, .. }: &Hanging| {
            let (host, session) = (host.clone(), session.clone());
            Box::pin(async move { (host, session.lock().await.ended().await) })
        };
        // Not spawned: dropped, they end their sessions at once.
        let mut ends: Vec<_> = {
            let launched = lock(self.launched);
            let all = launched.hanging.iter().chain(&launched.far);
            all.map(listen).collect()
        };
        poll_fn(|context| {
            let mut ready = ends.iter_mut();
            let ready = ready.find_map(|end| match end.as_mut().poll(context) {
                Poll::Ready(ended) => Some(ended),
                Poll::Pending => None,
            });
            match ready {
                Some(ended) => Poll::Ready(UpError::Machines(vec![ended])),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// All stands: the daemons live on without their connections.
    pub(super) async fn release_machines(&self) -> Result<(), UpError> {
        let hanging = {
            let mut launched = lock(self.launched);
            let mut all = std::mem::take(&mut launched.hanging);
            all.append(&mut launched.far);
            all
        };
        let mut releases = JoinSet::new();
        for Hanging { host, session, .. } in hanging {
            // No task listens to it any more.
            if let Some(session) = Arc::into_inner(session) {
                let session = session.into_inner();
                releases.spawn(async move { (host, session.release().await) });
            }
        }
        let mut failed = Vec::new();
        while let Some(released) = releases.join_next().await {
            if let Ok((host, Err(error))) = released {
                failed.push((host, error));
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(UpError::Machines(failed)),
        }
    }
}

impl Launched {
    /// Takes out the connections that still hold a daemon each, and forgets those daemons: cut,
    /// they end them.
    pub(super) fn take_hanging(&mut self) -> Vec<Hanging> {
        let hanging = std::mem::take(&mut self.hanging);
        for Hanging { group, host, .. } in &hanging {
            let machines = &mut self.groups[*group].record.machines;
            machines.retain(|machine| machine.host != *host);
        }
        hanging
    }
}

/// Has a host admitted that is about to be started, for as long as the system runs. None in an
/// open system.
pub(super) async fn let_in(
    link: Option<&Link>,
    host: HostId,
) -> Result<Option<Credentials>, UpError> {
    let Some((link, server)) = link.and_then(|it| Some((it, it.server_key()?))) else {
        return Ok(None);
    };
    let own = zeromq::draw_keys().map_err(ProxyError::from)?;
    let entry = KeyEntry::new(own.public, Holder::Host(host), Term::Run);
    let admit = NameServerRequest::Admit(entry);
    link.ask::<()>(Peer::NameServer, &admit, CONTROL_TIMEOUT)
        .await?;
    Ok(Some(Credentials::new(own, server)))
}

/// Cuts them all at once, and waits until what hung on them has ended. `more`: by how much agents may take longer to end than is
/// usual.
pub(super) async fn cut(hanging: Vec<Hanging>, more: Duration) {
    let mut cuts = JoinSet::new();
    for Hanging { session, .. } in hanging {
        if let Some(session) = Arc::into_inner(session) {
            cuts.spawn(session.into_inner().cut(more));
        }
    }
    while cuts.join_next().await.is_some() {}
}

/// The name server's address as other machines dial it. One that listens everywhere is dialled at this machine's
/// address.
pub(crate) fn seen_from_afar(plan: &Plan, nameserver: &str) -> String {
    let local = plan.hosts.iter().find(|host| host.reach == Reach::Local);
    afar(nameserver, local.and_then(|host| host.address))
}

fn afar(nameserver: &str, local: Option<IpAddr>) -> String {
    let address = nameserver
        .trim_start_matches("tcp://")
        .parse::<SocketAddr>();
    let Ok(mut address) = address else {
        return nameserver.to_owned();
    };
    let ip = address.ip().to_canonical();
    if let Some(local) = local
        && (ip.is_unspecified() || ip.is_loopback())
    {
        address.set_ip(local);
    }
    format!("tcp://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_listens_everywhere_is_dialled_at_this_machines_address() {
        let local = "10.0.0.5".parse().ok();
        assert_eq!(afar("tcp://0.0.0.0:7400", local), "tcp://10.0.0.5:7400");
        assert_eq!(afar("tcp://127.0.0.1:7400", local), "tcp://10.0.0.5:7400");
        assert_eq!(afar("tcp://10.9.9.9:7400", local), "tcp://10.9.9.9:7400");
        assert_eq!(afar("tcp://[fd00::1]:7400", local), "tcp://[fd00::1]:7400");
    }
}
