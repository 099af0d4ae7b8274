mod along;
mod restarts;
mod silent;
mod stays_down;
mod stop_timeout;
mod taken_back;

use proptest::prelude::*;

use super::*;

const GRACE: Grace = Grace::USUAL;

fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

fn exit(status: i32) -> ExitReport {
    ExitReport {
        status: Some(status),
        signal: None,
        log: Vec::new(),
        cause: None,
    }
}

fn seconds(n: u64) -> Now {
    Duration::from_secs(n)
}

fn started(agents: &[&str]) -> Supervision {
    let mut supervision = Supervision::default();
    for (n, agent) in agents.iter().enumerate() {
        let ticket = Ticket(n as u64);
        let spec = Box::new(AgentSpec::named(name(agent)));
        let incarnation = Incarnation(n as u64);
        supervision.on_start(spec, incarnation, ticket);
        assert!(supervision.on_let_in(&name(agent), incarnation, Ok(()), seconds(0)));
        supervision.on_spawned(&name(agent), Some(ticket), Ok(100), seconds(0));
    }
    supervision.effects();
    supervision
}

#[test]
fn an_agent_is_started_once() {
    let mut supervision = started(&["Alice"]);
    let spec = Box::new(AgentSpec::named(name("Alice")));
    supervision.on_start(spec, Incarnation(2), Ticket(9));
    let effects = supervision.effects();
    assert!(matches!(
        &effects[..],
        [Effect::AnswerStart {
            ticket: Ticket(9),
            outcome: Err(_)
        }]
    ));
}

fn starting(agent: &str, incarnation: u64, ticket: u64) -> Supervision {
    let mut supervision = Supervision::default();
    let spec = Box::new(AgentSpec::named(name(agent)));
    supervision.on_start(spec, Incarnation(incarnation), Ticket(ticket));
    supervision.effects();
    supervision
}

fn is_refused(effect: &Effect, of: u64) -> bool {
    matches!(effect, Effect::AnswerStart { ticket: Ticket(n), outcome: Err(_) } if *n == of)
}

#[test]
fn an_agent_is_let_in_before_it_is_started() {
    let mut supervision = starting("Alice", 1, 5);
    let spec = Box::new(AgentSpec::named(name("Alice")));
    supervision.on_start(spec, Incarnation(2), Ticket(6));
    let effects = supervision.effects();
    assert!(is_refused(&effects[0], 6), "one start at a time");
    assert!(supervision.on_let_in(&name("Alice"), Incarnation(1), Ok(()), seconds(0)));
    let effects = supervision.effects();
    assert!(matches!(
        &effects[..],
        [Effect::Spawn {
            ticket: Some(Ticket(5)),
            ..
        }]
    ));
    assert!(!supervision.on_let_in(&name("Alice"), Incarnation(1), Ok(()), seconds(0)));
    let why = start::fault(&name("Alice"), "no");
    assert!(!supervision.on_let_in(&name("Alice"), Incarnation(1), Err(why), seconds(0)));
    assert_eq!(supervision.effects(), [], "it runs, and goes on");
}

#[test]
fn an_agent_that_is_not_let_in_is_not_there() {
    let mut supervision = starting("Alice", 1, 5);
    let why = start::fault(&name("Alice"), "no");
    assert!(!supervision.on_let_in(&name("Alice"), Incarnation(1), Err(why), seconds(0)));
    assert!(is_refused(&supervision.effects()[0], 5));
    supervision.on_shutdown(GRACE, None, seconds(0));
    assert!(matches!(supervision.effects()[..], [Effect::End { .. }]));
}

#[test]
fn a_start_that_comes_to_nothing_leaves_the_former_end_known() {
    let mut supervision = started(&["Alice"]);
    supervision.on_exited(&name("Alice"), exit(3), false, seconds(0));
    let spec = Box::new(AgentSpec::named(name("Alice")));
    supervision.on_start(spec, Incarnation(7), Ticket(9));
    supervision.effects();
    let why = start::fault(&name("Alice"), "no");
    assert!(!supervision.on_let_in(&name("Alice"), Incarnation(7), Err(why), seconds(0)));
    assert!(is_refused(&supervision.effects()[0], 9));
    supervision.on_forgotten(seconds(0));
    assert!(matches!(
        &supervision.effects()[..],
        [Effect::Report {
            incarnation: Incarnation(0),
            asked: false,
            ..
        }]
    ));
}

#[test]
fn a_start_is_called_off_by_a_stop_and_by_a_shutdown() {
    for shutdown in [false, true] {
        let mut supervision = starting("Alice", 1, 5);
        match shutdown {
            true => supervision.on_shutdown(GRACE, None, seconds(0)),
            false => supervision.on_stop(&name("Alice"), GRACE, Ticket(7), seconds(0)),
        }
        let effects = supervision.effects();
        assert!(is_refused(&effects[0], 5));
        let already = Stopped::at(name("Alice"), StopStage::Already);
        let rest = match shutdown {
            true => Effect::End {
                ticket: None,
                stopped: Vec::new(),
            },
            false => Effect::AnswerStop {
                ticket: Ticket(7),
                outcome: Ok(already),
            },
        };
        assert_eq!(effects[1..], [rest]);
        assert!(!supervision.on_let_in(&name("Alice"), Incarnation(1), Ok(()), seconds(0)));
        assert_eq!(supervision.effects(), [], "that comes too late");
    }
}

#[test]
fn the_stop_stages_follow_one_another() {
    let mut supervision = started(&["Alice"]);
    supervision.on_stop(&name("Alice"), GRACE, Ticket(1), seconds(0));
    assert_eq!(
        supervision.effects(),
        [Effect::Ask {
            agent: name("Alice"),
            grace: Millis::from_secs(5),
        }]
    );
    supervision.on_time(seconds(4));
    assert_eq!(supervision.effects(), []);
    supervision.on_time(seconds(5));
    assert_eq!(
        supervision.effects(),
        [Effect::Terminate {
            agent: name("Alice")
        }]
    );
    assert_eq!(supervision.next_deadline(), Some(seconds(7)));
    supervision.on_time(seconds(7));
    assert_eq!(
        supervision.effects(),
        [Effect::Kill {
            agent: name("Alice")
        }]
    );
    assert_eq!(supervision.next_deadline(), None);
    let killed = ExitReport {
        status: None,
        signal: Some(9),
        log: Vec::new(),
        cause: None,
    };
    supervision.on_exited(&name("Alice"), killed.clone(), false, seconds(0));
    let stopped = Stopped::at(name("Alice"), StopStage::Killed);
    assert_eq!(
        supervision.effects(),
        [
            Effect::Report {
                agent: name("Alice"),
                incarnation: Incarnation(0),
                exit: killed,
                asked: true,
                then: AfterEnd::Stays,
            },
            Effect::AnswerStop {
                ticket: Ticket(1),
                outcome: Ok(stopped)
            },
        ]
    );
}

#[test]
fn an_agent_that_had_to_kill_its_program_counts_as_killed() {
    let mut supervision = started(&["Alice"]);
    supervision.on_stop(&name("Alice"), GRACE, Ticket(1), seconds(0));
    supervision.effects();
    supervision.on_exited(&name("Alice"), exit(128 + 9), false, seconds(0));
    let outcome = Ok(Stopped::at(name("Alice"), StopStage::Killed));
    let ticket = Ticket(1);
    assert_eq!(
        supervision.effects()[1],
        Effect::AnswerStop { ticket, outcome }
    );
}

#[test]
fn an_agent_that_cannot_be_asked_is_terminated_at_once() {
    let mut supervision = started(&["Alice"]);
    supervision.on_stop(&name("Alice"), GRACE, Ticket(1), seconds(0));
    supervision.on_not_asked(&name("Alice"), seconds(1));
    supervision.effects();
    supervision.on_time(seconds(1));
    assert_eq!(
        supervision.effects(),
        [Effect::Terminate {
            agent: name("Alice")
        }]
    );
}

#[test]
fn an_end_that_nobody_asked_for_is_reported_as_such() {
    let mut supervision = started(&["Alice"]);
    supervision.on_exited(&name("Alice"), exit(3), false, seconds(0));
    let effects = supervision.effects();
    assert!(matches!(
        &effects[..],
        [Effect::Report { asked: false, .. }]
    ));
    supervision.on_stop(&name("Alice"), GRACE, Ticket(1), seconds(0));
    let effects = supervision.effects();
    assert!(matches!(
        &effects[..],
        [Effect::AnswerStop {
            outcome: Ok(Stopped {
                stage: StopStage::Already,
                ..
            }),
            ..
        }]
    ));
}

#[test]
fn a_shutdown_of_nobody_ends_at_once_and_refuses_starts() {
    let mut supervision = started(&[]);
    supervision.on_shutdown(GRACE, Some(Ticket(4)), seconds(0));
    assert_eq!(
        supervision.effects(),
        [Effect::End {
            ticket: Some(Ticket(4)),
            stopped: vec![]
        }]
    );
    supervision.on_start(
        Box::new(AgentSpec::named(name("Bob"))),
        Incarnation(1),
        Ticket(5),
    );
    assert!(matches!(
        &supervision.effects()[..],
        [Effect::AnswerStart {
            outcome: Err(_),
            ..
        }]
    ));
}

#[test]
fn a_second_shutdown_loses_patience() {
    let mut supervision = started(&["Alice"]);
    supervision.on_shutdown(GRACE, None, seconds(0));
    supervision.on_shutdown(GRACE, None, seconds(1));
    supervision.effects();
    supervision.on_time(seconds(1));
    assert_eq!(
        supervision.effects(),
        [Effect::Terminate {
            agent: name("Alice")
        }]
    );
}

proptest! {
    /// However agents end and however often they are asked to, a shutdown comes to its end once
    /// all have ended, every ticket is answered once, and no process is signalled after the end.
    #[test]
    fn a_shutdown_always_ends(steps in prop::collection::vec((0u8..5, 0usize..3, 0u64..4), 0..40)) {
        let agents = ["Alice", "Bob", "Carol"];
        let mut supervision = started(&agents);
        let mut alive = vec![true; agents.len()];
        let (mut now, mut tickets, mut answers) = (seconds(0), 0u64, 0u64);
        let mut shutdown = false;
        for (what, who, number) in steps {
            let agent = name(agents[who]);
            match what {
                0 => {
                    supervision.on_stop(&agent, GRACE, Ticket(100 + tickets), now);
                    tickets += 1;
                }
                1 if alive[who] => {
                    alive[who] = false;
                    supervision.on_exited(&agent, exit(0), false, seconds(0));
                }
                2 => {
                    now += seconds(number);
                    supervision.on_time(now);
                }
                3 => supervision.on_not_asked(&agent, now),
                4 => {
                    supervision.on_shutdown(GRACE, None, now);
                    shutdown = true;
                }
                _ => {}
            }
            for effect in supervision.effects() {
                match effect {
                    Effect::AnswerStop { .. } => answers += 1,
                    Effect::Terminate { agent } | Effect::Kill { agent } => {
                        let who = agents.iter().position(|it| *it == agent.as_str()).unwrap();
                        prop_assert!(alive[who], "{agent} had ended");
                    }
                    Effect::End { .. } => prop_assert!(shutdown && alive.iter().all(|it| !it)),
                    _ => {}
                }
            }
        }
        supervision.on_shutdown(GRACE, Some(Ticket(1)), now);
        let mut ended = !alive.contains(&true);
        for (who, agent) in agents.iter().enumerate().filter(|(who, _)| alive[*who]) {
            let _ = who;
            supervision.on_exited(&name(agent), exit(0), false, seconds(0));
        }
        for effect in supervision.effects() {
            answers += u64::from(matches!(effect, Effect::AnswerStop { .. }));
            ended |= matches!(effect, Effect::End { .. });
        }
        prop_assert!(ended);
        prop_assert_eq!(tickets, answers);
        prop_assert_eq!(supervision.next_deadline(), None);
    }
}

#[test]
fn a_name_server_without_memory_is_told_of_ends_again() {
    let mut supervision = started(&["Alice", "Bob"]);
    supervision.on_exited(&name("Alice"), exit(3), false, seconds(0));
    let told = supervision.effects();
    supervision.on_forgotten(seconds(0));
    assert_eq!(supervision.effects(), told);
}

#[test]
fn a_new_name_server_hears_nothing_of_an_agent_that_was_stopped_for_good() {
    let mut supervision = started(&["Alice", "Bob"]);
    supervision.on_stop(&name("Alice"), GRACE, Ticket(9), Now::ZERO);
    supervision.on_exited(&name("Alice"), exit(0), false, seconds(0));
    supervision.on_exited(&name("Bob"), exit(1), false, seconds(0));
    supervision.on_stop(&name("Bob"), GRACE, Ticket(10), Now::ZERO);
    supervision.effects();
    supervision.on_forgotten(seconds(0));
    assert_eq!(supervision.effects(), []);
}
