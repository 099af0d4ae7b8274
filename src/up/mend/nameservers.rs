//! Name servers that have ended: started again at their old addresses, with the keys that they had, here or by ssh.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::super::error::{Stage, UpError};
use super::super::far;
use super::super::hosts::first_line;
use super::super::naming::which;
use super::super::state::{Shared, lock};
use super::super::{Progress, UpRequest};
use super::stands_beside;
use crate::model::NameServerName;
use crate::plan::Plan;
use crate::proxy::{Link, ProxyError};
use crate::state::GroupRecord;

/// Starts name servers that have ended where they were, with the keys that they had. One that a person has
/// started there meanwhile is taken for what it is. Gives those that have no memory.
pub(in crate::up) async fn name_servers(
    request: &UpRequest,
    launched: &Shared,
    progress: &mut dyn Progress,
) -> Result<BTreeSet<NameServerName>, UpError> {
    // Of one on another machine it is known when it is dialled.
    let may_be_dead = |group: &GroupRecord| {
        let process = group.launched_nameserver.as_ref();
        group.far_nameserver.is_some() || process.is_some_and(|process| !process.is_alive())
    };
    let dead: Vec<GroupRecord> = {
        let launched = lock(launched);
        let standing = launched.standing.iter().flat_map(|it| &it.groups);
        let dead = standing.filter(|it| stands_beside(it, request) && may_be_dead(it));
        dead.cloned().collect()
    };
    let mut without_memory = BTreeSet::new();
    for group in dead {
        match Link::open(&group.dial()?) {
            // It has never ended.
            Ok(_) if group.far_nameserver.is_some() => continue,
            Ok(_) => {
                if let Some(group) = lock(launched).standing_group_mut(&group.name) {
                    group.launched_nameserver = None;
                }
            }
            Err(ProxyError::Unreachable { .. }) => {
                progress.begin(Stage::NameServer, 1);
                match group.far_nameserver {
                    Some(_) => far::launch_again(&request.plan, &group, launched).await?,
                    None => start_again(&request.plan, &group, launched).await?,
                }
                progress.advance(&group.nameserver);
                progress.end();
            }
            Err(error) => return Err(error.into()),
        }
        without_memory.insert(group.name);
    }
    if !without_memory.is_empty() {
        lock(launched).write_standing()?;
    }
    Ok(without_memory)
}

async fn start_again(plan: &Plan, group: &GroupRecord, launched: &Shared) -> Result<(), UpError> {
    let failed = |reason| UpError::NameServer {
        which: which(plan, &group.name),
        reason,
    };
    let at = group.nameserver.trim_start_matches("tcp://");
    let at: SocketAddr = at
        .parse()
        .map_err(|_| failed(format!("{at} is no address")))?;
    let stdout = lock(launched).launch_nameserver_again(&group.name, at);
    let stdout = stdout.map_err(|error| failed(error.to_string()))?;
    // From here on it lives on its own, whatever comes of the rest.
    lock(launched).write_standing()?;
    let said = || lock(launched).standing_nameserver_said(&group.name);
    first_line(stdout, said).await.map(drop).map_err(failed)
}
