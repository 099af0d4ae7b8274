//! The first phases: a name server, and host daemons that have dialled it.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Progress;
use super::error::{Stage, UpError};
use super::phases::{Shared, Up, lock, look_through};
use crate::model::{AgentName, HostInfo, HostName, Millis, NameServerSpec, State};
use crate::plan::Plan;
use crate::process::{ProcessId, end_of};
use crate::proxy::Link;
use crate::state::{Daemon, Phase};

/// How long a host daemon may take to dial the name server.
const HOST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a name server may take to say where it listens.
const NAME_SERVER_TIMEOUT: Duration = Duration::from_secs(10);

/// Launches the name server, or takes the one that is there. Gives what to dial.
pub(super) async fn name_server(
    plan: &Plan,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<String, UpError> {
    progress.begin(Stage::NameServer, 1);
    let address = match plan.nameserver {
        NameServerSpec::Launch(at) => {
            let launched_at = lock(launched).launch_nameserver(at);
            let address = match launched_at {
                Ok(stdout) => first_line(stdout, launched).await,
                Err(error) => Err(error.to_string()),
            };
            address.map_err(|reason| UpError::NameServer { reason })?
        }
        NameServerSpec::Attach(at) => format!("tcp://{at}"),
    };
    progress.advance(&address);
    progress.end();
    Ok(address)
}

/// Where the name server says that it listens, or why it does not.
async fn first_line(stdout: Receiver, launched: &Shared) -> Result<String, String> {
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    match tokio::time::timeout(NAME_SERVER_TIMEOUT, stdout.read_line(&mut line)).await {
        Ok(Ok(0)) => Err(lock(launched).nameserver_said()),
        Ok(Ok(_)) => Ok(line.trim_end().to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "it did not say where it listens within {}",
            Millis::from(NAME_SERVER_TIMEOUT)
        )),
    }
}

/// On a name server that was there before, somebody else may have our names. A daemon of another
/// system that has the name of ours would be taken for it: it must not get as far as that.
pub(super) async fn refuse_taken_names(plan: &Plan, link: &Link) -> Result<(), UpError> {
    if let NameServerSpec::Launch(_) = plan.nameserver {
        return Ok(());
    }
    let failed = |cause| UpError::Attach {
        address: link.address().to_owned(),
        cause: Box::new(cause),
    };
    let (there, hosts) = look_through(link).await.map_err(failed)?;
    let has_our_name = |it: &HostInfo| plan.hosts.iter().any(|host| host.name == it.name);
    let serves = |it: &HostInfo| it.state != State::Unreachable && has_our_name(it);
    if let Some(host) = hosts.into_iter().find(serves) {
        return Err(UpError::HostTaken {
            nameserver: link.address().to_owned(),
            host: host.name,
            pid: host.pid,
        });
    }
    let is_taken = |name: &AgentName| there.iter().any(|it| it.name == *name && !it.state.ended());
    let started = plan.agents.iter().filter(|agent| !agent.attach);
    let names = started.map(|agent| &agent.name);
    let names: Vec<AgentName> = names.filter(|name| is_taken(name)).cloned().collect();
    match names.is_empty() {
        true => Ok(()),
        false => Err(UpError::NamesTaken {
            nameserver: link.address().to_owned(),
            names,
        }),
    }
}

impl Up<'_> {
    pub(super) fn launch_hosts(&self, progress: &mut dyn Progress) -> Result<(), UpError> {
        let hosts = &self.request.plan.hosts;
        progress.begin(Stage::Hosts, hosts.len());
        for host in hosts {
            lock(self.launched)
                .launch_host(&host.name, &self.nameserver, host.address)
                .map_err(|reason| UpError::Host {
                    host: host.name.clone(),
                    reason,
                })?;
        }
        self.write_record(Phase::Starting)
    }

    pub(super) async fn hosts(
        &self,
        progress: &mut dyn Progress,
        expected: Vec<oneshot::Receiver<()>>,
    ) -> Result<(), UpError> {
        for (host, there) in self.request.plan.hosts.iter().zip(expected) {
            if tokio::time::timeout(HOST_TIMEOUT, there).await.is_err() {
                let reason = format!(
                    "it did not dial the name server within {}",
                    Millis::from(HOST_TIMEOUT)
                );
                return Err(UpError::Host {
                    host: host.name.clone(),
                    reason,
                });
            }
            progress.advance(host.name.as_str());
        }
        progress.end();
        Ok(())
    }

    /// Ends with an error when a daemon does that was launched.
    pub(super) async fn daemons_end(&self) -> UpError {
        let mut ends = JoinSet::new();
        let mut watch = |process: ProcessId, host: Option<HostName>| {
            let end = process.open().map(end_of);
            ends.spawn(async move {
                if let Some(Ok(end)) = end {
                    end.await;
                }
                host
            });
        };
        let (nameserver, hosts) = {
            let launched = lock(self.launched);
            (launched.nameserver.clone(), launched.hosts.clone())
        };
        nameserver
            .into_iter()
            .for_each(|process| watch(process, None));
        for Daemon { host, process } in hosts {
            watch(process, Some(host));
        }
        // Where nothing was launched, nothing ends.
        let ended = match ends.is_empty() {
            true => std::future::pending().await,
            false => ends.join_next().await,
        };
        let launched = lock(self.launched);
        match ended {
            Some(Ok(Some(host))) => UpError::Host {
                reason: launched.host_said(&host),
                host,
            },
            _ => UpError::NameServerEnded {
                reason: launched.nameserver_said(),
            },
        }
    }
}
