//! What is known of a system when somebody asks why: how agents and hosts stand, what their sockets are, what has gone through them
//! within a moment, and what was tried.

use std::collections::BTreeMap;

use crate::model::{
    AgentId, AgentInfo, Alias, HeldSocket, HostInfo, HostName, NameServerName, SocketId,
    SocketStats, TimerInfo, TimerSpec,
};

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub agents: Vec<AgentFacts>,
    pub hosts: Vec<HostInfo>,
}

/// What is known of one agent.
#[derive(Debug, Clone)]
pub struct AgentFacts {
    /// As lists show it.
    pub id: AgentId,
    pub group: Option<NameServerName>,
    pub info: AgentInfo,
    /// None: it did not tell.
    pub told: Option<Told>,
    /// The timers that the topology gives it. None: that is not known here.
    pub declared: Option<Vec<TimerSpec>>,
}

/// What it has told of itself.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub sockets: Vec<HeldSocket>,
    /// How it was at first, and a moment later.
    pub before: BTreeMap<Alias, SocketStats>,
    pub after: BTreeMap<Alias, SocketStats>,
    pub timers: Vec<TimerInfo>,
    /// Topics that were seen to pass at a publisher within that moment. None: nobody has looked, or may.
    pub topics: BTreeMap<Alias, Vec<String>>,
    /// By the sockets that connect: what came of it when their machine dialled the address.
    pub dialled: BTreeMap<Alias, Tried>,
}

/// What came of dialling an address from an agent's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub address: String,
    /// None: it was reached.
    pub failure: Option<String>,
}

impl Facts {
    pub(super) fn agent(&self, id: &AgentId) -> Option<&AgentFacts> {
        self.agents.iter().find(|it| it.is(id))
    }

    pub(super) fn host(&self, name: &HostName) -> Option<&HostInfo> {
        self.hosts.iter().find(|it| it.name == *name)
    }
}

impl AgentFacts {
    /// Whether that name means it. A bare one is of the same name server, or the only one.
    pub(super) fn is(&self, id: &AgentId) -> bool {
        let group = id.nameserver.as_ref();
        let same = |its: &NameServerName| Some(its) == group;
        self.info.name == id.name
            && (group.is_none()
                || group == self.id.nameserver.as_ref()
                || self.group.as_ref().is_some_and(same))
    }

    pub(super) fn socket(&self, alias: &Alias) -> Option<&HeldSocket> {
        let sockets = &self.told.as_ref()?.sockets;
        sockets.iter().find(|it| it.alias == *alias)
    }

    /// What a socket has done, all in all and within the moment.
    pub(super) fn flow(&self, alias: &Alias) -> Option<Flow> {
        let told = self.told.as_ref()?;
        let all = *told.after.get(alias)?;
        let before = told.before.get(alias).copied().unwrap_or(all);
        let moment = SocketStats {
            received: all.received.saturating_sub(before.received),
            sent: all.sent.saturating_sub(before.sent),
            dropped: all.dropped.saturating_sub(before.dropped),
            garbled: all.garbled.saturating_sub(before.garbled),
            ..all
        };
        Some(Flow { all, moment })
    }

    pub(super) fn name_of(&self, alias: &Alias) -> SocketId {
        SocketId {
            agent: self.id.clone(),
            alias: alias.clone(),
        }
    }

    /// Timers that are to send by that socket, and do not run.
    pub(super) fn stopped_timers(&self, alias: &Alias) -> Vec<String> {
        let (Some(declared), Some(told)) = (&self.declared, &self.told) else {
            return Vec::new();
        };
        let sends = |timer: &&TimerSpec| matches!(&timer.action, crate::model::TimerAction::Send { alias: by, .. } if by == alias);
        let is_over = |timer: &&TimerSpec| matches!(timer.when, crate::model::When::After(_));
        let runs = |timer: &TimerSpec| {
            let same = |it: &&TimerInfo| it.when == timer.when && it.action == timer.action;
            told.timers.iter().find(same).is_some()
        };
        let stopped = declared
            .iter()
            .filter(sends)
            .filter(|it| !is_over(it) && !runs(it));
        let named = stopped.map(|it| match &it.alias {
            Some(alias) => format!("{alias} ({})", it.when),
            None => it.when.to_string(),
        });
        named.collect()
    }
}

/// What has gone through a socket: all in all, and within the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub all: SocketStats,
    pub moment: SocketStats,
}
