//! Agents that the name server has not heard of for long.

use super::restarts::{coming_up, kept};
use super::*;
use crate::model::timing::HUNG_LOOK_INTERVAL;
use crate::model::{RestartPolicy, State};

/// What it does when the name server says so of the agent's life.
fn told(supervision: &mut Supervision, life: u64, state: State, now: Now) -> Vec<Effect> {
    supervision.on_presence(&name("Alice"), Incarnation(life), state, now);
    supervision.on_time(now);
    supervision.effects()
}

fn look() -> Effect {
    let agent = name("Alice");
    Effect::Look { agent }
}

#[test]
fn who_stands_still_is_killed_and_who_works_on_is_not() {
    let mut supervision = kept(RestartPolicy::OnFailure, 3);
    let mut now = seconds(10);
    let effects = told(&mut supervision, 1, State::Unreachable, now);
    assert_eq!(effects, [look()]);
    for progress in 0..5 {
        supervision.on_progress(&name("Alice"), Some(progress), now);
        assert_eq!(supervision.effects(), []);
        now += HUNG_LOOK_INTERVAL;
        assert_eq!(supervision.next_deadline(), Some(now));
        supervision.on_time(now);
        assert_eq!(supervision.effects(), [look()]);
    }
    supervision.on_progress(&name("Alice"), Some(4), now);
    let agent = name("Alice");
    assert_eq!(supervision.effects(), [Effect::KillHung { agent }]);
    assert_eq!(supervision.next_deadline(), None);
}

#[test]
fn who_is_heard_again_or_ends_is_not_looked_at() {
    let mut supervision = kept(RestartPolicy::Always, 3);
    told(&mut supervision, 1, State::Unreachable, seconds(10));
    assert_eq!(told(&mut supervision, 1, State::Running, seconds(11)), []);
    assert_eq!(supervision.next_deadline(), None);
    told(&mut supervision, 1, State::Unreachable, seconds(20));
    supervision.on_stop(&name("Alice"), GRACE, Ticket(5), seconds(21));
    supervision.effects();
    supervision.on_time(seconds(24));
    assert_eq!(supervision.effects(), [], "its end has other stages");
    // What cannot be told is no sign.
    let mut supervision = kept(RestartPolicy::Always, 3);
    told(&mut supervision, 1, State::Unreachable, seconds(10));
    supervision.on_progress(&name("Alice"), None, seconds(10));
    assert_eq!(supervision.next_deadline(), None);
}

#[test]
fn only_who_would_be_started_again_is_looked_at() {
    for mut supervision in [
        kept(RestartPolicy::Never, 3),
        coming_up(RestartPolicy::Always, 3),
    ] {
        let effects = told(&mut supervision, 1, State::Unreachable, seconds(10));
        assert_eq!(effects, []);
    }
    let mut supervision = kept(RestartPolicy::Always, 3);
    let effects = told(&mut supervision, 7, State::Unreachable, seconds(10));
    assert_eq!(effects, [], "it is another life");
}
