//! Agents that are started again by policy.

use super::*;
use crate::model::{AgentSpec, Decimal, Restart, RestartPolicy};

/// An agent with that policy, in a system that is not up yet.
pub(super) fn coming_up(policy: RestartPolicy, limit: u32) -> Supervision {
    let mut supervision = Supervision::default();
    let restart = Restart {
        policy,
        limit,
        jitter: Decimal::of_thousandths(0),
        ..Restart::default()
    };
    let spec = Box::new(AgentSpec {
        restart,
        ..AgentSpec::named(name("Alice"))
    });
    supervision.on_start(spec, Incarnation(1), Ticket(1));
    supervision.on_let_in(&name("Alice"), Incarnation(1), Ok(()), seconds(0));
    supervision.on_spawned(&name("Alice"), Some(Ticket(1)), Ok(100), seconds(0));
    supervision.effects();
    supervision
}

/// The same, when its system is up.
pub(super) fn kept(policy: RestartPolicy, limit: u32) -> Supervision {
    let mut supervision = coming_up(policy, limit);
    supervision.on_keep(&[name("Alice")], seconds(0));
    supervision
}

/// The next life begins, as far as it is asked for.
fn begins_again(supervision: &mut Supervision, now: Now) -> bool {
    let effects = supervision.effects();
    let again = |effect: &Effect| matches!(effect, Effect::Restart { .. });
    if !effects.iter().any(again) {
        return false;
    }
    let spec = Box::new(AgentSpec::named(name("Alice")));
    supervision.on_restart(spec, Incarnation(2));
    supervision.on_let_in(&name("Alice"), Incarnation(2), Ok(()), now);
    supervision.on_spawned(&name("Alice"), None, Ok(100), now);
    let effects = supervision.effects();
    assert!(
        effects
            .iter()
            .any(|it| matches!(it, Effect::Spawn { ticket: None, .. })),
        "{effects:?}"
    );
    true
}

#[test]
fn it_is_started_again_at_once_and_then_later_and_then_no_more() {
    let mut supervision = kept(RestartPolicy::OnFailure, 3);
    let mut now = seconds(0);
    for wait in [0, 100, 200] {
        supervision.on_exited(&name("Alice"), exit(1), false, now);
        if wait > 0 {
            assert!(!begins_again(&mut supervision, now), "{wait}");
            now += Duration::from_millis(wait);
            assert_eq!(supervision.next_deadline(), Some(now));
            supervision.on_time(now);
        }
        assert!(begins_again(&mut supervision, now), "{wait}");
    }
    supervision.on_exited(&name("Alice"), exit(7), false, now);
    let effects = supervision.effects();
    let [Effect::Report { then, exit, .. }, Effect::Failed { .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let within = Restart::default().within;
    assert_eq!(
        *then,
        AfterEnd::GivenUp {
            restarts: 3,
            within
        }
    );
    assert_eq!(exit.status, Some(7));
    assert_eq!(supervision.next_deadline(), None);
    supervision.on_forgotten(now);
    assert!(matches!(
        supervision.effects()[..],
        [Effect::Report {
            then: AfterEnd::GivenUp { .. },
            ..
        }]
    ));
}

#[test]
fn one_that_ends_while_its_system_comes_up_is_started_again_then() {
    let mut supervision = coming_up(RestartPolicy::Always, 3);
    supervision.on_exited(&name("Alice"), exit(1), false, seconds(0));
    assert!(!begins_again(&mut supervision, seconds(0)));
    supervision.on_keep(&[name("Alice")], seconds(1));
    assert!(begins_again(&mut supervision, seconds(1)));
}

#[test]
fn ends_of_a_program_count_as_those_of_its_agent() {
    let mut supervision = kept(RestartPolicy::OnFailure, 2);
    let now = seconds(1);
    let ended = |of: &mut Supervision, life, status| {
        of.on_program_ended(&name("Alice"), Incarnation(life), &exit(status), now)
    };
    let again = |wait| AfterEnd::Again {
        wait: Millis::new(wait),
    };
    assert_eq!(
        ended(&mut supervision, 7, 1),
        AfterEnd::Stays,
        "another life"
    );
    assert_eq!(
        ended(&mut supervision, 1, 0),
        AfterEnd::Stays,
        "as it should"
    );
    assert_eq!(ended(&mut supervision, 1, 1), again(0));
    assert_eq!(ended(&mut supervision, 1, 1), again(100));
    let given_up = ended(&mut supervision, 1, 1);
    assert!(matches!(given_up, AfterEnd::GivenUp { restarts: 2, .. }));
    // The agent ends with it, and is not started again either.
    supervision.on_exited(&name("Alice"), exit(1), false, now);
    assert!(!begins_again(&mut supervision, now));
    assert_eq!(ended(&mut supervision, 1, 1), AfterEnd::Stays);

    let mut stopped = kept(RestartPolicy::Always, 2);
    stopped.on_stop(&name("Alice"), GRACE, Ticket(5), now);
    assert_eq!(ended(&mut stopped, 1, 1), AfterEnd::Stays);
    let mut early = coming_up(RestartPolicy::Always, 2);
    assert_eq!(ended(&mut early, 1, 1), AfterEnd::Stays);
}

#[test]
fn it_has_failed_if_it_ended_badly_by_itself_in_a_system_that_is_up() {
    let has_failed = |mut of: Supervision, status, asked| {
        of.on_exited(&name("Alice"), exit(status), asked, seconds(1));
        let effects = of.effects();
        effects.iter().any(|it| matches!(it, Effect::Failed { .. }))
    };
    let never = || kept(RestartPolicy::Never, 3);
    assert!(has_failed(never(), 1, false));
    assert!(!has_failed(never(), 0, false));
    assert!(!has_failed(never(), 1, true), "it was asked to end");
    assert!(!has_failed(coming_up(RestartPolicy::Never, 3), 1, false));
    assert!(!has_failed(kept(RestartPolicy::Always, 3), 1, false));
    let mut stopped = never();
    stopped.on_stop(&name("Alice"), GRACE, Ticket(5), seconds(1));
    assert!(!has_failed(stopped, 1, false));
}

#[test]
fn what_was_long_ago_does_not_count() {
    let mut supervision = kept(RestartPolicy::Always, 2);
    for n in 0..20 {
        let now = seconds(n * 601);
        supervision.on_exited(&name("Alice"), exit(0), false, now);
        assert!(begins_again(&mut supervision, now), "{n}");
    }
}

#[test]
fn before_its_system_is_up_and_by_other_policies_it_stays_ended() {
    let mut early = started(&["Alice"]);
    early.on_exited(&name("Alice"), exit(1), false, seconds(0));
    assert!(!begins_again(&mut early, seconds(0)));
    for (policy, status) in [(RestartPolicy::Never, 1), (RestartPolicy::OnFailure, 0)] {
        let mut supervision = kept(policy, 3);
        supervision.on_exited(&name("Alice"), exit(status), false, seconds(0));
        assert!(!begins_again(&mut supervision, seconds(0)), "{policy}");
    }
}

#[test]
fn one_that_waits_is_stopped_started_by_hand_and_shut_down() {
    let waiting = || {
        let mut supervision = kept(RestartPolicy::Always, 9);
        supervision.on_exited(&name("Alice"), exit(1), false, seconds(0));
        assert!(begins_again(&mut supervision, seconds(0)));
        supervision.on_exited(&name("Alice"), exit(1), false, seconds(0));
        supervision.effects();
        assert!(supervision.next_deadline().is_some());
        assert_eq!(supervision.alive().count(), 0);
        supervision
    };
    let mut stopped = waiting();
    stopped.on_stop(&name("Alice"), GRACE, Ticket(5), seconds(0));
    let effects = stopped.effects();
    let already = |it: &Effect| matches!(it, Effect::AnswerStop { ticket: Ticket(5), outcome: Ok(it) } if it.stage == StopStage::Already);
    assert!(effects.iter().any(already), "{effects:?}");
    let mut ended = waiting();
    ended.on_shutdown(GRACE, None, seconds(0));
    let last = ended.effects().pop();
    assert!(matches!(last, Some(Effect::End { .. })), "{last:?}");
    let mut begun = waiting();
    let spec = Box::new(AgentSpec::named(name("Alice")));
    begun.on_start(spec, Incarnation(9), Ticket(6));
    for supervision in [&mut stopped, &mut ended, &mut begun] {
        supervision.on_time(seconds(100));
        let effects = supervision.effects();
        let again = |it: &Effect| matches!(it, Effect::Restart { .. });
        assert!(!effects.iter().any(again), "{effects:?}");
        assert_eq!(supervision.next_deadline(), None);
    }
}

#[test]
fn a_restart_that_cannot_begin_counts_as_one() {
    let mut supervision = kept(RestartPolicy::Always, 2);
    supervision.on_exited(&name("Alice"), exit(1), false, seconds(0));
    let mut now = seconds(0);
    let mut tries = 0;
    while supervision
        .effects()
        .iter()
        .any(|it| matches!(it, Effect::Restart { .. }))
    {
        tries += 1;
        let spec = Box::new(AgentSpec::named(name("Alice")));
        supervision.on_restart(spec, Incarnation(tries));
        let why = start::fault(&name("Alice"), "no");
        supervision.on_let_in(&name("Alice"), Incarnation(tries), Err(why), now);
        if let Some(next) = supervision.next_deadline() {
            now = next;
            supervision.on_time(now);
        }
    }
    assert_eq!(tries, 2);
    assert_eq!(supervision.next_deadline(), None);
}

#[test]
fn by_hand_it_begins_again_at_once_whatever_its_policy_and_as_if_nothing_had_been() {
    let begin = |supervision: &mut Supervision, now| {
        supervision.effects();
        supervision.on_restart_by_hand(&name("Alice"), now)
    };
    // Done, asked to end, given up, and waiting.
    let mut done = kept(RestartPolicy::Never, 1);
    done.on_exited(&name("Alice"), exit(0), false, seconds(1));
    let mut asked = kept(RestartPolicy::Always, 1);
    asked.on_exited(&name("Alice"), exit(0), true, seconds(1));
    let mut given_up = kept(RestartPolicy::Always, 0);
    given_up.on_exited(&name("Alice"), exit(1), false, seconds(1));
    let mut waiting = kept(RestartPolicy::Always, 3);
    for _ in 0..2 {
        waiting.on_exited(&name("Alice"), exit(1), false, seconds(1));
        begins_again(&mut waiting, seconds(1));
    }
    for supervision in [&mut done, &mut asked, &mut given_up, &mut waiting] {
        assert_eq!(begin(supervision, seconds(2)), Ok(()));
        assert!(begins_again(supervision, seconds(2)));
        assert_eq!(supervision.next_deadline(), None);
        // It runs now.
        assert!(begin(supervision, seconds(2)).is_err());
    }
    assert!(matches!(
        waiting.on_restart_by_hand(&name("Bob"), seconds(2)),
        Err(Fault::UnknownAgent { .. })
    ));
}
