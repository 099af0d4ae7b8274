//! What one `up` knows while it works: its plan, what it has launched, the agents that it waits for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::UpRequest;
use super::files::Bundles;
use super::launch::Launched;
use super::missing::Missing;
use crate::model::{Address, AgentId, HostName, Incarnation, NameServerName, SocketId};
use crate::plan::Plan;
use crate::proxy::Link;

pub(super) type Shared = Arc<Mutex<Launched>>;
/// Where the sockets are that others connect to.
pub(super) type Addresses = HashMap<SocketId, Address>;
/// Host daemons that are waited for.
pub(super) type Hosts = Vec<ExpectedHost>;

/// A host daemon that is waited for.
pub(super) struct ExpectedHost {
    pub host: HostName,
    /// Others start it.
    pub attach: bool,
    pub there: oneshot::Receiver<()>,
}

/// A name server of the system, and the connection to it.
pub(super) struct Group {
    pub name: NameServerName,
    pub link: Arc<Link>,
}

/// One bringing up.
pub(super) struct Up<'a> {
    pub(super) request: &'a UpRequest,
    /// The part of the plan to carry out: all of it, unless some parts run already.
    pub(super) part: Plan,
    pub(super) launched: &'a Shared,
    /// The files that go to each machine.
    pub(super) bundle: Bundles,
    /// All name servers, in the order of the topology.
    pub(super) groups: Vec<Group>,
    /// The missing parts of a running system.
    pub(super) missing: Missing,
    /// Agents that were told to go and have nothing more to do: they have not failed.
    pub(super) ends: Ends,
    /// Agents that begin anew have ended.
    pub(super) former_ended: Arc<AtomicBool>,
    /// Agents whose next lives are there already, beside the former ones.
    pub(super) successors: Mutex<BTreeMap<AgentId, Incarnation>>,
}

/// Agents that have ended as they should.
pub(super) type Ends = watch::Sender<BTreeSet<AgentId>>;

impl Up<'_> {
    /// The connection to the name server of an agent.
    pub(super) fn link(&self, agent: &AgentId) -> &Arc<Link> {
        let name = self.part.nameserver_of(agent);
        // Every name server of the plan is brought up, or stands.
        let group = self.groups.iter().find(|group| group.name == *name);
        &group.unwrap_or(&self.groups[0]).link
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
