//! Agents that a daemon finds in its folder when its machine has started again.

use super::*;
use crate::supervision::{Found, Wanted};

fn found(wanted: Wanted) -> Supervision {
    let mut supervision = Supervision::default();
    let found = Found {
        spec: &AgentSpec::named(name("Alice")),
        life: Incarnation(1),
        exit: ExitReport {
            status: None,
            ..exit(0)
        },
        wanted,
    };
    supervision.on_found(found, seconds(0));
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
    let mut supervision = found(Wanted::Runs);
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
    let late = Found {
        spec: &AgentSpec::named(name("Alice")),
        life: Incarnation(1),
        exit: exit(0),
        wanted: Wanted::StaysDown,
    };
    supervision.on_found(late, seconds(2));
    assert_eq!(supervision.effects(), []);
    assert_eq!(
        supervision.incarnation(&name("Alice")),
        Some(Incarnation(2))
    );
}

#[test]
fn one_that_was_stopped_stays_down_until_it_is_started() {
    let mut supervision = found(Wanted::StaysDown);
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
    let mut supervision = found(Wanted::StaysDone);
    assert_eq!(told(&mut supervision), (vec![AfterEnd::Stays], false));
    supervision
        .on_restart_by_hand(&name("Alice"), seconds(2))
        .unwrap();
    assert!(told(&mut supervision).1);
}
