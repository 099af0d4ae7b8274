//! What has happened to the agent, by what it says of itself: each announcement is compared with the one before it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Address, AgentName, Alias, ConnectionInfo, Kind, Proof, Role, SocketId, State};
use crate::wire::{AgentEvent, HealthEvent, LossEvent, Occurred, SocketEvent, WireEvent as Stands};

/// How often losses of one socket are told.
const LOSS_INTERVAL: Duration = Duration::from_secs(60);

/// Where a connection leads: to a socket by name, or to an address that was given by hand.
type Leads = (Alias, Option<SocketId>, Option<String>);

/// What the agent has said last.
#[derive(Debug, Default)]
pub(crate) struct History {
    state: Option<(State, Option<String>)>,
    sockets: BTreeMap<Alias, (Kind, String)>,
    wires: BTreeMap<Leads, Wire>,
    /// Messages of each socket that were lost when that was told last: dropped, garbled; and when that was.
    losses: BTreeMap<Alias, ([u64; 2], Duration)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Wire {
    stands: Stands,
    times: u32,
    address: Option<String>,
}

impl History {
    /// The agent says of itself that this is so now. What has happened since it said so last.
    pub(crate) fn on_announced(
        &mut self,
        of: &AgentName,
        state: (State, Option<String>),
        sockets: &BTreeMap<Alias, Address>,
        connections: &[ConnectionInfo],
    ) -> Vec<Occurred> {
        let mut happened = Vec::new();
        happened.extend(self.state_changed(of, state));
        self.sockets_changed(of, sockets, &mut happened);
        self.wires_changed(of, connections, &mut happened);
        happened
    }

    fn state_changed(&mut self, of: &AgentName, now: (State, Option<String>)) -> Option<Occurred> {
        let before = self.state.replace(now.clone());
        let (was, (state, why)) = (before.as_ref().map(|it| it.0), now);
        if was == Some(state) {
            return None;
        }
        let of = of.clone();
        Some(match (was, state) {
            (_, State::Unhealthy) => Occurred::Health {
                of,
                what: HealthEvent::Failing { why },
            },
            (Some(State::Unhealthy), State::Running) => Occurred::Health {
                of,
                what: HealthEvent::Well {},
            },
            _ => Occurred::Agent {
                of,
                what: AgentEvent::State { state, why },
            },
        })
    }

    fn sockets_changed(
        &mut self,
        of: &AgentName,
        now: &BTreeMap<Alias, Address>,
        happened: &mut Vec<Occurred>,
    ) {
        let bound = now.iter().filter(|(_, it)| it.role == Role::Server);
        let now: BTreeMap<Alias, (Kind, String)> = bound
            .map(|(alias, it)| (alias.clone(), (it.kind, it.address.clone())))
            .collect();
        let before = std::mem::replace(&mut self.sockets, now);
        for alias in before.keys().filter(|it| !self.sockets.contains_key(*it)) {
            let what = SocketEvent::Closed {};
            let of = socket(of, alias);
            happened.push(Occurred::Socket { of, what });
        }
        for (alias, there) in &self.sockets {
            if before.get(alias) != Some(there) {
                let (socket_kind, address) = there.clone();
                let what = SocketEvent::Bound {
                    socket: socket_kind,
                    address,
                };
                let of = socket(of, alias);
                happened.push(Occurred::Socket { of, what });
            }
        }
    }

    fn wires_changed(
        &mut self,
        of: &AgentName,
        connections: &[ConnectionInfo],
        happened: &mut Vec<Occurred>,
    ) {
        let mut before = std::mem::take(&mut self.wires);
        for connection in connections {
            let now = Wire {
                stands: stands(connection.proof),
                times: connection.times,
                address: connection.address.clone(),
            };
            let leads = leads(connection);
            let was = before.remove(&leads);
            for stands in steps(was.as_ref(), &now) {
                happened.push(wire(of, &leads, now.address.clone(), stands));
            }
            self.wires.insert(leads, now);
        }
        for (leads, gone) in before {
            happened.push(wire(of, &leads, gone.address, Stands::Removed));
        }
    }

    /// So many messages of that socket are lost by now. What was lost since that was told last: a socket that loses on and on is
    /// told of once a minute, unless it is now or never.
    pub(crate) fn on_losses(
        &mut self,
        of: &AgentName,
        (alias, counts): (&Alias, [u64; 2]),
        is_last: bool,
        now: Duration,
    ) -> Vec<Occurred> {
        let told = self.losses.get(alias).copied();
        let (before, at) = told.unwrap_or_default();
        let waits = told.is_some() && now < at + LOSS_INTERVAL && !is_last;
        if counts == before || waits {
            return Vec::new();
        }
        self.losses.insert(alias.clone(), (counts, now));
        [LossEvent::Dropped, LossEvent::Garbled]
            .into_iter()
            .zip(counts.into_iter().zip(before))
            // A socket that was closed begins to count anew.
            .map(|(what, (now, before))| (what, now.checked_sub(before).unwrap_or(now)))
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| Occurred::Loss {
                of: socket(of, alias),
                what,
                count,
            })
            .collect()
    }
}

/// How a connection has come from one standing to the other.
fn steps(was: Option<&Wire>, now: &Wire) -> Vec<Stands> {
    let Some(was) = was else {
        return vec![now.stands];
    };
    if was.stands == now.stands && was.times == now.times {
        return Vec::new();
    }
    // It was lost, if it was proven: also where it is dialled anew, or proven anew, at the next look.
    let lost = was.stands == Stands::Proven && now.stands != Stands::Lost;
    let lost = lost.then_some(Stands::Lost);
    lost.into_iter().chain([now.stands]).collect()
}

fn stands(proof: Proof) -> Stands {
    match proof {
        Proof::Resolving => Stands::Resolving,
        Proof::Connecting => Stands::Connecting,
        Proof::Proven { .. } => Stands::Proven,
        Proof::Refused => Stands::Refused,
        // The last two only name servers say.
        Proof::Lost | Proof::Suspect | Proof::Unreachable => Stands::Lost,
    }
}

fn leads(connection: &ConnectionInfo) -> Leads {
    let by_hand = match &connection.to {
        Some(_) => None,
        None => connection.address.clone(),
    };
    (connection.alias.clone(), connection.to.clone(), by_hand)
}

fn socket(of: &AgentName, alias: &Alias) -> SocketId {
    SocketId {
        agent: of.clone().into(),
        alias: alias.clone(),
    }
}

fn wire(of: &AgentName, (alias, to, _): &Leads, address: Option<String>, what: Stands) -> Occurred {
    Occurred::Wire {
        of: socket(of, alias),
        to: to.clone(),
        address,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Serializer, Transport};
    use serde_json::{Value, json};

    fn alice() -> AgentName {
        "Alice".parse().unwrap()
    }

    fn main(port: u16) -> BTreeMap<Alias, Address> {
        let address = Address {
            kind: Kind::Push,
            role: Role::Server,
            transport: Transport::Tcp,
            address: format!("tcp://127.0.0.1:{port}"),
            requests: None,
            serializer: Serializer::Json,
            key: None,
        };
        BTreeMap::from([("main".parse().unwrap(), address)])
    }

    fn connection(proof: Proof, times: u32) -> ConnectionInfo {
        ConnectionInfo {
            alias: "inbox".parse().unwrap(),
            kind: Kind::Pull,
            to: Some("Bob.main".parse().unwrap()),
            address: Some("tcp://127.0.0.1:1".to_owned()),
            proof,
            proof_ms: 7,
            times,
        }
    }

    fn said(happened: &[Occurred]) -> Vec<String> {
        let said = |it: &Occurred| {
            let json: Value = serde_json::to_value(it).unwrap();
            let state = json["state"].as_str().unwrap_or_default();
            let what = json["what"].as_str().unwrap();
            format!("{} {what} {state}", it.kind()).trim().to_owned()
        };
        happened.iter().map(said).collect()
    }

    #[test]
    fn what_is_said_again_has_not_happened_and_what_is_otherwise_has() {
        let mut history = History::default();
        let running = || (State::Running, None);
        let none = BTreeMap::new();
        let mut on = |state, sockets: &_, connections: &[ConnectionInfo]| {
            said(&history.on_announced(&alice(), state, sockets, connections))
        };
        assert_eq!(on(running(), &none, &[]), ["agent state running"]);
        assert!(on(running(), &none, &[]).is_empty());
        assert_eq!(on(running(), &main(1), &[]), ["socket bound"]);
        assert_eq!(on(running(), &main(2), &[]), ["socket bound"]);
        let why = Some("it does not answer".to_owned());
        let unhealthy = (State::Unhealthy, why);
        assert_eq!(on(unhealthy, &main(2), &[]), ["health failing"]);
        assert_eq!(on(running(), &none, &[]), ["health well", "socket closed"]);
        let starting = (State::Starting, None);
        assert_eq!(on(starting, &none, &[]), ["agent state starting"]);
    }

    #[test]
    fn a_wire_that_was_lost_and_proven_between_two_looks_has_been_lost() {
        let mut history = History::default();
        let mut on = |connections: &[ConnectionInfo]| {
            let running = (State::Running, None);
            let happened = history.on_announced(&alice(), running, &BTreeMap::new(), connections);
            said(&happened)
        };
        on(&[]);
        let proven = |times| connection(Proof::Proven { us: 3 }, times);
        assert_eq!(on(&[connection(Proof::Connecting, 0)]), ["wire connecting"]);
        assert_eq!(on(&[proven(1)]), ["wire proven"]);
        assert!(on(&[proven(1)]).is_empty());
        assert_eq!(on(&[proven(2)]), ["wire lost", "wire proven"]);
        assert_eq!(
            on(&[connection(Proof::Connecting, 2)]),
            ["wire lost", "wire connecting"]
        );
        assert_eq!(on(&[connection(Proof::Lost, 2)]), ["wire lost"]);
        assert_eq!(on(&[]), ["wire removed"]);
    }

    #[test]
    fn losses_are_told_at_once_and_then_once_a_minute() {
        let mut history = History::default();
        let alias: Alias = "main".parse().unwrap();
        let mut on = |counts, second, is_last| {
            let now = Duration::from_secs(second);
            let happened = history.on_losses(&alice(), (&alias, counts), is_last, now);
            let told = |it: &Occurred| serde_json::to_value(it).unwrap();
            happened.iter().map(told).collect::<Vec<Value>>()
        };
        assert!(on([0, 0], 0, false).is_empty());
        let dropped =
            |count| json!({"kind": "loss", "of": "Alice.main", "what": "dropped", "count": count});
        let garbled = json!({"kind": "loss", "of": "Alice.main", "what": "garbled", "count": 1});
        assert_eq!(on([3, 0], 1, false), [dropped(3)]);
        assert!(on([4, 1], 2, false).is_empty(), "later");
        assert_eq!(on([5, 1], 61, false), [dropped(2), garbled]);
        assert!(on([5, 1], 200, false).is_empty());
        assert_eq!(
            on([2, 1], 201, false),
            [dropped(2)],
            "of another socket with that name"
        );
        assert_eq!(on([3, 1], 202, true), [dropped(1)], "it is now or never");
    }
}
