//! Which keys are admitted, and for which members: what the name server of a closed system is asked about keys.

use std::time::Duration;

use super::audit::revoked;
use super::member::{Facts, How, Member, Standing};
use super::own_key::OwnKey;
use super::renewal::Renewals;
use super::{Effect, Keys, Now, Registry, RoutingId, is_open};
use crate::access::{KeyId, Keyring, NotAdmitted, quota};
use crate::journal::core::Repeats;
use crate::model::{
    Access, AfterEnd, AgentName, Holder, HostId, KeyEntry, KeysOf, PublicKey, Quota, Term,
};
use crate::wire::{Announcement, Envelope, Event, Fault, Happening, Peer, Who, body};

impl Registry {
    /// The registry of a closed system: only the keys in `ring` are admitted. `began` is
    /// the time at [`Now::ZERO`], since 1970.
    pub(crate) fn closed(address: String, ring: Keyring, began: Duration) -> Self {
        let began = began.as_secs();
        Self {
            keys: Some(Keys {
                ring,
                began,
                refused: Repeats::default(),
                used: quota::Used::default(),
                renewals: Renewals::default(),
                own: OwnKey::default(),
            }),
            ..Self::new(address)
        }
    }

    /// Whether a handshake by `key` is to succeed.
    pub(crate) fn look_up(&self, key: &PublicKey, now: Now) -> Result<KeyId, NotAdmitted> {
        let keys = self.keys.as_ref().ok_or(NotAdmitted::Unknown)?;
        let id = keys.ring.look_up(key, keys.began + now.as_secs())?;
        match keys.ring.entry(id).map(|it| &it.holder) {
            Some(Holder::Guest(_)) => Err(NotAdmitted::Guest),
            Some(Holder::Operator { .. } | Holder::Host(_) | Holder::Agent(_)) | None => Ok(id),
        }
    }

    /// What the member at `from` may do. None: its key is not good any more.
    pub(super) fn level(&self, from: &RoutingId) -> Option<Access> {
        match &self.keys {
            None => Some(Access::Admin),
            Some(keys) => keys.ring.access(from.key?),
        }
    }

    /// Whether the member at `from` has one more of its quota left, which is then used. An open system has none.
    pub(super) fn takes(&mut self, from: &RoutingId, level: Access, of: Quota, now: Now) -> bool {
        match (&mut self.keys, from.key) {
            (Some(keys), Some(key)) => keys.used.take(key, level, of, now),
            (None, _) | (Some(_), None) => true,
        }
    }

    /// Whether one more request of that member may wait for an answer.
    pub(super) fn may_wait(&self, requester: &Peer, level: Access) -> Result<(), Fault> {
        let waiting = self.switchboard.open_of(requester);
        if self.keys.is_none() || level == Access::Admin || waiting < quota::UNANSWERED {
            return Ok(());
        }
        Err(quota::over(Quota::Unanswered, level))
    }

    pub(super) fn ring(&self) -> Result<&Keyring, Fault> {
        self.keys
            .as_ref()
            .map(|keys| &keys.ring)
            .ok_or_else(is_open)
    }

    pub(super) fn entry(&self, from: &RoutingId) -> Option<&KeyEntry> {
        self.keys.as_ref()?.ring.entry(from.key?)
    }

    /// Whether requests of a member of that level get as far as `target` at all.
    pub(super) fn reaches(
        &self,
        from: &RoutingId,
        level: Access,
        target: &Peer,
    ) -> Result<(), Fault> {
        let reaches = match (level, target) {
            // Control alone leads it, until it takes over.
            (Access::Read | Access::Tap | Access::Agent | Access::Host, Peer::Successor(_)) => {
                false
            }
            (Access::Read | Access::Tap | Access::Control | Access::Admin, _) => true,
            (Access::Agent, Peer::Agent(_)) => true,
            (Access::Host, Peer::Agent(agent)) => match self.entry(from).map(|it| &it.holder) {
                Some(Holder::Host(host)) => self.leads(host, agent),
                Some(Holder::Operator { .. } | Holder::Agent(_) | Holder::Guest(_)) | None => false,
            },
            (Access::Agent, Peer::Host(host)) => match self.entry(from).map(|it| &it.holder) {
                Some(Holder::Agent(agent)) => self.leads(host, agent),
                Some(Holder::Operator { .. } | Holder::Host(_) | Holder::Guest(_)) | None => false,
            },
            (Access::Join, _)
            | (Access::Host, Peer::Host(_))
            | (Access::Agent | Access::Host, Peer::NameServer | Peer::Client(_)) => false,
        };
        match reaches {
            true => Ok(()),
            false => Err(Fault::NotPermitted {
                verb: format!("to ask {target}"),
                level,
            }),
        }
    }

    /// Whether an agent was started by a host, or entrusted to it.
    fn leads(&self, host: &HostId, agent: &AgentName) -> bool {
        let member = self.members.get(&Peer::Agent(agent.clone()));
        match member.and_then(Member::host) {
            Some(started_by) => started_by == host,
            None => self.is_entrusted(agent, host),
        }
    }

    pub(super) fn is_entrusted(&self, agent: &AgentName, host: &HostId) -> bool {
        let to = self.entrusted.get(agent);
        to.is_some_and(|to| to.contains(host))
    }

    /// A member has no name but its key's.
    pub(super) fn is_its_own(
        &self,
        from: &RoutingId,
        announcement: &Announcement,
    ) -> Result<(), Fault> {
        if self.keys.is_none() {
            return Ok(());
        }
        let is_own = self.entry(from).is_some_and(|entry| match announcement {
            Announcement::Agent { name, host, .. } => {
                entry.holder == Holder::Agent(name.clone()) && entry.by == *host
            }
            Announcement::Host { name, .. } => entry.holder == Holder::Host(name.clone()),
        });
        match (is_own, self.entry(from)) {
            (true, _) => Ok(()),
            (false, Some(entry)) => Err(Fault::Refused {
                reason: format!("this is the key of {}, and of nobody else", entry.holder),
            }),
            (false, None) => Err(Fault::Refused {
                reason: "this key is nobody's".to_owned(),
            }),
        }
    }

    /// A host admits its agents, control hosts and agents, and admin all.
    pub(super) fn admit(
        &mut self,
        from: &RoutingId,
        mut entry: KeyEntry,
        now: Now,
    ) -> Result<(), Fault> {
        self.ring()?;
        self.may_admit(from, now)?;
        let requester = self.entry(from).cloned();
        let level = self.level(from);
        match (requester.map(|it| it.holder), &entry.holder) {
            (Some(Holder::Host(host)), Holder::Agent(agent)) => {
                let agent = agent.clone();
                self.is_free_for(&agent, &host)?;
                self.forget_keys(&agent, &host);
                entry.by = Some(host);
                entry.term = Term::Run;
            }
            (Some(_), _) if level == Some(Access::Admin) => {}
            // What lasts is for admin to say.
            (
                Some(Holder::Operator { .. }),
                Holder::Host(_) | Holder::Agent(_) | Holder::Guest(_),
            ) => {
                entry.term = Term::Run;
            }
            (requester, _) => {
                let who = requester.map_or_else(|| "nobody".to_owned(), |it| it.to_string());
                let reason = format!("{who} cannot admit {}", entry.holder);
                return Err(Fault::Refused { reason });
            }
        }
        let ring = self.ring()?;
        if let Some(there) = ring
            .look_up(&entry.key, 0)
            .ok()
            .and_then(|id| ring.entry(id))
        {
            if there.holder == entry.holder {
                return Ok(());
            }
            let reason = "this key is admitted already".to_owned();
            return Err(Fault::Refused { reason });
        }
        let who = self.who(from);
        entry.admitted_by = who.as_ref().map(|who| who.holder.clone());
        let what = Happening::Admitted {
            key: entry.key,
            holder: entry.holder.clone(),
            term: entry.term,
        };
        if let Some(keys) = &mut self.keys {
            let change = keys.ring.admit(entry);
            self.effects.push(Effect::Remember(change));
        }
        self.note_key(who, from.place, what);
        Ok(())
    }

    /// Nobody fills the ring, but the owner may.
    fn may_admit(&mut self, from: &RoutingId, now: Now) -> Result<(), Fault> {
        let level = self.level(from).unwrap_or(Access::Join);
        if !self.takes(from, level, Quota::Admissions, now) {
            return Err(quota::over(Quota::Admissions, level));
        }
        if level != Access::Admin && self.ring()?.len() >= quota::KEYS {
            return Err(quota::over(Quota::Keys, level));
        }
        Ok(())
    }

    /// A host cannot answer for an agent that lives elsewhere.
    fn is_free_for(&self, agent: &AgentName, host: &HostId) -> Result<(), Fault> {
        let peer = Peer::Agent(agent.clone());
        let Some(member) = self.members.get(&peer) else {
            return Ok(());
        };
        match &member.facts {
            Facts::Agent { host: theirs, .. } if theirs.as_ref() == Some(host) => Ok(()),
            _ if member.may_be_replaced() => Ok(()),
            // It is to have a successor there.
            Facts::Agent { host: Some(_), .. } if self.is_entrusted(agent, host) => Ok(()),
            _ => Err(Fault::NameTaken {
                peer,
                pid: member.pid,
            }),
        }
    }

    pub(super) fn replace_key(
        &mut self,
        from: &RoutingId,
        key: PublicKey,
        now: Now,
    ) -> Result<(), Fault> {
        let who = self.who(from);
        let keys = self.keys.as_mut().ok_or_else(is_open)?;
        let taken = || Fault::Refused {
            reason: "this key cannot be taken in place of the other".to_owned(),
        };
        let id = from.key.ok_or_else(taken)?;
        let now = keys.began + now.as_secs();
        let expires = keys.ring.entry(id).and_then(|entry| entry.term.expires());
        if expires.is_some_and(|until| until <= now) {
            return Err(Fault::Refused {
                reason: NotAdmitted::Expired.to_string(),
            });
        }
        let changes = keys.ring.replace(id, key, now).ok_or_else(taken)?;
        self.effects.extend(changes.map(Effect::Remember));
        if let Some(Who {
            key: by, holder, ..
        }) = who.clone()
        {
            let what = Happening::Joined { key, holder, by };
            self.note_key(who, from.place, what);
        }
        Ok(())
    }

    pub(super) fn whose(&self, key: &PublicKey, now: Now) -> Result<Holder, Fault> {
        let keys = self.keys.as_ref().ok_or_else(is_open)?;
        let id = keys.ring.look_up(key, keys.began + now.as_secs());
        let entry = id.ok().and_then(|id| keys.ring.entry(id));
        match entry.filter(|entry| !matches!(entry.term, Term::Join { .. })) {
            Some(entry) => Ok(entry.holder.clone()),
            None => Err(Fault::Refused {
                reason: NotAdmitted::Unknown.to_string(),
            }),
        }
    }

    pub(super) fn revoke(
        &mut self,
        from: &RoutingId,
        meant: &KeysOf,
        now: Now,
    ) -> Result<Vec<KeyEntry>, Fault> {
        if self.entry(from).is_some_and(|own| meant.means(own)) {
            let reason = "that is the key by which this is asked: nobody might be left to undo it"
                .to_owned();
            return Err(Fault::Refused { reason });
        }
        let who = self.who(from);
        let keys = self.keys.as_mut().ok_or_else(is_open)?;
        let out = keys.ring.revoke(|entry| meant.means(entry));
        let mut entries = Vec::new();
        for (id, entry, change) in out {
            self.effects.push(Effect::Remember(change));
            self.put_out(id, now);
            self.note_key(who.clone(), from.place, revoked(&entry));
            entries.push(entry);
        }
        self.tell_agents_of(entries.iter().map(|entry| entry.key).collect());
        Ok(entries)
    }

    /// Members that are here by that key are here no more.
    pub(super) fn put_out(&mut self, id: KeyId, now: Now) {
        let is_out = |(route, peer): (&RoutingId, &Peer)| {
            (route.key == Some(id)).then(|| (route.clone(), peer.clone()))
        };
        let out: Vec<_> = self.routes.iter().filter_map(is_out).collect();
        for (route, peer) in out {
            match &peer {
                Peer::Agent(_) => {
                    let ended = Standing::Ended {
                        how: How::Badly,
                        exit: None,
                        said: None,
                        then: AfterEnd::Stays,
                    };
                    self.end(&peer, ended, now);
                }
                Peer::Successor(_) | Peer::Host(_) | Peer::Client(_) | Peer::NameServer => {
                    self.forget(&peer);
                }
            }
            self.routes.remove(&route);
            self.watchers.remove(&route);
        }
        self.effects.push(Effect::HangUp(id));
    }

    pub(super) fn tell_agents_of(&mut self, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let content = body(&Event::Revoked { keys });
        let agents = self.members.iter();
        let living = agents.filter(|(peer, it)| {
            matches!(peer, Peer::Agent(_)) && !it.state().ended() && !it.route.id.is_empty()
        });
        let routes: Vec<RoutingId> = living.map(|(_, member)| member.route.clone()).collect();
        for route in routes {
            self.send(&route, Envelope::event(), content.clone());
        }
    }

    /// An agent has ended, or begins anew: the keys that its host had admitted for it are revoked.
    pub(super) fn forget_keys(&mut self, agent: &AgentName, host: &HostId) {
        self.forget_keys_of(agent, host, |_| true);
    }

    /// The same, of those keys alone.
    pub(super) fn forget_keys_of(
        &mut self,
        agent: &AgentName,
        host: &HostId,
        which: impl Fn(&KeyEntry) -> bool,
    ) {
        let Some(keys) = &mut self.keys else {
            return;
        };
        let holder = Holder::Agent(agent.clone());
        let is_its = |it: &KeyEntry| it.holder == holder && it.by.as_ref() == Some(host);
        for (id, _, change) in keys.ring.revoke(|it| is_its(it) && which(it)) {
            self.effects.push(Effect::Remember(change));
            self.effects.push(Effect::HangUp(id));
        }
    }
}
