//! Name servers on other machines: started by ssh, all at once, before anything else.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::error::UpError;
use super::launch::{Hanging, Launched};
use super::naming::which;
use super::state::{Shared, lock};
use crate::access::Keyring;
use crate::model::{
    HostName, HostSpec, NameServerEntry, NameServerName, NameServerSpec, Reach, Security, bound_for,
};
use crate::plan::Plan;
use crate::ssh::{self, Session, SshError, Stage};
use crate::state::{FarNameServer, GroupRecord, Launch, StateError};
use crate::wire::{MachineRequest, NameServerKeys, NameServerOf};

/// What comes of starting one.
struct Begun {
    group: usize,
    name: NameServerName,
    host: HostSpec,
    outcome: Result<(Session, FarNameServer, String), SshError>,
}

/// Starts those of `wanted` that are to be on other machines; its places are the groups' numbers. Gives their addresses.
pub(super) async fn launch(
    plan: &Plan,
    wanted: &[&NameServerEntry],
    launched: &Shared,
) -> Result<HashMap<usize, String>, UpError> {
    let mut begun = JoinSet::new();
    for (group, entry) in wanted.iter().enumerate() {
        let host = plan
            .hosts
            .iter()
            .find(|it| Some(&it.name) == entry.host.as_ref());
        let (Some(host), NameServerSpec::Launch(at)) = (host, entry.at) else {
            continue;
        };
        let suffix = lock(launched).groups[group].suffix.clone();
        let at = listens_at(at, host.address);
        let request = lock(launched).request(suffix.as_ref(), at, false)?;
        begun.spawn(begin(
            group,
            entry.name.clone(),
            host.clone(),
            suffix,
            request,
        ));
    }
    let (mut addresses, mut failed) = (HashMap::new(), Vec::new());
    while let Some(joined) = begun.join_next().await {
        let Ok(begun) = joined else {
            continue;
        };
        match begun.outcome {
            Ok((session, far, address)) => {
                let mut launched = lock(launched);
                launched.far.push(Hanging {
                    group: begun.group,
                    host: far.host.clone(),
                    session: Arc::new(Mutex::new(session)),
                });
                launched.groups[begun.group].record.far_nameserver = Some(far);
                addresses.insert(begun.group, dialled(address, &begun.host));
            }
            Err(error) => failed.push((begun.name, begun.host.name, error)),
        }
    }
    match failed.is_empty() {
        true => Ok(addresses),
        false => Err(failure(failed, plan)),
    }
}

/// Starts one again that stands, where it was. From then on it lives on its own, whatever comes of the rest.
pub(super) async fn launch_again(
    plan: &Plan,
    record: &GroupRecord,
    launched: &Shared,
) -> Result<(), UpError> {
    let mut entries = plan.nameservers.iter();
    let entry = entries.find(|it| it.name == record.name);
    let (Some(entry), Some(far)) = (entry, &record.far_nameserver) else {
        return Ok(());
    };
    let host = plan.hosts.iter().find(|it| it.name == far.host);
    let former = record.nameserver.trim_start_matches("tcp://");
    let former: Result<SocketAddr, _> = former.parse();
    let (Some(host), NameServerSpec::Launch(at), Ok(former)) = (host, entry.at, former) else {
        return Ok(());
    };
    let at = SocketAddr::new(listens_at(at, host.address).ip(), former.port());
    let suffix = far.launch.group.clone();
    let request = lock(launched).request(suffix.as_ref(), at, true)?;
    let name = entry.name.clone();
    let begun = begin(0, name, host.clone(), suffix, request).await;
    let outcome = match begun.outcome {
        Ok((session, far, _)) => session.release().await.map(|()| far),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(far) => {
            let mut launched = lock(launched);
            if let Some(group) = launched.standing_group_mut(&record.name) {
                group.far_nameserver = Some(far);
            }
            launched.write_standing()
        }
        Err(error) => Err(failure(vec![(begun.name, begun.host.name, error)], plan)),
    }
}

async fn begin(
    group: usize,
    name: NameServerName,
    host: HostSpec,
    suffix: Option<NameServerName>,
    request: MachineRequest,
) -> Begun {
    let outcome = match host.reach.clone() {
        Reach::Ssh(ssh) => {
            let started = ssh::launch_nameserver(ssh.clone(), request).await;
            started.map(|(session, pid, address)| {
                let launch = Launch {
                    ssh,
                    group: suffix,
                    pid,
                };
                let host = host.name.clone();
                (session, FarNameServer { host, launch }, address)
            })
        }
        // No valid topology says so.
        Reach::Local | Reach::Attach => Err(SshError {
            destination: host.name.to_string(),
            stage: Stage::Connect,
            reason: "it is not reached by ssh".to_owned(),
        }),
    };
    Begun {
        group,
        name,
        host,
        outcome,
    }
}

/// What a name server is to listen at on a machine that others dial at `address`.
pub(super) fn listens_at(at: SocketAddr, address: Option<IpAddr>) -> SocketAddr {
    let ip = address.map_or(at.ip(), |address| bound_for(at.ip(), address));
    SocketAddr::new(ip, at.port())
}

/// As others dial it: one that listens everywhere, at its machine's address.
fn dialled(address: String, host: &HostSpec) -> String {
    let parsed = address.trim_start_matches("tcp://").parse::<SocketAddr>();
    match (parsed, host.address) {
        (Ok(at), Some(ip)) if at.ip().is_unspecified() => {
            format!("tcp://{}", SocketAddr::new(ip, at.port()))
        }
        _ => address,
    }
}

/// A machine that is not reached is one thing, a name server that does not start there another.
fn failure(mut failed: Vec<(NameServerName, HostName, SshError)>, plan: &Plan) -> UpError {
    let starts = |error: &SshError| error.stage == Stage::Start;
    if let Some((name, host, error)) = failed.iter().find(|(.., error)| starts(error)) {
        return UpError::NameServer {
            which: format!("{} on {host}", which(plan, name)),
            reason: error.reason.clone(),
        };
    }
    failed.sort_by(|one, other| one.1.cmp(&other.1));
    let failed = failed.into_iter();
    UpError::Machines(failed.map(|(_, host, error)| (host, error)).collect())
}

impl Launched {
    /// What to ask of the machine where a name server is to be, or to be `again`.
    fn request(
        &self,
        suffix: Option<&NameServerName>,
        at: SocketAddr,
        again: bool,
    ) -> Result<MachineRequest, StateError> {
        let keys = match self.security {
            Security::None => None,
            Security::Curve => {
                let keys = self.keys_of(suffix);
                if !again {
                    keys.ready()?;
                }
                Some(NameServerKeys {
                    server: keys.server()?,
                    members: Keyring::recall(keys.log()?.1).entries(),
                })
            }
        };
        Ok(MachineRequest::LaunchNameServer {
            nameserver: NameServerOf {
                system: self.system.clone(),
                group: suffix.cloned(),
            },
            at,
            keys,
            again,
        })
    }

    /// Takes out the connections that still hold a name server each, and forgets those: cut, they end them.
    pub(super) fn take_far(&mut self) -> Vec<Hanging> {
        let far = std::mem::take(&mut self.far);
        for Hanging { group, .. } in &far {
            self.groups[*group].record.far_nameserver = None;
        }
        far
    }
}
