//! Agents that were stopped, and stay down.

use super::*;
use crate::model::{Program, Ready, Restart, RestartPolicy};

fn alice() -> AgentName {
    name("Alice")
}

/// An agent that is always started again.
fn spec() -> Box<AgentSpec> {
    let restart = Restart {
        policy: RestartPolicy::Always,
        ..Restart::default()
    };
    Box::new(AgentSpec {
        restart,
        ..AgentSpec::named(alice())
    })
}

fn running(spec: Box<AgentSpec>) -> Supervision {
    let mut supervision = Supervision::default();
    supervision.on_start(spec, Incarnation(1), Ticket(1));
    supervision.on_let_in(&alice(), Incarnation(1), Ok(()), seconds(0));
    supervision.on_spawned(&alice(), Some(Ticket(1)), Ok(100), seconds(0));
    supervision.on_keep(&[alice()], seconds(0));
    supervision.effects();
    supervision
}

fn stop(supervision: &mut Supervision, ticket: u64) {
    assert!(supervision.on_hold(&alice()));
    supervision.on_stop(&alice(), GRACE, Ticket(ticket), seconds(0));
}

/// What was told last of what becomes of it.
fn told(supervision: &mut Supervision) -> Option<(AfterEnd, bool)> {
    let effects = supervision.effects().into_iter().rev();
    let mut told = effects.filter_map(|effect| match effect {
        Effect::Report { then, asked, .. } => Some((then, asked)),
        _ => None,
    });
    told.next()
}

#[test]
fn one_that_runs_is_told_of_before_the_stop_is_answered_and_again_to_a_later_name_server() {
    let mut supervision = running(spec());
    stop(&mut supervision, 2);
    assert!(matches!(supervision.effects()[..], [Effect::Ask { .. }]));
    supervision.on_exited(&alice(), exit(143), true, seconds(1));
    let effects = supervision.effects();
    assert!(
        matches!(
            effects[..],
            [
                Effect::Report {
                    then: AfterEnd::StaysDown,
                    asked: true,
                    ..
                },
                Effect::AnswerStop { .. }
            ]
        ),
        "{effects:?}"
    );
    supervision.on_forgotten(seconds(2));
    assert_eq!(
        told(&mut supervision),
        Some((AfterEnd::StaysDown, true)),
        "it is known to the host only"
    );
    // That its system is up says nothing of it.
    supervision.on_keep(&[alice()], seconds(3));
    assert_eq!(supervision.effects(), []);
    supervision
        .on_restart_by_hand(&alice(), seconds(4))
        .unwrap();
    assert!(matches!(
        supervision.effects()[..],
        [Effect::Restart { .. }]
    ));
}

#[test]
fn one_that_has_failed_or_waits_stays_down_from_then_on() {
    for policy in [RestartPolicy::Never, RestartPolicy::Always] {
        let mut spec = spec();
        spec.restart.policy = policy;
        let mut supervision = running(spec.clone());
        supervision.on_exited(&alice(), exit(1), false, seconds(0));
        if policy == RestartPolicy::Always {
            supervision.on_restart(spec, Incarnation(2));
            supervision.on_let_in(&alice(), Incarnation(2), Ok(()), seconds(0));
            supervision.on_spawned(&alice(), None, Ok(100), seconds(0));
            supervision.on_exited(&alice(), exit(1), false, seconds(0));
        }
        supervision.effects();
        stop(&mut supervision, 2);
        assert_eq!(told(&mut supervision), Some((AfterEnd::StaysDown, true)));
        supervision.on_time(seconds(1000));
        assert_eq!(supervision.effects(), []);
    }
}

#[test]
fn a_job_that_is_done_stays_done() {
    let mut spec = spec();
    let mut program = Program::of_words(["x".to_owned()], "/".into());
    program.ready = Ready::Done;
    spec.program = Some(program);
    let mut supervision = running(spec);
    supervision.on_exited(&alice(), exit(0), false, seconds(0));
    supervision.effects();
    assert!(!supervision.on_hold(&alice()));
}

proptest! {
    /// Whatever else happens, it does not begin again until a member says so.
    #[test]
    fn it_begins_by_hand_only(steps in prop::collection::vec((0u8..7, 0u64..40), 0..60)) {
        let mut supervision = running(spec());
        let (mut now, mut life, mut tickets, mut runs) = (seconds(0), 1, 10, true);
        let mut is_stopped = false;
        for (what, number) in steps {
            match what {
                0 => {
                    supervision.on_hold(&alice());
                    supervision.on_stop(&alice(), GRACE, Ticket(tickets), now);
                    (tickets, is_stopped) = (tickets + 1, true);
                }
                1 | 2 if runs => {
                    runs = false;
                    supervision.on_exited(&alice(), exit(what.into()), false, now);
                }
                3 => {
                    now += seconds(number);
                    supervision.on_time(now);
                }
                4 => supervision.on_keep(&[alice()], now),
                5 => supervision.on_forgotten(now),
                6 if supervision.on_restart_by_hand(&alice(), now).is_ok() => is_stopped = false,
                _ => {}
            }
            loop {
                let effects = supervision.effects();
                if effects.is_empty() {
                    break;
                }
                for effect in effects {
                    match effect {
                        Effect::Restart { .. } => {
                            prop_assert!(!is_stopped);
                            life += 1;
                            supervision.on_restart(spec(), Incarnation(life));
                            supervision.on_let_in(&alice(), Incarnation(life), Ok(()), now);
                        }
                        Effect::Spawn { ticket, .. } => {
                            runs = true;
                            supervision.on_spawned(&alice(), ticket, Ok(100), now);
                        }
                        Effect::Report { then, .. } if is_stopped => {
                            prop_assert_eq!(then, AfterEnd::StaysDown);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
