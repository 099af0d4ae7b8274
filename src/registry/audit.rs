//! What goes into the journal: what operators ask for, what is refused to anybody, and what happens to keys.
//!
//! In an open system nobody is known, and nothing is written down.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;

use super::{Effect, Now, Registry, RoutingId};
use crate::access::{Asked, Levels, NotAdmitted};
use crate::journal::core::Whose;
use crate::model::{Access, KeyEntry, KeysOf, PublicKey};
use crate::wire::{
    AgentRequest, Fault, Happening, HostRequest, NameServerRequest, Note, Outcome, Peer, Who,
};

/// What stands for a verb that there is not.
const UNKNOWN: &str = "unknown";
/// What stands for one that was not looked at.
const UNREAD: &str = "unread";
/// Requests by which something goes on that was asked for before, or that are made every second: allowed, they are no deed of
/// their own.
const GOES_ON: [&str; 4] = ["keep_tap", "tapped", "rate", "status"];

/// Somebody asks for something.
pub(super) struct Deed {
    from: RoutingId,
    who: Who,
    verb: &'static str,
    on: Option<String>,
    /// If it is allowed, an event of its own kind tells of it; or it is nothing to tell of.
    silent: bool,
}

impl Registry {
    /// Who is at `from`. None in an open system.
    pub(super) fn who(&self, from: &RoutingId) -> Option<Who> {
        let entry = self.entry(from)?;
        Some(Who {
            key: entry.key,
            holder: entry.holder.clone(),
            level: entry.access(),
        })
    }

    /// What is asked of the name server itself, before it is carried out: by then the key may be another's.
    pub(super) fn deed(
        &self,
        from: &RoutingId,
        level: Access,
        request: Result<&NameServerRequest, &[u8]>,
    ) -> Option<Deed> {
        let verb = match request {
            Ok(request) => request.verb(),
            Err(unreadable) => verb_to(&Peer::NameServer, unreadable).0,
        };
        let request = request.ok();
        Some(Deed {
            from: from.clone(),
            who: self.who(from)?,
            verb,
            on: request.and_then(about),
            silent: !of_operator(level) || request.is_some_and(has_its_own_kind),
        })
    }

    pub(super) fn audit(&mut self, deed: Option<Deed>, fault: Option<&Fault>, now: Now) {
        let Some(deed) = deed else {
            return;
        };
        let refused = fault.filter(|fault| is_refusal(fault));
        if deed.silent && refused.is_none() {
            return;
        }
        let key = deed.from.key;
        let note = Note {
            who: Some(deed.who),
            from: deed.from.place,
            what: Happening::Asked {
                verb: deed.verb.to_owned(),
                on: deed.on,
                outcome: match refused {
                    None => Outcome::Allowed,
                    Some(fault) => Outcome::Refused {
                        reason: fault.to_string(),
                    },
                },
                times: 1,
            },
        };
        let (Some(_), Some(key), Some(keys)) = (refused, key, &mut self.keys) else {
            return self.write_down(note);
        };
        let whose = Whose::Member(key, deed.verb.to_owned());
        if let Some(note) = keys.refused.note(whose, note, now) {
            self.write_down(note);
        }
    }

    /// The same of what is asked of another member, which will refuse what the level does not allow. Nothing of the body
    /// is read but the verb.
    pub(super) fn audit_routed(
        &mut self,
        from: &RoutingId,
        level: Access,
        target: &Peer,
        body: &[u8],
        unreached: Option<&Fault>,
        now: Now,
    ) {
        if self.keys.is_none() {
            return;
        }
        let (verb, levels) = verb_to(target, body);
        let forbidden = Fault::NotPermitted {
            verb: verb.to_owned(),
            level,
        };
        let refused = levels.is_none_or(|levels| !levels.contains(level));
        let fault = unreached.or(refused.then_some(&forbidden));
        let silent = !of_operator(level) || GOES_ON.contains(&verb);
        if silent && fault.is_none() {
            return;
        }
        let Some(who) = self.who(from) else {
            return;
        };
        let deed = Deed {
            from: from.clone(),
            who,
            verb,
            on: Some(target.to_string()),
            silent,
        };
        self.audit(Some(deed), fault, now);
    }

    /// A member wants more than its quota of requests. What it wants is not read.
    pub(super) fn audit_over(&mut self, from: &RoutingId, fault: &Fault, now: Now) {
        let deed = self.who(from).map(|who| Deed {
            from: from.clone(),
            who,
            verb: UNREAD,
            on: None,
            silent: true,
        });
        self.audit(deed, Some(fault), now);
    }

    /// The journal, for those who may read it.
    pub(super) fn tell_journal(
        &mut self,
        from: &RoutingId,
        level: Access,
        id: u64,
        after: u64,
        now: Now,
    ) {
        let request = NameServerRequest::Journal { after };
        let deed = self.deed(from, level, Ok(&request));
        let may = self.ring().map(drop);
        let may = may.and_then(|()| request.permitted_to(level));
        // That it is read goes on with each part of it.
        if after == 0 || may.is_err() {
            self.audit(deed, may.as_ref().err(), now);
        }
        match may {
            Ok(()) => {
                let to = from.clone();
                self.effects.push(Effect::TellJournal { to, id, after });
            }
            Err(fault) => self.reply(from, id, Err(fault)),
        }
    }

    /// A peer has shaken hands by a key that is not admitted.
    pub(crate) fn on_turned_away(
        &mut self,
        key: PublicKey,
        place: Option<IpAddr>,
        why: NotAdmitted,
        now: Now,
    ) {
        let note = Note {
            who: None,
            from: place,
            what: Happening::TurnedAway {
                key,
                reason: why.to_string(),
                times: 1,
            },
        };
        let Some(keys) = &mut self.keys else {
            return;
        };
        if let Some(note) = keys.refused.note(Whose::Stranger(place), note, now) {
            self.write_down(note);
        }
    }

    /// What happened to a key, by whom.
    pub(super) fn note_key(&mut self, who: Option<Who>, from: Option<IpAddr>, what: Happening) {
        self.write_down(Note { who, from, what });
    }

    pub(super) fn tell_repeats(&mut self, now: Now) {
        let due = self.keys.as_mut().map(|keys| keys.refused.due(now));
        for note in due.into_iter().flatten() {
            self.write_down(note);
        }
    }

    fn write_down(&mut self, note: Note) {
        self.noted(&note);
        self.effects.push(Effect::Note(Box::new(note)));
    }
}

/// That a key was revoked.
pub(super) fn revoked(entry: &KeyEntry) -> Happening {
    Happening::Revoked {
        key: entry.key,
        holder: entry.holder.clone(),
    }
}

fn of_operator(level: Access) -> bool {
    match level {
        Access::Read | Access::Tap | Access::Control | Access::Admin => true,
        Access::Join | Access::Agent | Access::Host => false,
    }
}

/// Whether it is the rights that say no.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::NotPermitted { .. }
            | Fault::OverQuota { .. }
            | Fault::Refused { .. }
            | Fault::NameTaken { .. }
            | Fault::BadRequest { .. }
    )
}

/// Whether the journal has an event of its own kind for it, or it is no more than a sign of life.
fn has_its_own_kind(request: &NameServerRequest) -> bool {
    matches!(
        request,
        NameServerRequest::Admit(_)
            | NameServerRequest::Join { .. }
            | NameServerRequest::Revoke(_)
            | NameServerRequest::Renew { .. }
            | NameServerRequest::RotateNameserver { .. }
            | NameServerRequest::Expiring {}
            | NameServerRequest::Heartbeat {}
            | NameServerRequest::Ping {}
            | NameServerRequest::Leave { .. }
    )
}

/// Whom a request to the name server is about.
fn about(request: &NameServerRequest) -> Option<String> {
    match request {
        NameServerRequest::Announce(announcement) => Some(announcement.peer().to_string()),
        NameServerRequest::Addr { agent, alias } => Some(format!("{agent}.{alias}")),
        NameServerRequest::Agents { name } => name.as_ref().map(ToString::to_string),
        NameServerRequest::Exited { agent, .. } | NameServerRequest::TakeOver { agent, .. } => {
            Some(agent.to_string())
        }
        NameServerRequest::Entrust { to, .. } => Some(format!("host:{to}")),
        NameServerRequest::Forget { agents } => {
            let agents: Vec<_> = agents.iter().map(ToString::to_string).collect();
            Some(agents.join(", "))
        }
        NameServerRequest::Admit(entry) => Some(entry.holder.to_string()),
        NameServerRequest::Revoke(meant) => Some(match meant {
            KeysOf::Operator(name) => format!("operator {name}"),
            KeysOf::Host(name) => format!("host {name}"),
            KeysOf::Agent(name) => format!("agent {name}"),
            KeysOf::Key(key) => format!("key {key}"),
        }),
        NameServerRequest::Rotate { host, .. } => Some(format!("host {host}")),
        NameServerRequest::Join { key }
        | NameServerRequest::Whose { key }
        | NameServerRequest::Renew { key } => Some(format!("key {key}")),
        NameServerRequest::Heartbeat {}
        | NameServerRequest::Leave { .. }
        | NameServerRequest::Hosts {}
        | NameServerRequest::Watch {}
        | NameServerRequest::Follow { .. }
        | NameServerRequest::Successors {}
        | NameServerRequest::Ping {}
        | NameServerRequest::Keys {}
        | NameServerRequest::RotateNameserver { .. }
        | NameServerRequest::Expiring {}
        | NameServerRequest::Journal { .. }
        | NameServerRequest::Happened { .. }
        | NameServerRequest::Events { .. }
        | NameServerRequest::Shutdown {} => None,
    }
}

/// The method, where a body begins with it, as those of osb do: then nothing behind it is looked at, however long it is. What
/// has another one there as well is refused by its receiver.
fn first_word(body: &[u8]) -> Option<&str> {
    let rest = body.strip_prefix(b"{\"method\":\"")?;
    let end = rest
        .iter()
        .position(|byte| !matches!(byte, b'a'..=b'z' | b'_'))?;
    match rest[end] {
        b'"' => std::str::from_utf8(&rest[..end]).ok(),
        _ => None,
    }
}

/// The verb of a request to another member, and who may use it. None: there is no such verb.
fn verb_to(target: &Peer, body: &[u8]) -> (&'static str, Option<Levels>) {
    #[derive(Deserialize)]
    struct Method<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
    }
    let table = match target {
        Peer::Host(_) => HostRequest::TABLE,
        Peer::Agent(_) | Peer::Successor(_) => AgentRequest::TABLE,
        Peer::NameServer => NameServerRequest::TABLE,
        Peer::Client(_) => &[],
    };
    let first = first_word(body);
    let read = match first {
        Some(_) => None,
        None => serde_json::from_slice::<Method<'_>>(body).ok(),
    };
    let method = first.or(read.as_ref().map(|it| &*it.method));
    match table.iter().find(|(verb, _)| Some(*verb) == method) {
        Some((verb, levels)) => (verb, Some(*levels)),
        None => (UNKNOWN, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Keyring;
    use crate::model::{Holder, OperatorAccess, Term};
    use crate::wire::{Envelope, body};
    use std::time::Duration;

    fn key(n: u8) -> PublicKey {
        PublicKey::of([n; 32])
    }

    fn operator(name: &str, access: OperatorAccess) -> Holder {
        let name = name.parse().unwrap();
        Holder::Operator { name, access }
    }

    /// The owner has key 1, ana, who may read, key 2, and Bob, an agent, key 3.
    fn registry() -> Registry {
        let mut ring = Keyring::default();
        let bob = Holder::Agent("Bob".parse().unwrap());
        for (n, holder) in [
            (1, operator("owner", OperatorAccess::Admin)),
            (2, operator("ana", OperatorAccess::Read)),
            (3, bob),
        ] {
            ring.admit(KeyEntry::lasting(key(n), holder));
        }
        Registry::closed("tcp://ns".into(), ring, Duration::ZERO)
    }

    fn at(registry: &Registry, n: u8) -> RoutingId {
        RoutingId {
            id: Box::new([n]),
            key: registry.look_up(&key(n), Now::ZERO).ok(),
            place: "10.0.0.9".parse().ok(),
            server_key: 0,
        }
    }

    /// What is noted when that is asked.
    fn ask(registry: &mut Registry, n: u8, to: Peer, content: &[u8]) -> Vec<String> {
        let from = at(registry, n);
        let envelope = Envelope::request(1, 1000, to);
        registry.on_message(&from, envelope, content.to_vec(), Now::ZERO);
        notes(registry)
    }

    fn notes(registry: &mut Registry) -> Vec<String> {
        let noted = registry.effects().filter_map(|effect| match effect {
            Effect::Note(note) => Some(*note),
            _ => None,
        });
        let told = noted.map(|note| {
            let who = note.who.map(|who| who.holder.to_string());
            let from = note.from.map(|from| from.to_string()).unwrap_or_default();
            let what = serde_json::to_value(&note.what).unwrap();
            let word = |name: &str| what[name].to_string().trim_matches('"').to_owned();
            let words = ["kind", "verb", "on", "outcome", "times"].map(word);
            let words = words.join(" ").replace(" null", "");
            format!("{} {from} {words}", who.unwrap_or_default())
        });
        told.collect()
    }

    fn ns(registry: &mut Registry, n: u8, request: NameServerRequest) -> Vec<String> {
        ask(registry, n, Peer::NameServer, &body(&request))
    }

    #[test]
    fn what_operators_ask_for_is_noted_and_the_work_of_agents_is_not() {
        let mut registry = registry();
        let (hosts, whose) = (
            NameServerRequest::Hosts {},
            NameServerRequest::Whose { key: key(1) },
        );
        let noted = ns(&mut registry, 2, hosts.clone());
        assert_eq!(noted, ["operator ana 10.0.0.9 asked hosts allowed"]);
        assert!(ns(&mut registry, 3, hosts).is_empty());
        assert!(ns(&mut registry, 3, whose).is_empty());
        assert!(ns(&mut registry, 2, NameServerRequest::Ping {}).is_empty());
        let noted = ns(&mut registry, 1, NameServerRequest::Journal { after: 0 });
        assert_eq!(noted, ["operator owner 10.0.0.9 asked journal allowed"]);
        let bob = || Peer::Agent("Bob".parse().unwrap());
        let noted = ask(
            &mut registry,
            2,
            bob(),
            br#"{"method":"get_attr","params":{}}"#,
        );
        assert_eq!(noted, ["operator ana 10.0.0.9 asked get_attr Bob refused"]);
        // It would be refused by the one that is asked.
        let get = br#"{"method":"get_attr","params":{}}"#;
        let noted = ask(&mut registry, 3, bob(), get);
        assert_eq!(noted, ["agent Bob 10.0.0.9 asked get_attr Bob refused"]);
        let prove = br#"{"method":"prove","params":{}}"#;
        assert!(ask(&mut registry, 3, bob(), prove).is_empty());
        let timers = br#"{"params":{"x":[1]},"method":"tim\u0065rs"}"#;
        let noted = ask(&mut registry, 2, bob(), timers);
        assert_eq!(noted, ["operator ana 10.0.0.9 asked timers Bob allowed"]);
        // Those who look at a system ask so every second.
        let status = br#"{"method":"status","params":{}}"#;
        assert!(ask(&mut registry, 2, bob(), status).is_empty());
        let noted = ask(&mut registry, 1, bob(), b"nonsense");
        assert_eq!(noted, ["operator owner 10.0.0.9 asked unknown Bob refused"]);
    }

    #[test]
    fn keys_are_noted_by_events_of_their_own_with_those_who_did_it() {
        let mut registry = registry();
        let host = Holder::Host("lab1".parse().unwrap());
        let join = KeyEntry::new(
            key(4),
            host,
            Term::Join {
                until: 100,
                lasts: None,
            },
        );
        let noted = ns(&mut registry, 1, NameServerRequest::Admit(join));
        assert_eq!(noted, ["operator owner 10.0.0.9 admitted"]);
        let noted = ns(&mut registry, 4, NameServerRequest::Join { key: key(5) });
        assert_eq!(noted, ["host lab1 10.0.0.9 joined"]);
        let ring = registry.ring().unwrap();
        let entry = ring.entries().into_iter().find(|it| it.key == key(5));
        let owner = operator("owner", OperatorAccess::Admin);
        assert_eq!(entry.unwrap().admitted_by, Some(owner));
        let lab1 = KeysOf::Host("lab1".parse().unwrap());
        let noted = ns(&mut registry, 1, NameServerRequest::Revoke(lab1.clone()));
        assert_eq!(noted, ["operator owner 10.0.0.9 revoked"]);
        let noted = ns(&mut registry, 3, NameServerRequest::Revoke(lab1));
        assert_eq!(noted, ["agent Bob 10.0.0.9 asked revoke host lab1 refused"]);
    }

    #[test]
    fn refusals_that_repeat_are_noted_with_their_number() {
        let mut registry = registry();
        let keys = || NameServerRequest::Keys {};
        assert_eq!(ns(&mut registry, 3, keys()).len(), 1);
        for _ in 0..1000 {
            assert!(ns(&mut registry, 3, keys()).is_empty());
        }
        assert_eq!(ns(&mut registry, 2, keys()).len(), 1, "that is another's");
        let from = "10.6.6.6".parse().ok();
        for n in 0..50 {
            registry.on_turned_away(key(100 + n), from, NotAdmitted::Unknown, Now::ZERO);
        }
        assert_eq!(notes(&mut registry), [" 10.6.6.6 turned_away"]);
        assert_eq!(registry.next_deadline(), Some(Duration::from_secs(60)));
        registry.on_time(Duration::from_secs(60));
        let noted = notes(&mut registry);
        assert_eq!(
            noted,
            [
                "agent Bob 10.0.0.9 asked keys refused 1000",
                " 10.6.6.6 turned_away 49"
            ]
        );
    }
}
