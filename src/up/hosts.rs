//! The first phases: a name server, and host daemons that have dialled it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinSet;

use super::ask::look_through;
use super::error::{Stage, UpError};
use super::far;
use super::launch::{Group, Launched};
use super::machines::{Begun, let_in};
use super::naming::which;
use super::state::{ExpectedHost, Hosts, Shared, Up, lock};
use super::{Progress, UpRequest};
use crate::model::timing::{HOST_TIMEOUT, NAME_SERVER_TIMEOUT};
use crate::model::{
    HostInfo, HostName, HostSpec, Millis, NameServerEntry, NameServerName, NameServerSpec, Reach,
    Security, State,
};
use crate::plan::{Plan, Taken, taken};
use crate::process::{ProcessId, end_of};
use crate::proxy::{Link, ProxyError};
use crate::state::{Daemon, GroupRecord, KeyDir, Phase};

/// Launches the name servers, or takes those that are there, and connects to them.
pub(super) async fn name_servers(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<(), UpError> {
    let plan = &request.plan;
    if request.bring_up.is_empty() {
        return Ok(());
    }
    progress.begin(Stage::NameServer, request.bring_up.len());
    let is_wanted = |entry: &&NameServerEntry| request.bring_up.contains(&entry.name);
    let wanted: Vec<&NameServerEntry> = plan.nameservers.iter().filter(is_wanted).collect();
    for entry in &wanted {
        lock(launched).add_group(plan, &entry.name);
    }
    let mut elsewhere = far::launch(plan, &wanted, launched).await?;
    for (group, entry) in wanted.into_iter().enumerate() {
        let NameServerEntry { name, at, .. } = entry;
        let address = match *at {
            NameServerSpec::Launch(_) if entry.host.is_some() => {
                elsewhere.remove(&group).unwrap_or_default()
            }
            NameServerSpec::Launch(at) => {
                let local = plan.hosts.iter().find(|it| it.reach.is_local());
                let at = far::listens_at(at, local.and_then(|it| it.address));
                let stdout = lock(launched).launch_nameserver(group, at);
                let address = match stdout {
                    Ok(stdout) => {
                        first_line(stdout, || lock(launched).nameserver_said(group)).await
                    }
                    Err(error) => Err(error.to_string()),
                };
                let which = which(plan, name);
                address.map_err(|reason| UpError::NameServer { which, reason })?
            }
            NameServerSpec::Attach(at) => format!("tcp://{at}"),
        };
        progress.advance(&address);
        let dial = {
            let mut launched = lock(launched);
            let key = match (*at, launched.security) {
                (_, Security::None) => None,
                (NameServerSpec::Launch(_), _) => Some(launched.keys(group).operator_path()),
                (NameServerSpec::Attach(_), _) => {
                    Some(key_for(request, &launched.keys(group), &address)?)
                }
            };
            let record = &mut launched.groups[group].record;
            (record.nameserver, record.key) = (address, key);
            record.dial()?
        };
        let (link, _no_requests) = Link::open(&dial)?;
        let link = Arc::new(link);
        lock(launched).groups[group].link = Some(link.clone());
        if let NameServerSpec::Attach(_) = at {
            refuse_taken_names(plan, name, &link).await?;
        }
    }
    progress.end();
    Ok(())
}

/// The file with the key for a name server that was there before: the one that is
/// given, or the owner's, if the keys were made here.
fn key_for(request: &UpRequest, keys: &KeyDir, address: &str) -> Result<PathBuf, UpError> {
    match &request.key {
        Some(file) => Ok(file.clone()),
        None if keys.exists() => Ok(keys.operator_path()),
        None => Err(UpError::NoKey {
            nameserver: address.to_owned(),
        }),
    }
}

/// Where the name server says that it listens, or why it does not: what it has `said` last.
pub(super) async fn first_line(
    stdout: Receiver,
    said: impl Fn() -> String,
) -> Result<String, String> {
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    match tokio::time::timeout(NAME_SERVER_TIMEOUT, stdout.read_line(&mut line)).await {
        Ok(Ok(0)) => Err(said()),
        Ok(Ok(_)) => Ok(line.trim_end().to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "it did not say where it listens within {}",
            Millis::from(NAME_SERVER_TIMEOUT)
        )),
    }
}

/// Names that others have are not given to agents of this system.
pub(super) fn none_taken(names: Vec<Taken>, link: &Link) -> Result<(), UpError> {
    match names.is_empty() {
        true => Ok(()),
        false => Err(UpError::NamesTaken {
            nameserver: link.address().to_owned(),
            names,
        }),
    }
}

/// On a name server that was there before, others may have our names. A daemon of another system of
/// our name would be taken for ours: it must not get as far as that.
async fn refuse_taken_names(
    plan: &Plan,
    nameserver: &NameServerName,
    link: &Link,
) -> Result<(), UpError> {
    let failed = |cause| UpError::Attach {
        address: link.address().to_owned(),
        cause: Box::new(cause),
    };
    let (there, hosts) = look_through(link).await.map_err(failed)?;
    let ours = plan.hosts_at(nameserver);
    let ours: Vec<&HostSpec> = ours.filter(|host| host.reach != Reach::Attach).collect();
    let has_our_name = |it: &HostInfo| ours.iter().any(|host| plan.host_id(&host.name) == it.id());
    let serves = |it: &HostInfo| it.state != State::Unreachable && has_our_name(it);
    if let Some(host) = hosts.into_iter().find(serves) {
        return Err(UpError::HostTaken {
            system: plan.system.clone(),
            nameserver: link.address().to_owned(),
            host: host.name,
            pid: host.pid,
        });
    }
    none_taken(taken(plan, nameserver, &there), link)
}

impl Launched {
    /// Something new to bring up.
    fn add_group(&mut self, plan: &Plan, name: &NameServerName) {
        let is_first = plan.nameservers[0].name == *name;
        let suffix = (!is_first).then(|| name.clone());
        self.groups.push(Group::new(name.clone(), suffix));
    }
}

impl Up<'_> {
    /// Starts the daemons: those of this machine, and those of others, all at once.
    pub(super) async fn launch_hosts(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let groups: Vec<NameServerName> = {
            let launched = lock(self.launched);
            let names = launched.groups.iter().map(|it| it.record.name.clone());
            names.collect()
        };
        if groups.is_empty() {
            return Ok(());
        }
        let hosts = |name| self.request.plan.hosts_at(name);
        let total = groups.iter().map(|name| hosts(name).count()).sum();
        progress.begin(Stage::Hosts, total);
        let mut machines = Begun::none();
        for (group, name) in groups.iter().enumerate() {
            for host in hosts(name) {
                if !host.reach.is_local() {
                    self.begin_machine(group, host, &mut machines).await?;
                    continue;
                }
                let link = lock(self.launched).groups[group].link.clone();
                let keys = let_in(link.as_deref(), self.request.plan.host_id(&host.name)).await?;
                let launch = lock(self.launched).launch_host(group, host, keys.as_ref());
                launch.map_err(|reason| UpError::Host {
                    host: host.name.clone(),
                    reason,
                })?;
            }
        }
        self.write_record(Phase::Starting)?;
        self.gather_machines(machines, progress).await?;
        self.write_record(Phase::Starting)
    }

    /// Waits for the daemons: those that were launched, and then those that others start.
    pub(super) async fn hosts(
        &self,
        progress: &mut dyn Progress,
        expected: Hosts,
    ) -> Result<(), UpError> {
        let (attached, launched): (Hosts, Hosts) = expected.into_iter().partition(|it| it.attach);
        for ExpectedHost { host, there, .. } in launched {
            if tokio::time::timeout(HOST_TIMEOUT, there).await.is_err() {
                let reason = format!(
                    "it did not dial the name server within {}",
                    Millis::from(HOST_TIMEOUT)
                );
                return Err(UpError::Host { host, reason });
            }
            progress.advance(host.as_str());
        }
        self.attached_hosts(progress, attached).await?;
        self.inspect_machines().await?;
        progress.end();
        Ok(())
    }

    async fn attached_hosts(
        &self,
        progress: &mut dyn Progress,
        mut expected: Hosts,
    ) -> Result<(), UpError> {
        let began = Instant::now();
        while !expected.is_empty() {
            let names: Vec<String> = expected.iter().map(|it| it.host.to_string()).collect();
            progress.await_others(&names);
            let mut next = expected.remove(0);
            let limit = self.timeout_for(&next.host);
            if tokio::time::timeout_at((began + limit).into(), &mut next.there)
                .await
                .is_err()
            {
                expected.insert(0, next);
                return Err(self.absent_hosts(limit, expected));
            }
            progress.advance(next.host.as_str());
        }
        Ok(())
    }

    /// Ends with an error when a daemon does that was launched.
    pub(super) async fn daemons_end(&self) -> UpError {
        let mut ends = JoinSet::new();
        let mut watch = |process: ProcessId, group: usize, host: Option<HostName>| {
            let end = process.open().map(end_of);
            ends.spawn(async move {
                if let Some(Ok(end)) = end {
                    end.await;
                }
                (group, host)
            });
        };
        let records: Vec<GroupRecord> = {
            let launched = lock(self.launched);
            launched.groups.iter().map(|it| it.record.clone()).collect()
        };
        for (group, record) in records.into_iter().enumerate() {
            let nameserver = record.launched_nameserver.into_iter();
            nameserver.for_each(|process| watch(process, group, None));
            for Daemon { host, process } in record.hosts {
                watch(process, group, Some(host));
            }
        }
        // Where nothing was launched, nothing ends.
        let ended = tokio::select! {
            Some(ended) = ends.join_next() => Some(ended),
            error = self.machine_ends() => return error,
        };
        let launched = lock(self.launched);
        match ended {
            Some(Ok((group, Some(host)))) => UpError::Host {
                reason: launched.host_said(group, &host),
                host,
            },
            Some(Ok((group, None))) => UpError::NameServerEnded {
                which: which(&self.request.plan, &launched.groups[group].record.name),
                reason: launched.nameserver_said(group),
            },
            _ => UpError::Proxy(ProxyError::Closed),
        }
    }
}
