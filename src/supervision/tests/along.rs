//! Agents that are restarted because others were.

use super::*;

fn kept(agents: &[&str]) -> Supervision {
    let mut supervision = started(agents);
    let names: Vec<AgentName> = agents.iter().map(|it| name(it)).collect();
    supervision.on_keep(&names, seconds(0));
    supervision.effects();
    supervision
}

fn is_restarted(supervision: &mut Supervision) -> bool {
    let effects = supervision.effects();
    effects
        .iter()
        .any(|it| matches!(it, Effect::Restart { .. }))
}

#[test]
fn one_that_runs_ends_by_the_stages_and_begins_again_whatever_its_policy() {
    let mut supervision = kept(&["Bob"]);
    supervision.on_restart_along(&name("Bob"), GRACE, seconds(1));
    assert!(matches!(supervision.effects()[..], [Effect::Ask { .. }]));
    supervision.on_time(seconds(6));
    assert!(matches!(
        supervision.effects()[..],
        [Effect::Terminate { .. }]
    ));
    supervision.on_exited(&name("Bob"), exit(143), true, seconds(7));
    let effects = supervision.effects();
    assert!(
        matches!(
            effects[..],
            [
                Effect::Report {
                    then: AfterEnd::Again { .. },
                    ..
                },
                Effect::Restart { .. }
            ]
        ),
        "{effects:?}"
    );
    assert_eq!(supervision.next_deadline(), None);
}

#[test]
fn what_is_asked_meanwhile_goes_before() {
    for stop in [true, false] {
        let mut supervision = kept(&["Bob"]);
        supervision.on_restart_along(&name("Bob"), GRACE, seconds(1));
        match stop {
            true => supervision.on_stop(&name("Bob"), GRACE, Ticket(9), seconds(2)),
            false => supervision.on_shutdown(GRACE, None, seconds(2)),
        }
        supervision.on_exited(&name("Bob"), exit(0), true, seconds(3));
        assert!(!is_restarted(&mut supervision));
        assert_eq!(supervision.next_deadline(), None);
    }
}

#[test]
fn one_that_does_not_run_or_is_not_up_yet_is_let_be() {
    let mut early = started(&["Bob"]);
    early.on_restart_along(&name("Bob"), GRACE, seconds(1));
    assert_eq!(early.effects(), []);
    let mut ended = kept(&["Bob"]);
    ended.on_exited(&name("Bob"), exit(0), false, seconds(0));
    ended.effects();
    ended.on_restart_along(&name("Bob"), GRACE, seconds(1));
    assert_eq!(ended.effects(), []);
}
