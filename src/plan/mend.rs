//! What is missing of a system that is up, and what brings it back: the plan and the actual state come in, the
//! actions come out. Living processes stay as they are.
//!
//! Pure. `up` finds out the actual state, and carries out the actions.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::model::{AfterEnd, AgentId, AgentInfo, HostName, NameServerName, Reach, Ready, State};

/// The daemon of a host, for one name server.
pub type Place = (NameServerName, HostName);

/// What there is of a system.
#[derive(Debug, Clone, Default)]
pub struct Actual {
    /// Daemons that are there.
    pub hosts: BTreeSet<Place>,
    /// Daemons that are not there, and that were tried to be started again in vain.
    pub tried: BTreeSet<Place>,
    /// Agents as the name servers know them.
    pub agents: BTreeMap<AgentId, AgentInfo>,
    /// Agents whose process is known to live, whatever the name servers know.
    pub alive: BTreeSet<AgentId>,
    /// Agents whose process is known to have ended, whatever the name servers know, and with which status,
    /// if that was written down.
    pub dead: BTreeMap<AgentId, Option<i32>>,
    /// Agents that an `up` began to bring back, and that it did not finish.
    pub unfinished: BTreeSet<AgentId>,
}

/// What `up` does to bring missing parts back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mend {
    /// Daemons of this machine that are to be started again.
    pub hosts: Vec<Place>,
    /// Daemons of other machines that are to be started again by ssh.
    pub machines: Vec<Place>,
    /// Daemons that are not there, and that `up` cannot bring back: another service starts them, or it was tried.
    pub lost: Vec<Place>,
    /// Agents that are half configured: they end first.
    pub stop: Vec<AgentId>,
    /// Agents to start, or to wait for, and then to configure, to wire and to tell to go.
    pub agents: Vec<AgentId>,
    /// Agents that may live, and cannot be reached: they are left alone.
    pub out_of_reach: Vec<AgentId>,
}

impl Mend {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let Self {
            hosts,
            machines,
            lost: _,
            stop,
            agents,
            out_of_reach: _,
        } = self;
        hosts.is_empty() && machines.is_empty() && stop.is_empty() && agents.is_empty()
    }
}

/// How an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Lives,
    /// It is a job that has ended well: it is not done again.
    Done,
    /// It may live, and cannot be reached.
    OutOfReach,
    Missing,
}

/// What brings back what is missing at the name servers `among`.
pub fn mend(plan: &Plan, among: &[NameServerName], actual: &Actual) -> Mend {
    let mut mend = Mend::default();
    for nameserver in among {
        for host in plan.hosts_at(nameserver) {
            let place = (nameserver.clone(), host.name.clone());
            if actual.hosts.contains(&place) {
                continue;
            }
            match host.reach {
                _ if actual.tried.contains(&place) => mend.lost.push(place),
                Reach::Local => mend.hosts.push(place),
                Reach::Ssh(_) => mend.machines.push(place),
                Reach::Attach => mend.lost.push(place),
            }
        }
        for agent in plan.agents_at(nameserver) {
            let name = &agent.name;
            let is_job = agent.program.as_ref().map(|it| &it.ready) == Some(&Ready::Done);
            let startable = || {
                let place = (nameserver.clone(), agent.host.clone());
                agent.attach || !mend.lost.contains(&place)
            };
            match standing(name, is_job, actual) {
                Standing::Lives if actual.unfinished.contains(name) && startable() => {
                    if !agent.attach {
                        mend.stop.push(name.clone());
                    }
                    mend.agents.push(name.clone());
                }
                Standing::Lives | Standing::Done => {}
                Standing::Missing if startable() => mend.agents.push(name.clone()),
                Standing::OutOfReach | Standing::Missing => mend.out_of_reach.push(name.clone()),
            }
        }
    }
    mend
}

fn standing(name: &AgentId, is_job: bool, actual: &Actual) -> Standing {
    let info = actual.agents.get(name);
    match info.map(|it| it.state) {
        // It ended, and no daemon reported it.
        state if !state.is_some_and(State::ended) && actual.dead.contains_key(name) => {
            match is_job && actual.dead.get(name) == Some(&Some(0)) {
                true => Standing::Done,
                false => Standing::Missing,
            }
        }
        Some(State::Starting | State::Running | State::Unhealthy | State::Suspect) => {
            Standing::Lives
        }
        Some(State::Unreachable) => Standing::OutOfReach,
        // It has not been heard of yet, or its end has not.
        _ if actual.alive.contains(name) => Standing::OutOfReach,
        // One that was stopped has not done its work.
        Some(State::Stopped) if is_job && info.is_some_and(has_done) => Standing::Done,
        Some(State::Stopped | State::Failed | State::Restarting | State::Ended) | None => {
            Standing::Missing
        }
    }
}

fn has_done(agent: &AgentInfo) -> bool {
    agent.exit.as_ref().and_then(|it| it.status) == Some(0) && agent.then != AfterEnd::StaysDown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        AgentSpec, ExitReport, HostSpec, NameServerEntry, NameServerSpec, Program, Security,
        SshSpec, Topology,
    };

    const HOSTS: [&str; 3] = ["local", "lab", "far"];

    fn host(name: &str) -> HostSpec {
        HostSpec {
            name: name.parse().unwrap(),
            address: None,
            labels: Default::default(),
            reach: match name {
                "local" => Reach::Local,
                "far" => Reach::Ssh(SshSpec {
                    destination: "far".parse().unwrap(),
                    port: None,
                    identity: None,
                    config: None,
                }),
                _ => Reach::Attach,
            },
        }
    }

    fn agent(name: &str, host: &str, job: bool) -> AgentSpec {
        let mut program = Program::of_words(["x".to_owned()], "/".into());
        program.ready = Ready::Done;
        AgentSpec {
            host: host.parse().unwrap(),
            program: job.then_some(program),
            ..AgentSpec::named(name.parse().unwrap())
        }
    }

    fn plan(agents: Vec<AgentSpec>) -> Plan {
        Plan::new(Topology {
            name: "test".parse().unwrap(),
            security: Security::None,
            nameservers: vec![NameServerEntry {
                name: NameServerName::only(),
                at: NameServerSpec::Launch("127.0.0.1:0".parse().unwrap()),
                host: None,
            }],
            hosts: HOSTS.map(host).to_vec(),
            agents,
        })
    }

    fn info(name: &str, state: State) -> (AgentId, AgentInfo) {
        let id: AgentId = name.parse().unwrap();
        let info = AgentInfo {
            name: id.name.clone(),
            host: None,
            system: None,
            nameserver: String::new(),
            state,
            why: None,
            busy_ms: None,
            state_ms: 0,
            pid: None,
            uptime_s: 0.0,
            restarts: 0,
            addresses: Default::default(),
            connections: Vec::new(),
            exit: (state == State::Stopped).then(|| ExitReport {
                status: Some(0),
                signal: None,
                log: Vec::new(),
                cause: None,
            }),
            key: None,
            incarnation: None,
            within: None,
            spec_version: None,
            then: crate::model::AfterEnd::Stays,
            last_end: None,
            lacks: Vec::new(),
        };
        (id, info)
    }

    fn place(host: &str) -> Place {
        (NameServerName::only(), host.parse().unwrap())
    }

    fn all() -> Vec<NameServerName> {
        vec![NameServerName::only()]
    }

    fn names(ids: &[AgentId]) -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_has_ended_comes_back_and_what_lives_or_is_done_does_not() {
        let plan = plan(vec![
            agent("Lives", "local", false),
            agent("Failed", "local", false),
            agent("Stopped", "local", false),
            agent("Done", "local", true),
            agent("FailedJob", "local", true),
            agent("Never", "local", false),
            agent("Cut", "lab", false),
        ]);
        let actual = Actual {
            hosts: HOSTS.map(place).into(),
            agents: BTreeMap::from([
                info("Lives", State::Suspect),
                info("Failed", State::Failed),
                info("Stopped", State::Stopped),
                info("Done", State::Stopped),
                info("FailedJob", State::Failed),
                info("Cut", State::Unreachable),
            ]),
            ..Actual::default()
        };
        let mend = mend(&plan, &all(), &actual);
        assert_eq!(
            names(&mend.agents),
            ["Failed", "Stopped", "FailedJob", "Never"]
        );
        assert_eq!(names(&mend.out_of_reach), ["Cut"]);
        assert!(mend.hosts.is_empty() && mend.lost.is_empty() && mend.stop.is_empty());
    }

    #[test]
    fn a_job_that_was_done_while_nobody_looked_is_not_done_again() {
        let plan = plan(vec![
            agent("Done", "local", true),
            agent("Torn", "local", true),
        ]);
        let id = |name: &str| name.parse().unwrap();
        let actual = Actual {
            hosts: HOSTS.map(place).into(),
            dead: BTreeMap::from([(id("Done"), Some(0)), (id("Torn"), None)]),
            ..Actual::default()
        };
        assert_eq!(names(&mend(&plan, &all(), &actual).agents), ["Torn"]);
    }

    #[test]
    fn a_machine_that_is_not_there_is_not_started_upon() {
        let plan = plan(vec![agent("A", "local", false), agent("B", "lab", false)]);
        let mend = mend(&plan, &all(), &Actual::default());
        assert_eq!(
            (mend.hosts, mend.lost),
            (vec![place("local")], vec![place("lab")])
        );
        assert_eq!(
            (names(&mend.agents), names(&mend.out_of_reach)),
            (vec!["A".into()], vec!["B".into()])
        );
    }

    #[test]
    fn a_machine_that_ssh_leads_to_is_gone_to_once() {
        let plan = plan(vec![agent("A", "local", false), agent("B", "far", false)]);
        let mut actual = Actual {
            hosts: [place("local")].into(),
            agents: BTreeMap::from([info("A", State::Running), info("B", State::Suspect)]),
            ..Actual::default()
        };
        let first = mend(&plan, &all(), &actual);
        assert_eq!(
            (&first.machines, &first.lost),
            (&vec![place("far")], &vec![])
        );
        assert!(!first.is_empty() && first.agents.is_empty());
        // It is there again, and tells that B has ended meanwhile.
        let back = Actual {
            hosts: [place("local"), place("far")].into(),
            dead: BTreeMap::from([("B".parse().unwrap(), None)]),
            ..actual.clone()
        };
        let second = mend(&plan, &all(), &back);
        assert!(second.machines.is_empty() && second.lost.is_empty());
        assert_eq!(names(&second.agents), ["B"]);
        // It could not be reached.
        actual.tried.insert(place("far"));
        actual.agents.extend([info("B", State::Unreachable)]);
        let second = mend(&plan, &all(), &actual);
        assert_eq!(
            (&second.machines, &second.lost),
            (&vec![], &vec![place("far")])
        );
        assert!(second.is_empty());
        assert_eq!(names(&second.out_of_reach), ["B"]);
    }

    #[test]
    fn who_was_left_half_done_begins_anew() {
        let plan = plan(vec![agent("A", "local", false), agent("B", "local", false)]);
        let actual = Actual {
            hosts: HOSTS.map(place).into(),
            agents: BTreeMap::from([info("A", State::Running), info("B", State::Failed)]),
            unfinished: ["A", "B"].map(|it| it.parse().unwrap()).into(),
            ..Actual::default()
        };
        let mend = mend(&plan, &all(), &actual);
        assert_eq!(
            (names(&mend.stop), names(&mend.agents)),
            (vec!["A".into()], vec!["A".into(), "B".into()])
        );
    }

    fn states() -> impl Strategy<Value = Option<State>> {
        use State::{Failed, Running, Starting, Stopped, Suspect, Unreachable};
        let all = vec![
            None,
            Some(Starting),
            Some(Running),
            Some(Suspect),
            Some(Unreachable),
            Some(Stopped),
            Some(Failed),
        ];
        prop::sample::select(all)
    }

    proptest! {
        #[test]
        fn what_is_mended_needs_no_mending_and_nobody_who_may_live_is_started_twice(
            agents in prop::collection::vec((states(), 0..HOSTS.len(), any::<[bool; 4]>()), 0..12),
            hosts in any::<[bool; 3]>(),
            reached in any::<bool>(),
        ) {
            let spec = |(at, (_, host, [job, ..])): (usize, &(Option<State>, usize, [bool; 4]))| {
                agent(&format!("A{at}"), HOSTS[*host], *job)
            };
            let plan = plan(agents.iter().enumerate().map(spec).collect());
            let mut actual = Actual::default();
            for (at, (state, _, [_, alive, unfinished, dead])) in agents.iter().enumerate() {
                let id: AgentId = format!("A{at}").parse().unwrap();
                actual.agents.extend(state.map(|state| info(&format!("A{at}"), state)));
                if *alive { actual.alive.insert(id.clone()); }
                if *unfinished { actual.unfinished.insert(id.clone()); }
                if *dead && !alive { actual.dead.insert(id, Some(1)); }
            }
            actual.hosts.extend(HOSTS.into_iter().zip(hosts).filter(|it| it.1).map(|it| place(it.0)));
            let before = mend(&plan, &all(), &actual);
            // Those machines are gone to, and all is looked at again.
            match reached {
                true => actual.hosts.extend(before.machines),
                false => actual.tried.extend(before.machines),
            }
            let first = mend(&plan, &all(), &actual);
            prop_assert!(first.machines.is_empty());
            for name in &first.agents {
                let heard = actual.agents.get(name).is_some_and(|it| !it.state.ended());
                let lives = heard && !actual.dead.contains_key(name) || actual.alive.contains(name);
                prop_assert!(!lives || first.stop.contains(name));
            }
            // Every agent is looked after once, or lives, or is done.
            let mut seen: Vec<&AgentId> = first.agents.iter().chain(&first.out_of_reach).collect();
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), first.agents.len() + first.out_of_reach.len());
            // It is carried out.
            actual.hosts.extend(first.hosts.iter().cloned());
            for name in &first.agents {
                actual.unfinished.remove(name);
                actual.dead.remove(name);
                actual.agents.extend([info(&name.to_string(), State::Running)]);
            }
            let second = mend(&plan, &all(), &actual);
            prop_assert!(second.is_empty(), "{second:?}");
            prop_assert_eq!(second.out_of_reach, first.out_of_reach);
        }
    }
}
