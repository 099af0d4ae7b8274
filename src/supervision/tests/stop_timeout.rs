//! Agents that say themselves how long they get to end.

use super::*;

/// Agents of which each has that `stop_timeout`, in seconds.
fn patient(agents: &[(&str, Option<u64>)]) -> Supervision {
    let mut supervision = Supervision::default();
    for (agent, own) in agents {
        let spec = Box::new(AgentSpec {
            stop_timeout: own.map(Millis::from_secs),
            ..AgentSpec::named(name(agent))
        });
        supervision.on_start(spec, Incarnation(1), Ticket(1));
        assert!(supervision.on_let_in(&name(agent), Incarnation(1), Ok(()), seconds(0)));
        supervision.on_spawned(&name(agent), Some(Ticket(1)), Ok(100), seconds(0));
    }
    supervision.effects();
    supervision
}

/// Who is asked to end, and within how many seconds.
fn asked(supervision: &mut Supervision) -> Vec<(String, u64)> {
    let effects = supervision.effects().into_iter();
    let asked = effects.filter_map(|effect| match effect {
        Effect::Ask { agent, grace } => Some((agent.to_string(), grace.get() / 1000)),
        _ => None,
    });
    asked.collect()
}

/// Who is sent SIGTERM by then.
fn terminated(supervision: &mut Supervision, at: u64) -> Vec<String> {
    supervision.on_time(seconds(at));
    let effects = supervision.effects().into_iter();
    let terminated = effects.filter_map(|effect| match effect {
        Effect::Terminate { agent } => Some(agent.to_string()),
        _ => None,
    });
    terminated.collect()
}

#[test]
fn each_has_its_own_time_and_those_that_say_nothing_what_is_usual() {
    let all = [("Long", Some(60)), ("None", None), ("Short", Some(1))];
    for by_shutdown in [true, false] {
        let mut supervision = patient(&all);
        match by_shutdown {
            true => supervision.on_shutdown(GRACE, None, seconds(0)),
            false => {
                for (agent, _) in all {
                    supervision.on_stop(&name(agent), GRACE, Ticket(2), seconds(0));
                }
            }
        }
        let each = [("Long", 60), ("None", 5), ("Short", 1)];
        let each = each.map(|(agent, time)| (agent.to_owned(), time));
        assert_eq!(asked(&mut supervision), each);
        assert_eq!(terminated(&mut supervision, 1), ["Short"]);
        assert_eq!(terminated(&mut supervision, 5), ["None"]);
        assert_eq!(terminated(&mut supervision, 59), [""; 0]);
        assert_eq!(terminated(&mut supervision, 60), ["Long"]);
    }
}

#[test]
fn what_a_person_says_goes_before_what_the_agent_says() {
    let mut supervision = patient(&[("Long", Some(60)), ("Short", Some(1))]);
    let given = Grace::Exactly(Millis::from_secs(3));
    supervision.on_shutdown(given, None, seconds(0));
    assert_eq!(terminated(&mut supervision, 2), [""; 0]);
    assert_eq!(terminated(&mut supervision, 3), ["Long", "Short"]);
}

#[test]
fn who_asks_again_with_less_patience_is_heard_and_with_more_is_not() {
    for by_shutdown in [true, false] {
        let mut supervision = patient(&[("Long", Some(60))]);
        let mut ask = |seconds_: u64, at: u64| {
            let given = Grace::Exactly(Millis::from_secs(seconds_));
            match by_shutdown && at > 0 {
                true => supervision.on_shutdown(given, None, seconds(at)),
                false => supervision.on_stop(&name("Long"), given, Ticket(at), seconds(at)),
            }
        };
        ask(60, 0);
        ask(3, 1);
        assert_eq!(terminated(&mut supervision, 3), [""; 0]);
        assert_eq!(terminated(&mut supervision, 4), ["Long"]);
        let mut patient = patient(&[("Short", Some(1))]);
        patient.on_stop(&name("Short"), GRACE, Ticket(1), seconds(0));
        let more = Grace::Exactly(Millis::from_secs(9));
        patient.on_stop(&name("Short"), more, Ticket(2), seconds(0));
        assert_eq!(terminated(&mut patient, 1), ["Short"]);
    }
}

#[test]
fn one_that_is_restarted_or_taken_back_keeps_its_time() {
    let mut supervision = patient(&[("Long", Some(60))]);
    supervision.on_keep(&[name("Long")], seconds(0));
    supervision.on_restart_along(&name("Long"), GRACE, seconds(0));
    assert_eq!(asked(&mut supervision), [("Long".to_owned(), 60)]);
    let spec = AgentSpec {
        stop_timeout: Some(Millis::from_secs(60)),
        ..AgentSpec::named(name("Long"))
    };
    let known = TakenBack {
        incarnation: Incarnation(1),
        is_up: true,
        stopped: false,
        restarts: 0,
        found: Condition::Alive,
    };
    let mut later = Supervision::default();
    later.on_taken_back(&spec, known, seconds(0));
    later.on_shutdown(GRACE, None, seconds(0));
    assert_eq!(asked(&mut later), [("Long".to_owned(), 60)]);
}

#[test]
fn without_any_time_the_stages_begin_at_once() {
    let mut supervision = patient(&[("Now", Some(0))]);
    supervision.on_stop(&name("Now"), GRACE, Ticket(1), seconds(7));
    assert_eq!(terminated(&mut supervision, 7), ["Now"]);
}
