//! Agents that a daemon finds in its folder, of a daemon before it: when its machine has started again, and when that daemon
//! was killed.

use super::*;
use crate::model::{Restart, RestartPolicy};
use crate::supervision::{Condition, TakenBack};

fn known(found: Condition, stopped: bool) -> TakenBack {
    TakenBack {
        incarnation: Incarnation(1),
        is_up: true,
        stopped,
        restarts: 0,
        found,
    }
}

fn unknown() -> ExitReport {
    ExitReport {
        status: None,
        ..exit(0)
    }
}

fn found(condition: Condition, stopped: bool) -> Supervision {
    let mut supervision = Supervision::default();
    let spec = AgentSpec::named(name("Alice"));
    supervision.on_taken_back(&spec, known(condition, stopped), seconds(0));
    supervision
}

/// What was told of what becomes of it, and whether its next life begins.
fn told(supervision: &mut Supervision) -> (Vec<AfterEnd>, bool) {
    let effects = supervision.effects();
    let begins = effects
        .iter()
        .any(|it| matches!(it, Effect::Restart { .. }));
    let told = effects.into_iter().filter_map(|effect| match effect {
        Effect::Report { then, .. } => Some(then),
        _ => None,
    });
    (told.collect(), begins)
}

#[test]
fn one_that_ran_begins_its_next_life_whatever_its_policy() {
    let mut supervision = found(Condition::Again { exit: unknown() }, false);
    let wait = Millis::new(0);
    assert_eq!(
        told(&mut supervision),
        (vec![AfterEnd::Again { wait }], true)
    );
    let spec = Box::new(AgentSpec::named(name("Alice")));
    supervision.on_restart(spec, Incarnation(2));
    assert!(supervision.on_let_in(&name("Alice"), Incarnation(2), Ok(()), seconds(1)));
    supervision.on_spawned(&name("Alice"), None, Ok(100), seconds(1));
    let effects = supervision.effects();
    assert!(
        matches!(
            effects[..],
            [
                Effect::LetIn { .. },
                Effect::Spawn {
                    incarnation: Incarnation(2),
                    ticket: None,
                    ..
                }
            ]
        ),
        "{effects:?}"
    );
    // It is one that runs: what is found of it later is old.
    let late = known(Condition::Stays { exit: exit(0) }, true);
    let spec = AgentSpec::named(name("Alice"));
    supervision.on_taken_back(&spec, late, seconds(2));
    assert_eq!(supervision.effects(), []);
    assert_eq!(
        supervision.incarnation(&name("Alice")),
        Some(Incarnation(2))
    );
}

#[test]
fn one_that_was_stopped_stays_down_until_it_is_started() {
    let mut supervision = found(Condition::Stays { exit: unknown() }, true);
    assert_eq!(told(&mut supervision), (vec![AfterEnd::StaysDown], false));
    // Its system is up, and a name server without memory is told.
    supervision.on_keep(&[name("Alice")], seconds(1));
    supervision.on_forgotten(seconds(1));
    assert_eq!(told(&mut supervision), (vec![AfterEnd::StaysDown], false));
    supervision
        .on_restart_by_hand(&name("Alice"), seconds(2))
        .unwrap();
    assert!(told(&mut supervision).1);
}

#[test]
fn a_job_that_is_to_be_done_once_stays_done() {
    let mut supervision = found(Condition::Stays { exit: unknown() }, false);
    assert_eq!(told(&mut supervision), (vec![AfterEnd::Stays], false));
    supervision
        .on_restart_by_hand(&name("Alice"), seconds(2))
        .unwrap();
    assert!(told(&mut supervision).1);
}

/// An agent of this policy that had been started again so often.
fn with_policy(policy: RestartPolicy, limit: u32, restarts: u32, found: Condition) -> Supervision {
    let spec = AgentSpec {
        restart: Restart {
            policy,
            limit,
            ..Restart::default()
        },
        ..AgentSpec::named(name("Alice"))
    };
    let mut supervision = Supervision::default();
    let known = TakenBack {
        restarts,
        ..known(found, false)
    };
    supervision.on_taken_back(&spec, known, seconds(0));
    supervision
}

#[test]
fn one_that_lives_is_as_if_this_daemon_had_started_it() {
    let mut supervision = with_policy(RestartPolicy::OnFailure, 3, 0, Condition::Alive);
    assert_eq!(supervision.effects(), [], "it is not touched");
    assert!(supervision.alive().eq([&name("Alice")]));
    supervision.on_exited(&name("Alice"), exit(1), false, seconds(1));
    assert!(matches!(
        told(&mut supervision).0[..],
        [AfterEnd::Again { .. }]
    ));
}

#[test]
fn an_end_that_no_daemon_saw_has_its_consequences_and_the_count_goes_on() {
    let ended = |status, asked| Condition::Ended {
        exit: exit(status),
        asked,
    };
    let of = |restarts, found| {
        let mut supervision = with_policy(RestartPolicy::OnFailure, 3, restarts, found);
        told(&mut supervision).0
    };
    assert!(matches!(
        of(2, ended(1, false))[..],
        [AfterEnd::Again { .. }]
    ));
    assert!(matches!(
        of(3, ended(1, false))[..],
        [AfterEnd::GivenUp { restarts: 3, .. }]
    ));
    assert_eq!(
        of(0, ended(0, false)),
        [AfterEnd::Stays],
        "it has done its work"
    );
    assert_eq!(of(0, ended(1, true)), [AfterEnd::Stays], "it was asked to");
    let stays = Condition::Stays { exit: exit(1) };
    assert_eq!(of(0, stays), [AfterEnd::Stays], "that was decided before");
}
